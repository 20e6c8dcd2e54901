"""An answer that was overtaken: asked before another outcome was written, and settled after it."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, make_stage

from billing.engine import Engine
from billing.flows.charge import Leased, build_request, exchange
from billing.flows.ingest import ingest_due, take_in
from billing.flows.offers import offer
from billing.flows.reconcile import resolve_one
from billing.flows.settle import settle
from payments.gateway import Answer
from payments.service import set_channel
from payments.tables import payment_orders, payments, reviews

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def permata(stage: Stage) -> Any:
    """A Permata number that waits for its payer."""
    _, _, invoice_id = stage.invoice_customer()
    with stage.work() as unit:
        set_channel(unit, "permata_va", enabled=True)
        order_id = offer(unit, invoice_id, "permata_va")
    stage.drain()
    return stage.row(payment_orders, id=order_id)


def said(order: Any, status: Any, word: str, **more: Any) -> Answer:
    return Answer(
        status, order_id=order.order_id, amount=order.amount, currency="IDR",
        transaction_status=word, payment_type="bank_transfer",
        instructions={"bank": "permata"}, **more,
    )  # fmt: skip


def test_a_settlement_that_was_read_before_its_reversal_is_not_booked_after_it(
    stage: Stage,
) -> None:
    """One worker reads `settlement` and is slow; another reads and writes `deny`; then the first."""
    order = permata(stage)
    denied = said(order, "failed", "deny")
    settle(stage.engine, stage.id, order.order_id, denied, because="notification")
    stage.gateway.status_script.extend([said(order, "paid", "settlement", settled=True), denied])

    state = resolve_one(stage.engine, stage.id, stage.gateway, order, passed=0)

    assert state == "failed"
    assert stage.rows(payments) == []
    assert not stage.gateway.status_script, "the gateway was asked once more"
    stage.audit()


def test_money_that_comes_after_an_attested_end_is_booked_once_it_is_asked_about_again(
    stage: Stage,
) -> None:
    order = permata(stage)
    ended = said(order, "failed", "expire")
    settle(stage.engine, stage.id, order.order_id, ended, because="notification")
    paid = said(order, "paid", "settlement", settled=True)
    stage.gateway.status_script.extend([paid, paid])

    assert resolve_one(stage.engine, stage.id, stage.gateway, order, passed=0) == "paid"
    assert stage.row(payments).amount == order.amount
    stage.audit()


def test_a_refusal_of_an_earlier_try_raises_no_alarm_about_a_paid_order(stage: Stage) -> None:
    order = permata(stage)
    paid = said(order, "paid", "settlement", settled=True)
    settle(stage.engine, stage.id, order.order_id, paid, because="notification")
    earlier = Answer("failed", order_id=order.order_id, transaction_status="deny", code="05")
    stage.gateway.status_script.extend([earlier, paid])

    assert resolve_one(stage.engine, stage.id, stage.gateway, order, passed=0) == "paid"
    assert stage.rows(reviews) == []
    stage.audit()


def test_the_answer_to_a_charge_that_was_canceled_meanwhile_books_nothing(stage: Stage) -> None:
    """The call hangs; the order is given up, canceled and attested; then its capture arrives."""
    _, _, invoice_id = stage.card_customer()
    stage.gateway.charges.append(Answer("unknown", message="time-out"))
    stage.drain()
    order = stage.row(payment_orders, invoice_id=invoice_id)
    with stage.work() as unit:
        request = build_request(stage.engine, unit, order.id)
    assert request is not None
    canceled = Answer(
        "failed", order_id=order.order_id, amount=order.amount, transaction_status="expire"
    )
    settle(stage.engine, stage.id, order.order_id, canceled, because="status asked")
    stage.gateway.charges.append(
        Answer("paid", order_id=order.order_id, amount=order.amount, transaction_status="capture")
    )
    stage.gateway.status_script.append(canceled)

    leased = Leased(order.order_id, request, order.sends, ask_first=False)
    exchange(stage.engine, stage.id, stage.gateway, leased)

    assert stage.row(payment_orders, id=order.id).state == "failed"
    assert stage.rows(payments, order_id=order.order_id) == []


def meanwhile(stage: Stage, answer: Answer, then: Any) -> None:
    """The next question is answered with this, but another outcome is written before it arrives."""
    real = stage.gateway.status

    def status(order_id: str) -> Answer:
        stage.gateway.status = real  # type: ignore[method-assign]
        then()
        return answer

    stage.gateway.status = status  # type: ignore[method-assign]


def test_news_without_a_proof_do_not_book_what_was_reversed_meanwhile(stage: Stage) -> None:
    order = permata(stage)
    denied = said(order, "failed", "deny")
    meanwhile(
        stage, said(order, "paid", "settlement", settled=True),
        lambda: settle(stage.engine, stage.id, order.order_id, denied, because="notification"),
    )  # fmt: skip
    stage.gateway.status_script.append(denied)
    stage.gateway.verify_notification = lambda body: False  # type: ignore[method-assign]
    with stage.work() as unit:
        take_in(
            stage.engine, unit,
            {"event_name": "subscription.charge",
             "transaction": {"transaction_id": "11111111-1111-1111-1111-111111111111"}},
            source="10.0.0.1",
        )  # fmt: skip
    ingest_due(stage.engine, stage.id)
    assert stage.row(payment_orders, id=order.id).state == "failed"
    assert stage.rows(payments) == []


def test_a_404_that_was_read_before_the_number_was_heard_of_does_not_end_it(stage: Stage) -> None:
    """The call that asks for a number is slow; one worker reads 404, another hears the number."""
    _, _, invoice_id = stage.invoice_customer()
    stage.drain()
    with stage.work() as unit:
        set_channel(unit, "qris", enabled=True)
        order_id = offer(unit, invoice_id, "qris")
    stage.gateway.charges.append(Answer("unknown", message="time-out"))
    stage.drain()
    order = stage.row(payment_orders, id=order_id)
    assert order.state == "unknown"
    number = said(order, "pending", "pending", transaction_id="x")
    meanwhile(
        stage, Answer("not_found", code="404"),
        lambda: settle(stage.engine, stage.id, order.order_id, number, because="notification"),
    )  # fmt: skip
    resolve_one(stage.engine, stage.id, stage.gateway, order, passed=1)
    assert stage.row(payment_orders, id=order.id).state == "pending"
