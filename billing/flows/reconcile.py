"""Finding out: orders whose outcome is not known are asked about until it is.

A time-out is never a failure, and "no such order" is no proof that nothing happened: the same order
is sent again only after a quarantine, and only where nobody has to be present for it.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, or_, select, update

from billing.engine import Engine
from billing.flows.asking import note_silence, settle_asked
from billing.flows.charge import Leased, build_request, exchange
from billing.flows.holds import fulfil
from billing.flows.hosted import PAGE_CALLS, resolve_page
from billing.flows.orders import record_steps
from billing.flows.pace import take, watched
from billing.flows.recover import ask_first
from billing.flows.settle import is_held, settle
from core.actor import system
from core.work import Work
from invoices.tables import invoices
from payments.breaker import Operation
from payments.budget import Lane
from payments.channels import CHANNELS, may_send_again, wire_id
from payments.gateway import Answer, Gateway
from payments.order_ids import idempotency_key
from payments.tables import payment_orders

LOG = logging.getLogger("tagihan.reconcile")

BATCH = 16

# An order that may be on its way and must not be sent again is asked about this many quarantines
# long (with the default of half an hour: two days) before it is taken as never having arrived.
GIVE_UP = 96


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
        costs = [_calls(engine, row, unit.real_now) for row in rows]
        leave = take(
            engine, unit, Operation.STATUS, Lane.QUESTION, costs,
            bell="order.resolve", more=len(rows) == limit,
        )  # fmt: skip
        rows = rows[: leave.count]
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
    with (
        watched(engine, merchant_id, gateway, leave) as asked,
        ThreadPoolExecutor(len(rows)) as pool,
    ):
        list(
            pool.map(
                lambda row: _resolve_or_log(
                    engine, merchant_id, asked, row, quarantines(engine, row, real_now)
                ),
                rows,
            )
        )
    return len(rows)


def _calls(engine: Engine, order: Row[Any], real_now: datetime) -> int:
    """How many calls resolving an order may take: it may be ended, or sent once more."""
    if CHANNELS[order.channel].is_hosted:
        return PAGE_CALLS if order.abandoning else 2
    if order.abandoning or order.wish is not None:
        return 3
    return 2 if order.state != "pending" and quarantines(engine, order, real_now) else 1


def resolve_now(engine: Engine, merchant_id: UUID, gateway: Gateway, order: Row[Any]) -> None:
    """Ask about one order for a caller who waits; where the pace has no place, the workers do."""
    with engine.work(merchant_id, system("reconcile")) as unit:
        costs = [_calls(engine, order, unit.real_now)]
        leave = take(engine, unit, Operation.STATUS, Lane.PERSON, costs, bell="order.resolve")
    if leave.count:
        with watched(engine, merchant_id, gateway, leave) as asked:
            resolve_one(engine, merchant_id, asked, order, passed=0)


def quarantines(engine: Engine, order: Row[Any], real_now: datetime) -> int:
    """How many quarantines have passed since the order was last sent."""
    since = real_now - (order.last_sent_at or real_now)
    return since // timedelta(seconds=engine.settings.quarantine_seconds)


def resolve_one(
    engine: Engine, merchant_id: UUID, gateway: Gateway, order: Row[Any], passed: int
) -> str:
    """Ask about one order and act on the answer; returns the state it is in afterwards.

    Args:
        passed: quarantines since it was last sent; before the first, "no such order" is no proof.
    """
    if CHANNELS[order.channel].is_hosted:
        return resolve_page(engine, merchant_id, gateway, order)
    wire = wire_id(order.channel, order.order_id, order.transaction_id)
    answer = gateway.status(wire)
    if order.abandoning and (answer.status == "pending" or is_held(order, answer)):
        answer = _end(gateway, order)
    elif order.wish is not None:
        answer = fulfil(engine, merchant_id, gateway, order, answer)
    is_told = order.state == "pending" or order.transaction_id is not None
    if is_told or answer.status != "not_found" or passed < 1:
        # What the gateway has told of is there: that it does not find it now is no news.
        state = settle_asked(
            engine, merchant_id, gateway, order.order_id, answer,
            asked_in=order.state, because="status asked", wire=wire,
        )  # fmt: skip
        if is_told:
            note_silence(engine, merchant_id, order.id, answer)
        return state
    again_later = may_send_again(order.channel, order.initiated_by)
    is_pull = CHANNELS[order.channel].pull and order.initiated_by == "merchant"
    if passed >= GIVE_UP or (not is_pull and (order.abandoning or not again_later)):
        # Where the payer had to be present nobody can finish it any more, so it ends here. A pull
        # could still arrive by itself and is waited for much longer. Should either surface after
        # all, `settle` books it: a late truth is still accepted.
        gone = Answer("failed", code="404", message="never reached the gateway", inferred=True)
        return settle_asked(
            engine, merchant_id, gateway, order.order_id, gone,
            asked_in=order.state, because="quarantine over", wire=wire,
        )  # fmt: skip
    if order.abandoning:
        return settle(engine, merchant_id, order.order_id, answer, because="status asked")
    again = _lease_again(engine, merchant_id, order)
    if again is None:
        return settle(engine, merchant_id, order.order_id, answer, because="not sent again")
    exchange(engine, merchant_id, gateway, again)
    return "sent"


def _resolve_or_log(
    engine: Engine, merchant_id: UUID, gateway: Gateway, order: Row[Any], passed: int
) -> None:
    try:
        resolve_one(engine, merchant_id, gateway, order, passed)
    except Exception:
        # It stays due; the others of its batch are not held up.
        LOG.exception("an order was not resolved", extra={"order_id": order.order_id})


def _end(gateway: Gateway, order: Row[Any]) -> Answer:
    """Cancel or expire an order nobody wants any more, then believe only its status."""
    key = idempotency_key(order.order_id, "end", order.polls + 1)
    name = wire_id(order.channel, order.order_id, order.transaction_id)
    if order.kind == "instrument":
        gateway.expire(name, idempotency_key=key)
    else:
        gateway.cancel(name, idempotency_key=key)
    return gateway.status(name)


def _lease_again(engine: Engine, merchant_id: UUID, order: Row[Any]) -> Leased | None:
    """Commit that the same order is being sent once more, under a new idempotency key.

    Returns None where it is not sent: when its card's token does not open (a person is told), or
    when what it asks for is no longer due; then it is only asked about from now on.
    """
    with engine.work(merchant_id, system("reconcile")) as unit:
        c = payment_orders.c
        this = update(payment_orders).where(c.merchant_id == merchant_id, c.id == order.id)
        if not _still_due(unit, order):
            unit.session.execute(this.values(abandoning=True))
            return None
        request = build_request(engine, unit, order.id)
        if request is None:
            return None
        until = unit.real_now + timedelta(seconds=engine.settings.lease_seconds)
        row = unit.session.execute(
            this.where(
                c.state.in_(("sent", "unknown")),
                c.sends == order.sends,
                c.abandoning.is_(False),
            )
            .values(
                state="sent",
                sends=c.sends + 1,
                last_sent_at=unit.real_now,
                lease_until=until,
                next_at=until,
                in_doubt=True,
            )
            .returning(c.id)
        ).one_or_none()
        if row is None:
            return None
        record_steps(unit, [(order.id, order.state, "sent", f"send {order.sends + 1}", None)])
        careful = order.id in ask_first(engine, unit, [order])
        return Leased(order.order_id, request, order.sends + 1, careful)


def _still_due(unit: Work, order: Row[Any]) -> bool:
    """Whether an order's invoice, locked here, is still open for its amount."""
    if order.invoice_id is None:
        return True
    invoice = unit.session.execute(
        select(invoices.c.status, invoices.c.due_amount)
        .where(invoices.c.merchant_id == unit.merchant_id, invoices.c.id == order.invoice_id)
        .with_for_update()
    ).one()
    return bool(invoice.status == "open" and invoice.due_amount == order.amount)
