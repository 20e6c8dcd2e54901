"""The items beside a subscription's first: their rows, and the lines all items of a period make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from uuid import UUID

from sqlalchemy import func, select, update

from billing.discounted import Granted, Priced, net_of_all
from billing.drafts import period_line
from billing.records import Item
from billing.tables import subscription_items
from core.bulk import insert_rows
from core.calendars import Anchor, Interval, Period
from core.money import Money
from core.work import Work
from invoices.discounts import NetPrice
from invoices.lines import DraftLine, LineKind, describe, full_line
from invoices.tables import invoice_lines, invoices
from plans.queries import Price

_ITEM = tuple(subscription_items.c[name] for name in Item.__slots__)


@dataclass(frozen=True, slots=True)
class Extra:
    """One version of an item beside the first; ``begun_on`` is when the item's first one began."""

    item: Item
    begun_on: date

    def serves(self, on: date) -> bool:
        """Whether this version is in force on a date."""
        ended = self.item.ended_on
        return self.item.started_on <= on and (ended is None or on < ended)


@dataclass(frozen=True, slots=True)
class Part:
    """An item as it is billed for a period; ``sets_up`` bills its setup fee along with it.

    ``net`` is what discounts leave of its price, ``by`` the discounts that are in force.
    """

    price: Price
    quantity: int
    extra_id: UUID | None = None
    sets_up: bool = False
    net: NetPrice | None = None
    by: tuple[UUID, ...] = ()

    @property
    def shape(self) -> tuple[object, ...]:
        """What its lines depend on, beside the period."""
        return (self.price.id, self.quantity, self.extra_id, self.sets_up, self.by)


def load_extras(unit: Work, subscription_ids: Iterable[UUID]) -> dict[UUID, tuple[Extra, ...]]:
    """Read the versions of all items beside the first that are, were or will be served."""
    table = subscription_items.c
    rows = unit.session.execute(
        select(*_ITEM)
        .where(
            table.merchant_id == unit.merchant_id,
            table.subscription_id.in_(sorted(set(subscription_ids))),
            table.extra_id.is_not(None),
            table.ended_on.is_(None) | (table.ended_on > table.started_on),
        )
        .order_by(table.subscription_id, table.extra_id, table.started_on)
    )
    found: dict[UUID, list[Extra]] = {}
    items = [Item(**row._mapping) for row in rows]
    for _, versions in groupby(items, key=lambda item: item.extra_id):
        listed = list(versions)
        found.setdefault(listed[0].subscription_id, []).extend(
            Extra(item, listed[0].started_on) for item in listed
        )
    return {subscription: tuple(extras) for subscription, extras in found.items()}


def parts_on(
    extras: Sequence[Extra],
    prices: dict[UUID, Price],
    *,
    first: Price,
    quantity: int,
    on: date,
    first_paid: date,
    grants: Sequence[Granted] = (),
) -> tuple[Part, ...]:
    """Say what is billed of a subscription for the period that begins on a date.

    A setup fee goes with the first period that is paid for, or with the period an item begins in;
    of what is added in mid-period the change's own invoice has it.
    """
    opens = on == first_paid
    parts = (
        Part(first, quantity, sets_up=opens),
        *(
            Part(
                prices[one.item.price_id],
                one.item.quantity,
                one.item.extra_id,
                sets_up=opens or one.begun_on == on,
            )
            for one in extras
            if one.serves(on)
        ),
    )
    by = tuple(one.id for one in grants if one.lowers(on))
    if not by:
        return parts
    nets = net_of_all([priced(part.price, part.quantity) for part in parts], grants, on)
    return tuple(replace(part, net=net, by=by) for part, net in zip(parts, nets, strict=True))


