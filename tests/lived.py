"""Pieces of a business that lives on a `world.World`: sign-up by card, virtual accounts paid."""

from __future__ import annotations

from uuid import UUID

from builders import CONSENT
from world import World

from billing.flows import cards, charge, settle
from billing.flows.card_requests import CardRequest, seal_card_request
from billing.flows.consents import consent
from billing.flows.orders import open_attempt
from billing.flows.subscribe import subscribe
from payments.tables import payment_orders


def by_card(world: World, name: str, price: UUID) -> UUID:
    """A customer subscribes with a card and passes 3DS; the first invoice, paid."""
    customer = world.customers.get(name) or world.customer(name)
    with world.work() as unit:
        method = cards.new_card(unit, customer, f"card-{name}")
        consent(unit, customer, method, CONSENT)
        made = subscribe(
            unit, customer_id=customer, price_id=price, collection="automatic",
            payment_method_id=method, interactive=True,
        )  # fmt: skip
        assert made.invoice_id is not None
        sealed = seal_card_request(
            world.engine, unit, made.invoice_id, CardRequest(world.desk.card_token())
        )
        order = open_attempt(
            unit, made.invoice_id, initiated_by="customer", payment_method_id=method,
            request_sealed=sealed,
        )  # fmt: skip
    charge.send_one(world.engine, world.merchant_id, order)
    order_id = world.order_of(made.invoice_id).order_id
    world.desk.confirm(order_id)
    ask(world, order_id)
    return made.invoice_id


def pay_open_accounts(world: World) -> None:
    """Whoever has an open virtual account pays it."""
    for order in world.rows(payment_orders, kind="instrument", state="pending"):
        world.desk.pay(order_id=order.order_id)
        ask(world, order.order_id)
    world.drain()


def ask(world: World, order_id: str) -> None:
    """Ask the gateway about an order and settle what it says."""
    with world.work() as unit:
        gateway = world.engine.gateways.of(unit.merchant)
    answer = gateway.status(order_id)
    settle.settle(world.engine, world.merchant_id, order_id, answer, because="test")
