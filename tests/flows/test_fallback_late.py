"""The gateway calls a charge failed and then paid, while another method is charged instead."""

from __future__ import annotations

from typing import Any

import pytest
from cardholder import Payer
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, make_stage

from billing.engine import Engine
from billing.flows.charge import send_due
from billing.flows.collect import collect_due
from billing.flows.refund import request_refund
from billing.flows.settle import settle
from ops.doctor import examine
from payments.gateway import Answer
from payments.tables import payment_orders, payments, reviews

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def truth(stage: Stage, order: Any) -> None:
    """The gateway says after all that this order was paid."""
    answer = Answer("paid", amount=order.amount, transaction_status="capture")
    settle(stage.engine, stage.id, order.order_id, answer, because="notification")
    stage.gateway.has_order(order.order_id, order.amount, settled=False)


def given_back(stage: Stage, order: Any) -> None:
    """The doctor names what was pulled twice, a person is asked, and a refund mends it."""
    [broken] = examine(stage.engine.db, stage.machine.at).broken
    assert broken.name == "pulled-at-most-once"
    payment = stage.payment_of(order.order_id)
    matter = stage.row(reviews)
    assert (matter.kind, matter.subject_id) == ("pulled_too_much", payment)
    stage.settles(payment)
    with stage.work() as unit:
        request_refund(unit, payment, order.amount, "duplicate")
    stage.drain()
    stage.audit()


def test_the_first_turns_out_to_be_paid_after_the_second_paid(stage: Stage) -> None:
    payer = Payer(stage, 2)
    stage.decline("14")
    stage.drain()
    first = stage.row(payment_orders, state="failed")
    truth(stage, first)
    stage.drain()
    assert payer.charged() == [(0, "paid"), (1, "paid")]
    assert payer.held() == first.amount
    assert len(stage.rows(payments)) == 3
    given_back(stage, first)


def test_the_first_turns_out_to_be_paid_before_the_second_is_sent(stage: Stage) -> None:
    payer = Payer(stage, 2)
    payer.second_month()
    collect_due(stage.engine, stage.id)
    stage.decline("14")
    send_due(stage.engine, stage.id)
    collect_due(stage.engine, stage.id)
    truth(stage, stage.row(payment_orders, state="failed"))
    stage.drain()
    assert payer.charged() == [(0, "paid"), (1, "failed")]
    assert stage.gateway.count("charge") == 2  # of two months: the second card was never asked
    assert payer.held() == 0
    stage.audit()


def test_both_turn_out_to_be_paid(stage: Stage) -> None:
    payer = Payer(stage, 2)
    stage.decline("14")
    stage.gateway.charges.append(Answer("unknown", message="time-out"))
    stage.drain()
    first = stage.row(payment_orders, state="failed")
    second = stage.row(payment_orders, state="unknown")
    truth(stage, first)
    assert payer.newest().status == "paid"
    truth(stage, second)
    stage.drain()
    assert payer.charged() == [(0, "paid"), (1, "paid")]
    assert payer.held() == second.amount
    given_back(stage, second)
