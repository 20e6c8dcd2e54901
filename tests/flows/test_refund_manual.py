"""Refunds by hand: virtual accounts, where Midtrans can not send money back and people do."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import Row
from stage import Stage, make_stage

from billing.engine import Engine
from billing.flows import refund
from billing.tables import balance_entries
from core.errors import Conflict, EngineError, Forbidden, InvalidRequest
from payments.tables import refunds

PAYEE = {"bank": "BCA", "account_number": "1234567890", "account_name": "Budi"}


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def va_payment(stage: Stage, price: int = 150_000) -> UUID:
    _, _, invoice_id = stage.invoice_customer(price)
    stage.drain()
    return stage.pays(invoice_id)


def ask(stage: Stage, payment_id: UUID, amount: int, **how: Any) -> UUID:
    with stage.work("billing@awan.example") as unit:
        return refund.request_refund(unit, payment_id, amount, **how)


def state(stage: Stage) -> tuple[str, str]:
    return the(stage).route, the(stage).state


def the(stage: Stage) -> Row[Any]:
    return stage.row(refunds)


def test_a_small_transfer_by_hand_needs_one_person_and_a_proof(stage: Stage) -> None:
    payment_id = va_payment(stage)
    refund_id = ask(stage, payment_id, 55_500, payee=PAYEE)
    assert state(stage) == ("manual", "awaiting_transfer")
    with stage.work() as unit, pytest.raises(InvalidRequest):
        refund.complete_manual(unit, refund_id, proof="  ")
    with stage.work() as unit:
        refund.complete_manual(unit, refund_id, proof="TRF-20270105-1")
    done = the(stage)
    assert (done.state, done.proof, done.payee) == ("succeeded", "TRF-20270105-1", PAYEE)
    assert stage.gateway.count("refund") == stage.gateway.count("cancel") == 0
    stage.audit()


def test_a_large_transfer_needs_a_second_person(stage: Stage) -> None:
    payment_id = va_payment(stage, 2_000_000)
    refund_id = ask(stage, payment_id, 1_500_000, payee=PAYEE)
    assert state(stage) == ("manual", "awaiting_approval")
    with stage.work() as unit, pytest.raises(Conflict):
        refund.complete_manual(unit, refund_id, proof="TRF-1")
    with stage.work("billing@awan.example") as unit, pytest.raises(Forbidden) as caught:
        refund.approve(unit, refund_id)
    assert caught.value.code == "second_person_needed"
    with stage.work("finance@awan.example") as unit:
        refund.approve(unit, refund_id)
    assert state(stage) == ("manual", "awaiting_transfer")
    with stage.work("finance@awan.example") as unit:
        refund.complete_manual(unit, refund_id, proof="TRF-1")
    assert the(stage).state == "succeeded"
    assert the(stage).approved_by == "system:finance@awan.example"
    stage.audit()


def test_a_transfer_decided_against_leaves_the_credit_as_balance(stage: Stage) -> None:
    payment_id = va_payment(stage, 2_000_000)
    refund_id = ask(stage, payment_id, 1_500_000, payee=PAYEE)
    with stage.work() as unit:
        refund.reject(unit, refund_id, because="customer keeps the credit")
    assert the(stage).state == "failed"
    assert stage.row(balance_entries).amount == 1_500_000
    stage.audit()


def test_a_transfer_is_completed_once(stage: Stage) -> None:
    payment_id = va_payment(stage)
    refund_id = ask(stage, payment_id, 55_500, payee=PAYEE)
    with stage.work() as unit:
        refund.complete_manual(unit, refund_id, proof="TRF-1")
    with stage.work() as unit, pytest.raises(Conflict):
        refund.complete_manual(unit, refund_id, proof="TRF-2")
    stage.audit()


def test_without_a_payee_nobody_knows_where_the_money_went(stage: Stage) -> None:
    payment_id = va_payment(stage)
    refund_id = ask(stage, payment_id, 55_500)
    with stage.work() as unit, pytest.raises(InvalidRequest) as caught:
        refund.complete_manual(unit, refund_id, proof="TRF-1")
    assert caught.value.code == "invalid_payee"
    with pytest.raises(EngineError):
        ask(stage, payment_id, 1_000, payee={"bank": "BCA"})
