"""A question and its answer: where another outcome was written in between, it is asked again.

Two workers may ask about one order, and the answer that left first may come last. What it says was
true once; an order that has been closed since is only moved by what is true now.

An order of which the gateway has told is there. Where it says later that there is none, it is asked
again; where it goes on saying so, a person looks.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from billing.engine import Engine
from billing.flows.orders import OPEN, record_steps
from billing.flows.reviews import close_if_open, open_review
from billing.flows.settle import OVERTAKEN, settle
from core.actor import system
from core.work import Work
from payments.gateway import Answer, Gateway
from payments.tables import payment_order_steps, payment_orders

LOG = logging.getLogger("tagihan.asking")

# An order is closed, paid and reversed at most once each: more tries than it has ways to go.
_TRIES: Final = 4

# Why the history of an order that the gateway has told of takes a step without going anywhere.
_MISSED: Final = "the gateway does not find it"
_FOUND: Final = "the gateway finds it again"
# So many quarantines after it was first missed a person looks (with the default: six hours).
_LOOK_AFTER: Final = 12


def settle_asked(
    engine: Engine,
    merchant_id: UUID,
    gateway: Gateway,
    order_id: str,
    answer: Answer,
    *,
    asked_in: str,
    because: str,
    wire: str | None = None,
    send: int | None = None,
) -> str:
    """Settle what the gateway answered; returns the state, as `billing.flows.settle.settle` does.

    Args:
        asked_in: the order's state when the question, or the charge, left.
        wire: the id by which the gateway knows it, where that is not our own.
        send: the number of the send that the answer belongs to.
    """
    state = settle(
        engine, merchant_id, order_id, answer, because=because, send=send, asked_in=asked_in
    )
    tries = 0
    while state == OVERTAKEN and tries < _TRIES:
        tries += 1
        asked_in = _state(engine, merchant_id, order_id)
        answer = gateway.status(wire or order_id)
        state = settle(
            engine, merchant_id, order_id, answer, because="asked again", asked_in=asked_in
        )
    if state == OVERTAKEN:
        LOG.error("an order moves faster than it can be asked about", extra={"order_id": order_id})
    return state


def note_silence(engine: Engine, merchant_id: UUID, order_id: UUID, answer: Answer) -> None:
    """Keep since when the gateway does not find an order of which it told; ask a person in time.

    Args:
        order_id: our row's.
        answer: what was said now, or last; one that was lost says nothing.
    """
    if answer.status in ("unknown", "duplicate", "not_sent", "refused"):
        return
    missed = answer.status == "not_found"
    with engine.work(merchant_id, system("ask")) as unit:
        since = _missed_since(unit, order_id)
        if not missed and since is None:
            return
        order = unit.session.execute(
            select(payment_orders)
            .where(payment_orders.c.merchant_id == merchant_id, payment_orders.c.id == order_id)
            .with_for_update()
        ).one()
        if order.state not in OPEN:
            close_if_open(unit, "order_missing", order_id, f"decided: {order.state}")
        elif not missed:
            record_steps(unit, [(order_id, order.state, order.state, _FOUND, answer.raw)])
            close_if_open(unit, "order_missing", order_id, _FOUND)
        elif since is None:
            record_steps(unit, [(order_id, order.state, order.state, _MISSED, answer.raw)])
        else:
            patience = timedelta(seconds=engine.settings.quarantine_seconds) * _LOOK_AFTER
            if unit.real_now - since >= patience:
                detail = {"order_id": order.order_id, "amount": order.amount}
                open_review(unit, "order_missing", "payment_order", order_id, detail)


def _missed_since(unit: Work, order_id: UUID) -> datetime | None:
    """When the newest step of an order was, where that is that the gateway does not find it."""
    c = payment_order_steps.c
    newest = unit.session.execute(
        select(c.because, c.at)
        .where(c.merchant_id == unit.merchant_id, c.payment_order_id == order_id)
        .order_by(c.at.desc(), c.id.desc())
        .limit(1)
    ).one_or_none()
    if newest is None or newest.because != _MISSED:
        return None
    since: datetime = newest.at
    return since


def _state(engine: Engine, merchant_id: UUID, order_id: str) -> str:
    with engine.work(merchant_id, system("ask")) as unit:
        return str(
            unit.session.execute(
                select(payment_orders.c.state).where(
                    payment_orders.c.merchant_id == merchant_id,
                    payment_orders.c.order_id == order_id,
                )
            ).scalar_one()
        )
