"""Finding out: orders whose outcome is not known are asked about until it is.

A time-out is never a failure, and "no such order" is no proof that nothing happened: the same order
is sent again only after a quarantine, and only where nobody has to be present for it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, or_, select, update

from billing.engine import Engine
from billing.flows.charge import Leased, build_request, exchange
from billing.flows.orders import record_steps
from billing.flows.settle import settle
from core.actor import system
from payments.gateway import Answer, Gateway
from payments.order_ids import idempotency_key
from payments.tables import payment_orders

BATCH = 64
PARALLEL = 16


def resolve_due(engine: Engine, merchant_id: UUID, limit: int = BATCH) -> int:
    """Ask the gateway about orders whose lease ran out or whose next question is due."""
    with engine.work(merchant_id, system("reconcile")) as unit:
        gateway = engine.gateways.of(unit.merchant)
        c = payment_orders.c
        rows = unit.session.execute(
            select(payment_orders)
            .where(
                c.merchant_id == merchant_id,
                or_(
                    and_(c.state.in_(("sent", "unknown", "pending")), c.next_at <= unit.real_now),
                    and_(c.state == "pending", c.expires_at <= unit.now),
                ),
            )
            .order_by(c.next_at, c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        if not rows:
            return 0
        # Another reaper leaves these alone for as long as our question may take.
        until = unit.real_now + timedelta(seconds=engine.settings.lease_seconds)
        unit.session.execute(
            update(payment_orders)
            .where(c.merchant_id == merchant_id, c.id.in_([row.id for row in rows]))
            .values(next_at=until, polls=c.polls + 1)
        )
        # One whose time is up is asked about once for that; then the polls go on by themselves.
        unit.session.execute(
            update(payment_orders)
            .where(
                c.merchant_id == merchant_id,
                c.id.in_([row.id for row in rows]),
                c.state == "pending",
                c.expires_at <= unit.now,
            )
            .values(expires_at=None)
        )
        real_now = unit.real_now
    old = timedelta(seconds=engine.settings.quarantine_seconds)
    work = [
        (row, row.first_sent_at is not None and real_now - row.first_sent_at >= old) for row in rows
    ]
    if len(work) == 1:
        resolve_one(engine, merchant_id, gateway, *work[0])
    else:
        with ThreadPoolExecutor(min(PARALLEL, len(work))) as pool:
            list(pool.map(lambda w: resolve_one(engine, merchant_id, gateway, *w), work))
    return len(rows)


def resolve_one(
    engine: Engine, merchant_id: UUID, gateway: Gateway, order: Row[Any], quarantined: bool
) -> str:
    """Ask about one order and act on the answer; returns the state it is in afterwards."""
    answer = gateway.status(order.order_id)
    if order.abandoning and answer.status in ("pending", "authorized"):
        answer = _end(gateway, order)
    if answer.status != "not_found" or not quarantined:
        return settle(engine, merchant_id, order.order_id, answer, because="status asked")
    if order.abandoning or (order.channel == "card" and order.initiated_by == "customer"):
        # The payer was present then and is not now. Nobody can finish it, so it ends here; should
        # it surface after all, `settle` books it: a late truth is still accepted.
        gone = Answer("failed", code="404", message="never reached the gateway")
        return settle(engine, merchant_id, order.order_id, gone, because="quarantine over")
    again = _lease_again(engine, merchant_id, order)
    if again is not None:
        exchange(engine, merchant_id, gateway, again)
    return "sent"


def _end(gateway: Gateway, order: Row[Any]) -> Answer:
    """Cancel or expire an order nobody wants any more, then believe only its status."""
    key = idempotency_key(order.order_id, "end", order.polls + 1)
    if order.kind == "instrument":
        gateway.expire(order.order_id, idempotency_key=key)
    else:
        gateway.cancel(order.order_id, idempotency_key=key)
    return gateway.status(order.order_id)


def _lease_again(engine: Engine, merchant_id: UUID, order: Row[Any]) -> Leased | None:
    """Commit that the same order is being sent once more, under a new idempotency key."""
    with engine.work(merchant_id, system("reconcile")) as unit:
        c = payment_orders.c
        until = unit.real_now + timedelta(seconds=engine.settings.lease_seconds)
        row = unit.session.execute(
            update(payment_orders)
            .where(
                c.merchant_id == merchant_id,
                c.id == order.id,
                c.state.in_(("sent", "unknown")),
                c.sends == order.sends,
            )
            .values(state="sent", sends=c.sends + 1, lease_until=until, next_at=until)
            .returning(c.id)
        ).one_or_none()
        if row is None:
            return None
        record_steps(unit, [(order.id, order.state, "sent", f"send {order.sends + 1}", None)])
        request = build_request(engine, unit, order.id)
        return Leased(order.order_id, request, order.sends + 1, ask_first=False)
