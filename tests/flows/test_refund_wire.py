"""Refunds over Midtrans' own wire format: the shipped adapter against the simulator's book."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from builders import CONSENT
from database import Database
from lived import ask as lived_ask
from simulated import running_simulator
from sqlalchemy import Row
from world import START, World, make_world, subscribe

from billing.flows import cards, charge, refund, settle
from billing.flows.card_requests import CardRequest, seal_card_request
from billing.flows.consents import consent
from billing.flows.orders import open_attempt
from core.tables import events, messages
from ops.doctor import examine, render
from payments.tables import payments, refunds

pytestmark = pytest.mark.database

PRICE, TOTAL = 99_000, 99_000  # the seller is no PKP


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with running_simulator() as url:
        yield url


@pytest.fixture
def world(database: Database, simulator: str) -> Iterator[World]:
    made = make_world(database, simulator)
    yield made
    made.engine.close()


def captured(world: World) -> Row[Any]:
    """A card payment of this morning; the gateway has captured it and not settled it."""
    price = world.plan("pro", PRICE)
    customer = world.customer("Sari")
    with world.work() as unit:
        method = cards.new_card(unit, customer, "card")
        consent(unit, customer, method, CONSENT)
        made = subscribe(
            unit, customer_id=customer, price_id=price, collection="automatic",
            payment_method_id=method, interactive=True,
        )  # fmt: skip
        assert made.invoice_id is not None
        request = seal_card_request(
            world.engine, unit, made.invoice_id, CardRequest(world.desk.card_token())
        )
        order = open_attempt(
            unit, made.invoice_id, initiated_by="customer", payment_method_id=method,
            request_sealed=request,
        )  # fmt: skip
    charge.send_one(world.engine, world.merchant_id, order)
    order_id = world.order_of(made.invoice_id).order_id
    world.desk.confirm(order_id)
    with world.work() as unit:
        gateway = world.engine.gateways.of(unit.merchant)
    settle.settle(
        world.engine, world.merchant_id, order_id, gateway.status(order_id), because="test"
    )
    [row] = world.rows(payments)
    return row


def ask(world: World, payment_id: UUID, amount: int | None = None) -> None:
    with world.work() as unit:
        refund.request_refund(unit, payment_id, amount)


def the(world: World) -> Row[Any]:
    [row] = world.rows(refunds)
    return row


def send_until_closed(world: World) -> None:
    for _ in range(40):
        refund.send_due(world.engine, world.merchant_id)
        if the(world).state in ("succeeded", "failed"):
            return
        world.wait(minutes=10)


def healthy(world: World) -> None:
    report = examine(world.engine.db, world.machine.at)
    assert not report.broken, render(report)


@pytest.mark.parametrize("fault", [None, "drop_before", "drop_after", "500_before", "503_after"])
def test_a_whole_captured_card_is_cancelled_once(world: World, fault: str | None) -> None:
    paid = captured(world)
    ask(world, paid.id)
    if fault:
        world.desk.fault("cancel", fault)
    send_until_closed(world)
    assert (the(world).route, the(world).state) == ("cancel", "succeeded")
    assert world.desk.book()[paid.order_id]["status"] == "cancel"
    healthy(world)


@pytest.mark.parametrize(
    "fault", [None, "drop_before", "drop_after", "503_after", "html_502_after"]
)
def test_a_part_waits_for_settlement_and_goes_back_once(world: World, fault: str | None) -> None:
    paid = captured(world)
    ask(world, paid.id, 30_000)
    assert the(world).state == "refund_scheduled"
    if fault:
        world.desk.fault("refund", fault)
    # Paid on Monday morning: settled on Tuesday at 16:00 WIB.
    world.advance(START + timedelta(hours=30))
    assert the(world).state == "refund_scheduled"
    world.advance(START + timedelta(days=2)) if fault is None else _arrive(world)
    send_until_closed(world)
    assert (the(world).route, the(world).state) == ("refund", "succeeded")
    entry = world.desk.book()[paid.order_id]
    assert entry["status"] == "partial_refund"
    [settled] = world.rows(payments)
    assert (settled.status, settled.refunded_amount) == ("settled", 30_000)
    healthy(world)


def _arrive(world: World) -> None:
    """Business time passes the settlement; the rest is machine time, as after a lost answer."""
    from core.tables import clocks

    at = START + timedelta(days=2)
    world.desk.control("POST", "clock", to=at.isoformat())
    with world.work() as unit:
        unit.session.execute(
            clocks.update()
            .where(clocks.c.merchant_id == world.merchant_id)
            .values(at=at, state="ready", target_at=None)
        )


def test_the_bank_confirms_a_refund_later_and_the_customer_is_told_once(world: World) -> None:
    paid = captured(world)
    world.desk.control("POST", "settle", order_id=paid.order_id)
    lived_ask(world, paid.order_id)
    ask(world, paid.id, 30_000)
    send_until_closed(world)
    lived_ask(world, paid.order_id)
    assert the(world).bank_confirmed_at is None, "the first word says only that it was asked for"
    world.advance(START + timedelta(days=3))
    for _ in range(2):
        lived_ask(world, paid.order_id)
    assert the(world).bank_confirmed_at is not None
    [told] = world.rows(events, type="refund.arrived")
    assert told.payload["amount"] == 30_000
    world.drain()
    assert [one.kind for one in world.rows(messages)].count("refund.arrived") == 1
    healthy(world)
