"""A trial begun with a card: one check of the card, however often the form is sent."""

from __future__ import annotations

import pytest
from world import World

from billing.flows.at_once import Means, subscribe_now
from billing.flows.consents import Mandate
from billing.tables import mandates, subscriptions
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
