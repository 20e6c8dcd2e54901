"""Subscriptions that begin on a day to come: nothing is served or billed before it."""

from __future__ import annotations

from datetime import date

import pytest
from builders import make_customer, make_price
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing import queries
from billing.beginnings import FixedDay
from billing.engine import Engine
from billing.flows.access import access_of
from billing.flows.cancel import cancel, preview_cancel
from billing.flows.subscribe import subscribe
from billing.tables import subscriptions
from invoices.tables import invoices

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2026-11-15 09:00")


def billed(stage: Stage) -> list[tuple[str, str, int]]:
    return [
        (str(row.period_start), str(row.period_end), row.subtotal_amount)
        for row in stage.rows(invoices, invoices.c.number)
    ]


def test_it_is_invoiced_on_its_first_day_and_served_from_it(stage: Stage) -> None:
    """From 10 December with the 1st as its day: 22 of 31 days, 106,452, and then whole months."""
    with stage.work() as unit:
        made = subscribe(
            unit, customer_id=make_customer(unit).id, price_id=make_price(unit, 150_000).id,
            collection="invoice", start_on=date(2026, 12, 10), fixed=FixedDay(1),
        )  # fmt: skip
        access = access_of(unit, made.subscription.id).access
    assert (made.invoice_id, made.subscription.status) == (None, "active")
    assert (access.allowed, access.reason, access.again) == (
        False, "not_begun", jakarta("2026-12-10 00:00")
    )  # fmt: skip
    stage.live_until(jakarta("2026-12-09 23:50"))
    assert billed(stage) == []
    stage.audit()
    stage.live_until(jakarta("2026-12-10 10:00"))
    assert billed(stage) == [("2026-12-10", "2027-01-01", 106_452)]
    with stage.work() as unit:
        assert access_of(unit, made.subscription.id).access.allowed
    stage.pays(stage.row(invoices).id)
    stage.live_until(jakarta("2027-01-01 10:00"))
    assert billed(stage)[1:] == [("2027-01-01", "2027-02-01", 150_000)]
    stage.audit()


def test_a_saved_card_is_charged_in_the_morning_of_its_first_day(stage: Stage) -> None:
    with stage.work() as unit:
        customer = make_customer(unit)
    card = stage.card(customer.id)
    with stage.work() as unit:
        subscribe(
            unit, customer_id=customer.id, price_id=make_price(unit, 150_000).id,
            payment_method_id=card, start_on=date(2026, 12, 10),
        )  # fmt: skip
    stage.live_until(jakarta("2026-12-10 12:00"))
    assert stage.row(invoices).status == "paid"
    assert stage.row(invoices).paid_on == date(2026, 12, 10)
    stage.audit()


def test_a_trial_that_begins_later_is_billed_when_it_is_over(stage: Stage) -> None:
    with stage.work() as unit:
        subscribe(
            unit, customer_id=make_customer(unit).id, price_id=make_price(unit, 150_000).id,
            collection="invoice", start_on=date(2026, 12, 1), trial_days=10,
        )  # fmt: skip
    stage.live_until(jakarta("2026-12-12 10:00"))
    assert billed(stage) == [("2026-12-11", "2027-01-11", 150_000)]
    stage.audit()


def test_who_cancels_before_it_begins_owes_nothing(stage: Stage) -> None:
    with stage.work() as unit:
        made = subscribe(
            unit, customer_id=make_customer(unit).id, price_id=make_price(unit, 150_000).id,
            collection="invoice", start_on=date(2026, 12, 10),
        ).subscription.id  # fmt: skip
        shown = preview_cancel(unit, made)
        cancel(unit, made, reason="changed his mind")
        row = queries.get_subscription(unit, made)
    assert (row.status, row.ended_on, shown.quote.end_on) == (
        "canceled", date(2026, 12, 10), date(2026, 12, 10)
    )  # fmt: skip
    stage.live_until(jakarta("2027-01-15 10:00"))
    assert billed(stage) == []
    assert stage.row(subscriptions).next_at is None
    stage.audit()
