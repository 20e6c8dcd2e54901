"""Charges and numbers to pay to that follow one another for one invoice, before the doctor."""

from __future__ import annotations

import pytest
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows.charge import send_due
from billing.flows.offers import offer
from invoices.tables import invoices
from payments.tables import payment_orders


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-29 09:00")


def test_a_number_paid_after_refused_charges_follows_them_and_not_the_reverse(
    stage: Stage,
) -> None:
    _, subscription, _ = stage.card_customer()
    stage.live_until(jakarta("2027-02-27 09:00"))
    stage.decline("51", times=2)
    stage.live_until(jakarta("2027-03-02 12:00"))
    [behind] = stage.rows(invoices, subscription_id=subscription, status="open")
    attempts = stage.rows(payment_orders, invoice_id=behind.id, kind="attempt")
    assert [row.state for row in attempts] == ["failed", "failed"]

    stage.machine.passes(minutes=5)
    with stage.work() as unit:
        offer(unit, behind.id)
    send_due(stage.engine, stage.id)
    stage.pays(behind.id)

    # The number is the first of its kind; the charges are the first and the second of theirs.
    numbers = [row.n for row in stage.rows(payment_orders, invoice_id=behind.id)]
    assert sorted(numbers) == [1, 1, 2]
    stage.audit()
