"""Two transactions that overlap: the one that waited may carry the earlier time, and no alarm rings.

Found by `tagihan prove`: a credit began 16 ms before a charge was sent, waited for it, and closed the
invoice under its own time.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows.charge import send_due
from billing.flows.collect import collect_due
from billing.flows.credit import credit_invoice
from core import ids
from invoices.tables import invoices
from payments.gateway import Answer

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-11 09:00")


def test_a_charge_sent_while_a_credit_waited_for_it_is_no_fault(stage: Stage) -> None:
    customer, _, first = stage.card_customer()
    stage.gateway.charges.append(Answer("unknown", message="lost"))
    collect_due(stage.engine, stage.id)

    with stage.work() as begun_before:
        set_clock(stage.engine, stage.id, jakarta("2027-01-11 09:00") + timedelta(seconds=1))
        send_due(stage.engine, stage.id)
        credit_invoice(
            begun_before, first, reason="mistake", source_kind="request", source_id=ids.fresh()
        )

    [invoice] = stage.rows(invoices, customer_id=customer)
    assert invoice.status == "paid"
    stage.audit()
