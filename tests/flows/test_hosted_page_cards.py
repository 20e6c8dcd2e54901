"""A card that is entered on a hosted page with a consent: kept, charged later, or never brought."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from builders import CONSENT
from hosted_page import ask_around, open_page, order_of, told, tries_of, visitor
from payers import receive, status_body, va_customer
from world import START, World

from billing.flows.at_once import pay_invoice, press_first, subscribe_now
from billing.flows.hold_wishes import wish_review
from billing.flows.means import Means
from billing.flows.one_order import ask_now, withdraw_order
from billing.tables import mandates, subscriptions
from core.errors import Conflict
from invoices.tables import invoices
from ops.doctor import examine, render
from payments.service import set_channel
from payments.tables import payment_methods, payment_orders, reviews

pytestmark = pytest.mark.database


@pytest.fixture(autouse=True)
def _whole(world: World) -> Any:
    """Every test ends with books and states that agree."""
    yield
    report = examine(world.engine.db, world.machine.at)
    assert not report.broken, render(report)


def signed_up(world: World, **terms: Any) -> Any:
    """A customer subscribes on the page with a consent: the subscription."""
    price = world.plan("pro", 99_000, **terms)
    customer = world.customer("Sari")
    with world.work() as unit:
        set_channel(unit, "snap", enabled=True)
        set_channel(unit, "qris", enabled=True)
        made = subscribe_now(
            world.engine, unit, customer_id=customer, price_id=price, key="sign-up",
            means=Means(channel="snap", mandate=CONSENT),
        )  # fmt: skip
    press_first(world.engine, world.merchant_id, made.subscription.id)
    return made


def test_a_sign_up_on_the_page_is_renewed_with_the_card_that_was_kept(world: World) -> None:
    made = signed_up(world)
    order = world.order_of(made.invoice_id)
    assert (order.channel, order.state) == ("snap", "pending")
    assert world.rows(subscriptions)[0].status == "incomplete"
    visitor(order).card(save_card="1")
    world.desk.confirm(order.order_id)
    ask_around(world)
    [subscription] = world.rows(subscriptions)
    [method] = world.rows(payment_methods)
    assert (subscription.status, method.state) == ("active", "active")
    assert subscription.payment_method_id == method.id
    world.advance(subscription.next_at + timedelta(days=1))
    newest = max(world.rows(invoices), key=lambda row: row.issued_at)
    assert (newest.status, newest.kind) == ("paid", "period")
    [pulled] = world.rows(payment_orders, invoice_id=newest.id)
    assert (pulled.channel, pulled.initiated_by, pulled.payment_method_id) == (
        "card", "merchant", method.id,
    )  # fmt: skip


def test_a_sign_up_that_nobody_finished_on_the_page_leaves_nothing_behind(world: World) -> None:
    made = signed_up(world)
    world.advance(START + timedelta(days=4))
    assert world.order_of(made.invoice_id).state == "failed"
    assert world.rows(subscriptions)[0].status == "canceled"
    assert [row.state for row in world.rows(payment_methods)] == ["ended"]
    assert all(row.ended_at is not None for row in world.rows(mandates))


def test_a_trial_does_not_begin_on_the_page(world: World) -> None:
    with pytest.raises(Conflict) as refused:
        signed_up(world, trial_days=14)
    assert refused.value.code == "page_needs_a_payment"
    assert not world.rows(subscriptions)


def test_a_page_for_keeping_a_card_is_not_mixed_with_another(world: World) -> None:
    invoice = va_customer(world)
    open_page(world, invoice)
    with world.work() as unit, pytest.raises(Conflict) as refused:
        pay_invoice(
            world.engine, unit, invoice, Means(channel="snap", mandate=CONSENT), key="other"
        )
    assert refused.value.code == "page_open"


def test_a_card_paid_on_a_page_and_charged_back_is_owed_again(world: World) -> None:
    invoice = va_customer(world)
    order = open_page(world, invoice)
    visitor(order).card()
    world.desk.confirm(order.order_id)
    ask_around(world)
    assert world.invoice(invoice).status == "paid"
    for happened in ("settle", "chargeback"):
        world.desk.control("POST", happened, order_id=order.order_id)
        receive(world, status_body(world, order.order_id))
        told(world)
    assert order_of(world, order.id).state == "reversed"
    assert (world.invoice(invoice).status, world.invoice(invoice).due_amount) == ("open", 99_000)


def questioned(world: World) -> tuple[Any, Any]:
    """A card on a page that the fraud desk questions: its invoice, and its order."""
    invoice = va_customer(world)
    order = open_page(world, invoice, "bni_va")
    visitor(order).card("5510111111111115")
    world.desk.confirm(order.order_id)
    ask_around(world, minutes=5)
    return invoice, order_of(world, order.id)


def decided(world: World, order: Any, *, accept: bool) -> Any:
    """A person decides, and the gateway is told."""
    with world.work() as unit:
        wish_review(unit, order.id, accept=accept, reason="called the customer")
    ask_now(world.engine, world.merchant_id, order.id)
    return order_of(world, order.id)


def test_a_card_on_a_page_that_is_questioned_waits_for_a_person(world: World) -> None:
    invoice, order = questioned(world)
    assert (order.state, order.held) == ("pending", "challenge")
    assert [one.kind for one in world.rows(reviews)] == ["fraud_challenge"]
    ask_around(world, minutes=5)
    assert decided(world, order, accept=True).state == "paid"
    assert world.invoice(invoice).status == "paid"
    assert all(one.closed_at is not None for one in world.rows(reviews))


def test_a_questioned_card_that_a_person_refuses_leaves_the_page_to_the_payer(
    world: World,
) -> None:
    invoice, order = questioned(world)
    refused = decided(world, order, accept=False)
    assert (refused.state, refused.held, refused.wish) == ("pending", None, None)
    assert all(one.closed_at is not None for one in world.rows(reviews))
    visitor(order).choose("bni_va")
    world.desk.pay(order_id=order.order_id)
    ask_around(world)
    assert world.invoice(invoice).status == "paid"


def test_a_questioned_card_is_let_go_when_its_order_is_ended(world: World) -> None:
    _, order = questioned(world)
    with world.work() as unit:
        withdraw_order(unit, order.id)
    ask_now(world.engine, world.merchant_id, order.id)
    assert [one["status"] for one in tries_of(world, order.order_id)] == ["cancel"]
    world.advance(START + timedelta(hours=2))
    assert order_of(world, order.id).state == "failed"
