"""No debt is forgotten and no rupiah is booked wrong when things cross."""

from __future__ import annotations

import pytest
from payers import (
    credited,
    let_it_be_collected,
    paid_answer,
    renewal,
    va_customer,
)
from sqlalchemy import text
from world import World

from billing.flows import cards, settle
from billing.flows.collect import collect_due
from billing.flows.offers import offer
from billing.flows.orders import open_attempt, withdraw
from billing.flows.tax_points import tax_waiting
from billing.flows.void import mark_uncollectible, void_invoice
from billing.tables import balance_entries, subscriptions
from core.errors import EngineError
from core.tables import clocks
from dunning.tables import dunning_cases
from payments.gateway import Answer
from payments.tables import payment_orders

pytestmark = pytest.mark.database


def test_a_payer_who_gives_up_3ds_does_not_make_an_invoice_disappear(world: World) -> None:
    invoice_id = renewal(world, "Sari")
    with world.work() as unit:
        open_attempt(unit, invoice_id, initiated_by="customer")
    order = world.order_of(invoice_id)
    world.wait(minutes=1)
    settle.settle(
        world.engine, world.merchant_id, order.order_id,
        Answer("failed", code="202", transaction_status="deny", payment_type="credit_card"),
        because="test",
    )  # fmt: skip

    watched = world.invoice(invoice_id).collect_at is not None or world.rows(
        dunning_cases, invoice_id=invoice_id, state="open"
    )
    assert watched, "open, nothing under way, no case, no day: nobody asks for it any more"


def test_without_a_usable_card_a_renewal_is_past_due(world: World) -> None:
    invoice_id = renewal(world, "Sari")
    with world.work() as unit:
        cards.end_method(unit, world.invoice(invoice_id).payment_method_id, "removed")
        unit.session.execute(clocks.update().values(at=world.invoice(invoice_id).collect_at))
    collect_due(world.engine, world.merchant_id)
    [agreement] = world.rows(subscriptions, id=world.invoice(invoice_id).subscription_id)

    assert len(world.rows(dunning_cases, invoice_id=invoice_id)) == 1
    assert agreement.status == "past_due"


def test_a_bank_line_that_is_down_makes_nobody_past_due(world: World) -> None:
    invoice_id = renewal(world, "Sari")
    let_it_be_collected(world, invoice_id)
    order = world.order_of(invoice_id)
    settle.settle(
        world.engine, world.merchant_id, order.order_id,
        Answer("failed", code="91", transaction_status="deny", payment_type="credit_card"),
        because="test",
    )  # fmt: skip
    [agreement] = world.rows(subscriptions, id=world.invoice(invoice_id).subscription_id)

    assert world.invoice(invoice_id).collect_at is not None
    assert world.rows(dunning_cases, invoice_id=invoice_id) == []
    assert agreement.status == "active"


def test_an_open_number_is_withdrawn_when_a_credit_changes_what_is_due(world: World) -> None:
    invoice_id = va_customer(world)
    credited(world, invoice_id, 9_000)
    world.drain()
    live = [
        o for o in world.rows(payment_orders, invoice_id=invoice_id)
        if o.state == "pending" and not o.abandoning
    ]  # fmt: skip

    assert [o.amount for o in live] == [world.invoice(invoice_id).due_amount]


def test_a_number_asked_for_while_the_old_one_is_withdrawn_is_a_conflict_not_a_crash(
    world: World,
) -> None:
    invoice_id = va_customer(world)
    with world.work() as unit:
        withdraw(unit, invoice_id)
    try:
        with world.work() as unit:
            offer(unit, invoice_id)
    except EngineError:
        pass


def test_a_debt_written_off_paid_taken_back_and_written_off_again_leaves_no_debt(
    world: World,
) -> None:
    invoice_id = va_customer(world)
    order = world.order_of(invoice_id)
    with world.work() as unit:
        mark_uncollectible(unit, invoice_id, reason="test")
    settle.settle(
        world.engine, world.merchant_id, order.order_id, paid_answer(order), because="test"
    )
    assert world.invoice(invoice_id).status == "paid"
    taken_back = Answer(
        "failed", order_id=order.order_id, amount=order.amount, currency="IDR",
        transaction_status="deny", payment_type="bank_transfer", instructions={"bank": "permata"},
    )  # fmt: skip
    settle.settle(world.engine, world.merchant_id, order.order_id, taken_back, because="test")
    assert world.invoice(invoice_id).status == "open"
    with world.work() as unit:
        mark_uncollectible(unit, invoice_id, reason="test")
        assert tax_waiting(unit, invoice_id).amount == 0
        owed = unit.session.execute(
            text("SELECT coalesce(sum(amount), 0) FROM postings WHERE account = 'receivable'")
        ).scalar_one()
        accounts = unit.session.execute(
            text("SELECT account, sum(amount) FROM postings GROUP BY 1 HAVING sum(amount) <> 0")
        ).all()

    assert (owed, len(accounts)) == (0, 2), accounts


def test_what_was_overpaid_goes_when_the_bank_takes_the_payment_back(world: World) -> None:
    invoice_id = va_customer(world)
    order = world.order_of(invoice_id)
    with world.work() as unit:
        void_invoice(unit, invoice_id, reason="test")
    settle.settle(
        world.engine, world.merchant_id, order.order_id, paid_answer(order), because="test"
    )
    assert sum(row.amount for row in world.rows(balance_entries)) == order.amount
    taken_back = Answer(
        "failed", order_id=order.order_id, amount=order.amount, currency="IDR",
        transaction_status="deny", payment_type="bank_transfer", instructions={"bank": "permata"},
    )  # fmt: skip
    settle.settle(world.engine, world.merchant_id, order.order_id, taken_back, because="test")

    assert sum(row.amount for row in world.rows(balance_entries)) == 0
