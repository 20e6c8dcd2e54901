"""Usage at this moment, for the API and the staff pages: what it comes to, what was corrected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, select

from billing.flows.usage_lines import UsedPart, plan_usage
from billing.records import Subscription
from billing.tables import subscription_items
from core.calendars import civil_date
from core.work import Work
from usage.queries import has_usage_prices
from usage.tables import usage_events, usage_prices

CORRECTIONS_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class SoFar:
    """What is used and not billed yet, and what was billed and has changed since.

    ``through`` is exclusive; today is in it.
    """

    through: date
    parts: Sequence[UsedPart]

    @property
    def subtotal(self) -> int:
        """Whole rupiah that are to be billed of it, before tax; below zero comes back."""
        return sum(one.added for one in self.parts)


@dataclass(frozen=True, slots=True)
class Correction:
    """An event that took the place of another, or took it away, and the one it was about."""

    key: str
    corrects: str
    name: str
    at: datetime
    received_at: datetime
    is_void: bool
    properties: Mapping[str, Any]
    before: Mapping[str, Any]


def used_so_far(unit: Work, row: Subscription) -> SoFar:
    """Price what a subscription used, today included, by the code that bills it; writes nothing."""
    tomorrow = civil_date(unit.now, row.billing_zone) + timedelta(days=1)
    through = min(tomorrow, row.ended_on or row.current_end)
    return SoFar(through, plan_usage(unit, [(row, through)], so_far=True).get(row.id, ()))


def corrections_in(unit: Work, subscription_id: UUID, so_far: SoFar) -> list[Correction]:
    """List the corrections of the days that are shown, those that came last first.

    At most ``CORRECTIONS_MAX`` + 1: one more says that there are others.
    """
    if not so_far.parts:
        return []
    event, before = usage_events.c, usage_events.alias("before")
    rows = unit.session.execute(
        select(
            event.key, before.c.key.label("corrects"), event.name, event.at, event.received_at,
            event.is_void, event.properties, before.c.properties.label("before"),
        )
        .select_from(usage_events)
        .join(
            before,
            and_(before.c.merchant_id == event.merchant_id, before.c.id == event.corrects_id),
        )
        .where(
            event.merchant_id == unit.merchant_id,
            event.subscription_id == subscription_id,
            event.corrects_id.is_not(None),
            event.day >= min(one.span.start for one in so_far.parts),
            event.day < so_far.through,
        )
        .order_by(event.seq.desc())
        .limit(CORRECTIONS_MAX + 1)
    )  # fmt: skip
    return [Correction(**row._mapping) for row in rows]


def metered_among(unit: Work, subscription_ids: Iterable[UUID]) -> set[UUID]:
    """Say which subscriptions have, or had, an item whose price has metered parts."""
    wanted = sorted(set(subscription_ids))
    if not wanted or not has_usage_prices(unit):
        return set()
    item = subscription_items.c
    rows = unit.session.execute(
        select(item.subscription_id)
        .distinct()
        .join(
            usage_prices,
            and_(
                usage_prices.c.merchant_id == item.merchant_id,
                usage_prices.c.price_id == item.price_id,
            ),
        )
        .where(item.merchant_id == unit.merchant_id, item.subscription_id.in_(wanted))
    )
    return {row.subscription_id for row in rows}
