"""A push that the payer or his wallet refused: noted, told, and not taken for one that ran out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from world import World, subscribe

from billing.flows import charge
from billing.flows.offers import offer
from billing.flows.reconcile import resolve_due
from billing.service import update_customer
from core.tables import events
from ops.doctor import examine, render
from payments.service import set_channel
from payments.tables import payment_orders

pytestmark = pytest.mark.database


def pushed(world: World, channel: str, phone: str = "0812-3456-7890") -> Any:
    """What a payer chose, as the gateway has answered it."""
    price, customer = world.plan("plan", 99_000), world.customer("Dewi")
    with world.work() as unit:
        update_customer(unit, customer, {"phone": phone})
        set_channel(unit, channel, enabled=True)
        set_channel(unit, "bca_va", enabled=False)
        made = subscribe(unit, customer_id=customer, price_id=price, collection="invoice")
    assert made.invoice_id is not None
    with world.work() as unit:
        order = offer(unit, made.invoice_id, channel)
    charge.send_one(world.engine, world.merchant_id, order)
    return row(world, order)


def row(world: World, order: UUID) -> Any:
    return world.rows(payment_orders, id=order)[0]


def ends(world: World, order: Any) -> Any:
    """No notification arrives; the reaper asks."""
    world.advance(world.clock_at() + timedelta(seconds=70))
    world.wait(hours=1)
    resolve_due(world.engine, world.merchant_id)
    return row(world, order.id)


def told(world: World) -> list[tuple[str, dict[str, Any]]]:
    found = [one for one in world.rows(events) if one.type.startswith("instrument.")]
    return [(one.type, one.payload) for one in found if one.type != "instrument.offered"]


#  the sandbox's phone   code   class
OVO = [("0827-1939-753", "17", "customer_action"), ("0824-2014-881", "26", "technical")]


@pytest.mark.parametrize(("phone", "code", "klass"), OVO)
def test_ovo_that_was_refused_on_the_phone_is_told_with_its_code(
    world: World, phone: str, code: str, klass: str
) -> None:
    order = ends(world, pushed(world, "ovo", phone))
    assert (order.state, order.code, order.decline_class) == ("failed", code, klass)
    [(kind, payload)] = told(world)
    assert kind == "instrument.refused"
    assert (payload["channel"], payload["code"], payload["class"]) == ("ovo", code, klass)
    report = examine(world.engine.db, world.machine.at)
    assert not report.broken, render(report)


def test_ovo_that_nobody_answered_ran_out_and_was_not_refused(world: World) -> None:
    order = ends(world, pushed(world, "ovo", "0824-2974-268"))
    assert (order.state, order.decline_class) == ("failed", None)
    assert [kind for kind, _ in told(world)] == ["instrument.expired"]


@pytest.mark.parametrize("channel", ["gopay", "shopeepay", "dana"])
def test_a_wallet_that_refused_in_its_app_is_told(world: World, channel: str) -> None:
    order = pushed(world, channel)
    world.desk.control("POST", "fail", order_id=order.order_id)
    order = ends(world, order)
    assert (order.state, order.code, order.decline_class) == ("failed", "202", "soft")
    [(kind, payload)] = told(world)
    assert (kind, payload["class"]) == ("instrument.refused", "soft")
