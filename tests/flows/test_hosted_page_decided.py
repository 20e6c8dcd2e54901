"""A page whose order went to a person: what he decides, and by which road its money goes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hosted_page import DENIED, ask_around, open_page, order_of, tries_of, visitor
from payers import va_customer
from world import World

from billing.flows.decide import resolve_review
from billing.flows.refund import request_refund, send_due
from ops.doctor import examine, render
from payments.review_kinds import Decision
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


def called_failed(world: World, times: int = 1) -> Any:
    """A card is refused on a page; the status names another amount; a person says: no money."""
    order = open_page(world, va_customer(world), "qris")
    visitor(order).card(DENIED)
    world.desk.confirm(order.order_id)
    world.desk.fault("status", "wrong_amount", amount=98_000, order_id=order.order_id, times=times)
    ask_around(world, minutes=5)
    assert order_of(world, order.id).state == "review"
    decide(world, "failed")
    return order


def decide(world: World, decision: Decision) -> None:
    [matter] = world.rows(reviews, closed_at=None)
    with world.work() as unit:
        resolve_review(unit, matter.id, decision=decision, reason="seen in the portal")


@pytest.mark.parametrize("times", [1, 9])
def test_a_page_that_a_person_calls_failed_is_open_until_nobody_can_pay_on_it(
    world: World, times: int
) -> None:
    order = called_failed(world, times)
    ask_around(world, minutes=5)
    seen = order_of(world, order.id)
    assert (seen.state, seen.abandoning) == ("pending", True)
    assert visitor(order).state() == "open", "what was chosen on it before keeps it open"
    assert world.rows(reviews, closed_at=None) == []
    world.advance(seen.page_until + timedelta(minutes=20))
    ask_around(world)
    assert order_of(world, order.id).state == "failed"
    assert visitor(order).state() != "open"
    assert world.rows(payments) == []
    healthy(world)


def test_who_pays_before_the_page_is_over_is_booked_once(world: World) -> None:
    order = called_failed(world)
    page = visitor(order)
    page.change_mind()
    page.choose("other_qris")
    world.desk.pay(order_id=order.order_id)
    ask_around(world, minutes=5)
    assert order_of(world, order.id).state == "paid"
    [payment] = world.rows(payments)
    assert (payment.amount, payment.channel) == (order.amount, "qris")
    healthy(world)


def test_another_amount_that_was_paid_there_is_asked_about_again(world: World) -> None:
    order = called_failed(world)
    page = visitor(order)
    page.change_mind()
    page.choose("other_qris")
    world.desk.pay(order_id=order.order_id)
    world.desk.fault("status", "wrong_amount", amount=98_000, order_id=order.order_id)
    ask_around(world, minutes=5)
    assert order_of(world, order.id).state == "review"
    decide(world, "paid")
    assert order_of(world, order.id).state == "paid"
    healthy(world)
