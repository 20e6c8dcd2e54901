"""How a payer pays: shapes of orders at the gateway and of the means a request names."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from api.shapes import Id, In, Instant, Out, Rupiah, Short, body_id, public
from billing.flows.at_once import orders_of
from billing.flows.consents import Mandate
from billing.flows.means import Means
from core import ids
from core.errors import InvalidRequest
from core.work import Work
from payments.card_terms import CardTerms
from payments.refusals import refusal_of

# A card number in its place is refused: card numbers never come here.
CardToken = Annotated[
    str, Meta(min_length=1, max_length=200, pattern=r"^(?![0-9 -]+$)[\x21-\x7e]+$")
]


class MandateIn(In):
    """The customer's consent to be charged without being asked, as it was given to you."""

    text_version: Annotated[str, Meta(min_length=1, max_length=100, description="Which wording.")]
    text: Annotated[str, Meta(min_length=1, max_length=5000, description="The wording itself.")]
    source: Annotated[
        str, Meta(min_length=1, max_length=200, description="The address it was given from.")
    ]
    locale: Annotated[str, Meta(pattern="^(id|en)$")] = "id"
    amount_rule: Short = "invoice_total"
    cadence: Short = "per_period"


class InstallmentIn(In):
    """Instalments of a card's own bank."""

    months: Annotated[int, Meta(ge=2, le=60)]
    bank: Annotated[
        str, Meta(max_length=20, description="Whose instalments: `bca`, `bni`, `mandiri` …")
    ]


class PaymentIn(In):
    """How it is paid now: exactly one of the first four."""

    card_token: Annotated[
        CardToken | None,
        Meta(
            description="A one-time token that the payer's browser got from Midtrans. The payer "
            "confirms by 3DS at `redirect_url`. With `mandate` the card is saved for later.",
        ),
    ] = None
    payment_method: Annotated[
        Id | None, Meta(description="A saved card or linked wallet (`pm_…`) of this customer.")
    ] = None
    virtual_account: Annotated[
        bool | None,
        Meta(description="`true` for the first virtual account that the merchant offers."),
    ] = None
    channel: Annotated[
        Annotated[str, Meta(max_length=40)] | None,
        Meta(
            description="A way to pay of `GET /payment-methods` that the payer pushes, such as "
            "`qris` or `bni_va`.",
        ),
    ] = None
    authorize_only: Annotated[
        bool,
        Meta(
            description="With a `card_token` of a one-off payment: the amount is held and not "
            "taken. Capture it within seven days (`POST /payment-orders/{id}/capture`), or end it."
        ),
    ] = False
    allowed_bins: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=20)]],
        Meta(
            max_length=100,
            description="With a `card_token` of a one-off payment: only cards that begin with one "
            "of these digits (1 to 8), or of one of these banks (`bca`, `bni` …), may pay. Another "
            "is refused (422 `card_not_allowed`) or declined (`code` `bin`).",
        ),
    ] = msgspec.field(default_factory=list)
    installment: Annotated[
        InstallmentIn | None,
        Meta(
            description="With a `card_token` of a one-off payment: the card's bank lets its holder "
            "pay in months. The invoice and what you get are the same."
        ),
    ] = None
    mandate: Annotated[
        MandateIn | None,
        Meta(
            description="The holder's consent. A subscription that is charged automatically needs "
            "one, given here or before for the saved card: else 422 `mandate_needed`."
        ),
    ] = None

    def means(self) -> Means:
        """Read it.

        Raises:
            InvalidRequest: ``one_means_needed`` or ``invalid_id``.
        """
        named = [self.card_token is not None, self.payment_method is not None]
        if sum(named) + bool(self.virtual_account) + (self.channel is not None) != 1:
            raise InvalidRequest(
                "one_means_needed",
                "name one of card_token, payment_method, virtual_account and channel",
                field="payment",
            )
        return Means(
            card_token=self.card_token,
            payment_method_id=body_id(
                "payment_method", self.payment_method, "payment.payment_method"
            ),
            mandate=mandate_of(self.mandate),
            channel=self.channel,
            authorize_only=self.authorize_only,
            terms=CardTerms(
                bins=tuple(one.lower() for one in self.allowed_bins),
                months=self.installment.months if self.installment else None,
                bank=self.installment.bank.lower() if self.installment else None,
            ),
        )


class DeclineReasonOut(Out):
    """Why, in words for the payer; never the bank's code."""

    id: Annotated[str, Meta(description="In Indonesian.")]
    en: Annotated[str, Meta(description="In English.")]


