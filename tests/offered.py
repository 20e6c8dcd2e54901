"""Upgrades that wait to be paid: begun, asked for, left in doubt, and news of their charge."""

from __future__ import annotations

from uuid import UUID

from builders import make_price
from stage import Stage, jakarta

from billing import queries
from billing.flows.change_plan import Changed, change
from billing.flows.settle import settle
from billing.tables import subscription_changes
from payments.gateway import Answer
from payments.tables import payment_orders
from plans.queries import get_price


def begun(stage: Stage, amount: int = 150_000) -> tuple[UUID, UUID, UUID]:
    """Whoever pays 150,000 a month from 15 November by card, ten days later."""
    customer, subscription, first = stage.card_customer(amount)
    stage.drain()
    assert stage.invoice(first).status == "paid"
    stage.live_until(jakarta("2026-11-25 09:00"))
    return customer, subscription, first


def upgrade(stage: Stage, subscription: UUID, amount: int = 300_000, **terms: object) -> Changed:
    with stage.work() as unit:
        price = make_price(unit, amount).id
        return change(unit, subscription, price_id=price, **terms)  # type: ignore[arg-type]


def has(stage: Stage, subscription: UUID) -> int:
    """What a subscription's item costs."""
    with stage.work() as unit:
        item = queries.items_in_force(unit, [subscription])[subscription]
        return get_price(unit, item.price_id).terms.unit_amount * item.quantity


def state_of(stage: Stage, done: Changed) -> str:
    found: str = stage.row(subscription_changes, id=done.planned.change_id).state
    return found


def offered(done: Changed) -> UUID:
    assert done.planned.pays_first
    assert not done.applied
    assert done.planned.invoice_id is not None
    return done.planned.invoice_id


def in_doubt(stage: Stage, done: Changed) -> str:
    """The charge left, and nobody knows what became of it; gives its order."""
    stage.gateway.charges.append(Answer("unknown"))
    stage.drain()
    order = stage.row(payment_orders, invoice_id=offered(done))
    assert order.state == "unknown"
    found: str = order.order_id
    return found


def news(stage: Stage, order_id: str, amount: int) -> None:
    paid = Answer("paid", amount=amount, settled=False, transaction_status="capture")
    stage.gateway.has_order(order_id, amount, settled=False)
    settle(stage.engine, stage.id, order_id, paid, because="notification")
