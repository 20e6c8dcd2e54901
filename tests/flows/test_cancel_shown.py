"""What a cancellation shows is what it does: every note and every void, at the end and at once."""

from __future__ import annotations

import ast
import inspect
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from builders import make_price, set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import text
from stage import Stage, jakarta, make_stage

from billing import queries
from billing.engine import Engine
from billing.flows import cancel as cancelling
from billing.flows.change_plan import change
from billing.flows.credit import credit_invoice
from billing.tables import subscriptions
from core.errors import Conflict
from invoices.tables import credit_notes, invoices

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2026-12-10 09:00")


def test_preview_and_cancel_are_one_function() -> None:
    """Read the code: both call `plan_cancel`, and neither works anything out by itself."""
    tree = ast.parse(inspect.getsource(cancelling))
    bodies = {
        node.name: {
            call.func.id
            for call in ast.walk(node)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        }
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }
    assert "plan_cancel" in bodies["preview_cancel"]
    assert "plan_cancel" in bodies["cancel"]
    computing = {
        "quote_cancel", "plan_credits", "find_unserved", "restored_by_voids", "lines_in_force",
        "billed_line", "share_line",
    }  # fmt: skip
    assert not computing & set().union(*bodies.values())


def begin(stage: Stage) -> tuple[UUID, UUID, UUID]:
    """99,000 a month from 10 December 2026, paid: (customer, subscription, first invoice)."""
    customer, subscription, first = stage.invoice_customer(99_000)
    stage.drain()
    stage.pays(first)
    return customer, subscription, first


def upgrade(stage: Stage, subscription: UUID) -> UUID:
    with stage.work() as unit:
        done = change(unit, subscription, price_id=make_price(unit, 249_000).id, mode="prorate")
    assert done.invoice is not None
    return done.invoice.id


def end(stage: Stage, subscription: UUID, when: Any) -> None:
    """Cancel, and compare every note and void with what was shown."""
    with stage.work() as unit:
        shown = cancelling.preview_cancel(unit, subscription, when=when)
    before = {row.id for row in stage.rows(credit_notes)}
    void = {row.id for row in stage.rows(invoices, status="void")}
    with stage.work() as unit:
        cancelling.cancel(unit, subscription, when=when)
    told = sorted(
        (str(one.invoice_id), one.net, one.tax, one.to_invoice, one.to_balance)
        for one in shown.credits
    )
    done = sorted(
        (str(row.invoice_id), row.net_amount, row.tax_amount, row.to_invoice_amount,
         row.to_balance_amount)
        for row in stage.rows(credit_notes) if row.id not in before
    )  # fmt: skip
    assert told == done
    assert {row.id for row in stage.rows(invoices, status="void")} - void == set(
        getattr(shown, "voided", ())
    )
    row = stage.row(subscriptions, id=subscription)
    assert row.cancel_on == shown.quote.end_on


def test_at_the_end_an_open_upgrade_is_owed_for_the_time_that_is_served(stage: Stage) -> None:
    """The upgrade of 5 January was made when February was invoiced ahead and paid.

    It charged up to 10 February; service ends on 10 January, so from there it is given back.
    """
    customer, subscription, _ = begin(stage)
    stage.live_until(jakarta("2027-01-04 10:00"))
    [ahead] = [row for row in stage.rows(invoices) if row.period_start == date(2027, 1, 10)]
    stage.pays(ahead.id)
    stage.live_until(jakarta("2027-01-05 10:00"))
    upgraded = upgrade(stage, subscription)
    stage.live_until(jakarta("2027-01-06 10:00"))
    end(stage, subscription, "period_end")
    row = stage.row(subscriptions, id=subscription)
    assert (row.status, row.cancel_on) == ("active", date(2027, 1, 10))
    # 5 of 31 days at 249,000 are 40,161 (.29), less 5 at 99,000, 15,968 (.74): 24,193 more is owed
    # than was paid of January. The 99,000 of February pay that; 74,807 are left: on February 58,839
    # (PPN 6,472), on January 15,968 (PPN 1,756), which the change had taken off.
    assert (stage.invoice(upgraded).status, stage.invoice(upgraded).due_amount) == ("paid", 0)
    with stage.work() as unit:
        assert queries.balance(unit, customer) == 74_807 + 6_472 + 1_756
    stage.audit()
    stage.live_until(jakarta("2027-03-20 10:00"))
    assert stage.row(subscriptions, id=subscription).ended_on == date(2027, 1, 10)
    stage.audit()


@pytest.mark.parametrize("when", ["now", "period_end"])
def test_what_was_issued_ahead_and_credited_in_part_is_shown_as_it_is_taken_back(
    stage: Stage, when: str
) -> None:
    _, subscription, _ = begin(stage)
    stage.live_until(jakarta("2027-01-04 10:00"))
    [ahead] = [row for row in stage.rows(invoices) if row.period_start == date(2027, 1, 10)]
    with stage.work() as unit:
        credit_invoice(
            unit, ahead.id, reason="goodwill", gross_amount=11_100, source_kind="request",
            source_id=ahead.id,
        )  # fmt: skip
    end(stage, subscription, when)
    assert stage.invoice(ahead.id).due_amount == 0
    stage.audit()


def test_what_was_issued_ahead_is_shown_as_void(stage: Stage) -> None:
    _, subscription, _ = begin(stage)
    stage.live_until(jakarta("2027-01-04 10:00"))
    end(stage, subscription, "period_end")
    [ahead] = [row for row in stage.rows(invoices) if row.period_start == date(2027, 1, 10)]
    assert ahead.status == "void"
    stage.audit()


def test_a_change_and_the_end_of_one_day_share_their_documents_as_shown(stage: Stage) -> None:
    """Service ends with yesterday; today's upgrade was credited in part, and is taken back."""
    with stage.engine.db.begin(stage.id) as session:
        session.execute(
            text("UPDATE merchants SET cancel_day_billed = false WHERE merchant_id = :m"),
            {"m": stage.id},
        )
    _, subscription, _ = begin(stage)
    stage.live_until(jakarta("2026-12-22 10:00"))
    upgraded = upgrade(stage, subscription)
    with stage.work() as unit:
        credit_invoice(
            unit, upgraded, reason="mistake", gross_amount=11_100, source_kind="request",
            source_id=upgraded,
        )  # fmt: skip
    end(stage, subscription, "now")
    stage.audit()


def test_nothing_is_shown_while_a_renewal_is_due(stage: Stage) -> None:
    _, subscription, _ = begin(stage)
    set_clock(stage.engine, stage.id, jakarta("2027-01-11 10:00"))
    with stage.work() as unit, pytest.raises(Conflict) as caught:
        cancelling.preview_cancel(unit, subscription)
    assert caught.value.code == "renewal_due"
