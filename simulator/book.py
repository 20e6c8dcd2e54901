"""One account's book: its transactions, tokens and messages, and the only place that moves them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import msgspec

from simulator import derive, transactions
from simulator.chaos import Chaos
from simulator.clock import Agenda, end_of_card, now_of, settlement_moment
from simulator.idempotency import Memory
from simulator.model import Account, Notice, OneTimeToken, Refund, SavedToken, Step, Transaction
from simulator.notifications import payload
from simulator.store import Record, Store


class Book:
    """Everything the gateway knows for one server key."""

    def __init__(self, account: Account, store: Store) -> None:
        self.account = account
        self.store = store
        self.transactions: dict[str, Transaction] = {}
        self.orders: dict[str, list[str]] = {}
        self.numbers: dict[str, str] = {}  # open VA number or bill key -> transaction id
        self.tokens: dict[str, OneTimeToken] = {}
        self.saved: dict[str, SavedToken] = {}
        self.tokens_made: dict[str, int] = {}
        self.notices: dict[str, Notice] = {}
        self.notices_of: dict[str, list[str]] = {}
        self.agenda = Agenda()
        self.chaos = Chaos(account.seed)
        self.memory = Memory(self)
        self.on_notice: Callable[[Book, Notice], None] | None = None

    # --- time -------------------------------------------------------------------------------

    def now(self) -> datetime:
        return now_of(self.account)

    # --- finding ----------------------------------------------------------------------------

    def find(self, ident: str) -> Transaction | None:
        """By transaction id, or the newest transaction of an order id."""
        found = self.transactions.get(ident)
        if found is None and ident in self.orders:
            found = self.transactions[self.orders[ident][-1]]
        return found

    def find_payable(self, number: str) -> Transaction | None:
        """By VA number, bill key, payment code, order id or transaction id."""
        ident = self.numbers.get(number)
        return self.transactions[ident] if ident else self.find(number)

    def number_free(self, number: str) -> bool:
        return number not in self.numbers

    # --- changing ---------------------------------------------------------------------------

    def save(self, kind: str, record: msgspec.Struct) -> None:
        self.store.put(kind, self.account.server_key, record)

    def save_account(self) -> None:
        self.save("account", self.account)

    def add(self, tx: Transaction) -> None:
        """Enter a new transaction; it has no state until it is moved."""
        self._index(tx)
        self.save("tx", tx)

    def move(self, tx: Transaction, to: str, note: str, *, notify: bool = True) -> None:
        """Move to a state: history, money, timers, messages. Raises IllegalMoveError."""
        transactions.check_move(tx.status, to)
        now, came_from = self.now(), tx.status
        tx.status = to
        tx.history.append(Step(now, to, note))
        tx.due_at, tx.due_kind = None, ""
        self._count_money(tx, came_from, now)
        self._set_timer(tx, now)
        if to != "pending":
            self._release_numbers(tx)
        if to in ("capture", "settlement", "authorize"):
            self._keep_card(tx, now)
        self.save("tx", tx)
        if notify:
            self.notify(tx)

    def _count_money(self, tx: Transaction, came_from: str, now: datetime) -> None:
        took = tx.status in ("capture", "settlement") and came_from in ("", "pending", "authorize")
        if took:
            tx.times_taken += 1
            tx.captured = tx.captured or tx.gross_amount
        if tx.status == "settlement":
            tx.settlement_at = now
        if tx.status in ("cancel", "deny") and came_from in ("capture", "settlement"):
            tx.returned = tx.captured

    def _set_timer(self, tx: Transaction, now: datetime) -> None:
        if tx.status == "pending" and tx.expires_at is not None:
            self.set_timer(tx, "expire", tx.expires_at)
        elif tx.status == "authorize":
            self.set_timer(tx, "release", now + transactions.AUTHORIZE_LIFE)
        elif tx.status == "capture" and self.account.switches.settle_cards:
            self.set_timer(tx, "settle", settlement_moment(now))

    def set_timer(self, tx: Transaction, kind: str, due: datetime) -> None:
        """The book itself will move this transaction then."""
        tx.due_at, tx.due_kind = due, kind
        self.agenda.add(due, kind, tx.order_id, tx.transaction_id)

    def _keep_card(self, tx: Transaction, now: datetime) -> None:
        """A successful charge that asked for it gets a saved token."""
        if not tx.save_token or tx.saved_token_id is not None:
            return
        if now >= end_of_card(tx.card_month, tx.card_year):
            return
        middle = derive.alnum_of(self.account.seed, 20, tx.order_id, tx.generation, "saved")
        token = SavedToken(
            saved_token_id=f"{tx.pan[:8]}{middle}{tx.pan[-4:]}",
            pan=tx.pan,
            month=tx.card_month,
            year=tx.card_year,
            made_at=now,
        )
        tx.saved_token_id = token.saved_token_id
        self.add_saved(token)

    def add_saved(self, token: SavedToken) -> None:
        self.saved[token.saved_token_id] = token
        self.save("saved", token)

    def add_token(self, token: OneTimeToken) -> None:
        self.tokens[token.token_id] = token
        self.save("token", token)

    def set_refund_timer(self, tx: Transaction, refund: Refund) -> None:
        if refund.confirm_at is not None:
            key = f"{tx.transaction_id}/{refund.uuid}"
            self.agenda.add(refund.confirm_at, "confirm", tx.order_id, key)

    # --- messages ---------------------------------------------------------------------------

    def notify(self, tx: Transaction) -> list[Notice]:
        """Make a message about the present state for each address, and hand it to the courier."""
        rule = self.chaos.news_rule(tx.order_id)
        copies = 2 if rule is not None and rule.action == "duplicate" else 1
        made = [self._notice(tx, url) for url in self._addresses(tx) for _ in range(copies)]
        for notice in made:
            if rule is not None:
                rule.apply(notice, self.now())
            self.save("notice", notice)
            if notice.state == "queued" and self.on_notice is not None:
                self.on_notice(self, notice)
            elif notice.due_at is not None:
                self.agenda.add(notice.due_at, "notice", notice.order_id, notice.notice_id)
        return made

    def _addresses(self, tx: Transaction) -> list[str]:
        urls = [self.account.notification_url if url == "*" else url for url in tx.notify]
        return [url for url in urls if url]

    def _notice(self, tx: Transaction, url: str) -> Notice:
        tx.notices += 1
        self.save("tx", tx)
        notice = Notice(
            notice_id=derive.uuid_of(self.account.seed, tx.transaction_id, "notice", tx.notices),
            order_id=tx.order_id,
            transaction_id=tx.transaction_id,
            url=url,
            payload=payload(tx, self.account),
            created_at=self.now(),
        )
        self.notices[notice.notice_id] = notice
        self.notices_of.setdefault(tx.transaction_id, []).append(notice.notice_id)
        return notice

    # --- coming back from disk --------------------------------------------------------------

    def restore(self, kind: str, raw: msgspec.Raw) -> None:
        """Take in one journal line; a later line of the same name replaces an earlier one."""
        if kind == "tx":
            tx = msgspec.json.decode(raw, type=Transaction)
            if tx.transaction_id not in self.transactions:
                self.orders.setdefault(tx.order_id, []).append(tx.transaction_id)
            self.transactions[tx.transaction_id] = tx
        elif kind == "token":
            token = msgspec.json.decode(raw, type=OneTimeToken)
            self.tokens[token.token_id] = token
        elif kind == "saved":
            saved = msgspec.json.decode(raw, type=SavedToken)
            self.saved[saved.saved_token_id] = saved
        elif kind == "notice":
            notice = msgspec.json.decode(raw, type=Notice)
            self.notices[notice.notice_id] = notice
        elif kind == "idem":
            self.memory.restore(raw)

    def restored(self) -> None:
        """After the last line: rebuild what is derived, send what was never sent."""
        for tx in self.transactions.values():
            self._index_numbers(tx)
            if tx.due_at is not None:
                self.agenda.add(tx.due_at, tx.due_kind, tx.order_id, tx.transaction_id)
            for refund in tx.refunds:
                self.set_refund_timer(tx, refund)
        for token in self.tokens.values():
            self.tokens_made[token.pan] = self.tokens_made.get(token.pan, 0) + 1
        for notice in self.notices.values():
            self.notices_of.setdefault(notice.transaction_id, []).append(notice.notice_id)
            if notice.due_at is not None:
                self.agenda.add(notice.due_at, "notice", notice.order_id, notice.notice_id)

    def records(self) -> Iterator[Record]:
        """Everything worth keeping, for a fresh journal."""
        key = self.account.server_key
        yield "account", key, self.account
        for kind, values in (
            ("token", self.tokens.values()),
            ("saved", self.saved.values()),
            ("tx", self.transactions.values()),
            ("notice", self.notices.values()),
            ("idem", self.memory.records()),
        ):
            for value in values:
                yield kind, key, value

    def _index(self, tx: Transaction) -> None:
        self.transactions[tx.transaction_id] = tx
        self.orders.setdefault(tx.order_id, []).append(tx.transaction_id)
        self._index_numbers(tx)

    def _numbers(self, tx: Transaction) -> list[str]:
        numbers = [va["va_number"] for va in tx.extras.get("va_numbers", ())]
        names = ("permata_va_number", "bill_key", "payment_code")
        return numbers + [tx.extras[name] for name in names if name in tx.extras]

    def _index_numbers(self, tx: Transaction) -> None:
        if tx.status in ("", "pending"):
            for number in self._numbers(tx):
                self.numbers[number] = tx.transaction_id

    def _release_numbers(self, tx: Transaction) -> None:
        for number in self._numbers(tx):
            self.numbers.pop(number, None)
