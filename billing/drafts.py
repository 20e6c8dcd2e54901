"""Invoices before they are issued: what is billed to whom, and when it is collected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from billing.records import Customer
from core.calendars import Anchor, Interval, Period, civil_date, instant_of, period_containing
from core.exact import rounded
from core.money import Money
from invoices.discounts import NetPrice
from invoices.lines import DraftLine, LineKind, describe, full_line, share_line
from invoices.tax_terms import TaxMode
from plans.catalogue import PriceVersion
from plans.pricing import FLAT

InvoiceKind = Literal["period", "change", "one_off", "top_up"]
# at_once: the customer acts, or pays by a number of ours. morning: a renewal charged to a saved
# method. by_payer: the payer confirms the charge; we start nothing.
Collect = Literal["at_once", "morning", "by_payer"]

NO_CHANGE = UUID(int=0)
MORNING = 8
MORNING_SECONDS = 2 * 3600


@dataclass(frozen=True, slots=True)
class InvoiceDraft:
    """One invoice to be issued. Dates are civil dates in ``zone``, the payer's.

    ``customer`` is copied onto the invoice as it is now. The business key is (subscription or
    ``-``, kind, first day, ``change_id``): the same key is never issued twice. Drafts that share
    one ``lines`` object are priced once.
    """

    customer: Customer
    kind: InvoiceKind
    lines: tuple[DraftLine, ...]
    tax_mode: TaxMode
    collection: Literal["automatic", "invoice"]
    zone: str
    due_on: date
    subscription_id: UUID | None = None
    period: Period | None = None
    change_id: UUID = NO_CHANGE
    payment_method_id: UUID | None = None
    collect: Collect = "at_once"
    # What it bills is done once it is paid (R37); it takes no balance, so that it can be let go.
    is_offer: bool = False
    external_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, ...]:
        """The business key, as the parts of a derived id."""
        start = self.period.start.isoformat() if self.period else "-"
        return (str(self.subscription_id or "-"), self.kind, start, str(self.change_id))


@dataclass(frozen=True, slots=True)
class Issued:
    """An invoice that was issued just now. Amounts in whole rupiah, tax included in ``total``."""

    id: UUID
    number: str
    customer_id: UUID
    subscription_id: UUID | None
    kind: InvoiceKind
    period: Period | None
    subtotal: int
    tax: int
    total: int
    paid: int
    status: Literal["open", "paid"]
    due_on: date
    # What of ``paid`` is no money but credit that was given.
    promotional: int = 0

    @property
    def due(self) -> int:
        return self.total - self.paid


def period_line(
    *,
    name: Mapping[str, str],
    price_id: UUID,
    terms: PriceVersion,
    quantity: int,
    period: Period,
    anchor: Anchor,
    interval: Interval,
    extra_id: UUID | None = None,
    net: NetPrice | None = None,
) -> DraftLine:
    """Bill a period: at its whole price, or by days where it is a stub in front of the anchor.

    Source: billing rules R19 and R23.
    """
    whole = period_containing(anchor, interval, period.start)
    kind = LineKind.RECURRING if whole == period else LineKind.STUB
    return priced_line(
        kind,
        name=name,
        price_id=price_id,
        terms=terms,
        quantity=quantity,
        period=period,
        days=period.days,
        of_days=whole.days,
        extra_id=extra_id,
        net=net,
    )


def priced_line(
    kind: LineKind,
    *,
    name: Mapping[str, str],
    price_id: UUID,
    terms: PriceVersion,
    quantity: int,
    period: Period,
    days: int,
    of_days: int,
    extra_id: UUID | None = None,
    net: NetPrice | None = None,
) -> DraftLine:
    """Bill a quantity of a price by its model: whole, or ``days`` of ``of_days`` rounded once.

    With ``net`` that is what the discounts leave of the whole price: the line is net, and keeps
    what they took of its part.

    Source: billing rules R3, R35, R46 and R57.
    """
    if net is not None:
        gross = priced_line(
            kind, name=name, price_id=price_id, terms=terms, quantity=quantity, period=period,
            days=days, of_days=of_days, extra_id=extra_id,
        )  # fmt: skip
        return discounted(gross, net)
    unit_amount = Money(terms.unit_amount, terms.currency)
    model = None if terms.model == FLAT else terms.priced(quantity)
    given: dict[str, Any] = {
        "unit_amount": unit_amount, "quantity": quantity, "period": period, "price_id": price_id,
        "extra_id": extra_id,
    }  # fmt: skip
    if days == of_days:
        price = None if model is None else (model.amount(terms.currency), model.derivation)
        return full_line(kind, describe(kind, name), **given, price=price)
    part = None
    if model is not None:
        part = (Money(rounded(model.exact * days / of_days), terms.currency), model.derivation)
    return share_line(
        kind, describe(kind, name), **given, numerator=days, denominator=of_days, price=part
    )


def discounted(gross: DraftLine, net: NetPrice) -> DraftLine:
    """Make a line of a price the line of what discounts leave of it (R46)."""
    context = {
        name: gross.derivation[name]
        for name in ("period_start", "period_end", "price_id")
        if name in gross.derivation
    }
    if gross.numerator is None or gross.denominator is None:
        amount, derivation = net.net, {**_mapping(net), **context}
    else:
        amount = net.net.share(gross.numerator, gross.denominator)
        derivation = {
            "rule": "share",
            "of": _mapping(net),
            "numerator": gross.numerator,
            "denominator": gross.denominator,
            **context,
        }
    return replace(gross, amount=amount, derivation=derivation, discount=gross.amount - amount)


def _mapping(net: NetPrice) -> Mapping[str, Any]:
    if not isinstance(net.derivation, Mapping):
        raise TypeError("a price that nothing was taken off is no net price")
    return net.derivation


def due_date(collection: str, issued_on: date, terms_days: int) -> date:
    """Say until when an invoice is to be paid: a saved method is charged on the day of issue."""
    return issued_on if collection == "automatic" else issued_on + timedelta(days=terms_days)


def collect_at(draft: InvoiceDraft, invoice_id: UUID, now: datetime) -> datetime | None:
    """Say when collecting begins, or ``None`` where the payer begins it.

    Renewals are charged between 08:00 and 10:00 where the payer is, spread evenly and always at
    the same moment for the same invoice: at midnight the banks are busy with their own day's end.
    """
    if draft.collect == "by_payer":
        return None
    if draft.collection == "invoice" or draft.collect == "at_once":
        return now
    return max(now, morning_of(now, draft.zone, invoice_id))


def morning_of(day: datetime, zone: str, invoice_id: UUID) -> datetime:
    """The moment of an invoice in the morning of the day that ``day`` falls on in ``zone``."""
    opens = instant_of(civil_date(day, zone), zone, MORNING)
    spread = int.from_bytes(invoice_id.bytes[:4], "big") % MORNING_SECONDS
    return opens + timedelta(seconds=spread)


def lead_days(interval: Interval, wanted: int) -> int:
    """Say how many days before its period an invoice is issued: never more than half of it.

    A weekly plan with the usual week of lead would otherwise be billed two periods ahead.
    """
    shortest = interval.fixed_days or 28 * interval.months
    return min(wanted, shortest // 2)
