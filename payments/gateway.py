"""The port to a payment gateway: what we ask for, and what it can answer.

Outcomes are values. A decline, a pending instrument and "we do not know" are answers, not errors;
an adapter never raises for anything a gateway may do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

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
    ``channel`` is a key of `payments.channels.CHANNELS`. ``phone`` is digits with the country code
    (``628123456789``), for wallets that push to a phone. ``return_url`` is where the payer's
    browser goes afterwards; what it says there is never believed. ``offer`` are the channels a
    hosted page shows, all that are switched on where it is empty; ``payer_mark`` names its payer to
    the gateway where a card is kept, and says nothing to anybody else. ``account_id`` is a linked
    wallet; its charge token is read from the gateway immediately before it is used.
    """

    order_id: str
    channel: str
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
    phone: str | None = field(default=None, repr=False)
    return_url: str | None = None
    account_id: str | None = field(default=None, repr=False)
    wallet_option: str = "GOPAY_WALLET"
    acquirer: str | None = None
    installment_months: int | None = None
    bins: tuple[str, ...] = ()
    offer: tuple[str, ...] = ()
    payer_mark: str | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A refund whose money the customer's bank has confirmed; ``at`` is an instant, UTC."""

    refund_key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway said of one order, in our words; ``raw`` keeps its own, without tokens.

    Attributes:
        status: see `Status`.
        order_id, amount, currency: as the gateway has them; None where it did not say.
        settled: whether the money is on its way to the merchant's bank.
        settled_at, paid_at, expires_at: instants, UTC.
        code: channel response code, or the body's status code.
        instructions: what the payer needs, by the channel's row: ``redirect_url``, ``va_number`` …
        channel: which of our channels the money came by, where the gateway's words say it.
        saved_token: a token that may be charged again, with its end and masked card.
        refunds: the gateway's list of refunds of this order.
        arrivals: those of them that the customer's bank has confirmed.
        charged_back: what the card's bank took back of it so far, as far as the gateway tells.
        retry_after: seconds for which the gateway wants to be left alone; None where it said none.
        inferred: we end the order because the gateway does not know it; it never said so itself.
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
    channel: str | None = None
    fraud: str | None = None
    refunded_amount: int = 0
    refunds: tuple[dict[str, Any], ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    charged_back: int = 0
    retry_after: int | None = None
    inferred: bool = False
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
    retry_after: int | None = None


# pending: the customer has not agreed yet. ended: unlinked, expired or unknown to the gateway.
AccountStatus = Literal["pending", "enabled", "ended", "refused", "unknown", "not_sent"]


@dataclass(frozen=True, slots=True)
class WalletOption:
    """One purse of a linked account. ``balance`` is whole rupiah, None where it is not told."""

    name: str
    active: bool
    balance: int | None
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccountAnswer:
    """What the gateway said of a linked wallet; ``link_url`` is where the customer agrees."""

    status: AccountStatus
    account_id: str | None = field(default=None, repr=False)
    link_url: str | None = None
    app_url: str | None = None
    options: tuple[WalletOption, ...] = ()
    code: str | None = None
    message: str | None = None
    retry_after: int | None = None


class Gateway(Protocol):
    """A gateway for one merchant: blocking, every call has a time-out, nothing is retried.

    An ``order_id`` is ours, or the gateway's own where the channel asks for that
    (`payments.channels.wire_id`).
    """

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

    def capture(self, order_id: str, *, amount: int, idempotency_key: str) -> Answer:
        """Take a held amount, or a part of it; ``order_id`` is the gateway's own id here."""

    def review(self, order_id: str, *, accept: bool, idempotency_key: str) -> Answer:
        """Decide for a card that the fraud desk challenges."""

    def close_page(self, token: str) -> bool:
        """End a hosted page on which nothing was chosen yet; whether the gateway says it did."""

    def link_account(self, *, phone: str, return_url: str) -> AccountAnswer:
        """Ask a customer to link a wallet; ``phone`` is digits with the country code."""

    def account(self, account_id: str) -> AccountAnswer:
        """Read a linked wallet: whether it may be charged, and with which token."""

    def unlink_account(self, account_id: str) -> AccountAnswer:
        """End the link."""

    def verify_notification(self, body: dict[str, Any]) -> bool:
        """Whether a notification's signature is genuine; says nothing about its status."""

    def set_time(self, to: datetime) -> datetime | None:
        """Move a simulated gateway's clock; its next own due instant, None for a real one."""

    def next_due(self) -> datetime | None:
        """When a simulated gateway does something by itself next."""