class DeclineOut(Out):
    """A refusal, understood by the codes of the channel that gave it."""

    class_: Annotated[
        str,
        Meta(
            description="`soft`, `hard` (never again by these means), `customer_action`, "
            "`technical` (soon again) or `configuration` (the merchant's account)."
        ),
    ] = msgspec.field(name="class")
    code: str
    reason: DeclineReasonOut
    may_retry: Annotated[
        bool, Meta(description="Whether the same means may work later without the payer.")
    ]

    @classmethod
    def of(cls, row: Any) -> DeclineOut | None:
        """Of an order's row; None where nobody refused it."""
        found = refusal_of(row)
        if found is None:
            return None
        return cls(
            class_=row.decline_class, code=found.code, may_retry=found.may_retry,
            reason=DeclineReasonOut(id=found.reason_id, en=found.reason_en),
        )  # fmt: skip


class OrderOut(Out):
    """One order at the gateway: an attempt (we pull), an instrument (the payer pushes) or a check
    (a small authorisation that saves a card and is released at once).
    """

    id: str
    kind: Annotated[str, Meta(description="`attempt`, `instrument` or `check`.")]
    channel: Annotated[str, Meta(description="`card`, `bca_va`, `qris` …: see payment methods.")]
    order_id: Annotated[str, Meta(description="As Midtrans knows it.")]
    state: Annotated[
        str,
        Meta(
            description="`created`, `sent`, `unknown` (being found out), `pending` (the payer must "
            "act, or see `held`), `paid`, `failed`, `review` or `reversed`."
        ),
    ]
    held: Annotated[
        str | None,
        Meta(
            description="Of a card: `authorized`, held and not taken: capture or end it; "
            "`challenge`, questioned by the fraud system: approve or deny it."
        ),
    ]
    captured_amount: Annotated[
        Rupiah | None,
        Meta(description="Of a hold: what is being taken, or was, in whole rupiah."),
    ]
    amount: Rupiah
    redirect_url: Annotated[
        str | None, Meta(description="Where the payer confirms by 3DS, or pays on a page.")
    ]
    snap_token: Annotated[
        str | None, Meta(description="Opens that page in a frame of yours, with Midtrans' script.")
    ]
    page_until: Annotated[
        Instant | None, Meta(description="Until when a way to pay can be chosen on that page.")
    ]
    bank: str | None
    va_number: Annotated[str | None, Meta(description="The number to pay to.")]
    biller_code: Annotated[str | None, Meta(description="Mandiri's company code.")]
    bill_key: Annotated[str | None, Meta(description="Mandiri's bill key.")]
    store: str | None
    payment_code: Annotated[str | None, Meta(description="What the payer shows at the till.")]
    qr_string: Annotated[str | None, Meta(description="What the QR holds.")]
    qr_url: Annotated[str | None, Meta(description="A picture of the QR.")]
    app_url: Annotated[str | None, Meta(description="Opens the wallet's app.")]
    phone: Annotated[
        str | None, Meta(description="The end of the number that OVO asks: `•••• 7890`.")
    ]
    expires_at: Instant | None
    code: Annotated[str | None, Meta(description="The gateway's or the bank's code.")]
    decline_class: str | None
    decline: Annotated[DeclineOut | None, Meta(description="Why it was refused, where it was.")]
    reason: Annotated[
        str | None, Meta(description="Why it ended or stopped, as it was noted; not for payers.")
    ]
    payment_method: str | None

    @classmethod
    def of(cls, row: Any) -> OrderOut:
        """Shape a row."""
        how = row.instructions
        return cls(
            id=ids.public("payment_order", row.id), kind=row.kind, channel=row.channel,
            order_id=row.order_id, state=row.state, amount=row.amount,
            held=row.held, captured_amount=row.capture_amount,
            redirect_url=how.get("redirect_url"), snap_token=how.get("snap_token"),
            page_until=row.page_until, bank=how.get("bank"),
            va_number=how.get("va_number"), biller_code=how.get("biller_code"),
            bill_key=how.get("bill_key"), store=how.get("store"),
            payment_code=how.get("payment_code"), qr_string=how.get("qr_string"),
            qr_url=how.get("qr_url"), app_url=how.get("app_url"),
            phone=f"•••• {how['phone'][-4:]}" if how.get("phone") else None,
            expires_at=row.expires_at, code=row.code,
            decline_class=row.decline_class, decline=DeclineOut.of(row), reason=row.reason,
            payment_method=public("payment_method", row.payment_method_id),
        )  # fmt: skip


def mandate_of(data: MandateIn | None) -> Mandate | None:
    """Read a mandate, if there is one."""
    return None if data is None else required_mandate(data)


def required_mandate(data: MandateIn) -> Mandate:
    """Read a mandate."""
    return Mandate(
        text_version=data.text_version, text=data.text, locale=data.locale, source=data.source,
        amount_rule=data.amount_rule, cadence=data.cadence,
    )  # fmt: skip


def newest_order(
    unit: Work, *, invoice_id: UUID | None = None, method_id: UUID | None = None
) -> OrderOut | None:
    """The last order of an invoice, or of a card's check."""
    if invoice_id is None and method_id is None:
        return None
    found = orders_of(unit, invoice_id=invoice_id, method_id=method_id)
    return OrderOut.of(found[-1]) if found else None
