"""How dunning ends where money came all the same: before the end, after it, or for later time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import make_customer, make_price, make_subscription, set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing import queries
from billing.engine import Engine
from billing.flows.credit_balance import add_balance
from billing.flows.pause import pause, preview_resume, resume
from billing.flows.renew import renew_due
from billing.tables import subscriptions
from core.bulk import insert_rows
from core.tables import events
from dunning.policies import DEFAULT_POLICY
from dunning.tables import dunning_policies
from invoices.tables import invoices

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def test_what_was_paid_for_later_time_is_given_back_when_an_older_bill_ends_it(
    stage: Stage,
) -> None:
    """February was never paid, March was: the end on 7 March is like a cancellation of that day.

    What March gives back pays February as far as it goes; only the rest is written off.
    """
    customer_id, subscription_id, january = stage.invoice_customer()
    stage.drain()
    stage.pays(january)
    stage.live_until(jakarta("2027-02-27 12:00"))
    february, march = sorted(
        (row for row in stage.rows(invoices) if row.id != january), key=lambda row: row.period_start
    )
    stage.pays(march.id)
    stage.live_until(jakarta("2027-03-20 12:00"))

    ended = stage.row(subscriptions, id=subscription_id)
    assert (ended.status, ended.cancel_reason) == ("canceled", "unpaid")
    # Paid 166,500 for [5 March, 5 April); the end is the day after the decision.
    decided = ended.canceled_at.astimezone(jakarta("2027-01-01 00:00").tzinfo).date()
    assert (ended.ended_on - decided).days == 1
    days = 31 - (ended.ended_on - march.period_start).days
    net = (2 * 150_000 * days + 31) // (2 * 31)
    with stage.work() as unit:
        assert queries.balance(unit, customer_id) == 0
    lost = stage.invoice(february.id)
    assert (lost.status, lost.paid_amount) == ("uncollectible", net + (2 * net * 11 + 100) // 200)
    stage.audit()


def test_a_debt_paid_after_service_had_stopped_bills_nothing_for_the_time_between(
    stage: Stage,
) -> None:
    keep = replace(DEFAULT_POLICY, version=2, end_action="unpaid")
    with stage.work() as unit:
        rules = {"merchant_id": stage.id, "id": unit.derive("dunning_policy", "default", 2),
                 "code": "default", "version": 2, "rules": keep.to_dict(),
                 "created_at": unit.now}  # fmt: skip
        insert_rows(unit.session, dunning_policies, [rules])
    _, subscription_id, january = stage.invoice_customer()
    stage.drain()
    stage.pays(january)
    stage.live_until(jakarta("2027-08-20 12:00"))
    assert stage.row(subscriptions, id=subscription_id).status == "unpaid"
    before = {row.id for row in stage.rows(invoices)}
    for one in stage.rows(invoices, status="uncollectible"):
        stage.pays(one.id)
    stage.drain()

    going_on = stage.row(subscriptions, id=subscription_id)
    [new] = [row for row in stage.rows(invoices) if row.id not in before]
    assert going_on.status == "active"
    assert (str(going_on.current_start), str(going_on.current_end)) == ("2027-08-20", "2027-09-20")
    assert (str(new.period_start), new.status) == ("2027-08-20", "open")
    stage.audit()


def test_a_debt_paid_within_its_own_period_moves_no_date(stage: Stage) -> None:
    keep = replace(DEFAULT_POLICY, version=2, end_action="unpaid", invoice_end_days=10)
    with stage.work() as unit:
        row = {"merchant_id": stage.id, "id": unit.derive("dunning_policy", "default", 2),
               "code": "default", "version": 2, "rules": keep.to_dict(),
               "created_at": unit.now}  # fmt: skip
        insert_rows(unit.session, dunning_policies, [row])
    _, subscription_id, january = stage.invoice_customer()
    stage.live_until(jakarta("2027-01-24 12:00"))
    before = stage.row(subscriptions, id=subscription_id)
    assert before.status == "unpaid"
    stage.pays(january)
    after = stage.row(subscriptions, id=subscription_id)
    assert after.status == "active"
    assert (after.anchor_on, after.current_end, after.billed_through) == (
        before.anchor_on, before.current_end, before.billed_through,
    )  # fmt: skip


def test_a_sign_up_that_expires_is_never_told_as_active(stage: Stage) -> None:
    """Its invoice took the customer's balance, which the credit gives back."""
    with stage.work() as unit:
        customer = make_customer(unit)
        add_balance(
            unit, customer.id, 10_000, kind="credited", source_kind="gift", source_id=customer.id
        )
        make_subscription(unit, customer=customer, price=make_price(unit), interactive=True)
    set_clock(stage.engine, stage.id, jakarta("2027-01-09 09:00"))
    renew_due(stage.engine, stage.id)
    told = [one.type for one in stage.rows(events, events.c.seq)
            if one.type.startswith("subscription")]  # fmt: skip
    assert told == ["subscription.created", "subscription.canceled"]
    with stage.work() as unit:
        assert queries.balance(unit, customer.id) == 10_000


def test_who_comes_back_from_a_pause_whose_period_was_written_off_is_billed_anew(
    stage: Stage,
) -> None:
    """Paid late it counts again: what was paid for and not given back is served as it was."""
    keep = replace(DEFAULT_POLICY, version=2, end_action="unpaid", invoice_end_days=10)
    with stage.work() as unit:
        row = {"merchant_id": stage.id, "id": unit.derive("dunning_policy", "default", 2),
               "code": "default", "version": 2, "rules": keep.to_dict(),
               "created_at": unit.now}  # fmt: skip
        insert_rows(unit.session, dunning_policies, [row])
    _, gone, lost = stage.invoice_customer()
    _, late, owed = stage.invoice_customer()
    stage.drain()
    with stage.work() as unit:
        for one in (gone, late):
            pause(unit, one, policy="forfeit")
    stage.live_until(jakarta("2027-01-24 12:00"))
    assert [stage.invoice(one).status for one in (lost, owed)] == ["uncollectible"] * 2
    stage.pays(owed)
    with stage.work() as unit:
        shown = preview_resume(unit, gone)
        for one in (gone, late):
            resume(unit, one)
    back = stage.row(subscriptions, id=gone)
    assert (str(back.current_start), str(back.billed_through)) == ("2027-01-24", "2027-02-24")
    [_, new] = stage.rows(invoices, invoices.c.created_at, subscription_id=gone)
    assert shown.document is not None
    assert (str(new.period_start), new.total_amount) == (
        "2027-01-24", shown.document.total.amount,
    )  # fmt: skip
    paid = stage.row(subscriptions, id=late)
    assert (paid.status, str(paid.billed_through)) == ("active", "2027-02-05")
    assert len(stage.rows(invoices, subscription_id=late)) == 1
    stage.audit()
