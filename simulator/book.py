"""One account's book: its transactions, tokens and messages, and the only place that moves them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from simulator import derive, transactions
from simulator.bins import Counter
from simulator.channels import row_of
from simulator.chaos import Chaos
from simulator.clock import Agenda, end_of_card, now_of, settlement_moment
from simulator.idempotency import Memory
from simulator.model import (
    Account,
    Invoice,
    Json,
    Notice,
    OneTimeToken,
    PayAccount,
    PaymentLink,
    Refund,
    SavedToken,
    SnapSession,
    Step,
    Subscription,
    Transaction,
    Wallet,
)
from simulator.notifications import payload
from simulator.store import Store

_NAMES = {"permata": "permata_va_number", "bill": "bill_key", "store": "payment_code"}
WHOSE = ("bca", "bni", "bri", "cimb", "danamon", "bsi", "seabank", *_NAMES, "qr")


class Book:
    """Everything the gateway knows for one server key."""

    def __init__(self, account: Account, store: Store) -> None:
        self.account = account
        self.store = store
        self.transactions: dict[str, Transaction] = {}
        self.orders: dict[str, list[str]] = {}
        # What a person can pay to now: (whose number it is, number) -> transaction id.
        self.numbers: dict[tuple[str, str], str] = {}
        self.tokens: dict[str, OneTimeToken] = {}
        self.saved: dict[str, SavedToken] = {}
        self.tokens_made: dict[str, int] = {}
        self.notices: dict[str, Notice] = {}
        self.notices_of: dict[str, list[str]] = {}
        self.held: dict[str, list[Notice]] = {}  # messages that let the next one go first
        self.wallets: dict[str, Wallet] = {}
        self.pay_accounts: dict[str, PayAccount] = {}
        self.snaps: dict[str, SnapSession] = {}
        self.links: dict[str, PaymentLink] = {}
        self.invoices: dict[str, Invoice] = {}
        self.subscriptions: dict[str, Subscription] = {}
        # What the journal holds: kind of line -> (where it stands, its type, its name).
        self.shelves: dict[str, tuple[dict[str, Any], type[msgspec.Struct], str]] = {
            "token": (self.tokens, OneTimeToken, "token_id"),
            "saved": (self.saved, SavedToken, "saved_token_id"),
            "wallet": (self.wallets, Wallet, "phone"),
            "pay_account": (self.pay_accounts, PayAccount, "account_id"),
            "link": (self.links, PaymentLink, "link_id"),
            "invoice": (self.invoices, Invoice, "invoice_id"),
            "snap": (self.snaps, SnapSession, "token"),
            "subscription": (self.subscriptions, Subscription, "subscription_id"),
            "tx": (self.transactions, Transaction, "transaction_id"),
            "notice": (self.notices, Notice, "notice_id"),
        }
        self.bins = Counter()
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

    def payable(self, number: str, whose: str = "") -> list[Transaction]:
        """What waits under a VA number, bill key, payment code or QR text.

        Banks number by themselves, so that several may wait under one number; `whose` names the
        bank, or bill, store or qr.
        """
        rooms = [whose] if whose else WHOSE
        found = [self.numbers.get((room, number)) for room in rooms]
        return [self.transactions[ident] for ident in found if ident]

    def number_free(self, whose: str, number: str) -> bool:
        """Does nothing open use this number of that bank?"""
        return (whose, number) not in self.numbers

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
        row_of(tx).moved(self, tx, came_from)
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
            self.set_timer(tx, "release", self._end_of_hold(tx, now))
        elif tx.status == "capture" and self.account.switches.settle_cards:
            self.set_timer(tx, "settle", settlement_moment(now))

    def _end_of_hold(self, tx: Transaction, now: datetime) -> datetime:
        if tx.payment_type != "credit_card" and tx.expires_at is not None:
            return tx.expires_at
        return now + timedelta(days=self.account.switches.authorize_days)

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

    def keep_wallet(self, wallet: Wallet) -> None:
        self.wallets[wallet.phone] = wallet
        self.save("wallet", wallet)

    def keep_pay_account(self, account: PayAccount) -> None:
        self.pay_accounts[account.account_id] = account
        self.save("pay_account", account)

    def keep_snap(self, session: SnapSession) -> None:
        self.snaps[session.token] = session
        self.save("snap", session)

    def keep_subscription(self, known: Subscription) -> None:
        self.subscriptions[known.subscription_id] = known
        self.save("subscription", known)

    def set_run_timer(self, known: Subscription) -> None:
        """The next run and the next try of a subscription."""
        for due in (known.next_at, known.retry_at):
            if due is not None:
                self.agenda.add(due, "run", known.subscription_id, known.subscription_id)

    def set_refund_timer(self, tx: Transaction, refund: Refund) -> None:
        if refund.confirm_at is not None:
            key = f"{tx.transaction_id}/{refund.uuid}"
            self.agenda.add(refund.confirm_at, "confirm", tx.order_id, key)

    # --- messages ---------------------------------------------------------------------------

    def notify(self, tx: Transaction) -> list[Notice]:
        """Make a message about the present state for each address, and hand it to the courier."""
        return self.tell(
            tx.order_id, tx.transaction_id, self._addresses(tx), lambda: payload(tx, self.account)
        )

    def tell(
        self, lane: str, subject: str, urls: list[str], say: Callable[[], Json]
    ) -> list[Notice]:
        """Any message: messages of one lane leave in order, and are listed under their subject."""
        rule = self.chaos.news_rule(lane)
        copies = 2 if rule is not None and rule.action == "duplicate" else 1
        made = [self._notice(lane, subject, url, say()) for url in urls for _ in range(copies)]
        for notice in made:
            if rule is not None:
                rule.apply(notice, self.now())
            self.save("notice", notice)
            if notice.state == "held":
                self.held.setdefault(lane, []).append(notice)
            elif notice.state == "queued" and self.on_notice is not None:
                self.on_notice(self, notice)
            elif notice.due_at is not None:
                self.agenda.add(notice.due_at, "notice", lane, notice.notice_id)
        if any(notice.state == "queued" for notice in made):
            for notice in self.held.pop(lane, []):
                self.send(notice)
        return made

    def send(self, notice: Notice) -> None:
        """Hand a message to the courier now, whatever became of it before."""
        notice.state, notice.due_at = "queued", None
        self.save("notice", notice)
        if self.on_notice is not None:
            self.on_notice(self, notice)

    def _addresses(self, tx: Transaction) -> list[str]:
        urls = [self.account.notification_url if url == "*" else url for url in tx.notify]
        return [url for url in urls if url]

    def _notice(self, lane: str, subject: str, url: str, said: Json) -> Notice:
        earlier = self.notices_of.setdefault(subject, [])
        notice = Notice(
            notice_id=derive.uuid_of(self.account.seed, subject, "notice", len(earlier) + 1),
            order_id=lane,
            transaction_id=subject,
            url=url,
            payload=said,
            created_at=self.now(),
        )
        self.notices[notice.notice_id] = notice
        earlier.append(notice.notice_id)
        return notice

    # --- numbers ----------------------------------------------------------------------------

    def _index(self, tx: Transaction) -> None:
        self.transactions[tx.transaction_id] = tx
        self.orders.setdefault(tx.order_id, []).append(tx.transaction_id)
        self.index_numbers(tx)

    def numbers_of(self, tx: Transaction) -> list[tuple[str, str]]:
        """What a person pays to: (whose number it is, number)."""
        numbers = [(va["bank"], va["va_number"]) for va in tx.extras.get("va_numbers", ())]
        for whose, name in _NAMES.items():
            if name in tx.extras:
                numbers.append((whose, tx.extras[name]))
        return [*numbers, ("qr", tx.qr)] if tx.qr else numbers

    def index_numbers(self, tx: Transaction) -> None:
        """What a person pays to stays taken while the transaction is open."""
        if tx.status in ("", "pending"):
            for number in self.numbers_of(tx):
                self.numbers[number] = tx.transaction_id

    def _release_numbers(self, tx: Transaction) -> None:
        for number in self.numbers_of(tx):
            self.numbers.pop(number, None)
