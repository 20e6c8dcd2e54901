"""Reads of meters, metered prices, sums by the day, and what was billed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ARRAY, Date, Select, Uuid, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import distinct_on

from core.errors import NotFound
from core.work import Work
from usage.closing import OpenSpan
from usage.measures import Sums
from usage.meters import Aggregation, Late, Meter, read_filters
from usage.tables import meters, usage_closings, usage_events, usage_prices


@dataclass(frozen=True, slots=True)
class MeterRow:
    """A version of a meter as it is kept."""

    id: UUID
    code: str
    version: int
    name: dict[str, str]
    event_name: str
    aggregation: str
    field: str | None
    filters: list[dict[str, Any]]
    late: str
    late_days: int
    created_at: datetime
    retired_at: datetime | None

    @property
    def rule(self) -> Meter:
        """The version as the rules know it."""
        return Meter(
            code=self.code,
            version=self.version,
            event_name=self.event_name,
            aggregation=cast(Aggregation, self.aggregation),
            field=self.field,
            filters=read_filters(self.filters),
            late=cast(Late, self.late),
            late_days=self.late_days,
        )


@dataclass(frozen=True, slots=True)
class UsagePrice:
    """A metered part of a price."""

    id: UUID
    price_id: UUID
    position: int
    name: dict[str, str]
    meter_id: UUID
    model: str
    model_terms: dict[str, Any]
    zero: str


@dataclass(frozen=True, slots=True)
class ClosingRow:
    """What was billed of an item's usage over a span, the newest correction of it."""

    subscription_id: UUID
    item_id: UUID
    usage_price_id: UUID
    period_start: date
    period_end: date
    n: int
    events: int
    quantity: str
    amount: int
    days: int | None
    of_days: int | None

    @property
    def share(self) -> tuple[int, int] | None:
        """The share of the price that the span takes, in days of so many; None is all of it."""
        return None if self.days is None or self.of_days is None else (self.days, self.of_days)


_METER = tuple(meters.c[name] for name in MeterRow.__slots__)
_PRICE = tuple(usage_prices.c[name] for name in UsagePrice.__slots__)
_CLOSING = tuple(usage_closings.c[name] for name in ClosingRow.__slots__)


def get_meter(unit: Work, meter_id: UUID) -> MeterRow:
    """Read a version of a meter.

    Raises:
        NotFound: ``meter_not_found``.
    """
    found = load_meters(unit, [meter_id])
    if meter_id not in found:
        raise NotFound("meter_not_found", "there is no such meter")
    return found[meter_id]


def load_meters(unit: Work, meter_ids: Iterable[UUID]) -> dict[UUID, MeterRow]:
    """Read many at once; ids that do not exist are left out."""
    wanted = sorted(set(meter_ids))
    if not wanted:
        return {}
    rows = unit.session.execute(_meters(unit).where(meters.c.id.in_(wanted)))
    return {row.id: MeterRow(**row._mapping) for row in rows}


def versions_of(unit: Work, code: str) -> list[MeterRow]:
    """List the versions of a meter, newest first."""
    rows = unit.session.execute(
        _meters(unit).where(meters.c.code == code).order_by(meters.c.version.desc())
    )
    return [MeterRow(**row._mapping) for row in rows]


def counting(unit: Work, names: Iterable[str]) -> dict[str, list[MeterRow]]:
    """Give the meters that count events of these names, by name."""
    rows = unit.session.execute(
        _meters(unit)
        .where(meters.c.event_name.in_(sorted(set(names))), meters.c.counts_to.is_(None))
        .order_by(meters.c.id)
    )
    found: dict[str, list[MeterRow]] = {}
    for row in rows:
        found.setdefault(row.event_name, []).append(MeterRow(**row._mapping))
    return found


def usage_prices_of(unit: Work, price_ids: Iterable[UUID]) -> dict[UUID, list[UsagePrice]]:
    """Give the metered parts of prices, by price, in their order."""
    wanted = sorted(set(price_ids))
    found: dict[UUID, list[UsagePrice]] = {}
    if not wanted:
        return found
    rows = unit.session.execute(
        select(*_PRICE)
        .where(usage_prices.c.merchant_id == unit.merchant_id, usage_prices.c.price_id.in_(wanted))
        .order_by(usage_prices.c.price_id, usage_prices.c.position)
    )
    for row in rows:
        found.setdefault(row.price_id, []).append(UsagePrice(**row._mapping))
    return found


def has_usage_prices(unit: Work) -> bool:
    """Whether this merchant bills any usage; most do not, and pay for no further query."""
    found = unit.session.execute(
        select(usage_prices.c.id).where(usage_prices.c.merchant_id == unit.merchant_id).limit(1)
    )
    return found.first() is not None


def closings_of(unit: Work, subscription_ids: Iterable[UUID]) -> list[ClosingRow]:
    """Give the newest state of every span that was billed of some subscriptions."""
    table = usage_closings.c
    rows = unit.session.execute(
        select(*_CLOSING)
        .ext(distinct_on(table.item_id, table.usage_price_id, table.period_start))
        .where(
            table.merchant_id == unit.merchant_id,
            table.subscription_id.in_(sorted(set(subscription_ids))),
        )
        .order_by(table.item_id, table.usage_price_id, table.period_start, table.n.desc())
    )
    return [ClosingRow(**row._mapping) for row in rows]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Sums that are asked for: a meter's of a subscription over some days."""

    subscription_id: UUID
    meter_id: UUID
    aggregation: str
    span: OpenSpan


