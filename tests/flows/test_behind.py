"""What puts a subscription behind, and what brings it back: payment, a void, an end that keeps it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from builders import make_customer, make_subscription, set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows.take_out import take_out
from billing.queries import is_behind
from billing.tables import subscriptions
from core.bulk import insert_rows
from dunning.policies import DEFAULT_POLICY
from dunning.tables import dunning_policies
from invoices.tables import invoices

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def status(stage: Stage, subscription: UUID) -> str:
    found: str = stage.row(subscriptions, id=subscription).status
    return found


def test_voiding_the_only_overdue_invoice_brings_its_subscription_back(stage: Stage) -> None:
    _, subscription, first = stage.invoice_customer()
    stage.live_until(jakarta("2027-01-14 12:00"))
    assert status(stage, subscription) == "past_due"
    with stage.work() as unit:
        take_out(unit, first, reason="mistake")
    assert status(stage, subscription) == "active"
    assert [what for _, what in stage.told("subscription.past_due", "subscription.recovered")] == [
        "subscription.past_due", "subscription.recovered",
    ]  # fmt: skip
    stage.audit()


def test_voiding_one_of_two_overdue_invoices_does_not(stage: Stage) -> None:
    _, subscription, first = stage.invoice_customer()
    stage.live_until(jakarta("2027-02-08 12:00"))
    assert status(stage, subscription) == "past_due"
    assert len(stage.rows(invoices, status="open")) > 1
    with stage.work() as unit:
        take_out(unit, first, reason="mistake")
    assert status(stage, subscription) == "past_due"


@pytest.mark.parametrize(
    ("zone", "at", "behind"),
    [
        ("Asia/Jakarta", "2027-01-12 23:30", False),
        ("Asia/Jakarta", "2027-01-13 00:00", True),
        # In Jayapura the day is over two hours earlier.
        ("Asia/Jayapura", "2027-01-12 22:30", True),
        ("Asia/Jayapura", "2027-01-12 21:30", False),
    ],
)
def test_a_due_day_is_over_where_the_invoice_is_due(
    stage: Stage, zone: str, at: str, behind: bool
) -> None:
    """Due on 12 January."""
    with stage.work() as unit:
        made = make_subscription(unit, customer=make_customer(unit, billing_zone=zone))
    subscription, first = made.subscription.id, made.invoice_id
    assert first is not None
    set_clock(stage.engine, stage.id, jakarta(at))
    with stage.work() as unit:
        assert str(stage.invoice(first).due_on) == "2027-01-12"
        assert is_behind(unit, subscription) is behind
        assert not is_behind(unit, subscription, without=first)


def test_a_declined_charge_counts_on_its_own_day(stage: Stage) -> None:
    """It is due today, so by the date alone it would not be late."""
    _, subscription, _ = stage.card_customer()
    stage.drain()
    stage.decline(times=9)
    stage.live_until(jakarta("2027-02-05 12:00"))
    assert status(stage, subscription) == "past_due"
    with stage.work() as unit:
        assert is_behind(unit, subscription)


def test_an_end_that_keeps_the_subscription_goes_on_serving_what_was_paid(stage: Stage) -> None:
    keep = replace(DEFAULT_POLICY, version=2, end_action="unpaid")
    with stage.work() as unit:
        row = {"merchant_id": stage.id, "id": unit.derive("dunning_policy", "default", 2),
               "code": "default", "version": 2, "rules": keep.to_dict(),
               "created_at": unit.now}  # fmt: skip
        insert_rows(unit.session, dunning_policies, [row])
    _, subscription, january = stage.invoice_customer()
    stage.drain()
    stage.pays(january)
    stage.live_until(jakarta("2027-02-27 12:00"))
    february, march = sorted(
        (row for row in stage.rows(invoices) if row.id != january), key=lambda row: row.period_start
    )
    stage.pays(march.id)
    stage.live_until(jakarta("2027-03-20 12:00"))
    assert stage.invoice(february.id).status == "uncollectible"
    assert status(stage, subscription) == "active"
    stage.audit()
