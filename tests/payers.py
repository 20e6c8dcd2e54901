"""Payers for protocol tests: who pays by card, who by virtual account, and what became of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from builders import CONSENT
from fakes import FakeGateway, FakeGateways
from world import World, subscribe

from billing.flows import cards, charge, settle
from billing.flows.card_requests import CardRequest, seal_card_request
from billing.flows.collect import collect_due
from billing.flows.consents import consent
from billing.flows.credit import credit_invoice
from billing.flows.ingest import take_in
from billing.flows.orders import open_attempt
from billing.flows.reconcile import resolve_due
from billing.tables import subscriptions
from invoices.tables import invoices
from payments.gateway import Answer
from payments.tables import (
    payment_orders,
)

pytestmark = pytest.mark.database


def first_payment(world: World, name: str, amount: int = 99_000) -> tuple[UUID, UUID]:
    """A customer subscribes by card and finishes 3DS; the subscription and its first invoice."""
    price = world.plan(f"plan-{name.lower()}", amount)
    customer = world.customer(name)
    with world.work() as unit:
        method = cards.new_card(unit, customer, f"card-{name}")
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
    world.desk.confirm(world.order_of(made.invoice_id).order_id)
    status = world.engine.gateways
    with world.work() as unit:
        gateway = status.of(unit.merchant)
    answer = gateway.status(world.order_of(made.invoice_id).order_id)
    settle.settle(
        world.engine, world.merchant_id, world.order_of(made.invoice_id).order_id, answer,
        because="test",
    )  # fmt: skip
    return made.subscription.id, made.invoice_id


def renewal(world: World, name: str) -> UUID:
    """Bring a card customer to the morning of the first renewal; the invoice that is to be charged."""
    subscription, first = first_payment(world, name)
    with world.work() as unit:
        end = unit.session.execute(
            subscriptions.select().where(subscriptions.c.id == subscription)
        ).one()
    world.advance(end.next_at + timedelta(minutes=1))
    [invoice] = [i for i in world.rows(invoices, subscription_id=subscription) if i.id != first]
    return UUID(str(invoice.id))


def let_it_be_collected(world: World, invoice_id: UUID) -> str:
    """Business time reaches the charge window; the order is written, not sent. Its order id."""
    from core.tables import clocks

    at = world.invoice(invoice_id).collect_at
    with world.work() as unit:
        unit.session.execute(
            clocks.update().where(clocks.c.merchant_id == world.merchant_id).values(at=at)
        )
    world.desk.control("POST", "clock", to=at.isoformat())
    assert collect_due(world.engine, world.merchant_id) == 1
    return str(world.order_of(invoice_id).order_id)


def resolve_until_closed(world: World, invoice_id: UUID, hours: int = 4) -> str:
    """Machine time passes and the reaper asks, until the order is decided."""
    for _ in range(hours * 12):
        state = str(world.order_of(invoice_id).state)
        if state in ("paid", "failed", "review"):
            return state
        world.wait(minutes=5)
        charge.send_due(world.engine, world.merchant_id)
        resolve_due(world.engine, world.merchant_id)
    return str(world.order_of(invoice_id).state)


def taken(world: World, invoice_id: UUID) -> list[dict[str, Any]]:
    """What the gateway's own book says was taken for an invoice."""
    ids = {row.order_id for row in world.rows(payment_orders, invoice_id=invoice_id)}
    book = world.desk.book()
    return [book[i] for i in ids if i in book and book[i]["status"] in ("capture", "settlement")]


def va_customer(world: World, name: str = "Dewi") -> UUID:
    """A customer who pays by virtual account; the first invoice, with its number offered."""
    price = world.plan(f"va-{name.lower()}", 99_000)
    customer = world.customer(name)
    with world.work() as unit:
        made = subscribe(unit, customer_id=customer, price_id=price, collection="invoice")
    assert made.invoice_id is not None
    collect_due(world.engine, world.merchant_id)
    charge.send_due(world.engine, world.merchant_id)
    return made.invoice_id


def status_body(world: World, order_id: str) -> dict[str, Any]:
    """What Midtrans would tell us of an order: its status answer is signed like a notification."""
    response = httpx.get(f"{world.desk.url}/v2/{order_id}/status", auth=(world.desk.server_key, ""))
    body: dict[str, Any] = response.json()
    return body


def receive(world: World, body: dict[str, Any]) -> str:
    with world.work() as unit:
        return take_in(world.engine, unit, body, source="127.0.0.1")


def replaced(world: World) -> FakeGateway:
    """From now on this world talks to a gateway in memory."""
    gateway = FakeGateway()
    world.engine = replace(world.engine, gateways=FakeGateways(gateway))
    return gateway


def credited(world: World, invoice_id: UUID, amount: int | None) -> None:
    with world.work() as unit:
        credit_invoice(
            unit, invoice_id, reason="mistake", gross_amount=amount,
            source_kind="request", source_id=invoice_id,
        )  # fmt: skip


def paid_answer(order: Any, **more: Any) -> Answer:
    return Answer(
        "paid", order_id=order.order_id, amount=order.amount, currency="IDR", settled=True,
        transaction_status="settlement", **more,
    )  # fmt: skip
