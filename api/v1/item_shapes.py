"""Items beside a subscription's first: shapes of what there is, what is asked for, what it does."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta

from api.shapes import Day, Id, In, Out, Rupiah, Words
from billing.flows.item_rows import Extra, load_extras
from core import ids
from core.calendars import civil_date
from core.work import Work
from plans.queries import Price, load_prices

Quantity = Annotated[int, Meta(ge=1, le=1_000_000)]


class NewItemIn(In):
    """What a subscription has beside its first price."""

    price: Annotated[str, Meta(max_length=40, description="`price_…` of the same interval")]
    quantity: Quantity = 1


class ExtraOut(Out):
    """An item beside the first; one that waits has a later `started_on`."""

    id: Annotated[str, Meta(description="Stays the same when price or quantity change.")]
    price: str
    plan: str
    unit_amount: Rupiah
    quantity: int
    started_on: Day
    ended_on: Annotated[Day | None, Meta(description="The first day it is not served.")]


class ItemChangeIn(In):
    """Add an item (`price` alone), change one (`item`), or remove it (`quantity` 0)."""

    item: Annotated[Id | None, Meta(description="`si_…` of `items`; none to add one.")] = None
    price: Annotated[Id | None, Meta(description="`price_…`")] = None
    quantity: Annotated[
        Annotated[int, Meta(ge=0, le=1_000_000)] | None, Meta(description="0 removes the item.")
    ] = None
    mode: Annotated[
        Literal["prorate", "at_period_end"] | None,
        Meta(description="By default what is worth more is done now, what is worth less waits."),
    ] = None
    reason: Words | None = None


def shape_extras(unit: Work, rows: list[Any]) -> dict[UUID, list[ExtraOut]]:
    """Shape the items of subscriptions that are served today or will be, by subscription."""
    found = load_extras(unit, [row.id for row in rows])
    prices = load_prices(unit, {one.item.price_id for every in found.values() for one in every})
    shaped = {}
    for row in rows:
        today = civil_date(unit.now, row.billing_zone)
        shaped[row.id] = [
            _shape(one, prices[one.item.price_id])
            for one in found.get(row.id, ())
            if one.item.ended_on is None or one.item.ended_on > today
        ]
    return shaped


def _shape(extra: Extra, price: Price) -> ExtraOut:
    item = extra.item
    return ExtraOut(
        id=ids.public("item", item.extra_id or item.id),
        price=ids.public("price", price.id),
        plan=price.plan_code,
        unit_amount=price.unit_amount,
        quantity=item.quantity,
        started_on=item.started_on,
        ended_on=item.ended_on,
    )
