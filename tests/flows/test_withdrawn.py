"""What was withdrawn or taken back is not charged anew at once: the invoice's plan goes on."""

from __future__ import annotations

from uuid import UUID

import pytest
from builders import set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows import chase
from billing.flows.charge import send_due
from billing.flows.collect import collect_due
from billing.flows.credit import credit_invoice
from billing.flows.offers import offer
from billing.flows.one_order import ask_now, withdraw_order
from billing.flows.reconcile import resolve_due
from core import ids
from dunning.tables import dunning_cases
from invoices.tables import invoices
from ops.doctor import examine, render
from payments.gateway import Answer
from payments.tables import payment_orders

pytestmark = pytest.mark.database

HARD = "14"  # of a bank: never again


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2026-12-10 09:00")


def renewed(stage: Stage) -> UUID:
    """The open renewal of 10 January of a customer who pays by card."""
    stage.card_customer(150_000)
    stage.live_until(jakarta("2027-01-10 07:00"))
    return renewal(stage)


def renewal(stage: Stage) -> UUID:
    found: UUID = stage.rows(invoices, invoices.c.issued_at)[1].id
    return found


def refused(stage: Stage, code: str = HARD) -> UUID:
    """The renewal after its card was refused in the morning of 10 January."""
    invoice_id = renewed(stage)
    stage.decline(code)
    stage.live_until(jakarta("2027-01-10 12:00"))
    return invoice_id


def number(stage: Stage, invoice_id: UUID) -> UUID:
    """The payer asks for a number to pay to."""
    with stage.work() as unit:
        order = offer(unit, invoice_id)
    stage.drain()
    return order


def expires(stage: Stage) -> None:
    """The gateway attests the end of what was withdrawn."""
    stage.gateway.status_script.append(Answer("failed", transaction_status="expire"))
    stage.machine.passes(seconds=30)
    resolve_due(stage.engine, stage.id)
    stage.drain()


def take_back(stage: Stage, order: UUID) -> None:
    with stage.work() as unit:
        withdraw_order(unit, order)
    ask_now(stage.engine, stage.id, order)
    stage.drain()


def attempts(stage: Stage) -> list[tuple[int, str]]:
    return [
        (row.n, row.state)
        for row in stage.rows(
            payment_orders, payment_orders.c.n, kind="attempt", invoice_id=renewal(stage)
        )
    ]


def test_a_card_refused_for_good_is_not_pulled_after_a_credit_withdrew_the_number(
    stage: Stage,
) -> None:
    invoice_id = refused(stage)
    number(stage, invoice_id)
    with stage.work() as unit:
        credit_invoice(
            unit, invoice_id, reason="goodwill", gross_amount=10_000, source_kind="request",
            source_id=ids.fresh(),
        )  # fmt: skip
    expires(stage)
    stage.live_until(jakarta("2027-01-20 12:00"))
    assert attempts(stage) == [(1, "failed")]
    assert stage.row(dunning_cases).state == "open"
    report = examine(stage.engine.db, stage.machine.at)
    assert not report.broken, render(report)


def test_a_card_refused_for_good_is_not_pulled_after_a_person_ended_the_number(
    stage: Stage,
) -> None:
    order = number(stage, refused(stage))
    stage.gateway.status_script.append(Answer("failed", transaction_status="expire"))
    take_back(stage, order)
    stage.live_until(jakarta("2027-01-20 12:00"))
    assert stage.row(payment_orders, id=order).state == "failed"
    assert attempts(stage) == [(1, "failed")]
    stage.audit()


def test_a_charge_a_person_took_back_comes_on_the_next_morning_and_not_before(
    stage: Stage,
) -> None:
    invoice_id = renewed(stage)
    set_clock(stage.engine, stage.id, jakarta("2027-01-10 10:30"))
    collect_due(stage.engine, stage.id)
    take_back(stage, stage.row(payment_orders, state="created", invoice_id=invoice_id).id)
    assert attempts(stage) == [(1, "failed")]
    stage.live_until(jakarta("2027-01-11 07:59"))
    assert attempts(stage) == [(1, "failed")]
    assert stage.gateway.count("charge") == 1  # of the first month
    stage.audit()
    stage.live_until(jakarta("2027-01-11 08:00"))
    assert attempts(stage) == [(1, "failed"), (2, "paid")]
    stage.audit()


def test_a_planned_try_a_person_took_back_is_followed_by_the_next_planned_one(
    stage: Stage,
) -> None:
    refused(stage, "51")
    case = stage.row(dunning_cases)
    while stage.row(dunning_cases).next_step["step"] != "retry":
        stage.live_until(stage.row(dunning_cases).next_at)
    set_clock(stage.engine, stage.id, stage.row(dunning_cases).next_at)
    chase.step_due(stage.engine, stage.id)
    collect_due(stage.engine, stage.id)
    take_back(stage, stage.row(payment_orders, state="created").id)
    assert attempts(stage) == [(1, "failed"), (2, "failed")]
    later = stage.row(dunning_cases)
    assert (later.id, later.state) == (case.id, "open")
    stage.audit()
    stage.live_until(jakarta("2027-02-01 12:00"))
    assert attempts(stage)[2:] == [(3, "paid")]
    stage.audit()


def test_a_planned_try_still_comes_after_the_number_it_had_to_wait_for(stage: Stage) -> None:
    order = number(stage, refused(stage, "51"))
    while not stage.row(payment_orders, id=order).abandoning:
        stage.live_until(stage.row(dunning_cases).next_at)
    assert attempts(stage) == [(1, "failed")]
    expires(stage)
    assert attempts(stage) == [(1, "failed"), (2, "paid")]
    stage.audit()


def test_a_planned_try_comes_after_a_number_that_a_person_was_already_ending(
    stage: Stage,
) -> None:
    order = number(stage, refused(stage, "51"))
    with stage.work() as unit:
        withdraw_order(unit, order)
    while not (stage.row(payment_orders, id=order).reason or "").startswith("withdrawn"):
        stage.live_until(stage.row(dunning_cases).next_at)
    expires(stage)
    assert attempts(stage) == [(1, "failed"), (2, "paid")]
    stage.audit()


def test_a_refusal_for_good_of_a_charge_that_was_taken_back_is_one_all_the_same(
    stage: Stage,
) -> None:
    invoice_id = renewed(stage)
    set_clock(stage.engine, stage.id, jakarta("2027-01-10 10:30"))
    stage.gateway.charges.append(Answer("unknown", message="time-out"))
    collect_due(stage.engine, stage.id)
    send_due(stage.engine, stage.id)
    with stage.work() as unit:
        withdraw_order(unit, stage.row(payment_orders, invoice_id=invoice_id).id)
    stage.gateway.status_script.append(
        Answer("failed", transaction_status="deny", payment_type="credit_card", code=HARD)
    )
    stage.machine.passes(seconds=30)
    resolve_due(stage.engine, stage.id)
    stage.live_until(jakarta("2027-01-20 12:00"))
    assert attempts(stage) == [(1, "failed")]
    assert stage.row(dunning_cases).decline_class == "hard"
    stage.audit()
