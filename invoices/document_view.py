"""What every rendering of a document shows: text only, formatted once, nothing left to decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from invoices.document_facts import LogoFacts


@dataclass(frozen=True, slots=True)
class Field:
    """A label and its text, such as ``NPWP`` and the number."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class PartyView:
    """Seller or buyer: the name in bold, then lines, then labelled numbers."""

    heading: str
    name: str
    lines: tuple[str, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of the table; ``explanation`` is its sentence of arithmetic or empty."""

    description: str
    period: str
    quantity: str
    unit_amount: str
    amount: str
    explanation: str


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One row under the lines; ``kind`` is plain, tax, total or due."""

    label: str
    amount: str
    kind: str


@dataclass(frozen=True, slots=True)
class StepsView:
    """How one pays through one channel of a bank."""

    channel: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PayView:
    """One way to pay, such as ``BCA Virtual Account``.

    ``number`` is spaced for reading, ``number_raw`` is what is copied.
    """

    bank: str
    product: str
    title: str
    number_label: str
    number: str
    number_raw: str
    biller_code: str
    amount: str
    amount_raw: str
    expires: str
    channels: tuple[StepsView, ...]
    action_url: str


@dataclass(frozen=True, slots=True)
class PaymentView:
    """One payment that was received."""

    when: str
    method: str
    amount: str


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document ready to be laid out. ``labels`` are the fixed words in the reader's language.

    ``headline`` is the amount that matters now (due, paid or credited). ``tone`` is waiting,
    late, good, muted or plain. ``can_pay`` tells whether ways to pay are shown at all.
    ``correction`` says what a credit note corrects, why, and where the money goes.
    ``stamp_duty_due`` is for the merchant's own records and printed nowhere.
    """

    language: str
    kind: str
    title: str
    page_title: str
    number: str
    status: str
    tone: str
    stamp: str
    sentence: str
    headline_label: str
    headline: str
    deadline: Field | None
    facts: tuple[Field, ...]
    correction: tuple[Field, ...]
    seller: PartyView
    seller_brand: str
    contact: tuple[str, ...]
    buyer: PartyView
    lines: tuple[LineView, ...]
    summary: tuple[SummaryRow, ...]
    words: str
    payments: tuple[PaymentView, ...]
    can_pay: bool
    how_to_pay: tuple[PayView, ...]
    pay_url: str
    notes: tuple[str, ...]
    accent: str
    tint: str
    logo: LogoFacts | None
    stamp_duty_due: bool
    labels: Mapping[str, str]
