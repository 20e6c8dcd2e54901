"""The lines of what was used: worked out once, shown as usage so far and put on the invoice.

``plan_usage`` is the one way in. Given subscriptions and the date up to which each is billed, it
gives for each what its usage comes to: spans that no invoice holds yet, and spans that were billed
and have changed since (late events, corrections).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy import select

from billing.records import Subscription
from billing.tables import subscription_items
from core.calendars import Period, instant_of
from core.exact import written
from core.money import Money
from core.work import Work
from invoices.lines import DraftLine, LineKind, describe
from plans.metered import needs_amounts, priced_usage
from plans.price_models import Priced, billable
from plans.queries import Price, load_prices
from usage.closing import OpenSpan, ServedItem, open_spans
from usage.measures import Measured, Span, measured
from usage.meters import Aggregation
from usage.queries import (
    ClosingRow,
    MeterRow,
    UsagePrice,
    Wanted,
    amounts_of,
    closings_of,
    has_usage_prices,
    load_meters,
    load_sums,
    usage_prices_of,
)


@dataclass(frozen=True, slots=True)
class UsedPart:
    """What one span of one metered price comes to. Amounts in whole rupiah before tax.

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
    billed: ClosingRow | None

    @property
    def added(self) -> int:
        return self.amount - (self.billed.amount if self.billed else 0)

    @property
    def key(self) -> tuple[UUID, UUID, date]:
        """What is billed once: an item, a metered price, the first day."""
        return (self.span.item_id, self.part.id, self.span.start)

    @property
    def is_news(self) -> bool:
        """Whether a closing is to be written: the first, or one of another quantity."""
        before = self.billed
        return before is None or (before.events, before.quantity) != (
            self.events, written(self.quantity)
        )  # fmt: skip


def plan_usage(
    unit: Work, through: Sequence[tuple[Subscription, date]]
) -> dict[UUID, tuple[UsedPart, ...]]:
    """Work out what usage comes to up to a date, exclusive, by subscription; writes nothing.

    A handful of queries for a whole batch, and no event is read (but for percentages that look at
    each). The answer is the same for a preview and for the invoice.
    """
    if not through or not has_usage_prices(unit):
        return {}
    rows = {row.id: row for row, _ in through}
    items = _items(unit, list(rows))
    parts = usage_prices_of(unit, {one.price_id for one in items})
    if not parts:
        return {}
    prices = load_prices(unit, parts)
    meters = load_meters(unit, {one.meter_id for every in parts.values() for one in every})
    closed = closings_of(unit, rows)
    found: list[_Found] = []
    for row, until in through:
        mine = [one for one in items if one.subscription_id == row.id and one.price_id in parts]
        before = [one for one in closed if one.subscription_id == row.id]
        found += _spans(row, until, items=mine, parts=parts, closed=before, meters=meters)
    wanted = [one.wanted(meters) for one in found]
    sums = load_sums(unit, wanted)
    used: dict[UUID, list[UsedPart]] = {}
    for one, asked, total in zip(found, wanted, sums, strict=True):
        aggregation: Aggregation = meters[one.part.meter_id].rule.aggregation
        said = measured(aggregation, total, _instants(one.span, one.zone))
        amounts = (
            amounts_of(unit, asked) if needs_amounts(one.part.model, one.part.model_terms) else []
        )
        made = _used(one, said, amounts, prices[one.part.price_id], meters[one.part.meter_id])
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
    if used.billed is not None:
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


@dataclass(frozen=True, slots=True)
class _Item:
    id: UUID
    subscription_id: UUID
    price_id: UUID
    started_on: date
    ended_on: date | None


@dataclass(frozen=True, slots=True)
class _Found:
    """A span that is to be looked at."""

    subscription_id: UUID
    zone: str
    span: OpenSpan
    part: UsagePrice
    billed: ClosingRow | None

    def wanted(self, meters: Mapping[UUID, MeterRow]) -> Wanted:
        """The sums it needs."""
        meter = meters[self.part.meter_id]
        return Wanted(self.subscription_id, meter.id, meter.aggregation, self.span)


def _spans(
    row: Subscription,
    until: date,
    *,
    items: Sequence[_Item],
    parts: Mapping[UUID, Sequence[UsagePrice]],
    closed: Sequence[ClosingRow],
    meters: Mapping[UUID, MeterRow],
) -> list[_Found]:
    found: list[_Found] = []
    paid_from = row.trial_end_on or row.started_on
    for price_id in dict.fromkeys(item.price_id for item in items):
        served = [
            ServedItem(item.id, item.started_on, item.ended_on)
            for item in items if item.price_id == price_id
        ]  # fmt: skip
        for part in parts[price_id]:
            mine = [one for one in closed if one.usage_price_id == part.id]
            ends = _ends(mine)
            late_days = meters[part.meter_id].late_days
            # An event as old as its meter takes it may have come just after the last closing.
            again = [
                (OpenSpan(one.item_id, one.period_start, one.period_end), one)
                for one in mine
                if one.period_end > ends[one.item_id] - timedelta(days=late_days + 1)
            ]
            fresh = open_spans(served, ends, paid_from=paid_from, through=until)
            found += [
                _Found(row.id, row.billing_zone, span, part, billed)
                for span, billed in (*again, *((one, None) for one in fresh))
            ]
    return found


def _ends(closed: Sequence[ClosingRow]) -> dict[UUID, date]:
    ends: dict[UUID, date] = {}
    for one in closed:
        ends[one.item_id] = max(one.period_end, ends.get(one.item_id, one.period_end))
    return ends


def _used(
    found: _Found, said: Measured, amounts: Sequence[Fraction], price: Price, meter: MeterRow
) -> UsedPart:
    billed_as = billable(said.quantity)
    part = found.part
    priced = priced_usage(
        part.model, part.model_terms, billed_as.quantity, events=said.events, amounts=amounts
    )
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
        billed=found.billed,
    )


def _instants(span: OpenSpan, zone: str) -> Span:
    return Span(span.start, span.end, instant_of(span.start, zone), instant_of(span.end, zone))


def _items(unit: Work, subscription_ids: Sequence[UUID]) -> list[_Item]:
    table = subscription_items.c
    rows = unit.session.execute(
        select(table.id, table.subscription_id, table.price_id, table.started_on, table.ended_on)
        .where(
            table.merchant_id == unit.merchant_id,
            table.subscription_id.in_(sorted(subscription_ids)),
        )
        .order_by(table.started_on, table.created_at, table.id)
    )
    return [_Item(**row._mapping) for row in rows]
