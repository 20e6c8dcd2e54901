"""Refunds that the gateway knows of and a restored backup does not: found, and not sent again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import update
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows import refund
from billing.flows.settle import settle
from core.tables import events, merchants, messages
from invoices.tables import credit_notes
from payments.gateway import Arrival
from payments.tables import payments, refunds, reviews


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def restored(stage: Stage) -> UUID:
    """55,500 of a settled card went back after the backup; the restored rows do not know it."""
    stage.card_customer()
    stage.drain()
    payment = stage.row(payments)
    stage.settles(payment.id)
    order = stage.gateway.orders[payment.order_id]
    order.refunds[f"{payment.order_id}-r1-55500"] = 55_500
    order.state = "partial_refund"
    with stage.work() as unit:
        unit.session.execute(
            update(merchants).where(merchants.c.merchant_id == stage.id).values(mode="recovering")
        )
    found: UUID = payment.id
    return found


def ask(stage: Stage, payment_id: UUID, amount: int) -> None:
    with stage.work() as unit:
        refund.request_refund(unit, payment_id, amount)
    refund.send_due(stage.engine, stage.id)


def test_the_same_refund_asked_for_again_is_found_done_and_not_sent(stage: Stage) -> None:
    ask(stage, restored(stage), 55_500)
    assert stage.gateway.count("refund") == 0
    assert stage.row(refunds).state == "succeeded"
    assert stage.row(payments).refunded_amount == 55_500
    stage.audit()


def test_another_refund_of_that_payment_is_put_before_a_person(stage: Stage) -> None:
    ask(stage, restored(stage), 30_000)
    assert stage.gateway.count("refund") == 0
    assert (stage.row(refunds).state, stage.row(refunds).code) == (
        "failed", "refunded_since_backup",
    )  # fmt: skip
    assert stage.row(reviews).kind == "refund_failed"
    stage.audit()


def test_a_refund_of_ours_that_the_backup_lost_is_written_anew(stage: Stage) -> None:
    """Its key is the one we derive for the next refund: nobody else can have made it."""
    payment_id = restored(stage)
    order_id = stage.row(payments).order_id
    for _ in range(2):
        settle(
            stage.engine, stage.id, order_id, stage.gateway.status(order_id), because="notification"
        )
    made = stage.row(refunds)
    assert (made.state, made.amount, made.refund_key) == (
        "succeeded", 55_500, f"{order_id}-r1-55500",
    )  # fmt: skip
    assert stage.row(credit_notes, id=made.credit_note_id).total_amount == 55_500
    assert stage.row(payments, id=payment_id).refunded_amount == 55_500
    assert stage.rows(reviews) == []
    stage.drain()
    assert stage.gateway.count("refund") == 0
    stage.audit()


def test_a_refund_we_did_not_write_is_shown_when_the_gateway_tells_of_it(stage: Stage) -> None:
    payment_id = restored(stage)
    order_id = stage.row(payments).order_id
    stage.gateway.orders[order_id].refunds = {"by-hand-1": 55_500}
    for _ in range(2):
        settle(
            stage.engine, stage.id, order_id, stage.gateway.status(order_id), because="notification"
        )
    review = stage.row(reviews)
    assert (review.kind, review.subject_id) == ("refund_unknown", payment_id)
    assert review.detail == {
        "refunds": [{"key": "by-hand-1", "amount": "55500"}],
    }
    stage.audit()


def test_nothing_is_told_of_a_refund_that_could_not_be_written_anew(stage: Stage) -> None:
    payment_id = restored(stage)
    paid_at = stage.row(payments).paid_at
    with stage.work() as unit:  # by a channel whose refunds go by hand now
        unit.session.execute(
            update(payments)
            .where(payments.c.id == payment_id)
            .values(channel="qris", paid_at=stage.machine.at - timedelta(days=30))
        )
    before = [one.id for one in stage.rows(events)]
    order_id = stage.row(payments).order_id
    settle(stage.engine, stage.id, order_id, stage.gateway.status(order_id), because="notification")
    assert (stage.rows(refunds), stage.rows(credit_notes)) == ([], [])
    told = [one.type for one in stage.rows(events) if one.id not in before]
    assert told == ["review.opened"]
    with stage.work() as unit:  # back to the day on which the books have it
        unit.session.execute(
            update(payments).where(payments.c.id == payment_id).values(paid_at=paid_at)
        )
    stage.audit()


def test_an_arrival_told_while_the_refund_is_in_doubt_settles_it(stage: Stage) -> None:
    stage.card_customer()
    stage.drain()
    payment = stage.row(payments)
    stage.settles(payment.id)
    stage.gateway.refund_script.append("lost_after_effect")
    ask(stage, payment.id, 55_500)
    assert stage.row(refunds).state == "unknown"
    arrival = Arrival(stage.row(refunds).refund_key, jakarta("2027-01-07 09:00"))
    told = replace(stage.gateway.status(payment.order_id), arrivals=(arrival,))
    for _ in range(2):
        settle(stage.engine, stage.id, payment.order_id, told, because="notification")
    stage.machine.passes(minutes=10)
    refund.send_due(stage.engine, stage.id)
    row = stage.row(refunds)
    assert (row.state, row.bank_confirmed_at) == ("succeeded", arrival.at)
    assert stage.row(payments).refunded_amount == 55_500
    assert stage.row(messages, kind="refund.arrived").subject_id == row.id
    assert stage.gateway.count("refund") == 1
    stage.audit()


def test_our_own_refunds_are_no_news(stage: Stage) -> None:
    stage.card_customer()
    stage.drain()
    payment = stage.row(payments)
    stage.settles(payment.id)
    ask(stage, payment.id, 55_500)
    settle(
        stage.engine, stage.id, payment.order_id, stage.gateway.status(payment.order_id),
        because="notification",
    )  # fmt: skip
    assert stage.rows(reviews) == []
