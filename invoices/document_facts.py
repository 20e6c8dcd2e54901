"""What a document is made of, before anything is formatted: plain values, no rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

DocumentKind = Literal["invoice", "credit_note", "receipt"]
DocumentStatus = Literal["draft", "open", "paid", "void", "uncollectible", "issued"]
TaxMode = Literal["inclusive", "exclusive"]
CreditUse = Literal["reduces_invoice", "balance", "refund"]


@dataclass(frozen=True, slots=True)
class LogoFacts:
    """A picture of the seller; ``media_type`` is image/svg+xml or image/png."""

    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class SellerFacts:
    """The seller as snapshotted when the document was issued.

    ``pkp_since`` is a civil date, or None for a seller who may not charge PPN.
    ``brand_color`` is ``#rrggbb``; anything else falls back to the house colour.
    """

    legal_name: str
    display_name: str
    address: tuple[str, ...] = ()
    npwp: str = ""
    nitku: str = ""
    pkp_since: date | None = None
    email: str = ""
    phone: str = ""
    website: str = ""
    brand_color: str = ""
    logo: LogoFacts | None = None


@dataclass(frozen=True, slots=True)
class BuyerFacts:
    """The buyer as snapshotted when the document was issued."""

    name: str
    company: str = ""
    address: tuple[str, ...] = ()
    email: str = ""
    npwp: str = ""


@dataclass(frozen=True, slots=True)
class LineFacts:
    """One line. Amounts in whole rupiah; negative for what is given back.

    ``period_end`` is exclusive, as everywhere. ``explanation`` is one sentence of arithmetic in
    the reader's language, already worded.
    """

    description: str
    amount: int
    quantity: int = 1
    unit_amount: int | None = None
    period_start: date | None = None
    period_end: date | None = None
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class TaxFacts:
    """PPN of the document. ``base`` is DPP, ``other_base`` DPP nilai lain (None: not used).

    ``statutory_percent`` is 12 from 2025 on; ``base_factor`` is the fraction behind
    ``other_base``. With ``collected`` false the tax is stated but not part of the total.
    """

    treatment: str
    statutory_percent: int
    base: int
    tax: int
    mode: TaxMode
    other_base: int | None = None
    base_factor: tuple[int, int] = (11, 12)
    collected: bool = True


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """One payment allocated to the document, dated by an aware instant."""

    paid_at: datetime
    method: str
    amount: int


@dataclass(frozen=True, slots=True)
class HowToPayFacts:
    """One open instrument.

    ``bank`` is a short code (``bca``, ``bni``, ``bri``, ``mandiri``, ``permata``); an empty one
    means a payment page behind ``action_url``. ``instructions`` replace the built-in steps.
    """

    bank: str
    va_number: str
    amount: int
    expires_at: datetime | None = None
    instructions: tuple[str, ...] = ()
    biller_code: str = ""
    action_url: str = ""


@dataclass(frozen=True, slots=True)
class AutoChargeFacts:
    """A saved method that will be charged without the payer doing anything."""

    method: str
    on: date | None = None


@dataclass(frozen=True, slots=True)
class CreditFacts:
    """What a credit note corrects, why, and where the money goes."""

    invoice_number: str
    invoice_issued_on: date | None = None
    reason: str = ""
    use: CreditUse = "reduces_invoice"
    refund_method: str = ""


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """Everything any rendering of a document may show.

    Amounts are whole rupiah and positive on a credit note too. ``as_of`` is the civil date the
    reader looks at the document, in ``zone``; it decides whether an open invoice is overdue.
    ``pay_url`` is the signed page of the document.
    """

    kind: DocumentKind
    number: str
    status: DocumentStatus
    issued_on: date
    seller: SellerFacts
    buyer: BuyerFacts
    lines: tuple[LineFacts, ...]
    subtotal: int
    total: int
    as_of: date
    due_on: date | None = None
    paid_at: datetime | None = None
    currency: str = "IDR"
    locale: str = "id"
    zone: str = "Asia/Jakarta"
    tax: TaxFacts | None = None
    paid: int = 0
    credited: int = 0
    due: int = 0
    payments: tuple[PaymentFacts, ...] = ()
    how_to_pay: tuple[HowToPayFacts, ...] = ()
    auto_charge: AutoChargeFacts | None = None
    pay_url: str = ""
    credit: CreditFacts | None = None
    tax_invoice_number: str = ""
    notes: tuple[str, ...] = field(default=())
