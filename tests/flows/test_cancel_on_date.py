"""Cancelling on a date: served and billed up to it, what lies beyond comes back on that day."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from builders import make_customer, make_price, make_subscription
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing import queries
from billing.engine import Engine
from billing.flows.access import access_of
from billing.flows.cancel import cancel, preview_cancel, undo_cancel
from billing.flows.change_plan import change
from billing.flows.pause import pause
from billing.tables import subscriptions
from core.errors import InvalidRequest
from invoices.tables import credit_notes, invoices

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2026-11-15 09:00")


def begin(stage: Stage, *, paid: bool = True) -> tuple[UUID, UUID, UUID]:
    customer, subscription, first = stage.invoice_customer(150_000)
    stage.drain()
    if paid:
        stage.pays(first)
    return customer, subscription, first


def periods(stage: Stage) -> list[tuple[str, str, str, int]]:
    return [
        (str(row.period_start), str(row.period_end), row.status, row.subtotal_amount)
        for row in stage.rows(invoices, invoices.c.number)
        if row.status != "void"
    ]


def test_within_a_paid_period_the_unused_days_come_back_on_the_day_as_was_shown(
    stage: Stage,
) -> None:
    """Ends on 5 December: 10 of the 30 days are given back then, 50,000 and its PPN."""
    customer, subscription, _ = begin(stage)
    stage.live_until(jakarta("2026-11-20 10:00"))
    with stage.work() as unit:
        shown = preview_cancel(unit, subscription, when="date", to=date(2026, 12, 5))
        cancel(unit, subscription, when="date", to=date(2026, 12, 5), reason="moving")
        assert queries.balance(unit, customer) == 0
        access = access_of(unit, subscription).access
        assert (access.reason, access.until) == ("ending", jakarta("2026-12-05 00:00"))
    assert (shown.credits, [one.amount for one in shown.on_end]) == ((), [50_000])
    stage.live_until(jakarta("2026-12-04 23:50"))
    assert stage.rows(credit_notes) == []
    stage.live_until(jakarta("2026-12-05 10:00"))
    ended = stage.row(subscriptions, id=subscription)
    assert (ended.status, ended.ended_on, ended.cancel_reason) == (
        "canceled", date(2026, 12, 5), "moving"
    )  # fmt: skip
    assert stage.row(credit_notes).total_amount == sum(one.total for one in shown.on_end) == 55_500
    with stage.work() as unit:
        assert queries.balance(unit, customer) == 55_500
    stage.audit()


def test_beyond_the_period_the_last_one_is_billed_up_to_the_day(stage: Stage) -> None:
    """15 December to 15 January whole, then 10 of 31 days: 48,387."""
    _, subscription, _ = begin(stage)
    with stage.work() as unit:
        cancel(unit, subscription, when="date", to=date(2027, 1, 25), reason="moving")
    for day in ("2026-12-16", "2027-01-16", "2027-02-20"):
        stage.live_until(jakarta(f"{day} 10:00"))
        for row in stage.rows(invoices, status="open"):
            stage.pays(row.id)
    assert periods(stage) == [
        ("2026-11-15", "2026-12-15", "paid", 150_000),
        ("2026-12-15", "2027-01-15", "paid", 150_000),
        ("2027-01-15", "2027-01-25", "paid", 48_387),
    ]
    ended = stage.row(subscriptions, id=subscription)
    assert (ended.status, ended.ended_on) == ("canceled", date(2027, 1, 25))
    assert stage.rows(credit_notes) == []
    stage.audit()


def test_thought_better_of_it_goes_on_as_if_nothing_had_been(stage: Stage) -> None:
    """Of a period that was billed in part by then the rest follows: 10 and 21 of 31 days."""
    _, subscription, _ = begin(stage)
    with stage.work() as unit:
        cancel(unit, subscription, when="date", to=date(2026, 12, 1), reason="moving")
        undo_cancel(unit, subscription)
    assert stage.row(subscriptions, id=subscription).billed_through == date(2026, 12, 15)
    with stage.work() as unit:
        cancel(unit, subscription, when="date", to=date(2026, 12, 25), reason="moving")
    stage.live_until(jakarta("2026-12-20 10:00"))
    with stage.work() as unit:
        undo_cancel(unit, subscription)
    for row in stage.rows(invoices, status="open"):
        stage.pays(row.id)
    stage.live_until(jakarta("2026-12-26 10:00"))
    assert [one[:2] + one[3:] for one in periods(stage)] == [
        ("2026-11-15", "2026-12-15", 150_000),
        ("2026-12-15", "2026-12-25", 48_387),
        ("2026-12-25", "2027-01-15", 101_613),
    ]
    stage.audit()


def test_an_invoice_sent_ahead_for_later_days_only_is_taken_back_at_once_and_comes_back(
    stage: Stage,
) -> None:
    """Ahead for 15 December on: wholly behind the 12th, in part behind the 20th."""
    _, subscription, _ = begin(stage)
    stage.live_until(jakarta("2026-12-09 10:00"))
    [ahead] = stage.rows(invoices, status="open")
    with stage.work() as unit:
        part = preview_cancel(unit, subscription, when="date", to=date(2026, 12, 20))
        assert (part.voided, [one.to_invoice for one in part.on_end]) == ((), [139_645])
        cancel(unit, subscription, when="date", to=date(2026, 12, 12), reason="moving")
    assert stage.invoice(ahead.id).status == "void"
    with stage.work() as unit:
        undo_cancel(unit, subscription)
        cancel(unit, subscription, when="date", to=date(2026, 12, 20), reason="moving")
    [again] = stage.rows(invoices, status="open")
    stage.live_until(jakarta("2026-12-20 10:00"))
    left = stage.invoice(again.id)
    assert (left.total_amount - left.credited_amount, left.status) == (26_855, "open")
    stage.pays(again.id)
    stage.audit()


def test_a_smaller_plan_that_waits_is_taken_up_before_the_day(stage: Stage) -> None:
    _, subscription, _ = begin(stage)
    with stage.work() as unit:
        smaller = make_price(unit, 90_000).id
        change(unit, subscription, price_id=smaller)
        cancel(unit, subscription, when="date", to=date(2027, 1, 15), reason="moving")
    stage.live_until(jakarta("2026-12-16 10:00"))
    assert periods(stage)[1][3] == 90_000
    stage.pays(stage.row(invoices, status="open").id)
    stage.live_until(jakarta("2027-01-16 10:00"))
    with stage.work() as unit:
        ended = queries.get_subscription(unit, subscription)
        assert (ended.status, ended.ended_on) == ("canceled", date(2027, 1, 15))


def test_a_trial_and_a_pause_end_on_a_date_too(stage: Stage) -> None:
    _, paused, _ = begin(stage)
    with stage.work() as unit:
        trial = make_subscription(
            unit, customer=make_customer(unit), price=make_price(unit, 150_000), trial_days=14
        ).subscription.id
        cancel(unit, trial, when="date", to=date(2026, 11, 20), reason="moving")
        pause(unit, paused, policy="forfeit", resume_on=date(2026, 11, 25))
        cancel(unit, paused, when="date", to=date(2026, 12, 5), reason="moving")
    stage.live_until(jakarta("2026-12-06 10:00"))
    with stage.work() as unit:
        ends = [queries.get_subscription(unit, one).ended_on for one in (trial, paused)]
    assert ends == [date(2026, 11, 20), date(2026, 12, 5)]
    assert len(periods(stage)) == 1
    stage.audit()


@pytest.mark.parametrize("to", [None, date(2026, 11, 15), date(2026, 11, 1), date(2029, 1, 1)])
def test_a_day_that_is_not_to_come_is_refused(stage: Stage, to: date | None) -> None:
    _, subscription, _ = begin(stage)
    with pytest.raises(InvalidRequest) as told, stage.work() as unit:
        cancel(unit, subscription, when="date", to=to)
    assert (told.value.code, told.value.field) == ("invalid_cancel_on", "on")
