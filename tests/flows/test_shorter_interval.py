"""A change to a shorter interval after the next period was invoiced: the new periods are all billed.

Found by `tagihan prove`: the first new period begins on the day of the invoice that was taken back.
"""

from __future__ import annotations

from uuid import UUID

import pytest
from builders import make_price, set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows.change_plan import change
from invoices.tables import invoices

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2026-12-10 09:00")


def periods(stage: Stage) -> list[tuple[str, str, str]]:
    """(kind, from, to) of every invoice, by number."""
    return [
        (row.kind, str(row.period_start), str(row.period_end))
        for row in stage.rows(invoices, invoices.c.number)
    ]


def change_to_weeks(stage: Stage, subscription: UUID) -> None:
    with stage.work() as unit:
        weekly = make_price(unit, 40_000, interval_unit="week")
        change(unit, subscription, price_id=weekly.id, mode="prorate")


@pytest.mark.parametrize("is_paid", [True, False])
# On 3 January the week that the change begins ends where the month ahead began; on the 6th not.
@pytest.mark.parametrize("day", ["2027-01-03", "2027-01-06"])
def test_every_week_after_a_month_that_was_taken_back_is_billed(
    stage: Stage, day: str, is_paid: bool
) -> None:
    _, subscription, first = stage.invoice_customer(interval_unit="month")
    stage.drain()
    stage.pays(first)
    # A week before its period the next month is invoiced.
    stage.live_until(jakarta("2027-01-03 09:00"))
    [ahead] = [row for row in stage.rows(invoices) if str(row.period_start) == "2027-01-10"]
    if is_paid:
        stage.pays(ahead.id)
    stage.live_until(jakarta(f"{day} 12:00"))

    change_to_weeks(stage, subscription)
    stage.live_until(jakarta("2027-02-04 09:00"))

    first_month, month_ahead, *weeks = periods(stage)
    assert first_month == ("period", "2026-12-10", "2027-01-10")
    assert month_ahead == ("period", "2027-01-10", "2027-02-10")
    assert weeks[0][:2] == ("change", day)
    starts = [start for _, start, _ in weeks]
    ends = [end for _, _, end in weeks]
    assert starts[1:] == ends[:-1], weeks
    assert ends[-1] >= "2027-02-07"
    stage.audit()


def test_days_billed_late_and_a_change_in_one_request_are_read_in_their_order(
    stage: Stage,
) -> None:
    """Found by `tagihan prove`: dark for three days, then a change catches up and bills its weeks."""
    _, subscription, _ = stage.invoice_customer(interval_unit="day")
    stage.drain()
    set_clock(stage.engine, stage.id, jakarta("2026-12-13 12:00"))

    change_to_weeks(stage, subscription)
    stage.live_until(jakarta("2027-01-01 09:00"))

    told = periods(stage)
    assert [kind for kind, _, _ in told[:6]] == ["period"] * 4 + ["change", "period"], told
    stage.audit()
