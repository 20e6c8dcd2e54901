"""A trial begun with a card: one check of the card, however often the form is sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from lived import ask
from world import START, World

from billing.flows.at_once import subscribe_now
from billing.flows.consents import Mandate
from billing.flows.means import Means
from billing.flows.offers import offer
from billing.tables import mandates, subscriptions
from core.tables import events, messages
from dunning.tables import dunning_cases
from invoices.tables import invoices
from payments.tables import payment_methods, payment_orders

pytestmark = pytest.mark.database

CONSENT = Mandate(text_version="2026-11", text="Boleh ditagih", locale="id", source="127.0.0.1")


def test_a_trial_form_sent_twice_checks_the_card_once(world: World) -> None:
    price = world.plan("coba", 99_000, trial_days=14)
    customer = world.customer("Rina")
    for _ in range(2):
        with world.work() as unit:
            subscribe_now(
                world.engine,
                unit,
                customer_id=customer,
                price_id=price,
                means=Means(card_token=world.desk.card_token(), mandate=CONSENT),
                key="the same form",
            )
    assert len(world.rows(subscriptions)) == len(world.rows(payment_methods)) == 1
    [order] = world.rows(payment_orders)
    assert (order.kind, order.n) == ("check", 1)
    assert [row.ended_at for row in world.rows(mandates)] == [None]
    world.drain()
    assert len(world.desk.book()) == 1


def test_a_sign_up_form_sent_twice_charges_once(world: World) -> None:
    price = world.plan("langsung", 99_000)
    customer = world.customer("Rina")
    for _ in range(2):
        with world.work() as unit:
            subscribe_now(
                world.engine,
                unit,
                customer_id=customer,
                price_id=price,
                means=Means(card_token=world.desk.card_token(), mandate=CONSENT),
                key="the same form",
            )
    [order] = world.rows(payment_orders)
    assert (order.kind, order.n) == ("attempt", 1)


def begun(world: World, card: str = "4811 1111 1111 1114") -> Any:
    """A trial of two weeks begun with a card; the order of the card's check."""
    price = world.plan("coba", 99_000, trial_days=14)
    customer = world.customer("Rina")
    with world.work() as unit:
        subscribe_now(
            world.engine, unit, customer_id=customer, price_id=price, key="a trial",
            means=Means(card_token=world.desk.card_token(card), mandate=CONSENT),
        )  # fmt: skip
    world.drain()
    [order] = world.rows(payment_orders)
    return order


@pytest.mark.parametrize("declined", [False, True])
def test_who_does_not_confirm_the_card_is_told_and_pays_by_another_way(
    world: World, declined: bool
) -> None:
    if declined:
        order = begun(world, "4911 1111 1111 1113")
        world.desk.confirm(order.order_id)
        ask(world, order.order_id)
    else:
        begun(world)  # nobody ever goes to the page where it is confirmed
    world.advance(START + timedelta(days=1))
    world.wait(hours=2)
    world.drain()
    [method] = world.rows(payment_methods)
    because = "declined" if declined else "not_confirmed"
    assert (method.state, method.ended_because) == ("ended", because)
    assert [row.ended_because for row in world.rows(mandates)] == [because]
    [told] = world.rows(events, type="method.ended")
    assert told.payload["because"] == because
    [mail] = world.rows(messages, kind="card.not_saved")
    assert mail.state == "sent"
    assert any("belum tersimpan" in sent.subject for sent in world.mails.sent)

    world.advance(START + timedelta(days=15))
    [invoice] = world.rows(invoices)
    assert (invoice.status, len(world.desk.book())) == ("open", 1)
    [case] = world.rows(dunning_cases)
    assert (case.decline_code, case.decline_class) == ("no_card", "customer_action")
    assert len(world.rows(messages, kind="dunning.payment_failed")) == 1
    with world.work() as unit:
        offer(unit, invoice.id)
    world.drain()
    number = world.order_of(invoice.id)
    world.desk.pay(order_id=number.order_id)
    ask(world, number.order_id)
    world.drain()
    [subscription] = world.rows(subscriptions)
    assert (world.invoice(invoice.id).status, subscription.status) == ("paid", "active")
