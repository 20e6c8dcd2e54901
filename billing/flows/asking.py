"""A question and its answer: where another outcome was written in between, it is asked again.

Two workers may ask about one order, and the answer that left first may come last. What it says was
true once; an order that has been closed since is only moved by what is true now.
"""

from __future__ import annotations

import logging
from typing import Final
from uuid import UUID

from sqlalchemy import select

from billing.engine import Engine
from billing.flows.settle import OVERTAKEN, settle
from core.actor import system
from payments.gateway import Answer, Gateway
from payments.tables import payment_orders

LOG = logging.getLogger("tagihan.asking")

# An order is closed, paid and reversed at most once each: more tries than it has ways to go.
_TRIES: Final = 4


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
