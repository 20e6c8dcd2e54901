"""Which discounts lower what begins on a date, and the net prices they make of a period's items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from core.calendars import Anchor, Interval, boundary, next_boundary
from core.money import Money
from invoices.discounts import Discount, Item, NetPrice, net_prices

Duration = Literal["once", "periods", "months", "forever"]


@dataclass(frozen=True, slots=True)
class Granted:
    """A discount as one subscription has it: for lines that start in ``[since, ends_on)``.

    Either ``basis_points`` or ``amount`` (whole rupiah a period, over all items together);
    ``plan_ids`` are the plans it is for, ``None`` all.
    """

    id: UUID
    discount_id: UUID
    code: str
    basis_points: int | None
    amount: int | None
    plan_ids: frozenset[UUID] | None
    place: int
    since: date
    ends_on: date | None

    def lowers(self, start: date) -> bool:
        """Whether it lowers a line that starts on a date (R49)."""
        return self.since <= start and (self.ends_on is None or start < self.ends_on)


@dataclass(frozen=True, slots=True)
class Priced:
    """An item's price of one whole period, rounded, with its derivation."""

    plan_id: UUID
    amount: Money
    derivation: Mapping[str, Any]


def ends_on(
    since: date, duration: Duration, count: int | None, anchor: Anchor, interval: Interval
) -> date | None:
    """Give the first date a discount no longer lowers, or ``None`` where it lasts.

    ``once`` is the first charged period, a stub as well; ``periods`` are counted on the calendar of
    the subscription, ``months`` from the first paid date, whatever its periods are.

    Source: billing rules R15 and R49.
    """
    if duration == "forever":
        return None
    n = count or 1
    if duration == "months":
        return boundary(Anchor.at(since), Interval("month"), n)
    end = since
    for _ in range(n):
        end = next_boundary(anchor, interval, end)
    return end


def net_of_all(
    items: Sequence[Priced], grants: Sequence[Granted], start: date
) -> tuple[NetPrice | None, ...]:
    """Lower the prices of all items of a period together; ``None`` where nothing is taken.

    Source: billing rules R46 and R48.
    """
    chosen = [_discount(one, one.amount) for one in grants if one.lowers(start)]
    if not chosen:
        return (None,) * len(items)
    found = net_prices([_item(one) for one in items], chosen)
    return tuple(None if net.taken.is_zero else net for net in found)


def net_of_one(
    item: Priced, grants: Sequence[Granted], start: date, taken: Mapping[UUID, int]
) -> NetPrice | None:
    """Lower the price of an item that is changed by itself, in mid-period.

    A fixed amount is one for all items of the period: what the others' lines have of it
    (``taken``, by discount) is left with them, and this one gets the rest.
    """
    chosen = []
    for one in grants:
        if not one.lowers(start):
            continue
        left = None if one.amount is None else one.amount - taken.get(one.discount_id, 0)
        if left is None or left > 0:
            chosen.append(_discount(one, left))
    if not chosen:
        return None
    [net] = net_prices([_item(item)], chosen)
    return None if net.taken.is_zero else net


def _item(one: Priced) -> Item:
    return Item(str(one.plan_id), one.amount, one.derivation)


def _discount(one: Granted, amount: int | None) -> Discount:
    return Discount(
        basis_points=one.basis_points,
        amount=None if amount is None else Money(amount),
        place=one.place,
        only=None if one.plan_ids is None else frozenset(map(str, one.plan_ids)),
        named={"discount": str(one.discount_id), "code": one.code},
    )
