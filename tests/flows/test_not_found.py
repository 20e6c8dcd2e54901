"""An order that the gateway has told of, and does not find later: asked again, then by a person."""

from __future__ import annotations

import pytest
from payers import va_customer
from world import World

from billing.flows.decide import resolve_review
from billing.flows.reconcile import resolve_due
from payments.tables import payment_order_steps, payment_orders, reviews

pytestmark = pytest.mark.database


def test_one_404_does_not_end_a_virtual_account_that_waits(world: World) -> None:
    va_customer(world)
    [order] = world.rows(payment_orders)
    assert (order.state, order.channel) == ("pending", "bca_va")
    world.wait(hours=49)
    world.desk.fault("status", "404_on_status", times=1)
    resolve_due(world.engine, world.merchant_id)
    assert world.rows(payment_orders, id=order.id)[0].state == "pending"


def missed(world: World, times: int, hours: int = 49) -> None:
    """Time goes by and the gateway does not find the order, so many times."""
    for _ in range(times):
        world.wait(hours=hours)
        world.desk.fault("status", "404_on_status", times=1)
        resolve_due(world.engine, world.merchant_id)


def test_who_is_missed_again_and_again_is_a_matter_for_a_person(world: World) -> None:
    va_customer(world)
    [order] = world.rows(payment_orders)
    missed(world, 1)
    assert world.rows(reviews) == []
    missed(world, 2)
    [matter] = world.rows(reviews)
    assert (matter.kind, matter.subject_id) == ("order_missing", order.id)
    assert world.rows(payment_orders, id=order.id)[0].state == "pending"
    missed(world, 0)
    world.wait(hours=25)
    resolve_due(world.engine, world.merchant_id)
    [matter] = world.rows(reviews)
    assert matter.closed_at is not None, "it was found again"
    told = [one.because for one in world.rows(payment_order_steps, payment_order_id=order.id)]
    assert "the gateway finds it again" in told
    missed(world, 1)
    assert world.rows(reviews)[0].closed_at is not None, "it is missed anew, once"


def test_a_person_ends_an_order_that_is_gone(world: World) -> None:
    va_customer(world)
    [order] = world.rows(payment_orders)
    missed(world, 2)
    [matter] = world.rows(reviews)
    with world.work() as unit:
        resolve_review(unit, matter.id, decision="failed", reason="not in the dashboard")
    assert world.rows(payment_orders, id=order.id)[0].state == "failed"
    assert world.rows(reviews)[0].closed_at is not None
