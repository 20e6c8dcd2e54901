"""The charging protocol: whatever goes wrong on the way, one charge and one outcome."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from payers import (
    first_payment,
    let_it_be_collected,
    receive,
    renewal,
    resolve_until_closed,
    status_body,
    taken,
)
from world import ME, World

from billing.flows import cards, charge, settle
from billing.flows.ingest import ingest_due
from billing.flows.reconcile import resolve_due
from billing.tables import subscriptions
from core.tables import events
from invoices.tables import invoices
from payments.gateway import Answer
from payments.tables import (
    payment_methods,
    payment_orders,
    payments,
    reviews,
)

pytestmark = pytest.mark.database


def test_a_first_payment_saves_the_card_and_activates(world: World) -> None:
    subscription, invoice_id = first_payment(world, "Sari")

    [method] = world.rows(payment_methods)
    [agreement] = world.rows(subscriptions, id=subscription)
    assert (method.state, agreement.status) == ("active", "active")
    assert agreement.payment_method_id == method.id
    assert world.invoice(invoice_id).status == "paid"
    assert b"4811" not in method.token_sealed


def test_a_renewal_is_charged_once_with_the_saved_card(world: World) -> None:
    invoice_id = renewal(world, "Sari")
    let_it_be_collected(world, invoice_id)

    charge.send_due(world.engine, world.merchant_id)

    assert world.invoice(invoice_id).status == "paid"
    assert len(taken(world, invoice_id)) == 1


@pytest.mark.parametrize(
    "fault",
    [
        "drop_before", "drop_after", "500_before", "503_after", "html_502", "html_502_after",
        "not_json", "json_list", "empty", "429", "timeout_before", "timeout_after",
    ],
)  # fmt: skip
def test_one_charge_whatever_the_line_does(world: World, fault: str) -> None:
    invoice_id = renewal(world, "Budi")
    let_it_be_collected(world, invoice_id)
    world.desk.fault("charge", fault, seconds=4)

    charge.send_due(world.engine, world.merchant_id)
    assert world.order_of(invoice_id).state not in ("failed", "review")

    assert resolve_until_closed(world, invoice_id) == "paid"
    assert world.invoice(invoice_id).status == "paid"
    assert len(taken(world, invoice_id)) == 1
    assert len(world.rows(payment_orders, invoice_id=invoice_id)) == 1, "no second order id"
    assert world.rows(events, type="payment.declined") == []


def test_a_status_that_does_not_know_the_order_yet_is_no_proof(world: World) -> None:
    invoice_id = renewal(world, "Budi")
    let_it_be_collected(world, invoice_id)
    world.desk.fault("charge", "drop_after")
    charge.send_due(world.engine, world.merchant_id)
    world.desk.fault("status", "404_on_status", times=2)

    world.wait(minutes=1)
    resolve_due(world.engine, world.merchant_id)
    assert world.order_of(invoice_id).state == "unknown"

    assert resolve_until_closed(world, invoice_id) == "paid"
    assert len(taken(world, invoice_id)) == 1


def test_a_process_that_dies_after_the_call_leaves_rows_that_say_what_to_ask(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice_id = renewal(world, "Budi")
    let_it_be_collected(world, invoice_id)

    class Killed(BaseException):
        pass

    def die(*args: Any, **kwargs: Any) -> str:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(charge, "settle_asked", die)
        with pytest.raises(Killed):
            charge.send_due(world.engine, world.merchant_id)

    assert world.order_of(invoice_id).state == "sent"
    assert resolve_due(world.engine, world.merchant_id) == 0, "its lease still lives"
    assert resolve_until_closed(world, invoice_id) == "paid"
    assert len(taken(world, invoice_id)) == 1


def test_two_workers_sending_at_once_send_once(world: World) -> None:
    invoice_id = renewal(world, "Budi")
    let_it_be_collected(world, invoice_id)

    with ThreadPoolExecutor(2) as pool:
        taken_by = list(
            pool.map(lambda _: charge.send_due(world.engine, world.merchant_id), range(2))
        )

    assert sorted(taken_by) == [0, 1]
    assert world.order_of(invoice_id).sends == 1


def test_a_decline_fails_the_attempt_and_the_next_has_another_order_id(world: World) -> None:
    invoice_id = renewal(world, "Rina")
    let_it_be_collected(world, invoice_id)
    world.desk.fault("charge", "decline", code="51")

    charge.send_due(world.engine, world.merchant_id)

    order = world.order_of(invoice_id)
    assert (order.state, order.code, order.attested) == ("failed", "51", True)
    assert world.invoice(invoice_id).status == "open"
    [agreement] = world.rows(subscriptions)
    assert agreement.status == "past_due"


def test_a_charge_answered_with_another_amount_is_decided_by_asking(world: World) -> None:
    invoice_id = renewal(world, "Budi")
    let_it_be_collected(world, invoice_id)
    world.desk.fault("charge", "wrong_amount", amount=1)

    charge.send_due(world.engine, world.merchant_id)

    assert world.order_of(invoice_id).state == "paid"
    assert world.invoice(invoice_id).status == "paid"
    assert world.rows(reviews) == []


def test_a_status_about_another_amount_is_parked_for_a_person(world: World) -> None:
    invoice_id = renewal(world, "Budi")
    let_it_be_collected(world, invoice_id)
    world.desk.fault("charge", "wrong_amount", amount=1)
    world.desk.fault("status", "wrong_amount", amount=1)

    charge.send_due(world.engine, world.merchant_id)

    assert world.order_of(invoice_id).state == "review"
    assert world.invoice(invoice_id).status == "open"
    assert [review.kind for review in world.rows(reviews)] == ["answer_differs"]
    assert world.rows(payments, order_id=world.order_of(invoice_id).order_id) == []


def test_a_late_truth_is_booked_and_the_rest_becomes_balance(world: World) -> None:
    invoice_id = renewal(world, "Budi")
    order_id = let_it_be_collected(world, invoice_id)
    amount = world.order_of(invoice_id).amount
    declined = Answer(
        "failed", order_id=order_id, amount=amount, currency="IDR", code="51",
        transaction_status="deny", payment_type="credit_card",
    )  # fmt: skip
    late = Answer(
        "paid", order_id=order_id, amount=amount, currency="IDR", transaction_status="capture"
    )
    charge.lease(world.engine, world.merchant_id, limit=1)
    settle.settle(world.engine, world.merchant_id, order_id, declined, because="test")
    assert world.order_of(invoice_id).state == "failed"

    settle.settle(world.engine, world.merchant_id, order_id, late, because="test")
    settle.settle(world.engine, world.merchant_id, order_id, late, because="again")

    assert world.order_of(invoice_id).state == "paid"
    assert world.invoice(invoice_id).status == "paid"
    assert len(world.rows(payments, order_id=order_id)) == 1


def test_after_a_restore_every_order_is_asked_about_before_it_is_sent(world: World) -> None:
    """A backup from before the charge: the same order id is derived, and found paid."""
    invoice_id = renewal(world, "Budi")
    order_id = let_it_be_collected(world, invoice_id)
    order = world.order_of(invoice_id)
    # The days the backup does not know of: the charge was made.
    [method] = world.rows(payment_methods)
    token = world.engine.vault.open(
        method.token_sealed, f"{world.merchant_id}:{method.id}:token"
    ).decode()
    httpx.post(
        f"{world.desk.url}/v2/charge",
        auth=(world.desk.server_key, ""),
        json={
            "payment_type": "credit_card",
            "transaction_details": {"order_id": order_id, "gross_amount": order.amount},
            "credit_card": {"token_id": token, "initiated_by": "merchant"},
        },
    )
    with world.work() as unit:
        from core.tables import merchants

        unit.session.execute(
            merchants.update()
            .where(merchants.c.merchant_id == world.merchant_id)
            .values(mode="recovering")
        )

    charge.send_due(world.engine, world.merchant_id)

    assert world.invoice(invoice_id).status == "paid"
    charges = [t for t in world.desk.book().values() if t["order_id"] == order_id]
    assert len(charges) == 1


def test_a_card_is_saved_on_a_trial_without_a_charge(world: World) -> None:
    customer = world.customer("Tono")
    with world.work() as unit:
        method = cards.new_card(unit, customer, "card-tono")
        order = cards.check_card(world.engine, unit, customer, method, world.desk.card_token())
    charge.send_one(world.engine, world.merchant_id, order)
    [check] = world.rows(payment_orders, id=order)
    assert "redirect_url" in check.instructions
    world.desk.confirm(check.order_id)
    receive(world, status_body(world, check.order_id))
    ingest_due(world.engine, world.merchant_id)
    world.wait(minutes=1)
    resolve_due(world.engine, world.merchant_id)

    [saved] = world.rows(payment_methods, id=method)
    [check] = world.rows(payment_orders, id=order)
    assert (saved.state, check.state) == ("active", "failed")
    assert world.rows(payments) == []
    assert world.desk.book()[check.order_id]["status"] == "cancel"


def test_advancing_a_year_steps_through_every_due_instant(world: World) -> None:
    first_payment(world, "Sari")

    world.advance(world.machine.at + timedelta(days=400))

    months = world.rows(invoices)
    assert len(months) == 14, "the first, and one at each of 13 boundaries"
    assert {row.status for row in months} == {"paid"}
    assert sorted({row.state for row in world.rows(payment_orders)}) == ["paid"]
    assert ME.name == "test"
