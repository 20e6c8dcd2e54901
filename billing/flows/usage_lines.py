"""The lines of what was used: worked out once, shown as usage so far and put on the invoice.

``plan_usage`` is the one way in. Given subscriptions and the date up to which each is billed, it
gives for each what its usage comes to: spans that no invoice holds yet, and spans that were billed
and have changed since (late events, corrections).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any
from uuid import UUID

from billing.flows.usage_fees import fees_of_span
from billing.flows.usage_spans import SpanFound, items_of, spans_of
from billing.records import Subscription
from core.calendars import Period, instant_of
from core.exact import written
from core.money import Money
from core.work import Work
from invoices.lines import DraftLine, LineKind, describe
from plans.metered import priced_usage, terms_of_events
from plans.percentages import Fees
from plans.price_models import Priced, billable
from plans.queries import Price, load_prices
from usage.closing import OpenSpan
from usage.measures import Measured, Span, measured
from usage.meters import Aggregation
from usage.queries import (
    ClosingRow,
    MeterRow,
    UsagePrice,
    closings_of,
    has_usage_prices,
    load_meters,
    load_sums,
    usage_prices_of,
)


@dataclass(frozen=True, slots=True)
class UsedPart:
    """What one span of one metered price comes to. Amounts in whole rupiah before tax.

    ``share`` is the part of the price it takes, in days of so many, see `usage.closing.share_of`;
    ``billed`` is the newest closing of the span, where it was billed before; ``added`` is what is
    to be billed now, and below zero what is to be given back.
    """

    subscription_id: UUID
    span: OpenSpan
    price: Price
    part: UsagePrice
    meter: MeterRow
    events: int
    quantity: Fraction
    below_zero: Fraction
    priced: Priced
    amount: int
    share: tuple[int, int] | None
    billed: ClosingRow | None

    @property
    def added(self) -> int:
        return self.amount - (self.billed.amount if self.billed else 0)

    @property
    def key(self) -> tuple[UUID, UUID, date]:
        """What is billed once: an item, a metered price, the first day."""
        return (self.span.item_id, self.part.id, self.span.start)

    @property
    def is_grown(self) -> bool:
        """Whether the rest of a period is added to what a pause, or another cut, billed of it."""
        return self.billed is not None and self.billed.period_end != self.span.end

    @property
    def says_more(self) -> bool:
        """Whether it is the first closing of its days, or one of another quantity."""
        before = self.billed
        if before is None or self.is_grown:
            return True
        return (before.events, before.quantity) != (self.events, written(self.quantity))

    @property
    def is_news(self) -> bool:
        """Whether a closing is to be written: the first, or one of another quantity.

        Where each event has a price of its own, the same sum of as many may come to another amount.
        """
        if self.says_more:
            return True
        by_event = terms_of_events(self.part.model, self.part.model_terms)
        return self.added != 0 and by_event is not None


def plan_usage(
    unit: Work, through: Sequence[tuple[Subscription, date]], *, so_far: bool = False
) -> dict[UUID, tuple[UsedPart, ...]]:
    """Work out what usage comes to up to a date, exclusive, by subscription; writes nothing.

    A handful of queries for a whole batch, and no event is read (but in the database, for
    percentages that look at each). The answer is the same for a preview and for the invoice.

    Args:
        so_far: nothing is closed: a peak of today is one of the whole period, unless it is cut.
    """
    if not through or not has_usage_prices(unit):
        return {}
    rows = {row.id: row for row, _ in through}
    items = items_of(unit, list(rows))
    parts = usage_prices_of(unit, {one.price_id for one in items})
    if not parts:
        return {}
    prices = load_prices(unit, parts)
    meters = load_meters(unit, {one.meter_id for every in parts.values() for one in every})
    closed = closings_of(unit, rows)
    found: list[SpanFound] = []
    for row, until in through:
        mine = [one for one in items if one.subscription_id == row.id and one.price_id in parts]
        before = [one for one in closed if one.subscription_id == row.id]
        found += spans_of(
            unit, row, until, items=mine, parts=parts, closed=before, meters=meters, prices=prices,
            so_far=so_far,
        )  # fmt: skip
    wanted = [one.wanted(meters) for one in found]
    sums = load_sums(unit, wanted)
    used: dict[UUID, list[UsedPart]] = {}
    for one, asked, total in zip(found, wanted, sums, strict=True):
        aggregation: Aggregation = meters[one.part.meter_id].rule.aggregation
        said = measured(aggregation, total, _instants(one.span, one.zone))
        by_event = terms_of_events(one.part.model, one.part.model_terms)
        fees = fees_of_span(unit, asked, by_event) if by_event else None
        made = _used(one, said, fees, prices[one.part.price_id], meters[one.part.meter_id])
        if made.is_news:
            used.setdefault(one.subscription_id, []).append(made)
    return {subscription: tuple(every) for subscription, every in used.items()}


def usage_line(unit: Work, used: UsedPart) -> DraftLine | None:
    """Give the line of a part; none for nothing that is not to be shown, or to be given back."""
    if used.added < 0 or (used.added == 0 and (used.billed or used.part.zero == "omit")):
        return None
    derivation: Mapping[str, Any] = used.priced.derivation
    if used.billed is not None:
        derivation = {"rule": "minus", "of": dict(derivation), "less": used.billed.amount}
    description = describe(LineKind.USAGE, used.part.name)
    if used.billed is not None and not used.is_grown:
        description = {
            "id": f"{description['id']} (terlambat)", "en": f"{description['en']} (late)",
        }  # fmt: skip
    amount = Money(used.added, used.price.currency)
    period = Period(used.span.start, used.span.end)
    return DraftLine(
        kind=LineKind.USAGE,
        description=description,
        quantity=1,
        unit_amount=amount,
        amount=amount,
        period=period,
        price_id=used.price.id,
        derivation={
            **derivation,
            "period_start": period.start.isoformat(),
            "period_end": period.end.isoformat(),
            "price_id": str(used.price.id),
            "usage": usage_facts(unit, used),
        },
    )


def usage_facts(unit: Work, used: UsedPart) -> dict[str, Any]:
    """What stands beside the arithmetic: what was counted, by which version, under which policy."""
    return {
        "closing": str(closing_id(unit, used, 0)),
        "meter": used.meter.code,
        "version": used.meter.version,
        "aggregation": used.meter.aggregation,
        "events": used.events,
        "quantity": written(used.quantity),
        "below_zero": written(used.below_zero),
        "late": used.meter.late,
    }


def closing_id(unit: Work, used: UsedPart, n: int) -> UUID:
    """The id of a closing: of an item, a metered price, a first day; ``n`` counts corrections."""
    item_id, part_id, start = used.key
    return unit.derive("usage_closing", item_id, part_id, start, n)


def _used(
    found: SpanFound, said: Measured, fees: Fees | None, price: Price, meter: MeterRow
) -> UsedPart:
    billed_as = billable(said.quantity)
    part = found.part
    priced = priced_usage(
        part.model, part.model_terms, billed_as.quantity, events=said.events, fees=fees
    )
    if found.share is not None:
        priced = _shared(priced, *found.share)
    return UsedPart(
        subscription_id=found.subscription_id,
        span=found.span,
        price=price,
        part=part,
        meter=meter,
        events=said.events,
        quantity=billed_as.quantity,
        below_zero=billed_as.below_zero,
        priced=priced,
        amount=priced.amount(price.currency).amount,
        share=found.share,
        billed=found.billed,
    )


def _shared(priced: Priced, days: int, of_days: int) -> Priced:
    return Priced(
        priced.exact * Fraction(days, of_days),
        {"rule": "share", "of": priced.derivation, "numerator": days, "denominator": of_days},
    )


def _instants(span: OpenSpan, zone: str) -> Span:
    return Span(span.start, span.end, instant_of(span.start, zone), instant_of(span.end, zone))
