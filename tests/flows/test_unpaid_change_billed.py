"""A change that nobody paid never happened: what it took off older unpaid invoices is billed again.

Prices are before PPN of 11% (12% on 11/12): 150.000 comes to 166.500, 1.200.000 to 1.332.000.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from builders import make_price
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import Row
from stage import Stage, jakarta, make_stage

from billing import queries
from billing.engine import Engine
from billing.flows.cancel import cancel, undo_cancel
from billing.flows.change_plan import change
from billing.flows.issue_again import bill_what_it_took_off
from billing.flows.pause import pause, resume
from billing.flows.take_out import take_out
from billing.tables import subscriptions
from invoices.tables import invoice_lines, invoices

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2026-12-10 09:00")


def upgrade(stage: Stage, subscription: UUID, amount: int, **terms: object) -> UUID:
    """Change to a new price at once; gives the change's invoice."""
    with stage.work() as unit:
        price = make_price(unit, amount, **terms).id  # type: ignore[arg-type]
        done = change(unit, subscription, price_id=price, mode="prorate")
    assert done.invoice is not None
    return done.invoice.id


def void(stage: Stage, invoice: UUID) -> None:
    with stage.work() as unit:
        take_out(unit, invoice, reason="mistake")


def bills(stage: Stage) -> list[tuple[str, str, str, str, int, int]]:
    """(kind, from, to, status, total, due) of every invoice by number."""
    return [
        (row.kind, str(row.period_start), str(row.period_end), row.status, row.total_amount,
         row.due_amount)
        for row in stage.rows(invoices, invoices.c.number)
    ]  # fmt: skip


def newest(stage: Stage) -> Row:  # type: ignore[type-arg]
    return stage.rows(invoices, invoices.c.number)[-1]


def test_a_year_by_invoice_is_not_free_after_an_upgrade_that_is_never_paid(stage: Stage) -> None:
    """10 Dec: 1.332.000 for the year, and the same day 2.664.000 in its place; nothing is paid.

    The change ends when chasing it ends; the year is billed again from that day, is chased by
    itself, and ends the subscription.
    """
    _, subscription, first = stage.invoice_customer(1_200_000, interval_unit="year")
    stage.drain()
    dear = upgrade(stage, subscription, 2_400_000, interval_unit="year")
    assert (stage.invoice(first).status, stage.invoice(dear).due_amount) == ("paid", 2_664_000)
    while stage.invoice(dear).status == "open":
        [case] = [row.next_at for row in _cases(stage, dear)]
        stage.live_until(case)

    again = newest(stage)
    assert bills(stage) == [
        ("period", "2026-12-10", "2027-12-10", "paid", 1_332_000, 0),
        ("change", "2026-12-10", "2027-12-10", "void", 2_664_000, 2_664_000),
        ("period", "2026-12-10", "2027-12-10", "open", 1_332_000, 1_332_000),
    ]
    assert again.due_on > again.issued_on == stage.invoice(dear).closed_at.date()
    assert stage.row(subscriptions, id=subscription).billed_through == date(2027, 12, 10)
    stage.audit()

    stage.live_until(jakarta("2027-06-01 10:00"))
    row = stage.row(subscriptions, id=subscription)
    assert (row.status, row.ended_on) == ("canceled", date(2026, 12, 10))
    assert stage.invoice(again.id).status == "void"
    stage.audit()


def _cases(stage: Stage, invoice: UUID) -> list[Row]:  # type: ignore[type-arg]
    from dunning.tables import dunning_cases

    return stage.rows(dunning_cases, invoice_id=invoice)


def test_next_month_is_billed_again_when_the_change_was_a_mistake(
    stage: Stage, mailer: FakeMailer
) -> None:
    """December is paid, January was issued ahead: 166.500, which the change had taken off."""
    _, subscription, first = stage.invoice_customer(150_000)
    stage.drain()
    stage.pays(first)
    stage.live_until(jakarta("2027-01-05 10:00"))
    dear = upgrade(stage, subscription, 300_000)
    void(stage, dear)
    told = len(mailer.sent)
    stage.drain()

    again = newest(stage)
    assert bills(stage) == [
        ("period", "2026-12-10", "2027-01-10", "paid", 166_500, 0),
        ("period", "2027-01-10", "2027-02-10", "paid", 166_500, 0),
        # 48.387 less 24.194 for 5 of 31 days, 300.000 for January: 324.193, and 35.661 of PPN.
        ("change", "2027-01-05", "2027-02-10", "void", 359_854, 359_854),
        ("period", "2027-01-10", "2027-02-10", "open", 166_500, 166_500),
    ]
    assert (again.issued_on, again.due_on) == (date(2027, 1, 5), date(2027, 1, 12))
    assert any(again.number in mail.subject + mail.text for mail in mailer.sent[told:])
    assert stage.row(subscriptions, id=subscription).billed_through == date(2027, 2, 10)
    stage.audit()

    stage.pays(again.id)
    stage.live_until(jakarta("2027-02-08 10:00"))
    assert bills(stage)[4:] == [("period", "2027-02-10", "2027-03-10", "open", 166_500, 166_500)]
    stage.audit()


