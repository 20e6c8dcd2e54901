"""Orders that are to be sent: found, locked in the order of the house, and marked as sent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, select, update

from billing.engine import Engine
from billing.flows.pace import Leave, is_paced, read_budget, take
from billing.tables import customers, mandates
from core.work import Work
from invoices.tables import invoices
from payments.breaker import Operation, sending
from payments.budget import LONGEST_WAIT, Lane
from payments.channels import HOSTED
from payments.tables import payment_methods, payment_orders

# What sends an order, by the host that it is sent to.
_SENDS: Final = (Operation.CHARGE, Operation.PAGE)
_BELL: Final = "order.send"


def due_orders(
    engine: Engine, unit: Work, limit: int, only: UUID | None
) -> tuple[Sequence[Row[Any]], Lane]:
    """Orders whose turn it is, locked: those that a person waits for before all others.

    Those for a host that is left alone do not stand before those for another.
    """
    c = payment_orders.c
    if only is not None:
        return _claim(unit, 1, c.id == only, waits=True), Lane.PERSON
    elsewhere = _not_to(_left_alone(engine, unit))
    waited_for = (c.initiated_by == "customer") & (c.kind != "instrument")
    people = _claim(unit, limit, waited_for, *elsewhere)
    if people:
        return people, Lane.PERSON
    return _claim(unit, limit, *elsewhere), Lane.WORK


def _left_alone(engine: Engine, unit: Work) -> set[Operation]:
    """Hosts that are not called at this moment; the bell is rung again for what waits for them."""
    if not is_paced(engine, unit):
        return set()
    budget, now = read_budget(unit), unit.real_now
    stopped = {one for one in _SENDS if not budget.breaker(one).allowed(1, now)}
    for one in stopped:
        again_at = max(now, budget.breaker(one).again_at(now))
        unit.ring_later(_BELL, min(again_at, now + LONGEST_WAIT))
    return stopped


def _not_to(stopped: Collection[Operation]) -> list[ColumnElement[bool]]:
    """Leave out what goes to one host; all is listed where none of them is called."""
    if len(stopped) != 1:
        return []
    hosted = payment_orders.c.channel.in_(sorted(HOSTED))
    return [~hosted if Operation.PAGE in stopped else hosted]


def take_places(
    engine: Engine, unit: Work, lane: Lane, rows: Sequence[Row[Any]], cost: int, *, more: bool
) -> tuple[Leave, list[Row[Any]]]:
    """Take calls for orders, each at its own host; the rows that may be sent now.

    Args:
        cost: calls that each may make.
        more: there is more of this work than is listed.
    """
    leaves, allowed = [], []
    for operation in _SENDS:
        mine = [row for row in rows if sending(row.channel) is operation]
        if not mine:
            continue
        costs = [cost] * len(mine)
        leave = take(engine, unit, operation, lane, costs, bell=_BELL, more=more)
        leaves.append(leave)
        allowed += mine[: leave.count]
    if not leaves:
        return Leave(0, paced=False), []
    together = Leave(
        sum(one.count for one in leaves),
        lane,
        sum(one.calls for one in leaves),
        all(one.calm for one in leaves),
        leaves[0].paced,
        min((one.again_at for one in leaves if one.again_at is not None), default=None),
    )
    return together, allowed


def _claim(
    unit: Work, limit: int, *which: ColumnElement[bool], waits: bool = False
) -> Sequence[Row[Any]]:
    """Lock orders that are to be sent, and their invoices before them.

    An invoice in somebody's hands may be due for less in a moment: its order is left for later,
    or waited for where a caller ``waits``.
    """
    c, own = payment_orders.c, invoices.c
    due = (c.merchant_id == unit.merchant_id, c.state == "created", c.next_at <= unit.real_now)
    found = unit.session.execute(
        select(c.id, c.invoice_id).where(*due, *which).order_by(c.next_at, c.id).limit(limit)
    ).all()
    held = set(
        unit.session.execute(
            select(own.id)
            .where(own.merchant_id == unit.merchant_id, own.id.in_({row[1] for row in found}))
            .order_by(own.id)
            .with_for_update(read=True, skip_locked=not waits)
        ).scalars()
    )
    ready = [row.id for row in found if row.invoice_id is None or row.invoice_id in held]
    return unit.session.execute(
        orders_with_facts()
        .where(*due, c.id.in_(ready))
        .order_by(c.next_at, c.id)
        .with_for_update(of=payment_orders, skip_locked=True)
    ).all()


def orders_with_facts() -> Select[Any]:
    """Orders with what their request is written from."""
    return select(
        payment_orders,
        invoices.c.status.label("invoice_status"),
        invoices.c.due_amount,
        invoices.c.number,
        customers.c.name,
        customers.c.email,
        customers.c.phone,
        invoices.c.due_on,
    ).select_from(
        payment_orders.outerjoin(
            invoices,
            (invoices.c.merchant_id == payment_orders.c.merchant_id)
            & (invoices.c.id == payment_orders.c.invoice_id),
        ).join(
            customers,
            (customers.c.merchant_id == payment_orders.c.merchant_id)
            & (customers.c.id == payment_orders.c.customer_id),
        )
    )


def is_moot(row: Row[Any], now: datetime) -> bool:
    """Whether an order was withdrawn, or its invoice is not due for its amount any more.

    A page is not opened once its time is up: nobody waits for it any longer.
    """
    if row.abandoning or (row.page_until is not None and row.page_until <= now):
        return True
    if row.invoice_id is None:
        return False
    return bool(row.invoice_status != "open" or row.due_amount != row.amount)


def without_consent(unit: Work, rows: Sequence[Row[Any]]) -> set[UUID]:
    """Charges without the payer that no consent of the order's own customer covers.

    A card may have been withdrawn after its charge was written. Another customer's card is never
    sent, whoever wrote the order.
    """
    pulled = {row.id for row in rows if row.initiated_by == "merchant"}
    if not pulled:
        return pulled
    order, method, given = payment_orders.c, payment_methods.c, mandates.c
    covered = unit.session.execute(
        select(order.id)
        .join(
            payment_methods,
            (method.merchant_id == order.merchant_id)
            & (method.id == order.payment_method_id)
            & (method.customer_id == order.customer_id),
        )
        .join(
            mandates,
            (given.merchant_id == method.merchant_id)
            & (given.payment_method_id == method.id)
            & given.ended_at.is_(None),
        )
        .where(order.merchant_id == unit.merchant_id, order.id.in_(sorted(pulled)))
    )
    return pulled - set(covered.scalars())


def mark_sent(engine: Engine, unit: Work, order_ids: list[UUID]) -> None:
    """Write that these are on their way from now on, under a lease."""
    until = unit.real_now + timedelta(seconds=engine.settings.lease_seconds)
    unit.session.execute(
        update(payment_orders)
        .where(
            payment_orders.c.merchant_id == unit.merchant_id,
            payment_orders.c.id.in_(order_ids),
        )
        .values(
            state="sent",
            sends=payment_orders.c.sends + 1,
            first_sent_at=func.coalesce(payment_orders.c.first_sent_at, unit.real_now),
            last_sent_at=unit.real_now,
            lease_until=until,
            next_at=until,
        )
    )
