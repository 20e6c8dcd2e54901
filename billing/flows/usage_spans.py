"""Which spans of usage are to be priced: those that no invoice holds, and those that may change.

What is used after a pause within one period is not a span of its own: it is added to what the pause
billed of the period, so that what is free in it, or costs less, does so once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID

from sqlalchemy import select

from billing.flows.item_rows import resumed_id
from billing.records import Subscription
from billing.tables import subscription_items
from core.calendars import Anchor, Period, period_containing
from core.work import Work
from plans.queries import Price
from usage.closing import OpenSpan, ServedItem, joined, open_spans, share_of
from usage.meters import Aggregation
from usage.queries import ClosingRow, MeterRow, UsagePrice, Wanted


@dataclass(frozen=True, slots=True)
class MeteredItem:
    """A version of an item that may have metered prices, as its row says it."""

    id: UUID
    subscription_id: UUID
    extra_id: UUID | None
    price_id: UUID
    started_on: date
    ended_on: date | None


@dataclass(frozen=True, slots=True)
class SpanFound:
    """A span that is to be looked at."""

    subscription_id: UUID
    zone: str
    span: OpenSpan
    part: UsagePrice
    share: tuple[int, int] | None
    billed: ClosingRow | None

    def wanted(self, meters: Mapping[UUID, MeterRow]) -> Wanted:
        """The sums it needs."""
        meter = meters[self.part.meter_id]
        return Wanted(self.subscription_id, meter.id, meter.aggregation, self.span)


def spans_of(
    unit: Work,
    row: Subscription,
    until: date,
    *,
    items: Sequence[MeteredItem],
    parts: Mapping[UUID, Sequence[UsagePrice]],
    closed: Sequence[ClosingRow],
    meters: Mapping[UUID, MeterRow],
    prices: Mapping[UUID, Price],
    so_far: bool,
) -> list[SpanFound]:
    """List the spans of a subscription that are to be looked at, up to a date, exclusive."""
    found: list[SpanFound] = []
    paid_from = row.trial_end_on or row.started_on
    for extra_id, price_id in dict.fromkeys((item.extra_id, item.price_id) for item in items):
        lineage = [one for one in items if (one.extra_id, one.price_id) == (extra_id, price_id)]
        served = joined(ServedItem(one.id, one.started_on, one.ended_on) for one in lineage)
        first = {version: one.id for one in served for version in one.versions}
        by_id = {one.id: one for one in served}
        roots = _roots(unit, served, lineage)
        for part in parts[price_id]:
            meter = meters[part.meter_id].rule
            mine = [one for one in closed if one.usage_price_id == part.id and one.item_id in first]
            ends: dict[UUID, date] = {}
            for one in mine:
                item = first[one.item_id]
                ends[item] = max(one.period_end, ends.get(item, one.period_end))
            over = _closed_to(ends, roots)
            grown: list[ClosingRow] = []
            for span in open_spans(served, over, paid_from=paid_from, through=until):
                item_of = by_id[span.item_id]
                begun = _begun(
                    row, prices[price_id], meter.aggregation, span,
                    (
                        one for one in mine
                        if roots[first[one.item_id]] == roots[item_of.id] and one not in grown
                    ),
                )  # fmt: skip
                if begun is not None:
                    grown.append(begun)
                    rest = OpenSpan(begun.item_id, begun.period_start, span.end)
                    found.append(SpanFound(row.id, row.billing_zone, rest, part, None, begun))
                    continue
                whole = _whole(row, prices[price_id], span, item_of)
                reaches = span.end
                if so_far and meter.aggregation != "weighted_sum":
                    reaches = min(item_of.end or whole.end, whole.end)
                share = share_of(meter.aggregation, span, whole, lasts_to=reaches)
                found.append(SpanFound(row.id, row.billing_zone, span, part, share, None))
            # An event as old as its meter takes it may have come just after the last closing.
            late = timedelta(days=meter.late_days + 1)
            again = (
                one for one in mine
                if one.period_end > ends[first[one.item_id]] - late and one not in grown
            )  # fmt: skip
            found += [_again(row, part, one) for one in again]
    return found


def _again(row: Subscription, part: UsagePrice, one: ClosingRow) -> SpanFound:
    span = OpenSpan(one.item_id, one.period_start, one.period_end)
    return SpanFound(row.id, row.billing_zone, span, part, one.share, one)


def _roots(
    unit: Work, served: Sequence[ServedItem], lineage: Sequence[MeteredItem]
) -> dict[UUID, UUID]:
    """Which item each goes on from, over every pause; itself where none went before."""
    roots = {one.id: one.id for one in served}
    for before, one in pairwise(served):
        again = {resumed_id(unit, item.id, one.start) for item in lineage}
        if any(item.id in again for item in lineage if item.started_on == one.start):
            roots[one.id] = roots[before.id]
    return roots


def _closed_to(ends: Mapping[UUID, date], roots: Mapping[UUID, UUID]) -> dict[UUID, date]:
    """Up to where each item is billed, by what any item of its line was billed up to."""
    last: dict[UUID, date] = {}
    for item, end in ends.items():
        last[roots[item]] = max(end, last.get(roots[item], end))
    return {item: last[root] for item, root in roots.items() if root in last}


def _begun(
    row: Subscription,
    price: Price,
    aggregation: Aggregation,
    span: OpenSpan,
    closed: Iterable[ClosingRow],
) -> ClosingRow | None:
    """What a pause billed of the period that a span is the rest of: the two are priced as one.

    So what is free in a period is free once. Other figures than counts and sums share by days.
    """
    if aggregation not in ("count", "sum") or not price.interval.is_as_long_as(row.interval):
        return None
    whole = period_containing(row.anchor, price.interval, span.start)
    mine = [one for one in closed if whole.start <= one.period_start < one.period_end <= span.start]
    return max(mine, key=lambda one: one.period_end, default=None)


def _whole(row: Subscription, price: Price, span: OpenSpan, item: ServedItem) -> Period:
    """The period of its price that a span lies in; another interval began with its item."""
    alike = price.interval.is_as_long_as(row.interval)
    anchor = row.anchor if alike else Anchor.at(item.start)
    return period_containing(anchor, price.interval, span.start)


def items_of(unit: Work, subscription_ids: Sequence[UUID]) -> list[MeteredItem]:
    table = subscription_items.c
    rows = unit.session.execute(
        select(
            table.id, table.subscription_id, table.extra_id, table.price_id, table.started_on,
            table.ended_on,
        )
        .where(
            table.merchant_id == unit.merchant_id,
            table.subscription_id.in_(sorted(subscription_ids)),
        )
        .order_by(table.started_on, table.created_at, table.id)
    )  # fmt: skip
    return [MeteredItem(**row._mapping) for row in rows]
