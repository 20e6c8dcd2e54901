"""A page of the gateway's in doubt: lost answers, a number not found once, two tries that are paid."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hosted_page import ask_around, open_page, order_of, told, visitor
from payers import receive, renewal, status_body, va_customer
from world import World

from billing.flows.hold_wishes import wish_review
from billing.flows.one_order import ask_now
from payments.tables import payments, reviews

pytestmark = pytest.mark.database


def test_money_for_an_older_try_is_seen_when_its_news_come(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number was taken, then a QR, which is paid and booked; then the number is paid too."""
    invoice = va_customer(world)
    order = open_page(world, invoice, "bni_va", "qris")
    page = visitor(order)
    page.choose("bni_va")
    ask_around(world)
    number = status_body(world, order.order_id)
    page.change_mind()
    page.choose("other_qris")
    world.desk.pay(order_id=order.order_id)
    ask_around(world)
    [payment] = world.rows(payments)
    assert payment.channel == "qris"
    with world.work() as unit:
        gateway = world.engine.gateways.of(unit.merchant)
    newest = gateway.status(order.order_id)
    older = replace(
        newest,
        transaction_id=number["transaction_id"],
        channel="bni_va",
        payment_type="bank_transfer",
    )
    real = gateway.status
    monkeypatch.setattr(
        gateway, "status", lambda one: older if one == older.transaction_id else real(one)
    )

    body = {**number, "transaction_status": "settlement", "status_code": "200"}
    text = body["order_id"] + "200" + body["gross_amount"] + world.desk.server_key
    body["signature_key"] = hashlib.sha512(text.encode()).hexdigest()
    assert receive(world, body) == "new"
    told(world)
    assert [one.kind for one in world.rows(reviews)] == ["answer_differs"], (
        "the second payment is booked nowhere and nobody is told"
    )


def questioned(world: World) -> Any:
    """A card on a page that the fraud desk questions."""
    order = open_page(world, va_customer(world))
    visitor(order).card("5510111111111115")
    world.desk.confirm(order.order_id)
    ask_around(world, minutes=5)
    seen = order_of(world, order.id)
    assert seen.held == "challenge"
    return seen


@pytest.mark.parametrize("trouble", ["500_before", "drop_before", "404_on_status"])
def test_one_lost_answer_does_not_forget_what_a_page_holds(world: World, trouble: str) -> None:
    order = questioned(world)
    world.desk.fault("status", trouble, times=2)
    ask_around(world, hours=1)
    world.desk.control("DELETE", "faults")
    ask_around(world, hours=6)
    seen = order_of(world, order.id)
    [matter] = world.rows(reviews)
    assert (seen.held, matter.closed_at) == ("challenge", None), (seen.held, matter.resolution)


def test_one_lost_answer_does_not_forget_what_a_person_decided(world: World) -> None:

    order = questioned(world)
    with world.work() as unit:
        wish_review(unit, order.id, accept=True, reason="a customer of old")
    world.desk.fault("status", "500_before", times=2)
    ask_now(world.engine, world.merchant_id, order.id)
    for _ in range(4):
        ask_around(world, minutes=30)
    seen = order_of(world, order.id)
    assert seen.state == "paid", "the approval was forgotten, and nobody is asked again"


def test_one_404_does_not_end_a_number_that_was_taken_on_a_page(world: World) -> None:
    """The number waits for a day, the page for an hour; in between one status stumbles."""

    invoice = renewal(world, "Sari")
    order = open_page(world, invoice, "bni_va")
    visitor(order).choose("bni_va")
    ask_around(world, minutes=10)
    assert order_of(world, order.id).transaction_id is not None

    world.advance(world.clock_at() + timedelta(hours=1, minutes=20))
    assert order_of(world, order.id).state == "pending"
    world.desk.fault("status", "404_on_status", times=2)
    ask_around(world, hours=7)
    world.desk.control("DELETE", "faults")
    assert order_of(world, order.id).state == "pending", "the number can be paid still"
    world.desk.pay(order_id=order.order_id)
    ask_around(world)
    assert order_of(world, order.id).state == "paid"
