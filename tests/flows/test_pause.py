"""Pausing and resuming, lived as diaries: what is served, what is billed, what comes back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from builders import make_customer, make_price, make_subscription, set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import Row
from stage import Stage, jakarta, make_stage

from billing import queries
from billing.engine import Engine
from billing.flows.cancel import cancel
from billing.flows.change_plan import change
from billing.flows.pause import pause, preview_pause, preview_resume, resume, undo_pause
from billing.flows.renew import renew_due
from billing.flows.void import mark_uncollectible
from billing.tables import subscription_changes, subscriptions
from core.errors import EngineError
from core.work import Work
from invoices.tables import invoices

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2026-11-15 09:00")


def begin(stage: Stage, *, paid: bool = True, amount: int = 150_000) -> tuple[UUID, UUID, UUID]:
    customer, subscription, first = stage.invoice_customer(amount)
    stage.drain()
    if paid:
        stage.pays(first)
    return customer, subscription, first


def periods(stage: Stage) -> list[tuple[str, str, str]]:
    """(from, to, status) of the invoices, in the order of their numbers."""
    rows = stage.rows(invoices, invoices.c.number)
    return [(str(row.period_start), str(row.period_end), row.status) for row in rows]


def standing(stage: Stage, subscription: UUID) -> Row[Any]:
    return stage.row(subscriptions, id=subscription)


def test_what_is_paid_is_served_first_and_nothing_is_billed_until_it_resumes_by_itself(
    stage: Stage,
) -> None:
    _, subscription, _ = begin(stage)
    stage.live_until(jakarta("2026-11-25 10:00"))
    with stage.work() as unit:
        shown = preview_pause(unit, subscription, resume_on=date(2027, 2, 1))
        asked = pause(unit, subscription, resume_on=date(2027, 2, 1), reason="holidays")
    assert (asked.status, asked.pause_on, shown.credits) == ("active", shown.quote.pause_on, ())
    stage.live_until(jakarta("2027-01-31 23:59"))
    assert standing(stage, subscription).status == "paused"
    assert periods(stage) == [("2026-11-15", "2026-12-15", "paid")]
    stage.live_until(jakarta("2027-02-01 12:00"))
    back = standing(stage, subscription)
    assert (back.status, back.pause_on, back.resume_on) == ("active", None, None)
    assert periods(stage)[1:] == [("2027-02-01", "2027-03-01", "open")]
    assert stage.told(
        "subscription.pause_scheduled", "subscription.paused", "subscription.resumed"
    ) == [
        ("11-25 10:00", "subscription.pause_scheduled"),
        ("12-15 00:00", "subscription.paused"),
        ("02-01 00:00", "subscription.resumed"),
    ]
    stage.audit()


def test_paused_today_the_unused_days_come_back_and_pay_the_period_after_the_pause(
    stage: Stage,
) -> None:
    """20 of 30 days of 150,000 are 100,000, with PPN 111,000; of the next 166,500 55,500 is due."""
    customer, subscription, _ = begin(stage)
    stage.live_until(jakarta("2026-11-25 10:00"))
    with stage.work() as unit:
        shown = preview_pause(unit, subscription, policy="give_back")
        paused = pause(unit, subscription, policy="give_back")
        assert (paused.status, paused.pause_on) == ("paused", date(2026, 11, 25))
        assert queries.balance(unit, customer) == 111_000
    assert [one.amount for one in shown.credits] == [100_000]
    assert stage.row(subscription_changes, kind="pause").quote["policy"] == "give_back/1"
    stage.audit()
    stage.live_until(jakarta("2027-03-10 10:00"))
    assert len(periods(stage)) == 1
    with stage.work() as unit:
        plan = preview_resume(unit, subscription)
        resume(unit, subscription)
    assert plan.document is not None
    [_, new] = stage.rows(invoices, invoices.c.number)
    assert (str(new.period_start), str(new.period_end)) == ("2027-03-10", "2027-04-10")
    assert (new.total_amount, new.due_amount) == (plan.document.total.amount, 55_500)
    stage.live_until(jakarta("2027-04-10 10:00"))
    assert periods(stage)[2][:2] == ("2027-04-10", "2027-05-10")
    stage.audit()


def test_days_that_are_forfeited_are_lost_and_the_rest_is_served(stage: Stage) -> None:
    customer, subscription, _ = begin(stage)
    stage.live_until(jakarta("2026-11-20 10:00"))
    with stage.work() as unit:
        pause(unit, subscription, policy="forfeit")
        assert queries.balance(unit, customer) == 0
    stage.live_until(jakarta("2026-12-01 10:00"))
    with stage.work() as unit:
        assert preview_resume(unit, subscription).document is None
        back = resume(unit, subscription)
    assert (back.status, back.current_end) == ("active", date(2026, 12, 15))
    stage.live_until(jakarta("2026-12-15 10:00"))
    assert [one[:2] for one in periods(stage)] == [
        ("2026-11-15", "2026-12-15"), ("2026-12-15", "2027-01-15"),
    ]  # fmt: skip
    stage.audit()


def test_who_comes_back_on_his_old_day_pays_for_the_days_up_to_it(stage: Stage) -> None:
    """Back on 5 January with the 15th kept: 10 of the 31 days from 15 December, 48,387."""
    _, subscription, _ = begin(stage)
    with stage.work() as unit:
        pause(unit, subscription, resume_on=date(2027, 1, 5), keep_anchor=True)
    stage.live_until(jakarta("2027-01-05 10:00"))
    [_, stub] = stage.rows(invoices, invoices.c.number)
    assert (str(stub.period_end), stub.subtotal_amount) == ("2027-01-15", 48_387)
    stage.live_until(jakarta("2027-01-15 10:00"))
    assert periods(stage)[2][:2] == ("2027-01-15", "2027-02-15")
    stage.audit()


def test_an_invoice_sent_ahead_is_taken_back_and_comes_back_when_it_is_thought_better_of(
    stage: Stage,
) -> None:
    _, subscription, _ = begin(stage)
    stage.live_until(jakarta("2026-12-10 10:00"))
    with stage.work() as unit:
        shown = preview_pause(unit, subscription)
        pause(unit, subscription)
    assert len(shown.voided) == 1
    assert periods(stage)[1] == ("2026-12-15", "2027-01-15", "void")
    stage.audit()
    with stage.work() as unit:
        going_on = undo_pause(unit, subscription)
    assert (going_on.pause_on, going_on.billed_through) == (None, date(2027, 1, 15))
    assert periods(stage)[2] == ("2026-12-15", "2027-01-15", "open")
    stage.live_until(jakarta("2026-12-16 10:00"))
    assert standing(stage, subscription).status == "active"
    stage.audit()


def test_what_was_served_and_not_paid_is_owed_and_chased_through_the_pause(stage: Stage) -> None:
    """Paused on the 25th: of 166,500 the ten days served, 55,500, stay due. He comes back behind."""
    _, subscription, first = begin(stage, paid=False)
    stage.live_until(jakarta("2026-11-21 10:00"))
    with stage.work() as unit:
        pause(unit, subscription, policy="give_back")
    assert stage.invoice(first).due_amount == 33_300
    stage.live_until(jakarta("2026-12-02 12:00"))
    assert standing(stage, subscription).status == "paused"
    with stage.work() as unit:
        assert resume(unit, subscription).status == "past_due"
    stage.pays(first)
    assert standing(stage, subscription).status == "active"
    stage.audit()


def test_an_end_while_it_is_paused_ends_it_where_the_pause_began(stage: Stage) -> None:
    customer, subscription, _ = begin(stage)
    stage.live_until(jakarta("2026-11-25 10:00"))
    with stage.work() as unit:
        pause(unit, subscription, policy="give_back", resume_on=date(2027, 5, 1))
    stage.live_until(jakarta("2027-01-03 10:00"))
    with stage.work() as unit:
        ended = cancel(unit, subscription)
        assert (ended.status, ended.ended_on) == ("canceled", date(2026, 11, 25))
        assert queries.balance(unit, customer) == 111_000
    stage.live_until(jakarta("2027-06-01 10:00"))
    assert len(periods(stage)) == 1
    stage.audit()


def test_a_pause_and_its_end_slept_through_are_caught_up(stage: Stage) -> None:
    _, subscription, _ = begin(stage)
    with stage.work() as unit:
        pause(unit, subscription, resume_on=date(2027, 1, 1))
    set_clock(stage.engine, stage.id, jakarta("2027-02-10 10:00"))
    renew_due(stage.engine, stage.id)
    assert [one[:2] for one in periods(stage)] == [
        ("2026-11-15", "2026-12-15"), ("2027-01-01", "2027-02-01"), ("2027-02-01", "2027-03-01"),
    ]  # fmt: skip
    stage.drain()
    stage.audit()


def test_who_resumes_the_same_day_begins_a_new_period(stage: Stage) -> None:
    customer, subscription, _ = begin(stage)
    with stage.work() as unit:
        pause(unit, subscription, policy="give_back")
        resume(unit, subscription)
        assert queries.balance(unit, customer) == 0
    assert [(one[0], one[2]) for one in periods(stage)] == [
        ("2026-11-15", "paid"), ("2026-11-15", "paid"),
    ]  # fmt: skip
    stage.audit()


def test_a_year_that_is_to_be_paused_is_not_announced(stage: Stage) -> None:
    with stage.work() as unit:
        customer = make_customer(unit)
        price = make_price(unit, 1_200_000, interval_unit="year")
        made = make_subscription(unit, customer=customer, price=price)
    assert standing(stage, made.subscription.id).notice_at is not None
    with stage.work() as unit:
        pause(unit, made.subscription.id)
    assert standing(stage, made.subscription.id).notice_at is None


def test_what_is_or_will_be_paused_is_not_changed_paused_again_or_resumed_early(
    stage: Stage,
) -> None:
    _, subscription, _ = begin(stage)
    with stage.work() as unit:
        other = make_price(unit, 50_000).id
        trialing = make_subscription(unit, trial_days=7).subscription.id
        waiting = make_subscription(unit).subscription.id
        change(unit, waiting, price_id=other)
        leaving = make_subscription(unit).subscription.id
        cancel(unit, leaving)
        pause(unit, subscription)
    refused: list[tuple[Callable[[Work], object], str]] = [
        (lambda unit: pause(unit, subscription), "pause_scheduled"),
        (lambda unit: change(unit, subscription, price_id=other), "pause_scheduled"),
        (lambda unit: resume(unit, subscription), "not_paused"),
        (lambda unit: undo_pause(unit, leaving), "not_scheduled"),
        (lambda unit: pause(unit, trialing), "not_pausable"),
        (lambda unit: pause(unit, waiting), "change_waits"),
        (lambda unit: pause(unit, leaving), "cancel_scheduled"),
    ]
    for ask, code in refused:
        with pytest.raises(EngineError) as told, stage.work() as unit:
            ask(unit)
        assert told.value.code == code
    stage.live_until(jakarta("2026-12-20 10:00"))
    for wanted in (date(2026, 12, 19), date(2029, 1, 1)):
        with pytest.raises(EngineError) as told, stage.work() as unit:
            resume(unit, subscription, on=wanted)
        assert told.value.code == "invalid_resume_on"
    stage.audit()


def test_what_staff_write_off_during_a_pause_is_not_served_after_it(stage: Stage) -> None:
    """Days that were lost and never paid do not come back: who resumes begins a new period."""
    _, subscription, first = begin(stage, paid=False)
    stage.live_until(jakarta("2026-11-20 10:00"))
    with stage.work() as unit:
        pause(unit, subscription, policy="forfeit")
    assert standing(stage, subscription).billed_through == date(2026, 12, 15)
    stage.live_until(jakarta("2026-11-22 10:00"))
    with stage.work() as unit:
        mark_uncollectible(unit, first, reason="lost")
    assert standing(stage, subscription).billed_through == date(2026, 11, 20)
    stage.live_until(jakarta("2026-11-25 10:00"))
    with stage.work() as unit:
        resume(unit, subscription)
    stage.drain()
    assert periods(stage) == [
        ("2026-11-15", "2026-12-15", "uncollectible"), ("2026-11-25", "2026-12-25", "open"),
    ]  # fmt: skip
    stage.audit()
