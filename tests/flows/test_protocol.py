"""The charging protocol: whatever goes wrong on the way, one charge and one outcome."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from database import Database
from simulated import running_simulator
from world import ME, World, make_world, subscribe

from billing.flows import cards, charge, settle
from billing.flows.card_requests import CardRequest, seal_card_request
from billing.flows.collect import collect_due
from billing.flows.ingest import ingest_due, take_in
from billing.flows.orders import open_attempt
from billing.flows.reconcile import resolve_due
from billing.tables import balance_entries, subscriptions
from core.tables import events
from invoices.tables import invoices
from payments.gateway import Answer
from payments.tables import (
    notifications,
    payment_methods,
    payment_orders,
    payments,
    reviews,
)

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with running_simulator() as url:
        yield url


@pytest.fixture
def world(database: Database, simulator: str) -> Iterator[World]:
    made = make_world(database, simulator)
    yield made
    made.engine.close()


def first_payment(world: World, name: str, amount: int = 99_000) -> tuple[UUID, UUID]:
    """A customer subscribes by card and finishes 3DS; the subscription and its first invoice."""
    price = world.plan(f"plan-{name.lower()}", amount)
    customer = world.customer(name)
    with world.work() as unit:
        method = cards.new_card(unit, customer, f"card-{name}")
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
        patched.setattr(charge, "settle", die)
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


def test_an_answer_about_another_amount_is_parked_for_a_person(world: World) -> None:
    invoice_id = renewal(world, "Budi")
    let_it_be_collected(world, invoice_id)
    world.desk.fault("charge", "wrong_amount", amount=1)

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


# --- virtual accounts and notifications ----------------------------------------------------


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


def test_a_forged_notification_is_kept_and_has_no_effect(world: World) -> None:
    invoice_id = va_customer(world)
    body = status_body(world, world.order_of(invoice_id).order_id)

    assert receive(world, {**body, "signature_key": "0" * 128}) == "refused"
    assert ingest_due(world.engine, world.merchant_id) == 0

    assert world.invoice(invoice_id).status == "open"
    assert [row.signature_ok for row in world.rows(notifications)] == [False]


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
