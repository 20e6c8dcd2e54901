"""What the simulator remembers: accounts, transactions, tokens, notifications. Plain values only.

Instants are aware datetimes in UTC; amounts are whole rupiah. Card numbers are the published
test numbers and nothing else, so they may be kept as they are.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from simulator.switches import Switches

Json = dict[str, Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CardRule(Struct, kw_only=True):
    """From `since` to `until` a card answers as told; `match` is its token or (masked) number."""

    match: str
    behaviour: str
    since: datetime | None = None
    until: datetime | None = None


class Latency(Struct, kw_only=True):
    """How long every API answer takes, in real time: always the same, or log-normal."""

    milliseconds: Annotated[float, Meta(ge=0, le=600_000)]  # of a log-normal one the median
    sigma: Annotated[float, Meta(ge=0, le=3)] = 0.0  # 0: fixed
    longest: Annotated[float, Meta(ge=0, le=600_000)] = 60_000.0


class Account(Struct, kw_only=True):
    """One merchant's account at the gateway."""

    server_key: str
    client_key: str
    merchant_id: str
    name: str
    seed: str
    notification_url: str = ""
    pay_account_url: str = ""  # where news about linked GoPay accounts goes
    recurring_url: str = ""  # where news about subscriptions goes
    recurring_mid: bool = True
    b2b: bool = False  # fixed Permata numbers and status/b2b
    refund_balance: int | None = None  # rupiah left for refunds; None: always enough
    disabled_types: list[str] = field(default_factory=list)
    switches: Switches = field(default_factory=Switches)
    card_rules: list[CardRule] = field(default_factory=list)
    latency: Latency | None = None
    delivery_concurrency: int = 0  # 0: eight at a time in real time, one by one on a set clock
    clock_mode: str = "real"  # real | fixed | running
    clock_at: datetime = EPOCH  # fixed: the instant; running: the instant at clock_started
    clock_started: datetime = EPOCH  # machine time at which a running clock was let go


class Step(Struct):
    """One line of a transaction's history."""

    at: datetime
    status: str
    note: str


class Refund(Struct, kw_only=True):
    """Money on its way back to the payer."""

    refund_key: str
    amount: int
    reason: str
    created_at: datetime
    chargeback_id: int
    uuid: str
    direct: bool
    confirm_at: datetime | None = None
    bank_confirmed_at: datetime | None = None
    method: str | None = None


class Transaction(Struct, kw_only=True):
    """One transaction in the gateway's book."""

    transaction_id: str
    order_id: str
    generation: int  # how many transactions this order id had before
    payment_type: str
    channel: str = ""  # the row of the channel table; stays when a GoPay order is paid as QRIS
    gross_amount: int
    status: str = ""
    fraud_status: str | None = "accept"
    created_at: datetime
    status_message: str = ""
    expires_at: datetime | None = None
    due_at: datetime | None = None  # when the book itself moves this transaction next
    due_kind: str = ""  # expire | settle | resolve | release | push
    settlement_at: datetime | None = None
    captured: int = 0
    times_taken: int = 0  # how often the payer's money was really taken
    returned: int = 0  # taken money given back by cancel or deny
    charged_back: int = 0
    refunds: list[Refund] = field(default_factory=list)
    refused_refunds: dict[str, datetime] = field(default_factory=dict)  # key -> first try
    history: list[Step] = field(default_factory=list)
    extras: Json = field(default_factory=dict)  # the channel's own answer fields
    echo: Json = field(default_factory=dict)  # custom fields and metadata, handed back as given
    pan: str = ""
    card_month: int = 0
    card_year: int = 0
    authorize_only: bool = False
    save_token: bool = False
    token_used: str = ""  # the token this charge was made with
    initiated_by: str = ""
    forced_code: str = ""  # a fault decided the bank's answer
    saved_token_id: str | None = None
    notify: list[str] = field(default_factory=list)
    customer: str = ""  # a name for the pages
    qr: str = ""  # the text of its QR code
    callback_url: str = ""  # where the payer's app goes when it is done
    account_id: str = ""  # the linked GoPay account that pays
    option: str = ""  # which of its payment options

    @property
    def refunded(self) -> int:
        """Sum of the refunds asked for, in rupiah."""
        return sum(refund.amount for refund in self.refunds)


class OneTimeToken(Struct, kw_only=True):
    """A card for one charge."""

    token_id: str
    pan: str
    month: int
    year: int
    made_at: datetime
    saved_token_id: str | None = None  # two clicks: a saved card plus its CVV
    used_by: str | None = None