def test_the_running_month_is_owed_again_and_once(stage: Stage) -> None:
    """The debt of the first month was in the change; asked twice, it is one invoice."""
    _, subscription, _ = stage.invoice_customer(150_000)
    stage.drain()
    dear = upgrade(stage, subscription, 300_000)
    void(stage, dear)
    with stage.work() as unit:
        [made] = [one for one in queries.changes_of(unit, subscription) if one.invoice_id == dear]
        bill_what_it_took_off(unit, queries.get_subscription(unit, subscription), made)
    stage.drain()

    assert bills(stage)[1:] == [
        ("change", "2026-12-10", "2027-01-10", "void", 333_000, 333_000),
        ("period", "2026-12-10", "2027-01-10", "open", 166_500, 166_500),
    ]
    stage.pays(newest(stage).id)
    assert stage.row(subscriptions, id=subscription).status == "active"
    stage.audit()


def test_of_a_month_begun_only_the_rest_is_billed_again(stage: Stage) -> None:
    """On 15 Dec 26 of 31 days: 150.000 × 26/31 = 125.806,45; the five days before stay owed."""
    _, subscription, first = stage.invoice_customer(150_000)
    stage.live_until(jakarta("2026-12-15 10:00"))
    dear = upgrade(stage, subscription, 300_000)
    assert stage.invoice(first).due_amount == 166_500 - 139_645  # 125.806 and 13.839 of PPN
    void(stage, dear)
    stage.drain()

    again = newest(stage)
    assert bills(stage)[2] == ("period", "2026-12-15", "2027-01-10", "open", 139_645, 139_645)
    [line] = stage.rows(invoice_lines, invoice_id=again.id)
    assert (line.kind, line.amount, line.derivation["numerator"]) == ("charge", 125_806, 26)
    stage.pays(first)
    stage.pays(again.id)
    stage.live_until(jakarta("2027-01-11 10:00"))
    assert [row[:3] for row in bills(stage)[3:]] == [("period", "2027-01-10", "2027-02-10")]
    stage.audit()


def test_a_month_that_became_a_year_is_a_month_again_and_owed(stage: Stage) -> None:
    """The year began on 12 Dec: 29 of 31 days are billed again, and January by its own day."""
    _, subscription, first = stage.invoice_customer(150_000)
    stage.live_until(jakarta("2026-12-12 10:00"))
    dear = upgrade(stage, subscription, 1_500_000, interval_unit="year")
    stage.live_until(jakarta("2026-12-13 10:00"))
    void(stage, dear)
    stage.drain()

    row = stage.row(subscriptions, id=subscription)
    assert (row.anchor_on, row.current_end, row.billed_through) == (
        date(2026, 12, 10), date(2027, 1, 10), date(2027, 1, 10),
    )  # fmt: skip
    # 150.000 × 29/31 = 140.322,58, rounded 140.323, and PPN of 15.435,53, rounded 15.436.
    assert bills(stage)[2] == ("period", "2026-12-12", "2027-01-10", "open", 155_759, 155_759)
    stage.pays(first)
    stage.pays(newest(stage).id)
    stage.live_until(jakarta("2027-01-11 10:00"))
    assert [row[:3] for row in bills(stage)[3:]] == [("period", "2027-01-10", "2027-02-10")]
    stage.audit()


def test_days_invoiced_at_the_new_price_since_leave_the_old_days_owed(stage: Stage) -> None:
    """January was issued at the new price: the plan stays, December is asked for as it was."""
    _, subscription, _ = stage.invoice_customer(150_000)
    stage.drain()
    dear = upgrade(stage, subscription, 300_000)
    stage.live_until(jakarta("2027-01-04 10:00"))
    if stage.invoice(dear).status == "open":
        void(stage, dear)
    stage.drain()
    assert ("period", "2026-12-10", "2027-01-10", "open", 166_500, 166_500) in bills(stage)
    stage.audit()


def test_what_is_not_served_any_more_is_billed_only_once_it_is_again(stage: Stage) -> None:
    """He leaves with January, so February is not billed again; he stays after all, and it is."""
    _, subscription, first = stage.invoice_customer(150_000)
    stage.drain()
    stage.pays(first)
    stage.live_until(jakarta("2027-01-05 10:00"))
    dear = upgrade(stage, subscription, 1_500_000, interval_unit="year")
    with stage.work() as unit:
        cancel(unit, subscription)
    void(stage, dear)
    stage.drain()
    row = stage.row(subscriptions, id=subscription)
    assert row.cancel_on == row.current_end == date(2027, 1, 10)
    assert len(bills(stage)) == 3
    stage.audit()
    with stage.work() as unit:
        undo_cancel(unit, subscription)
    stage.drain()
    assert bills(stage)[3] == ("period", "2027-01-10", "2027-02-10", "open", 166_500, 166_500)
    stage.audit()


def test_who_is_paused_on_the_day_of_an_unpaid_upgrade_owes_nothing_for_it(stage: Stage) -> None:
    """Both invoices are taken back with the day they begin on; the next one is of the resume."""
    _, subscription, first = stage.invoice_customer(150_000)
    stage.drain()
    dear = upgrade(stage, subscription, 300_000)
    with stage.work() as unit:
        pause(unit, subscription, policy="give_back")
    assert (stage.invoice(first).due_amount, stage.invoice(dear).status) == (0, "void")
    stage.audit()
    stage.live_until(jakarta("2027-01-03 10:00"))
    with stage.work() as unit:
        resume(unit, subscription)
    assert bills(stage)[1:] == [
        ("change", "2026-12-10", "2027-01-10", "void", 333_000, 333_000),
        ("period", "2027-01-03", "2027-02-03", "open", 333_000, 333_000),
    ]
    stage.audit()