def without_setup_again(
    unit: Work, subscription_id: UUID, parts: tuple[Part, ...], *, voided: Sequence[UUID] = ()
) -> tuple[Part, ...]:
    """Leave out the setup fees that stand on an invoice: a first period may be billed anew.

    Args:
        voided: invoices that are as good as void.
    """
    if not any(part.sets_up and part.price.setup_amount for part in parts):
        return parts
    line, inv = invoice_lines.c, invoices.c
    rows = unit.session.execute(
        select(line.extra_id)
        .join(invoices, (inv.merchant_id == line.merchant_id) & (inv.id == line.invoice_id))
        .where(
            inv.merchant_id == unit.merchant_id,
            inv.subscription_id == subscription_id,
            inv.status != "void",
            inv.id.not_in(voided),
            line.kind == "setup",
        )
    )
    charged = set(rows.scalars())
    return tuple(
        replace(part, sets_up=part.sets_up and part.extra_id not in charged) for part in parts
    )


def prices_of_items(
    extras: Iterable[Extra], on: date, *, without: UUID | None = None
) -> list[set[UUID]]:
    """The prices each item beside the first has on a date or will have; of ``without`` none."""
    found: dict[UUID | None, set[UUID]] = {}
    for one in extras:
        if one.item.extra_id != without and (one.item.ended_on is None or one.item.ended_on > on):
            found.setdefault(one.item.extra_id, set()).add(one.item.price_id)
    return list(found.values())


def priced(price: Price, quantity: int) -> Priced:
    """Price a quantity for one whole period, rounded: what discounts lower is a line (R46)."""
    found = price.terms.priced(quantity)
    return Priced(price.plan_id, found.amount(price.currency), found.derivation)


def part_lines(
    parts: Sequence[Part], *, period: Period, anchor: Anchor, interval: Interval
) -> tuple[DraftLine, ...]:
    """Bill a period of all items: a line each, and the setup fees that go with it."""
    lines = []
    for part in parts:
        lines.append(
            period_line(
                name=part.price.name,
                price_id=part.price.id,
                terms=part.price.terms,
                quantity=part.quantity,
                period=period,
                anchor=anchor,
                interval=interval,
                extra_id=part.extra_id,
                net=part.net,
            )
        )
        if part.sets_up and part.price.setup_amount:
            lines.append(setup_line(part.price, part.extra_id))
    return tuple(lines)


def setup_line(price: Price, extra_id: UUID | None) -> DraftLine:
    """Bill a setup fee, once whatever the quantity; it is not prorated and never given back."""
    return full_line(
        LineKind.SETUP,
        describe(LineKind.SETUP, price.name),
        unit_amount=Money(price.setup_amount, price.currency),
        price_id=price.id,
        extra_id=extra_id,
    )


def put_item(
    unit: Work,
    subscription_id: UUID,
    extra_id: UUID | None,
    *,
    new_id: UUID | None,
    price_id: UUID | None,
    quantity: int,
    on: date,
) -> None:
    """End what there is of an item on a date and begin its next version, or none.

    Versions that would have begun later never will: they end on the day they were to begin.
    """
    table = subscription_items.c
    which = table.extra_id.is_(None) if extra_id is None else table.extra_id == extra_id
    unit.session.execute(
        update(subscription_items)
        .where(
            table.merchant_id == unit.merchant_id,
            table.subscription_id == subscription_id,
            which,
            table.ended_on.is_(None) | (table.ended_on > on),
        )
        .values(ended_on=func.greatest(table.started_on, on))
    )
    if new_id is None or price_id is None:
        return
    row = {
        "merchant_id": unit.merchant_id,
        "id": new_id,
        "subscription_id": subscription_id,
        "extra_id": extra_id,
        "price_id": price_id,
        "quantity": quantity,
        "started_on": on,
        "created_at": unit.now,
    }
    insert_rows(unit.session, subscription_items, [row])


def resumed_id(unit: Work, item_id: UUID, on: date) -> UUID:
    """The id of what goes on after a pause: of the item that stood still, and the day."""
    return unit.derive("item", item_id, "resumed", on)
