"""Once a day the closed orders of the last days are held against what the gateway says of them."""

from __future__ import annotations

from datetime import date

import psycopg
import pytest
from database import Database
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, make_stage

from billing.engine import Engine
from billing.flows.compare_status import begin_day, compare_due, open_day
from billing.reconciliation.tables import difference_steps, differences, status_sweeps
from core.jobs import ring_due
from payments.gateway import Answer
from payments.tables import payment_orders, payments, reviews

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    made = make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")
    for _ in range(3):
        made.card_customer(100_000)
    made.drain()
    for one in made.rows(payments):
        made.settles(one.id)
    return made


def compared(stage: Stage, days_on: int = 0) -> tuple[int, ...]:
    """Compare a day, two orders at a time; what it came to."""
    day = date.fromordinal(stage.machine.at.date().toordinal() + days_on)
    assert open_day(stage.engine, stage.id, day)
    while compare_due(stage.engine, stage.id, limit=2):
        pass
    row = stage.row(status_sweeps, day=day)
    assert (row.state, row.next_at) == ("done", None)
    return row.asked, row.agreed, row.mended, row.differing, row.silent


def test_a_day_on_which_all_agree_leaves_nothing_open(stage: Stage) -> None:
    before = stage.gateway.count("status")
    assert compared(stage) == (3, 3, 0, 0, 0)
    assert stage.gateway.count("status") - before == 3
    assert stage.rows(differences) == []
    assert not open_day(stage.engine, stage.id, stage.machine.at.date()), "a day is opened once"
    stage.audit()


def test_what_the_protocol_can_mend_is_mended(stage: Stage) -> None:
    stage.decline()
    stage.card_customer(100_000)
    stage.drain()
    [failed] = [row for row in stage.rows(payment_orders) if row.state == "failed"]
    stage.gateway.has_order(failed.order_id, failed.amount, settled=True)
    assert compared(stage) == (4, 3, 1, 0, 0)
    assert stage.row(payment_orders, id=failed.id).state == "paid"
    assert stage.rows(differences) == []
    stage.audit()


def test_a_refund_behind_us_is_a_difference(stage: Stage) -> None:
    one = stage.rows(payments)[0]
    stage.gateway.orders[one.order_id].refunds["behind us"] = 11_000
    assert compared(stage) == (3, 2, 0, 1, 0)
    found = stage.row(differences)
    assert (found.kind, found.ours, found.theirs) == ("refund_differs", 0, -11_000)


def test_a_paid_order_that_the_gateway_does_not_know_is_a_difference_until_it_does(
    stage: Stage,
) -> None:
    one = stage.rows(payments)[0]
    kept = stage.gateway.orders.pop(one.order_id)
    assert compared(stage) == (3, 2, 0, 1, 0)
    found = stage.row(differences)
    assert (found.kind, found.source, found.order_id, found.ours) == (
        "missing_at_gateway", "status", one.order_id, one.amount,
    )  # fmt: skip
    assert [row.kind for row in stage.rows(reviews)] == ["books_differ"]
    assert stage.row(payments, id=one.id).status == "settled", "a 404 undoes no payment"
    stage.gateway.orders[one.order_id] = kept
    assert compared(stage, days_on=1) == (3, 3, 0, 0, 0)
    assert stage.row(differences).resolution == "agrees"
    assert [row.step for row in stage.rows(difference_steps, difference_steps.c.n)] == [
        "found", "resolved",
    ]  # fmt: skip
    assert all(row.closed_at for row in stage.rows(reviews))
    stage.audit()


def test_an_answer_that_is_lost_is_no_difference(stage: Stage) -> None:
    stage.gateway.status_script.extend([Answer("unknown"), Answer("refused", code="429")])
    assert compared(stage) == (3, 1, 0, 0, 2)
    assert stage.rows(differences) == []


def test_old_orders_are_left_alone(stage: Stage) -> None:
    stage.machine.passes(days=9)
    assert compared(stage) == (0, 0, 0, 0, 0)


def test_the_scheduler_opens_a_day_for_who_lives_in_real_time(
    stage: Stage, database: Database
) -> None:
    stage.machine.passes(hours=12)
    assert begin_day(stage.engine) == 0, "a test clock has days of its own"
    with psycopg.connect(database.admin_url) as admin:
        admin.execute("DELETE FROM clocks")
    assert begin_day(stage.engine) == 1
    assert begin_day(stage.engine) == 0
    ring_due(stage.engine.db, stage.machine.at)
    stage.drain()
    while compare_due(stage.engine, stage.id):
        pass
    assert stage.row(status_sweeps).state == "done"
