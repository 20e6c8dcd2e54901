"""The port to a payment gateway: what we ask for, and what it can answer.

Outcomes are values. A decline, a pending instrument and "we do not know" are answers, not errors;
an adapter never raises for anything a gateway may do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

Channel = Literal["card", "bca_va"]

# paid: money taken for good or captured. pending: the payer must act, or the gateway still works.
# failed: the gateway attests that nothing was and nothing will be taken under this order id.
# unknown: nobody knows; ask again. not_sent: proven never to have left us. refused: the gateway
# would not take the call now (rate limit, bad keys); nothing happened. duplicate: it knows this
# order id already. not_found: the status call knows no such order, which proves nothing.
# reversed: settled money was taken back. authorized: held, not taken.
Status = Literal[
    "paid",
    "pending",
    "failed",
    "unknown",
    "not_sent",
    "refused",
    "duplicate",
    "not_found",
    "reversed",
    "authorized",
]


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """One order for the gateway; the same on every send.

    ``amount`` is whole rupiah. ``token`` is the saved token or a fresh one-time token of a card.
    """

    order_id: str
    channel: Channel
    amount: int
    currency: str
    initiated_by: Literal["customer", "merchant"]
    customer_name: str
    customer_email: str
    item_name: str
    token: str | None = field(default=None, repr=False)
    authenticate: bool = False
    save_token: bool = False
    authorize_only: bool = False
    expires_at: datetime | None = None
    ordered_at: datetime | None = None
    va_number: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway said of one order, in our words; ``raw`` keeps its own, without tokens.

    Attributes:
        status: see `Status`.
        order_id, amount, currency: as the gateway has them; None where it did not say.
        settled: whether the money is on its way to the merchant's bank.
        settled_at, paid_at, expires_at: instants, UTC.
        code: channel response code, or the body's status code.
        instructions: what the payer needs: ``redirect_url``, ``bank``, ``va_number``.
        saved_token: a token that may be charged again, with its end and masked card.
        refunds: the gateway's list of refunds of this order.
    """

    status: Status
    order_id: str | None = None
    amount: int | None = None
    currency: str | None = None
    transaction_id: str | None = None
    transaction_status: str | None = None
    payment_type: str | None = None
    settled: bool = False
    paid_at: datetime | None = None
    settled_at: datetime | None = None
    expires_at: datetime | None = None
    code: str | None = None
    message: str | None = None
    instructions: dict[str, str] = field(default_factory=dict)
    saved_token: str | None = field(default=None, repr=False)
    saved_token_expires_at: datetime | None = None
    masked: str | None = None
    bank: str | None = None
    refunded_amount: int = 0
    refunds: tuple[dict[str, Any], ...] = ()
    raw: dict[str, Any] = field(default_factory=dict)


RefundStatus = Literal["succeeded", "failed", "unknown", "not_sent", "refused", "retry"]


@dataclass(frozen=True, slots=True)
class RefundAnswer:
    """What the gateway said of one refund or cancel."""

    status: RefundStatus
    code: str | None = None
    message: str | None = None
    refunded_amount: int | None = None
    raw: dict[str, Any] = field(default_factory=dict)


class Gateway(Protocol):
    """A gateway for one merchant: blocking, every call has a time-out, nothing is retried."""

    def charge(self, request: ChargeRequest, *, idempotency_key: str) -> Answer:
        """Ask for money once."""

    def status(self, order_id: str) -> Answer:
        """Ask what became of an order."""

    def cancel(self, order_id: str, *, idempotency_key: str) -> RefundAnswer:
        """Take an order back that is not settled: pending, authorised or captured."""

    def expire(self, order_id: str, *, idempotency_key: str) -> RefundAnswer:
        """End a pending order now."""

    def refund(
        self, order_id: str, *, refund_key: str, amount: int, reason: str, idempotency_key: str
    ) -> RefundAnswer:
        """Send settled money back, whole or in part; the same key is the same refund."""

    def verify_notification(self, body: dict[str, Any]) -> bool:
        """Whether a notification's signature is genuine; says nothing about its status."""

    def set_time(self, to: datetime) -> datetime | None:
        """Move a simulated gateway's clock; its next own due instant, None for a real one."""

    def next_due(self) -> datetime | None:
        """When a simulated gateway does something by itself next."""
