"""A gateway in memory that does what a test tells it, and remembers what it was asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from billing.flows.try_keys import NO_ORDER
from core.mail import OutgoingMail
from core.merchant import Merchant
from payments.gateway import AccountAnswer, Answer, ChargeRequest, RefundAnswer, RefundStatus

# How one call of `refund` or `cancel` ends: the effect and the answer are told apart, because the
# cases that cost money are those in which they differ.
RefundScript = Literal[
    "succeeded",
    "lost_after_effect",  # the money went back, the answer never came
    "lost_before_effect",  # nothing happened, and nobody knows
    "retry",  # 414: not now
    "failed",
    "not_sent",
    "refused",
]


@dataclass(slots=True)
class FakeOrder:
    """One order as the gateway has it."""

    order_id: str
    amount: int
    state: str = "capture"
    refunds: dict[str, int] = field(default_factory=dict)

    @property
    def refunded(self) -> int:
        return sum(self.refunds.values())


class FakeGateway:
    """Implements the port; nothing happens by itself, and every call is noted in ``calls``."""

    def __init__(self) -> None:
        self.orders: dict[str, FakeOrder] = {}
        self.charges: deque[Answer] = deque()
        self.refund_script: deque[RefundScript] = deque()
        self.status_script: deque[Answer] = deque()
        self.keys_script: deque[Answer] = deque()
        self.calls: list[tuple[str, str]] = []
        self.keys: list[str] = []

    def has_order(self, order_id: str, amount: int, *, settled: bool) -> FakeOrder:
        """Put an order on the gateway's books that was paid before the test begins."""
        order = FakeOrder(order_id, amount, "settlement" if settled else "capture")
        self.orders[order_id] = order
        return order

    def count(self, call: str) -> int:
        """How often ``call`` was made."""
        return sum(name == call for name, _ in self.calls)

    def charge(self, request: ChargeRequest, *, idempotency_key: str) -> Answer:
        self._note("charge", request.order_id, idempotency_key)
        answer = self.charges.popleft() if self.charges else self._usual(request)
        if answer.status == "paid":
            self.has_order(request.order_id, request.amount, settled=False)
        return answer

    def _usual(self, request: ChargeRequest) -> Answer:
        """A card is good; a virtual account waits for its payer."""
        if request.channel == "card":
            return Answer("paid", amount=request.amount)
        return Answer(
            "pending",
            amount=request.amount,
            transaction_status="pending",
            expires_at=request.expires_at,
            instructions={"bank": "bca", "va_number": f"700{len(self.calls):09d}"},
        )

    def status(self, order_id: str) -> Answer:
        if order_id == NO_ORDER:  # it is about the keys, and no part of any story
            usual = Answer("not_found", order_id=order_id, code="404")
            return self.keys_script.popleft() if self.keys_script else usual
        self._note("status", order_id)
        if self.status_script:
            return self.status_script.popleft()
        order = self.orders.get(order_id)
        if order is None:
            return Answer("not_found", order_id=order_id, code="404")
        return Answer(
            "failed" if order.state == "cancel" else "paid",
            order_id=order_id,
            amount=order.amount,
            currency="IDR",
            transaction_status=order.state,
            settled=order.state not in ("capture", "cancel"),
            refunded_amount=order.refunded,
            refunds=tuple(
                {"refund_key": key, "refund_amount": amount}
                for key, amount in order.refunds.items()
            ),
        )

    def cancel(self, order_id: str, *, idempotency_key: str) -> RefundAnswer:
        self._note("cancel", order_id, idempotency_key)
        order = self.orders[order_id]

        def effect() -> bool:
            if order.state != "capture":
                return False
            order.state = "cancel"
            return True

        return self._act(effect)

    def expire(self, order_id: str, *, idempotency_key: str) -> RefundAnswer:
        self._note("expire", order_id, idempotency_key)
        return RefundAnswer("succeeded", code="407")

    def refund(
        self, order_id: str, *, refund_key: str, amount: int, reason: str, idempotency_key: str
    ) -> RefundAnswer:
        self._note("refund", order_id, idempotency_key)
        order = self.orders[order_id]

        def effect() -> bool:
            settled = order.state in ("settlement", "partial_refund")
            if not settled or order.refunded + amount > order.amount or refund_key in order.refunds:
                return False
            order.refunds[refund_key] = amount
            order.state = "refund" if order.refunded == order.amount else "partial_refund"
            return True

        return self._act(effect)

    def capture(self, order_id: str, *, amount: int, idempotency_key: str) -> Answer:
        raise AssertionError("no hold is captured in these tests")

    def review(self, order_id: str, *, accept: bool, idempotency_key: str) -> Answer:
        raise AssertionError("no fraud desk in these tests")

    def close_page(self, token: str) -> bool:
        raise AssertionError("no hosted page in these tests")

    def link_account(self, *, phone: str, return_url: str) -> AccountAnswer:
        raise AssertionError("no wallet is linked in these tests")

    def account(self, account_id: str) -> AccountAnswer:
        raise AssertionError("no wallet is linked in these tests")

    def unlink_account(self, account_id: str) -> AccountAnswer:
        raise AssertionError("no wallet is linked in these tests")

    def verify_notification(self, body: dict[str, Any]) -> bool:
        return True

    def set_time(self, to: datetime) -> datetime | None:
        return None

    def next_due(self) -> datetime | None:
        return None

    def _note(self, call: str, order_id: str, key: str | None = None) -> None:
        self.calls.append((call, order_id))
        if key is not None:
            self.keys.append(key)

    def _act(self, effect: Callable[[], bool]) -> RefundAnswer:
        how = self.refund_script.popleft() if self.refund_script else "succeeded"
        if how == "lost_after_effect":
            effect()
            return RefundAnswer("unknown", message="time-out")
        if how == "succeeded":
            if effect():
                return RefundAnswer("succeeded", code="200")
            return RefundAnswer("failed", code="412")
        status: dict[RefundScript, RefundStatus] = {
            "lost_before_effect": "unknown",
            "retry": "retry",
            "failed": "failed",
            "not_sent": "not_sent",
            "refused": "refused",
        }
        return RefundAnswer(status[how], code={"retry": "414", "failed": "412"}.get(how))


@dataclass(frozen=True, slots=True)
class FakeGateways:
    """One gateway for every merchant of a test."""

    gateway: FakeGateway

    def of(self, merchant: Merchant) -> FakeGateway:
        return self.gateway


class FakeMailer:
    """Keeps what was sent; ``script`` holds errors to raise first, one a call."""

    def __init__(self) -> None:
        self.sent: list[OutgoingMail] = []
        self.script: deque[Exception] = deque()

    def send(self, mail: OutgoingMail) -> None:
        if self.script:
            raise self.script.popleft()
        self.sent.append(mail)


class MachineTime:
    """Machine time that moves only when told."""

    def __init__(self, at: datetime = datetime(2027, 1, 1, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def passes(self, **span: float) -> None:
        self.at += timedelta(**span)
