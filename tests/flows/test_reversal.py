"""Money a bank takes back: the invoice is due again and asked for, a charged-back card never."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from fakes import FakeGateway, FakeMailer, MachineTime
from lived import ask
from payers import first_payment
from stage import Stage, jakarta, make_stage
from world import World

from billing.engine import Engine
from billing.flows import refund, settle
from billing.flows.offers import offer
from billing.flows.pay_once import OneOffLine, pay_once
from billing.flows.void import void_invoice
from billing.ledger.tables import journals
from billing.queries import balance
from billing.tables import subscriptions
from dunning.tables import dunning_cases
from ops.doctor import examine, render
from payments.gateway import Answer
from payments.tables import payment_methods, payment_orders, payments, refunds, reviews

pytestmark = pytest.mark.database


def healthy(world: World) -> None:
    report = examine(world.engine.db, world.machine.at)
    assert not report.broken, render(report)


def charged_back(world: World) -> tuple[UUID, UUID, str]:
    """A card paid, settled, and was charged back: (subscription, invoice, order id)."""
    subscription, invoice_id = first_payment(world, "Sari")
    order_id = world.order_of(invoice_id).order_id
    world.desk.control("POST", "settle", order_id=order_id)
    ask(world, order_id)
    world.desk.control("POST", "chargeback", order_id=order_id)
    ask(world, order_id)
    return subscription, invoice_id, order_id


def test_a_charged_back_card_is_not_charged_again_and_its_invoice_is_owed(world: World) -> None:
    subscription, invoice_id, order_id = charged_back(world)
    assert world.invoice(invoice_id).status == "open"
    assert world.invoice(invoice_id).due_amount == 99_000
    [method] = world.rows(payment_methods)
    assert (method.state, method.ended_because) == ("ended", "charged_back")
    assert world.rows(subscriptions, id=subscription)[0].status == "past_due"
    [case] = world.rows(dunning_cases, invoice_id=invoice_id)
    assert (case.state, case.decline_class) == ("open", "customer_action")
    ask(world, order_id)  # heard again: nothing new
    healthy(world)

    world.advance(world.clock_at() + timedelta(days=8))
    assert [one for one in world.desk.book() if one != order_id] == []
    assert any("Pembayaran" in mail.subject or "bayar" in mail.text for mail in world.mails.sent)
    with world.work() as unit:
        offer(unit, invoice_id)
    world.drain()
    number = world.order_of(invoice_id)
    world.desk.pay(order_id=number.order_id)
    ask(world, number.order_id)
    world.drain()
    assert world.invoice(invoice_id).status == "paid"
    assert world.rows(subscriptions, id=subscription)[0].status == "active"
    assert [row.state for row in world.rows(dunning_cases)] == ["recovered"]
    healthy(world)


def test_nobody_pays_after_a_chargeback_and_the_subscription_ends(world: World) -> None:
    subscription, invoice_id, order_id = charged_back(world)
    world.advance(world.clock_at() + timedelta(days=40))
    assert world.rows(subscriptions, id=subscription)[0].status == "canceled"
    assert world.invoice(invoice_id).status == "void"
    assert list(world.desk.book()) == [order_id]
    healthy(world)


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def taken_back(stage: Stage, order_id: str, amount: int) -> None:
    """The provider of a number denies what it had settled."""
    said = Answer(
        "failed", order_id=order_id, amount=amount, currency="IDR", transaction_status="deny",
        payment_type="bank_transfer", instructions={"bank": "permata"},
    )  # fmt: skip
    settle.settle(stage.engine, stage.id, order_id, said, because="notification")


def test_an_invoice_whose_number_was_reversed_gets_another_number_and_is_chased(
    stage: Stage,
) -> None:
    _, subscription, invoice_id = stage.invoice_customer()
    stage.drain()
    payment = stage.row(payments, id=stage.pays(invoice_id))
    stage.live_until(jakarta("2027-01-20 09:00"))
    taken_back(stage, payment.order_id, payment.amount)
    stage.drain()
    again = stage.row(payment_orders, invoice_id=invoice_id, state="pending")
    assert (again.kind, again.n, again.amount) == ("instrument", 2, 166_500)
    case = stage.row(dunning_cases, state="open")
    # Owed again since the 20th: the end lies the policy's days after that, not after January 5th.
    assert case.end_on > jakarta("2027-02-01 00:00").date()
    assert stage.row(subscriptions, id=subscription).status == "past_due"
    stage.audit()
    stage.pays(invoice_id)
    assert stage.invoice(invoice_id).status == "paid"
    assert stage.row(subscriptions, id=subscription).status == "active"
    stage.audit()


def test_a_saved_card_is_tried_once_the_day_after_a_pushed_payment_was_reversed(
    stage: Stage,
) -> None:
    _, _, invoice_id = stage.card_customer()
    stage.decline()
    stage.drain()
    with stage.work() as unit:
        offer(unit, invoice_id)
    stage.drain()
    payment = stage.row(payments, id=stage.pays(invoice_id))
    taken_back(stage, payment.order_id, payment.amount)
    stage.drain()
    assert stage.gateway.count("charge") == 2  # the declined card and the number, no more today
    stage.live_until(jakarta("2027-01-07 09:00"))
    assert stage.gateway.count("charge") == 3
    assert stage.invoice(invoice_id).status == "paid"
    stage.audit()


def test_a_refund_that_waits_is_not_sent_once_the_bank_took_the_payment_back(
    stage: Stage,
) -> None:
    _, _, invoice_id = stage.invoice_customer()
    stage.drain()
    payment = stage.row(payments, id=stage.pays(invoice_id))
    with stage.work() as unit:
        refund.request_refund(unit, payment.id, 55_500)
    taken_back(stage, payment.order_id, payment.amount)
    assert stage.row(refunds).state == "failed"
    # What was credited is not asked for again: it pays of the invoice that is due once more.
    assert stage.invoice(invoice_id).due_amount == 166_500 - 55_500
    stage.audit()


def test_balance_that_was_used_before_its_payment_was_reversed_is_a_loss(stage: Stage) -> None:
    customer, _, invoice_id = stage.invoice_customer()
    stage.drain()
    with stage.work() as unit:
        void_invoice(unit, invoice_id, reason="mistake")
    payment = stage.row(payments, id=stage.pays(invoice_id))
    with stage.work() as unit:
        pay_once(unit, customer, [OneOffLine("Pelatihan", 100_000)], collection="invoice", key="x")
    taken_back(stage, payment.order_id, payment.amount)
    with stage.work() as unit:
        assert balance(unit, customer) == 0
    assert stage.row(reviews, kind="reversed_after_use").detail == {"missing": 111_000}
    assert stage.row(journals, kind="written_off").subject_id == payment.id
    stage.audit()