class SavedToken(Struct, kw_only=True):
    """A card kept for later charges, until it expires."""

    saved_token_id: str
    pan: str
    month: int
    year: int
    made_at: datetime


class Wallet(Struct, kw_only=True):
    """A GoPay user, known by phone number (country code first, digits only)."""

    phone: str
    balance: int
    later: int = 0  # what PayLater still lends
    blocked: bool = False
    promotion: bool = False
    rotations: int = 0  # how often the payment option tokens changed


class PayAccount(Struct, kw_only=True):
    """The link between a merchant and a GoPay user."""

    account_id: str
    phone: str
    redirect_url: str
    reference_id: str
    created_at: datetime
    status: str = "PENDING"  # PENDING | ENABLED | DISABLED | EXPIRED
    user_id: str = ""  # linked on a hosted page: the merchant's name for its owner
    due_at: datetime | None = None  # when an unconfirmed link ends
    history: list[Step] = field(default_factory=list)


class Subscription(Struct, kw_only=True):
    """A schedule of the gateway's own: it charges a token by itself, and tries again."""

    subscription_id: str
    name: str
    amount: int
    payment_type: str
    token: str
    account_id: str = ""  # the linked GoPay account
    created_at: datetime
    start_at: datetime
    interval: int
    unit: str  # day | week | month
    max_interval: int | None = None  # None: for ever; 0: once
    retry_interval: int = 1
    retry_unit: str = "hour"  # minute | hour | day
    retry_max: int = 3
    status: str = "active"  # active | inactive
    canceled: bool = False
    metadata: Json | None = None
    customer: Json | None = None
    anchor_at: datetime  # runs are counted from here
    steps: int = 0  # intervals between the anchor and the next run
    new_interval: int | None = None  # asked for; counts after the next run
    runs: int = 0  # cycles begun
    current_interval: int = 0  # cycles that were paid
    retries: int = 0  # tries after the first, in this cycle
    previous_at: datetime | None = None
    next_at: datetime | None = None
    retry_at: datetime | None = None
    waiting_for: str = ""  # a charge the bank has not answered yet
    transaction_ids: list[str] = field(default_factory=list)  # successful ones
    order_ids: list[str] = field(default_factory=list)  # every try
    history: list[Step] = field(default_factory=list)


class SnapSession(Struct, kw_only=True):
    """A hosted checkout: an order for which nobody has chosen a way to pay yet, or has."""

    token: str
    order_id: str
    gross_amount: int
    body: Json  # the request, as the page needs it for each way to pay
    created_at: datetime
    page_until: datetime
    pay_until: datetime | None = None  # `expiry`: the payment itself ends then
    state: str = "open"  # open | canceled | expired
    notify: list[str] = field(default_factory=list)
    customer: str = ""
    told: Json = field(default_factory=dict)  # further fields of its messages


class PaymentLink(Struct, kw_only=True):
    """An address that anybody may pay at, once or often."""

    link_id: str
    order_id: str
    body: Json  # the request, as the hosted page needs it
    created_at: datetime
    ends_at: datetime | None = None
    usage_limit: int = 1
    least: int  # what may be paid; equal for a fixed amount
    most: int
    state: str = "active"  # active | deleted
    orders: list[str] = field(default_factory=list)  # every checkout it opened
    notify: list[str] = field(default_factory=list)
    told: Json = field(default_factory=dict)


class Invoice(Struct, kw_only=True):
    """A bill the gateway writes itself, paid by link or by virtual accounts."""

    invoice_id: str
    order_id: str
    number: str
    body: Json
    created_at: datetime
    due_at: datetime
    gross_amount: int
    link_id: str = ""
    orders: list[str] = field(default_factory=list)
    state: str = "pending"  # pending | void; paid and expired follow from its transactions
    void_reason: str = ""


class Attempt(Struct, kw_only=True):
    """One try to deliver a notification."""

    at: datetime
    answer: str  # HTTP code, or timeout | refused | dropped
    milliseconds: int
    said: str = ""  # the beginning of the merchant's answer


class Notice(Struct, kw_only=True):
    """One notification to one address."""

    notice_id: str
    order_id: str
    transaction_id: str
    url: str
    payload: Json
    created_at: datetime
    state: str = "queued"  # queued | waiting | held | delivered | failed | lost
    due_at: datetime | None = None  # when it is tried next, if waiting
    attempts: list[Attempt] = field(default_factory=list)


class Remembered(Struct, kw_only=True):
    """A successful answer kept for an idempotency key."""

    key: str
    until: datetime
    http: int
    body: Json
