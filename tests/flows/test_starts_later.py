"""Subscriptions that begin on a day to come: nothing is served or billed before it."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from builders import make_customer, make_price
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import update
from stage import Stage, jakarta, make_stage

from billing import queries
from billing.beginnings import FixedDay
from billing.engine import Engine
from billing.flows.access import access_of
from billing.flows.cancel import cancel, preview_cancel
from billing.flows.change_items import change_item, preview_item
from billing.flows.item_quote import ItemWish
from billing.flows.subscribe import subscribe
from billing.flows.trial import move_trial, preview_trial
from billing.tables import subscription_items, subscriptions
from core.errors import Conflict
from invoices.tables import invoices

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2026-11-15 09:00")


def begins(stage: Stage, *, trial: int = 0) -> UUID:
    """Whoever pays 150,000 a month by invoice, from 10 December."""
    with stage.work() as unit:
        return subscribe(
            unit, customer_id=make_customer(unit).id, price_id=make_price(unit, 150_000).id,
            collection="invoice", start_on=date(2026, 12, 10), trial_days=trial,
        ).subscription.id  # fmt: skip


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


def test_its_trial_is_not_ended_before_it_begins_but_on_its_first_day(stage: Stage) -> None:
    subscription = begins(stage, trial=10)
    for asked in (preview_trial, move_trial):
        with pytest.raises(Conflict) as refused, stage.work() as unit:
            asked(unit, subscription, to=None)
        assert refused.value.code == "subscription_not_begun"
    assert billed(stage) == []
    stage.live_until(jakarta("2026-12-10 09:00"))
    with stage.work() as unit:
        move_trial(unit, subscription, to=None)
    assert billed(stage) == [("2026-12-10", "2027-01-10", 150_000)]
    stage.audit()


def test_an_item_added_before_it_begins_begins_with_its_first_day(stage: Stage) -> None:
    """150,000 and 50,000 with a setup fee of 30,000: one invoice, of the first day."""
    subscription = begins(stage)
    with stage.work() as unit:
        wish = ItemWish(price_id=make_price(unit, 50_000, setup_amount=30_000).id)
        shown = preview_item(unit, subscription, wish)
        done = change_item(unit, subscription, wish)
    assert (shown.document, shown.quote) == (None, done.planned.quote)
    assert (done.invoice, done.planned.quote.effective_on) == (None, date(2026, 12, 10))
    stage.live_until(jakarta("2026-12-10 10:00"))
    assert billed(stage) == [("2026-12-10", "2027-01-10", 230_000)]
    stage.audit()


def test_an_item_added_and_removed_before_it_begins_is_never_billed(stage: Stage) -> None:
    subscription = begins(stage)
    with stage.work() as unit:
        added = change_item(unit, subscription, ItemWish(price_id=make_price(unit, 50_000).id))
    with stage.work() as unit:
        gone = ItemWish(extra_id=added.planned.extra_id, quantity=0)
        assert change_item(unit, subscription, gone).invoice is None
    stage.live_until(jakarta("2026-12-10 10:00"))
    assert billed(stage) == [("2026-12-10", "2027-01-10", 150_000)]
    stage.audit()


def test_an_item_added_before_its_trial_begins_does_not_keep_the_trial_from_moving(
    stage: Stage,
) -> None:
    subscription = begins(stage, trial=10)
    with stage.work() as unit:
        change_item(unit, subscription, ItemWish(price_id=make_price(unit, 50_000).id))
        move_trial(unit, subscription, to=date(2026, 12, 30))
    stage.live_until(jakarta("2026-12-30 10:00"))
    assert billed(stage) == [("2026-12-30", "2027-01-30", 200_000)]
    stage.audit()


def test_who_cancels_before_it_begins_owes_nothing_for_items_he_added(stage: Stage) -> None:
    subscription = begins(stage)
    with stage.work() as unit:
        change_item(unit, subscription, ItemWish(price_id=make_price(unit, 50_000).id))
    with stage.work() as unit:
        cancel(unit, subscription)
    stage.live_until(jakarta("2027-01-15 10:00"))
    assert billed(stage) == []
    stage.audit()


@pytest.mark.parametrize("paid", [True, False])
def test_what_was_billed_though_it_had_not_begun_comes_back_with_a_cancellation(
    stage: Stage, paid: bool
) -> None:
    """Older versions billed a trial that was ended before its first day; it is given back whole."""
    customer, subscription, first = stage.invoice_customer(150_000)
    stage.drain()
    if paid:
        stage.pays(first)
    with stage.work() as unit:
        ended = {"started_on": date(2026, 12, 10), "trial_end_on": date(2026, 11, 15)}
        unit.session.execute(update(subscriptions).values(**ended))
        unit.session.execute(update(subscription_items).values(started_on=date(2026, 12, 10)))
    stage.live_until(jakarta("2026-11-20 09:00"))
    with stage.work() as unit:
        shown = preview_cancel(unit, subscription)
        cancel(unit, subscription)
        kept = queries.balance(unit, customer)
    whole = stage.invoice(first).total_amount
    assert sum(one.amount for one in shown.credits) == (150_000 if paid else 0)
    assert (stage.invoice(first).status, kept) == (("paid", whole) if paid else ("void", 0))
    stage.audit()
