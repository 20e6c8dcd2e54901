"""Notifications and virtual accounts: every kind of news, in any order, has one effect."""

from __future__ import annotations

import httpx
import pytest
from payers import receive, status_body, va_customer
from world import World

from billing.flows import settle
from billing.flows.ingest import ingest_due
from billing.flows.reconcile import resolve_due
from billing.tables import balance_entries
from core.errors import TooMany
from core.tables import rate_counters
from payments.gateway import Answer
from payments.tables import (
    notifications,
    payment_orders,
    payments,
    reviews,
)

pytestmark = pytest.mark.database


def test_a_virtual_account_is_offered_paid_and_told_of(world: World) -> None:
    invoice_id = va_customer(world)
    order = world.order_of(invoice_id)
    assert (order.state, order.instructions["bank"]) == ("pending", "bca")

    world.desk.pay(order_id=order.order_id)
    assert receive(world, status_body(world, order.order_id)) == "new"
    ingest_due(world.engine, world.merchant_id)

    assert world.invoice(invoice_id).status == "paid"
    [payment] = world.rows(payments)
    assert (payment.amount, payment.status) == (order.amount, "settled")


def test_a_hundred_copies_in_any_order_change_nothing(world: World) -> None:
    invoice_id = va_customer(world)
    order_id = world.order_of(invoice_id).order_id
    pending = status_body(world, order_id)
    world.desk.pay(order_id=order_id)
    paid = status_body(world, order_id)

    for body in [paid, pending] * 5:
        receive(world, body)
        ingest_due(world.engine, world.merchant_id)

    assert world.invoice(invoice_id).paid_amount == world.order_of(invoice_id).amount
    assert len(world.rows(payments)) == 1
    assert {row.state for row in world.rows(notifications)} == {"done"}


def test_a_genuine_signature_does_not_make_a_claim_true(world: World) -> None:
    """The signature covers order, code and amount, not the status: a copy may claim anything."""
    invoice_id = va_customer(world)
    body = status_body(world, world.order_of(invoice_id).order_id)

    assert receive(world, {**body, "transaction_status": "settlement"}) == "new"
    ingest_due(world.engine, world.merchant_id)

    assert world.invoice(invoice_id).status == "open"


def test_a_forged_notification_leaves_no_trace(world: World) -> None:
    invoice_id = va_customer(world)
    body = status_body(world, world.order_of(invoice_id).order_id)

    assert receive(world, {**body, "signature_key": "0" * 128}) == "refused"
    assert ingest_due(world.engine, world.merchant_id) == 0

    assert world.invoice(invoice_id).status == "open"
    assert world.rows(notifications) == []
    assert world.rows(rate_counters) == []


def test_copies_without_end_do_not_make_us_ask_without_end(world: World) -> None:
    """Who saw one genuine notification may send it for ever; Midtrans' own retries are no flood."""
    body = status_body(world, world.order_of(va_customer(world)).order_id)
    asked = 0
    for _ in range(60):
        receive(world, body)
        asked += ingest_due(world.engine, world.merchant_id)
    assert asked == 10
    assert world.rows(notifications)[0].copies == 60
    world.wait(hours=1)
    assert ingest_due(world.engine, world.merchant_id) == 1


def test_ever_new_claims_about_one_order_end(world: World) -> None:
    """The status is not signed, so that every word in it makes another notification."""
    body = status_body(world, world.order_of(va_customer(world)).order_id)
    for n in range(200):
        receive(world, {**body, "transaction_status": f"invented-{n}"})
    with pytest.raises(TooMany):
        receive(world, {**body, "transaction_status": "settlement"})
    assert len(world.rows(notifications)) == 200


def test_a_genuine_body_blown_up_is_cut_to_what_we_know(world: World) -> None:
    body = status_body(world, world.order_of(va_customer(world)).order_id)
    receive(world, {**body, "filler": "x" * 60_000, "payment_type": "y" * 10_000})
    [row] = world.rows(notifications)
    assert len(str(row.body)) < 2_000
    assert row.body["order_id"] == body["order_id"]
    assert row.body["tagihan_cut"]["bytes"] > 70_000


def test_news_of_an_order_nobody_knows_goes_to_a_person(world: World) -> None:
    stranger = world.desk
    httpx.post(
        f"{stranger.url}/v2/charge",
        auth=(stranger.server_key, ""),
        json={
            "payment_type": "bank_transfer",
            "transaction_details": {"order_id": "NOT-OURS-1", "gross_amount": 5_000},
            "bank_transfer": {"bank": "bca"},
        },
    )
    stranger.pay(order_id="NOT-OURS-1")

    receive(world, status_body(world, "NOT-OURS-1"))
    ingest_due(world.engine, world.merchant_id)

    assert [review.kind for review in world.rows(reviews)] == ["unknown_order"]


def test_a_lost_notification_is_found_by_asking(world: World) -> None:
    invoice_id = va_customer(world)
    world.desk.pay(order_id=world.order_of(invoice_id).order_id)

    world.wait(hours=8)
    resolve_due(world.engine, world.merchant_id)

    assert world.invoice(invoice_id).status == "paid"


def test_what_is_paid_twice_becomes_balance(world: World) -> None:
    invoice_id = va_customer(world)
    first = world.order_of(invoice_id)
    answer = Answer(
        "paid", order_id=first.order_id, amount=first.amount, currency="IDR", settled=True,
        transaction_status="settlement", payment_type="bank_transfer",
    )  # fmt: skip
    settle.settle(world.engine, world.merchant_id, first.order_id, answer, because="test")
    # A second number for the same invoice, as an older one that a payer had written down.
    with world.work() as unit:
        from billing.flows.orders import OrderDraft, write_orders

        write_orders(
            unit,
            [
                OrderDraft(
                    kind="instrument", channel="bca_va", initiated_by="customer",
                    customer_id=first.customer_id, amount=first.amount, n=2, owner=invoice_id,
                    invoice_id=invoice_id, period=str(first.n),
                )
            ],
        )  # fmt: skip
    second = world.order_of(invoice_id)
    twice = Answer(
        "paid", order_id=second.order_id, amount=second.amount, currency="IDR", settled=True,
        transaction_status="settlement", payment_type="bank_transfer",
    )  # fmt: skip
    with world.work() as unit:
        unit.session.execute(
            payment_orders.update()
            .where(payment_orders.c.id == second.id)
            .values(state="sent", first_sent_at=unit.real_now)
        )
    settle.settle(world.engine, world.merchant_id, second.order_id, twice, because="test")

    assert [entry.amount for entry in world.rows(balance_entries)] == [second.amount]
    assert world.invoice(invoice_id).paid_amount == first.amount
