"""A page of the gateway's on which the payer chooses: its tries, its end, and what was paid on it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hosted_page import ask_around, open_page, order_of, tries_of, visitor
from payers import va_customer
from world import START, World

from payments.tables import payment_order_steps, payment_orders, payments

pytestmark = pytest.mark.database


def test_nothing_is_known_of_an_order_until_something_was_chosen(world: World) -> None:
    invoice = va_customer(world)
    order = open_page(world, invoice)
    assert (order.state, order.page_until) == ("pending", START + timedelta(hours=1))
    assert order.instructions["redirect_url"]
    for hours in (1, 5, 25, 24 * 5):
        ask_around(world, hours=hours)
        assert order_of(world, order.id).state == "pending"
    assert order_of(world, order.id).sends == 1


def test_a_denied_card_then_a_number_is_paid_under_one_order(world: World) -> None:
    invoice = va_customer(world)
    order = open_page(world, invoice, "bni_va")
    page = visitor(order)
    page.card("4911111111111113")
    [first] = tries_of(world, order.order_id)
    world.desk.confirm(order.order_id)
    ask_around(world)
    seen = order_of(world, order.id)
    assert (seen.state, seen.transaction_id) == ("pending", first["transaction_id"])
    page.choose("bni_va")
    ask_around(world)
    world.desk.pay(order_id=order.order_id)
    ask_around(world)
    for step in world.rows(payment_order_steps, payment_order_id=order.id):
        print(step.from_state, step.to_state, step.because)
    seen = order_of(world, order.id)
    assert seen.state == "paid"
    [payment] = world.rows(payments)
    assert (payment.channel, payment.status) == ("bni_va", "settled")
    assert world.invoice(invoice).status == "paid"
    print(world.rows(payment_orders))
