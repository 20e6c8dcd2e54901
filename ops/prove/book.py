"""The gateway's own book: what was really taken and given back. The truth that ours must meet.

It keeps the contract (docs/reference/midtrans.md): one transaction an order id, an idempotency key
that is remembered for five minutes and only with success, a capture that settles on the next
working afternoon, refunds only of what has settled, each under a key of its own.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import NAMESPACE_OID, uuid5
from zoneinfo import ZoneInfo

from ops.prove.book_words import Json, described, money

WIB = ZoneInfo("Asia/Jakarta")
KEY_MEMORY = timedelta(minutes=5)
LIVE = (
    "pending", "challenge", "authorize", "capture", "settlement", "partial_refund", "refund",
    "chargeback",
)  # fmt: skip
TAKEN = ("capture", "settlement", "partial_refund", "refund")


@dataclass
class Entry:
    """One line of the book: what happened to an order, and when."""

    at: datetime
    order_id: str
    what: str
    amount: int


@dataclass
class Transaction:
    """One order as the gateway has it."""

    order_id: str
    transaction_id: str
    kind: str  # card, va, qr
    amount: int
    state: str
    at: datetime
    pulled: bool
    how: str = "credit_card"  # Midtrans' payment_type
    hold: bool = False  # a card that is only held
    bank: str = "bca"
    number: str = ""
    expires_at: datetime | None = None
    paid_at: datetime | None = None
    settled_at: datetime | None = None
    saved_token: str | None = None
    code: str | None = None
    refunds: dict[str, int] = field(default_factory=dict)
    before: str | None = None  # the state it had until a moment ago
    changed_at: datetime | None = None

    @property
    def refunded(self) -> int:
        return sum(self.refunds.values())


class Book:
    """All transactions of one merchant, and what the gateway will do by itself."""

    def __init__(self, seed: str, server_key: str, now: Callable[[], datetime]) -> None:
        self.seed = seed
        self.server_key = server_key
        self.now = now
        self.orders: dict[str, Transaction] = {}
        self.entries: list[Entry] = []
        self.reused: list[str] = []
        self.tell: Callable[[Transaction], None] = lambda _: None
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._keys: dict[str, tuple[datetime, Json]] = {}
        self._n = 0

    # --- time -----------------------------------------------------------------------------------

    def at(self, when: datetime, do: Callable[[], None]) -> None:
        """Something that happens at the gateway by itself."""
        self._n += 1
        heapq.heappush(self._events, (when, self._n, do))

    def next_due(self) -> datetime | None:
        """When that is, for the first of them."""
        return self._events[0][0] if self._events else None

    def live(self) -> None:
        """Do what is due."""
        while self._events and self._events[0][0] <= self.now():
            heapq.heappop(self._events)[2]()

    # --- what is asked of it --------------------------------------------------------------------

    def charge(
        self, body: Json, key: str | None, mood: str = "good", *, left_at: datetime | None = None
    ) -> Json:
        """POST /v2/charge. ``mood``: ``good``, or the code by which the bank refuses.

        ``left_at``: when it left us, where it took its time.
        """
        known = self._keys.get(key or "")
        if known is not None and self.now() - known[0] < KEY_MEMORY:
            return known[1]
        details = body["transaction_details"]
        order_id, amount = details["order_id"], int(details["gross_amount"])
        old = self.orders.get(order_id)
        if old is not None:
            if old.state in LIVE:
                return refusal("406", "The request could not be completed due to a conflict")
            # Midtrans takes an id whose transaction came to nothing: nobody may send it again.
            if (left_at or self.now()) > (old.changed_at or old.at):
                self.reused.append(order_id)
        one = self._made(body, order_id, amount)
        if one.kind == "card":
            self._charge_card(one, body, mood)
        self.orders[order_id] = one
        self._note(one, one.state)
        self.tell(one)
        answer = self.describe(one)
        if key and one.state != "deny":
            self._keys[key] = (self.now(), answer)
        return answer

    def _made(self, body: Json, order_id: str, amount: int) -> Transaction:
        made = str(uuid5(NAMESPACE_OID, f"{self.seed}:{order_id}"))
        how = body["payment_type"]
        card = how == "credit_card"
        pulled = card and body["credit_card"].get("initiated_by") == "merchant"
        kind = "card" if card else "va" if how == "bank_transfer" else "qr"
        one = Transaction(order_id, made, kind, amount, "pending", self.now(), pulled, how)
        if card:
            one.hold = body["credit_card"].get("type") == "authorize"
        else:
            one.bank = (body.get("bank_transfer") or {}).get("bank", "bca")
            digits = int(hashlib.sha256(order_id.encode()).hexdigest()[:12], 16)
            one.number = f"{digits % 10**11:011d}"
            usual = 24 * 60 if kind == "va" else 15
            minutes = (body.get("custom_expiry") or {}).get("expiry_duration", usual)
            one.expires_at = self.now() + timedelta(minutes=int(minutes))
            self.at(one.expires_at, lambda: self.expire_by_itself(one))
        return one

    def _charge_card(self, one: Transaction, body: Json, mood: str) -> None:
        card = body["credit_card"]
        if card.get("save_token_id"):
            one.saved_token = f"saved-{hashlib.sha256(card['token_id'].encode()).hexdigest()[:20]}"
        if card.get("authentication"):
            one.state = "pending"
        elif mood == "good":
            self._capture(one)
        elif mood == "challenge":
            one.state = "challenge"
        else:
            one.state, one.code = "deny", mood

    def judge(self, order_id: str, *, accept: bool) -> Json:
        """The merchant's people, here or in the dashboard, decide what the fraud desk questions."""
        one = self.orders.get(order_id)
        if one is None:
            return refusal("404", "Transaction doesn't exist.")
        if one.state != "challenge":
            return refusal("412", "Merchant cannot modify the status of the transaction")
        self._was(one)
        if accept:
            self._capture(one)
        else:
            one.state = "deny"
        self._moved(one)
        return {**self.describe(one), "status_code": "200"}

    def _capture(self, one: Transaction) -> None:
        if one.hold:
            one.state = "authorize"
            return
        one.state, one.paid_at = "capture", self.now()
        local = self.now().astimezone(WIB) + timedelta(days=1)
        due = local.replace(hour=16, minute=0, second=0, microsecond=0)
        self.at(due, lambda: self.settle_by_itself(one))

    def confirm(self, order_id: str, mood: str = "good") -> None:
        """The card holder finishes 3-D Secure."""
        one = self.orders.get(order_id)
        if one is None or one.kind != "card" or one.state != "pending":
            return
        self._was(one)
        if mood == "good":
            self._capture(one)
        else:
            one.state, one.code = "deny", mood
        self._moved(one)

    def pay(self, order_id: str) -> bool:
        """A customer pays a number; whether the bank took the money."""
        one = self.orders.get(order_id)
        if one is None or one.kind == "card" or one.state != "pending":
            return False
        self._was(one)
        one.state, one.paid_at, one.settled_at = "settlement", self.now(), self.now()
        self._moved(one)
        return True

    def settle_by_itself(self, one: Transaction) -> None:
        """Money of a card is on its way to the merchant."""
        if one.state == "capture":
            self._was(one)
            one.state, one.settled_at = "settlement", self.now()
            self._moved(one)

    def take_back(self, order_id: str) -> None:
        """The holder of a card denies a payment that has settled, and the bank takes it back."""
        one = self.orders[order_id]
        if one.state == "settlement" and not one.refunds:
            self._was(one)
            one.state = "chargeback"
            self._moved(one)

    def expire_by_itself(self, one: Transaction) -> None:
        """Nobody paid in time."""
        if one.state == "pending":
            self._was(one)
            one.state = "expire"
            self._moved(one)

    def status(self, order_id: str, *, stale: bool = False) -> Json:
        """GET /v2/{order id}/status; ``stale`` tells how it stood before its last move."""
        one = self.orders.get(order_id)
        if one is None:
            return refusal("404", "Transaction doesn't exist.")
        if stale and one.before is not None:
            now, one.state = one.state, one.before
            told = self.describe(one)
            one.state = now
            return told
        return self.describe(one)

    def cancel(self, order_id: str) -> Json:
        """POST /v2/{order id}/cancel."""
        return self._end(
            order_id, ("pending", "challenge", "authorize", "capture"), "cancel", "200"
        )

    def expire(self, order_id: str) -> Json:
        """POST /v2/{order id}/expire."""
        return self._end(order_id, ("pending",), "expire", "407")

    def _end(self, order_id: str, whence: tuple[str, ...], to: str, code: str) -> Json:
        one = self.orders.get(order_id)
        if one is None:
            return refusal("404", "Transaction doesn't exist.")
        if one.state not in whence:
            return refusal("412", "Merchant cannot modify the status of the transaction")
        self._was(one)
        one.state = to
        self._moved(one)
        return {**self.describe(one), "status_code": code}

    def refund(self, order_id: str, body: Json) -> Json:
        """POST /v2/{order id}/refund."""
        one = self.orders.get(order_id)
        if one is None:
            return refusal("404", "Transaction doesn't exist.")
        key, amount = str(body["refund_key"]), int(body["amount"])
        if key in one.refunds:
            return refusal("406", "Duplicate refund ID")
        if one.kind == "va" or one.state not in ("settlement", "partial_refund"):
            return refusal("412", "Merchant cannot modify the status of the transaction")
        if amount > one.amount - one.refunded:
            return refusal("414", "Refund rejected: the amount is invalid")
        self._was(one)
        one.refunds[key] = amount
        one.state = "refund" if one.refunded == one.amount else "partial_refund"
        self._moved(one, "refunded", amount)
        return {**self.describe(one), "refund_amount": money(amount), "refund_key": key}

    # --- words ----------------------------------------------------------------------------------

    def describe(self, one: Transaction) -> Json:
        """One transaction in Midtrans' words."""
        return described(one, self.server_key)

    def _was(self, one: Transaction) -> None:
        one.before, one.changed_at = one.state, self.now()

    def _moved(self, one: Transaction, what: str | None = None, amount: int | None = None) -> None:
        self._note(one, what or one.state, amount)
        self.tell(one)

    def _note(self, one: Transaction, what: str, amount: int | None = None) -> None:
        taken = one.amount if amount is None else amount
        self.entries.append(Entry(self.now(), one.order_id, what, taken))


def refusal(code: str, message: str) -> Json:
    """A refusal in the body, as Midtrans gives most of them."""
    return {"status_code": code, "status_message": message}
