"""What the database refuses by itself, whoever writes it: the same that the doctor looks for."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from stage import Stage, make_stage

from billing.engine import Engine
from billing.flows.refund import request_refund
from billing.ledger.tables import journals
from core import ids
from invoices.tables import invoices
from payments.tables import payment_orders, payments, refunds

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


@pytest.fixture
def paid(stage: Stage) -> Stage:
    """A customer whose card paid the first month."""
    stage.card_customer()
    stage.drain()
    return stage


@pytest.mark.parametrize(
    ("table", "values", "refusal"),
    [
        (invoices, {"paid_at": None}, "ck_invoices_paid_at"),
        (invoices, {"paid_on": None}, "ck_invoices_paid_at"),
        (invoices, {"status": "open", "paid_at": None, "paid_on": None}, "ck_invoices_open"),
        (payment_orders, {"capture_amount": 1}, "ck_payment_orders_captured_hold"),
        (payment_orders, {"authorize_only": True}, "ck_payment_orders_hold_paid"),
    ],
)
def test_a_row_that_contradicts_itself_is_refused(
    paid: Stage, table: Any, values: dict[str, Any], refusal: str
) -> None:
    with pytest.raises(IntegrityError, match=refusal), paid.work() as unit:
        unit.session.execute(update(table).values(**values))


def test_an_entry_about_another_thing_than_its_key_is_refused(paid: Stage) -> None:
    [issued] = [row._mapping for row in paid.rows(journals, kind="invoice_issued")]
    row = {**issued, "id": ids.fresh(), "key": "another"}
    with pytest.raises(IntegrityError, match="ck_journals_key"), paid.work() as unit:
        unit.session.execute(insert(journals).values(row))


def again(stage: Stage, amount: int, key: str) -> None:
    """Write another refund beside the flow."""
    with stage.work() as unit:
        [one] = unit.session.execute(select(refunds)).mappings().all()
        changed = {**one, "id": ids.fresh(), "amount": amount, "refund_key": key}
        unit.session.execute(insert(refunds).values(**changed))


def test_refunds_that_come_to_more_than_was_taken_are_refused(paid: Stage) -> None:
    payment = paid.row(payments)
    with paid.work() as unit:
        request_refund(unit, payment.id, 50_000, reason="mistake")
    rest = payment.amount - 50_000
    with pytest.raises(IntegrityError, match="more than"):
        again(paid, rest + 1, "by hand 1")
    again(paid, rest, "by hand 2")
    assert sum(row.amount for row in paid.rows(refunds)) == payment.amount


def test_a_key_of_ours_says_the_amount_of_its_refund(paid: Stage) -> None:
    payment = paid.row(payments)
    with paid.work() as unit:
        request_refund(unit, payment.id, 50_000, reason="mistake")
    with pytest.raises(IntegrityError, match="ck_refunds_refund_key"):
        again(paid, 1_000, f"{payment.order_id}-r2-2000")
    again(paid, 1_000, f"{payment.order_id}-r2-1000")
