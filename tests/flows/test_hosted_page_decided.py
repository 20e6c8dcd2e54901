"""A page whose order went to a person: what he decides, and by which road its money goes back."""

from __future__ import annotations

from typing import Any

import pytest
from hosted_page import ask_around, open_page, tries_of, visitor
from payers import va_customer
from world import World

from billing.flows.decide import resolve_review
from billing.flows.refund import request_refund, send_due
from ops.doctor import examine, render
from payments.tables import payments, refunds, reviews

pytestmark = pytest.mark.database


def healthy(world: World) -> None:
    report = examine(world.engine.db, world.machine.at)
    assert not report.broken, render(report)


def called_paid(world: World) -> Any:
    """A QR is paid on a page; one status names another amount, and a person says that it was paid."""
    order = open_page(world, va_customer(world), "qris")
    visitor(order).choose("other_qris")
    world.desk.pay(order_id=order.order_id)
    world.desk.fault("status", "wrong_amount", amount=98_000, order_id=order.order_id)
    ask_around(world)
    [matter] = world.rows(reviews)
    with world.work() as unit:
        resolve_review(unit, matter.id, decision="paid", reason="seen in the portal")
    [payment] = world.rows(payments)
    assert payment.amount == order.amount, "what was ordered, and not the number that was wrong"
    return order


def test_a_page_that_a_person_calls_paid_keeps_what_it_was_paid_with(world: World) -> None:
    order = called_paid(world)
    [payment] = world.rows(payments)
    assert payment.channel == "qris"
    assert payment.transaction_id == tries_of(world, order.order_id)[-1]["transaction_id"]
    healthy(world)


def test_its_refund_takes_the_road_of_what_it_was_paid_with(world: World) -> None:
    called_paid(world)
    ask_around(world)
    [payment] = world.rows(payments)
    with world.work() as unit:
        made = request_refund(unit, payment.id, None, "requested_by_customer")
    send_due(world.engine, world.merchant_id)
    world.drain()
    [refund] = world.rows(refunds, id=made)
    assert (refund.route, refund.state) == ("refund", "succeeded")
    healthy(world)
