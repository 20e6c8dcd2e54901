"""One order on demand: asked about, or taken back, for a caller who waits."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, case, select, update

from billing import queries
from billing.engine import Engine
from billing.flows.charge import drop_moot
from billing.flows.orders import FOR_A_CHARGE, OPEN, TAKEN_BACK, record_steps
from billing.flows.reconcile import resolve_now
from core.actor import system
from core.errors import Conflict, NotFound
from core.work import Work
from payments.tables import payment_orders


def get_order(unit: Work, order_id: UUID) -> Row[Any]:
    """Read an order.

    Raises:
        NotFound: ``payment_order_not_found``.
    """
    row = unit.session.execute(
        select(payment_orders).where(
            payment_orders.c.merchant_id == unit.merchant_id, payment_orders.c.id == order_id
        )
    ).one_or_none()
    if row is None:
        raise NotFound("payment_order_not_found", "there is no such order")
    return row


def withdraw_order(unit: Work, order_id: UUID, *, why: str = "") -> UUID:
    """Want an open order to end; it stays open until the gateway attests that it did.

    A payer who is faster is booked. What is still owed then goes on by the invoice's own plan, and
    nothing is charged at once: a case's next step comes when it was planned, and where no case is
    open an automatic charge comes on the next day at 08:00 where the payer is, or when it was due
    before. An invoice that the customer pays by himself is offered a new number. To end what is
    owed, void or credit the invoice.

    Args:
        why: what a person says of it; kept in the audit trail and in the order's history.

    Raises:
        NotFound: ``payment_order_not_found``.
        Conflict: ``order_not_open``; ``decision_under_way``, where it is being captured, approved
            or denied.
    """
    seen = get_order(unit, order_id)
    queries.lock_customers(unit, [seen.customer_id])
    changed = unit.session.execute(
        update(payment_orders)
        .where(
            payment_orders.c.merchant_id == unit.merchant_id,
            payment_orders.c.id == order_id,
            payment_orders.c.state.in_(OPEN),
            payment_orders.c.wish.is_(None),
        )
        .values(
            abandoning=True,
            next_at=unit.real_now,
            # A charge that waits for this very end is due all the same.
            reason=case((payment_orders.c.reason == FOR_A_CHARGE, FOR_A_CHARGE), else_=TAKEN_BACK),
        )
        .returning(payment_orders.c.id, payment_orders.c.state)
    ).one_or_none()
    if changed is None:
        now = get_order(unit, order_id)
        if now.wish is not None:
            raise Conflict("decision_under_way", f"{now.wish} is under way: ask again in a moment")
        raise Conflict("order_not_open", f"this order is {now.state}")
    unit.ring("order.resolve")
    unit.ring("order.send")
    unit.audit(
        "payment_order.withdraw",
        "payment_order",
        order_id,
        before={"state": seen.state, "abandoning": seen.abandoning},
        after={"abandoning": True, **({"reason": why} if why else {})},
    )
    if why:
        state = changed.state
        record_steps(unit, [(order_id, state, state, f"withdrawn: {why}", None)])
    return order_id


def ask_now(engine: Engine, merchant_id: UUID, order_id: UUID) -> None:
    """Ask the gateway about an order; end it there where that is wanted.

    Calls the gateway: no transaction may be open. What can not be known now the workers find out.
    A paid order is asked about too: it may have settled, or been taken back.
    """
    with engine.work(merchant_id, system("ask")) as unit:
        gateway = engine.gateways.of(unit.merchant)
        order = get_order(unit, order_id)
    if order.state == "created":
        if order.abandoning:
            drop_moot(engine, merchant_id, [order.order_id])
    elif order.state != "review":
        resolve_now(engine, merchant_id, gateway, order)