_SUMS = text(
    """
    SELECT w.i, coalesce(sum(d.events), 0) AS events, coalesce(sum(d.total), 0) AS total,
        coalesce(sum(d.moment), 0) AS moment, max(d.top) AS top,
        (array_agg(d.last_value ORDER BY d.last_at DESC NULLS LAST, d.last_seq DESC))[1] AS last
    FROM unnest(CAST(:subscriptions AS uuid[]), CAST(:meters AS uuid[]), CAST(:starts AS date[]),
        CAST(:ends AS date[])) WITH ORDINALITY AS w(subscription_id, meter_id, starts, ends, i)
    LEFT JOIN usage_days d ON d.merchant_id = :merchant_id
        AND d.subscription_id = w.subscription_id AND d.meter_id = w.meter_id
        AND d.day >= w.starts AND d.day < w.ends
    GROUP BY w.i
    """
)
_BEFORE = text(
    """
    SELECT w.i, coalesce(sum(d.total), 0) AS figure
    FROM unnest(CAST(:subscriptions AS uuid[]), CAST(:meters AS uuid[]), CAST(:starts AS date[]),
        CAST(:ends AS date[])) WITH ORDINALITY AS w(subscription_id, meter_id, starts, ends, i)
    JOIN usage_days d ON d.merchant_id = :merchant_id AND d.subscription_id = w.subscription_id
        AND d.meter_id = w.meter_id AND d.day < w.starts
    GROUP BY w.i
    """
)
_DIFFERENT = text(
    """
    SELECT w.i, count(DISTINCT v.value) AS figure
    FROM unnest(CAST(:subscriptions AS uuid[]), CAST(:meters AS uuid[]), CAST(:starts AS date[]),
        CAST(:ends AS date[])) WITH ORDINALITY AS w(subscription_id, meter_id, starts, ends, i)
    JOIN usage_values v ON v.merchant_id = :merchant_id AND v.subscription_id = w.subscription_id
        AND v.meter_id = w.meter_id AND v.day >= w.starts AND v.day < w.ends
    GROUP BY w.i
    """
)
_TYPES = (
    bindparam("merchant_id", type_=Uuid()),
    bindparam("subscriptions", type_=ARRAY(Uuid())),
    bindparam("meters", type_=ARRAY(Uuid())),
    bindparam("starts", type_=ARRAY(Date())),
    bindparam("ends", type_=ARRAY(Date())),
)
_SUMS, _BEFORE, _DIFFERENT = (one.bindparams(*_TYPES) for one in (_SUMS, _BEFORE, _DIFFERENT))


def load_sums(unit: Work, wanted: Sequence[Wanted]) -> list[Sums]:
    """Read the sums of many spans, in their order; no event is read."""
    if not wanted:
        return []
    rows = {row.i: row for row in unit.session.execute(_SUMS, _given(unit, wanted))}
    before = _figures(unit, _BEFORE, wanted, "weighted_sum")
    different = _figures(unit, _DIFFERENT, wanted, "unique")
    return [
        Sums(
            events=int(rows[i].events),
            total=Fraction(rows[i].total),
            moment=Fraction(rows[i].moment),
            before=Fraction(before.get(i, 0)),
            top=_fraction(rows[i].top),
            last=_fraction(rows[i].last),
            different=int(different.get(i, 0)),
        )
        for i in range(1, len(wanted) + 1)
    ]


def get_event(unit: Work, key: str) -> Any:
    """Read an event by its key, with what corrects it.

    Raises:
        NotFound: ``usage_event_not_found``.
    """
    table = usage_events.c
    row = unit.session.execute(
        select(usage_events).where(
            table.merchant_id == unit.merchant_id, table.id == unit.derive("usage_event", key)
        )
    ).one_or_none()
    if row is None:
        raise NotFound("usage_event_not_found", "no event has this key")
    return row


def newest_seq(unit: Work) -> int:
    """Draw a number that is larger than those of all events that were committed before."""
    return int(
        unit.session.execute(select(func.nextval(text("'usage_events_seq_seq'")))).scalar_one()
    )


def _meters(unit: Work) -> Select[Any]:
    return select(*_METER).where(meters.c.merchant_id == unit.merchant_id)


def _given(unit: Work, wanted: Sequence[Wanted]) -> dict[str, Any]:
    return {
        "merchant_id": unit.merchant_id,
        "subscriptions": [one.subscription_id for one in wanted],
        "meters": [one.meter_id for one in wanted],
        "starts": [one.span.start for one in wanted],
        "ends": [one.span.end for one in wanted],
    }


def _figures(
    unit: Work, query: Any, wanted: Sequence[Wanted], aggregation: str
) -> Mapping[int, Decimal | int]:
    """Read one figure for each span of an aggregation, by its place in the whole list."""
    places = [i for i, one in enumerate(wanted, 1) if one.aggregation == aggregation]
    if not places:
        return {}
    rows = unit.session.execute(query, _given(unit, [wanted[i - 1] for i in places]))
    return {places[row.i - 1]: row.figure for row in rows}


def _fraction(value: Decimal | None) -> Fraction | None:
    return None if value is None else Fraction(value)
