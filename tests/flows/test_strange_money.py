"""Money that should not be there, or was taken back: a person hears of it, nothing is forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from builders import make_customer, set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows import cards
from billing.flows.charge import send_due
from billing.flows.decide import decide_order
from billing.flows.offers import offer
from billing.flows.reconcile import resolve_due
from billing.flows.renew import renew_due
from billing.flows.settle import settle
from core.actor import system
from invoices.tables import invoices
from payments.gateway import Answer
from payments.tables import payment_methods, payment_orders, reviews

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def told(order: Any, **more: Any) -> Answer:
    return Answer(
        "paid",
        **{"order_id": order.order_id, "amount": order.amount, "currency": "IDR",
           "transaction_status": "capture", **more},
    )  # fmt: skip


def check(stage: Stage, **answer: Any) -> Any:
    """A card is checked by a hold of 10,000; the account takes the money instead."""
    with stage.work() as unit:
        customer = make_customer(unit)
        method_id = cards.new_card(unit, customer.id, "a card")
        order_id = cards.check_card(stage.engine, unit, customer.id, method_id, "token")
    order = stage.row(payment_orders, id=order_id)
    stage.gateway.charges.append(told(order, saved_token="saved", **answer))
    send_due(stage.engine, stage.id)
    for _ in range(3):
        stage.machine.passes(minutes=10)
        resolve_due(stage.engine, stage.id)
    return stage.row(payment_orders, id=order_id)


def test_a_check_that_was_captured_is_cancelled_like_a_hold(stage: Stage) -> None:
    order = check(stage)
    assert stage.gateway.count("cancel") == 1
    assert order.state == "failed"
    assert stage.row(payment_methods).state == "active"
    assert stage.rows(reviews) == []


def test_a_check_that_was_settled_goes_to_a_person(stage: Stage) -> None:
    order = check(stage, settled=True, transaction_status="settlement")
    assert order.state == "paid"
    assert stage.row(reviews).kind == "check_charged"


def test_an_invoice_goes_on_when_its_strange_number_is_decided(stage: Stage) -> None:
    """A card customer asked for a number, and another amount was told of it."""
    _, _, first = stage.card_customer()
    stage.drain()
    set_clock(stage.engine, stage.id, jakarta("2027-02-05 00:30"))
    renew_due(stage.engine, stage.id)
    [invoice_id] = [row.id for row in stage.rows(invoices) if row.id != first]
    number = _offered(stage, invoice_id)
    news = told(number, amount=number.amount - 1, transaction_status="settlement")
    assert settle(stage.engine, stage.id, number.order_id, news, because="test") == "review"
    stage.live_until(jakarta("2027-02-06 12:00"))
    assert stage.invoice(invoice_id).status == "open", "nothing is pulled while money may be there"
    decide_order(
        stage.engine, stage.id, number.id, outcome="failed", note="none came", actor=system("test")
    )
    stage.live_until(jakarta("2027-02-07 12:00"))
    assert stage.invoice(invoice_id).status == "paid"


def _offered(stage: Stage, invoice_id: UUID) -> Any:
    with stage.work() as unit:
        order_id = offer(unit, invoice_id)
    send_due(stage.engine, stage.id)
    return stage.row(payment_orders, id=order_id)


def test_a_charge_answered_with_another_amount_is_asked_about_before_anybody_looks(
    stage: Stage,
) -> None:
    _, _, invoice_id = stage.card_customer()
    due = stage.invoice(invoice_id).due_amount
    stage.gateway.charges.append(Answer("paid", amount=due // 10, transaction_status="capture"))
    stage.drain()
    assert (stage.gateway.count("charge"), stage.gateway.count("status")) == (1, 1)
    assert stage.invoice(invoice_id).status == "paid"
    assert stage.rows(reviews) == []
    stage.audit()


def test_what_the_gateway_says_of_another_amount_when_asked_goes_to_a_person(
    stage: Stage,
) -> None:
    _, _, invoice_id = stage.card_customer()
    due = stage.invoice(invoice_id).due_amount
    odd = Answer("paid", amount=due // 10, transaction_status="capture")
    stage.gateway.charges.append(odd)
    stage.gateway.status_script.append(odd)
    stage.drain()
    [order] = stage.rows(payment_orders, invoice_id=invoice_id)
    assert order.state == "review"
    assert stage.row(reviews).detail["amount"] == due // 10
    assert stage.invoice(invoice_id).status == "open"


def test_another_amount_and_then_silence_is_a_doubt_like_any_other(stage: Stage) -> None:
    _, _, invoice_id = stage.card_customer()
    due = stage.invoice(invoice_id).due_amount
    stage.gateway.charges.append(Answer("pending", amount=due // 10, transaction_status="pending"))
    stage.drain()
    [order] = stage.rows(payment_orders, invoice_id=invoice_id)
    assert (order.state, order.in_doubt) == ("unknown", True)
    assert stage.rows(reviews) == []


def test_a_hold_that_comes_to_light_after_its_order_was_given_up_goes_to_a_person(
    stage: Stage,
) -> None:
    with stage.work() as unit:
        customer = make_customer(unit)
        method_id = cards.new_card(unit, customer.id, "a card")
        order_id = cards.check_card(stage.engine, unit, customer.id, method_id, "token")
    stage.gateway.charges.append(Answer("unknown"))
    send_due(stage.engine, stage.id)
    order = stage.row(payment_orders, id=order_id)
    gone = Answer("failed", code="404")
    settle(stage.engine, stage.id, order.order_id, gone, because="quarantine over")
    held = told(order, transaction_status="authorize")
    for status in ("authorized", "paid", "authorized"):
        late = replace(held, status=status)
        state = settle(stage.engine, stage.id, order.order_id, late, because="notification")
        assert state == "failed"
    [matter] = stage.rows(reviews)
    assert (matter.kind, matter.subject_id, matter.closed_at) == ("hold_left", order_id, None)
    assert matter.detail["amount"] == order.amount
