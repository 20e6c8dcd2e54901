"""Changes that begin a new period today, and changes that are billed from the next one on."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from builders import make_price, make_subscription
from changes import assert_stored
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows.change_items import change_item
from billing.flows.change_plan import change, preview
from billing.flows.item_quote import ItemWish
from billing.flows.take_out import take_out
from billing.plan_changes import QuoteMode
from billing.queries import items_in_force
from billing.tables import subscriptions
from core.errors import EngineError
from invoices.tables import invoices

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2026-11-15 09:00")


def begin(stage: Stage) -> UUID:
    _, subscription, first = stage.invoice_customer(150_000)
    stage.drain()
    stage.pays(first)
    stage.live_until(jakarta("2026-11-25 10:00"))
    return subscription


def changed(stage: Stage, subscription: UUID, price: UUID, mode: QuoteMode) -> list[int]:
    """Change as previewed; the amounts of the invoice's lines."""
    with stage.work() as unit:
        shown = preview(unit, subscription, price_id=price, mode=mode)
        done = change(unit, subscription, price_id=price, mode=mode)
    assert done.planned == shown
    assert_stored(stage.engine, stage.merchant, shown, done)
    return [one.line.amount.amount for one in shown.document.lines] if shown.document else []


def periods(stage: Stage) -> list[tuple[str, str, str, int]]:
    rows = stage.rows(invoices, invoices.c.number)
    return [
        (row.kind, str(row.period_start), str(row.period_end), row.subtotal_amount) for row in rows
    ]


def test_a_restart_gives_the_rest_back_and_begins_a_whole_period_today(stage: Stage) -> None:
    """20 of 30 days of 150,000 come back; 300,000 are charged whole, and the 25th is the day."""
    subscription = begin(stage)
    with stage.work() as unit:
        price = make_price(unit, 300_000).id
    assert sorted(changed(stage, subscription, price, "restart")) == [-100_000, 300_000]
    moved = stage.row(subscriptions, id=subscription)
    assert (moved.anchor_day, moved.current_start, moved.current_end) == (
        25, date(2026, 11, 25), date(2026, 12, 25)
    )  # fmt: skip
    stage.live_until(jakarta("2026-12-26 10:00"))
    assert periods(stage)[1:] == [
        ("change", "2026-11-25", "2026-12-25", 200_000),
        ("period", "2026-12-25", "2027-01-25", 300_000),
    ]
    stage.audit()


def test_a_restart_to_a_year_takes_the_days_of_a_free_month_sent_ahead(stage: Stage) -> None:
    """December was sent on the 8th for nothing: there is nothing of it to give back."""
    _, subscription, _ = stage.invoice_customer(0)
    stage.live_until(jakarta("2026-12-10 10:00"))
    with stage.work() as unit:
        year = make_price(unit, 1_200_000, interval_unit="year").id
    assert changed(stage, subscription, year, "restart") == [1_200_000]
    assert periods(stage) == [
        ("period", "2026-11-15", "2026-12-15", 0),
        ("period", "2026-12-15", "2027-01-15", 0),
        ("change", "2026-12-10", "2027-12-10", 1_200_000),
    ]
    stage.audit()


def test_a_restart_that_nobody_pays_has_never_been(stage: Stage) -> None:
    subscription = begin(stage)
    with stage.work() as unit:
        price = make_price(unit, 300_000).id
    changed(stage, subscription, price, "restart")
    [_, invoice] = stage.rows(invoices, invoices.c.number)
    with stage.work() as unit:
        take_out(unit, invoice.id, reason="mistake")
    back = stage.row(subscriptions, id=subscription)
    assert (back.anchor_day, back.current_end) == (15, date(2026, 12, 15))
    stage.live_until(jakarta("2026-12-16 10:00"))
    assert periods(stage)[2][1:] == ("2026-12-15", "2027-01-15", 150_000)
    stage.audit()


@pytest.mark.parametrize(
    ("interval", "until", "amount"),
    [("month", "2027-01-15", 300_000), ("year", "2027-12-15", 300_000)],
)
def test_a_switch_is_served_today_and_billed_from_the_next_period_on(
    stage: Stage, interval: str, until: str, amount: int
) -> None:
    subscription = begin(stage)
    with stage.work() as unit:
        price = make_price(unit, amount, interval_unit=interval).id
    assert changed(stage, subscription, price, "switch") == []
    with stage.work() as unit:
        item = items_in_force(unit, [subscription])[subscription]
    assert (item.price_id, item.started_on) == (price, date(2026, 11, 25))
    stage.live_until(jakarta("2026-12-16 10:00"))
    assert periods(stage)[1:] == [("period", "2026-12-15", until, amount)]
    stage.audit()


def test_on_trial_both_cost_nothing(stage: Stage) -> None:
    with stage.work() as unit:
        made = make_subscription(unit, trial_days=14)
        dear = make_price(unit, 300_000)
        dearer = make_price(unit, 400_000)
    for price, mode in ((dear, "restart"), (dearer, "switch")):
        with stage.work() as unit:
            done = change(unit, made.subscription.id, price_id=price.id, mode=mode)  # type: ignore[arg-type]
        assert (done.invoice, done.subscription.trial_end_on) == (None, date(2026, 11, 29))
    stage.live_until(jakarta("2026-11-30 10:00"))
    assert periods(stage) == [("period", "2026-11-29", "2026-12-29", 400_000)]
    stage.audit()


def test_what_is_in_the_way(stage: Stage) -> None:
    subscription = begin(stage)
    with stage.work() as unit:
        present = items_in_force(unit, [subscription])[subscription].price_id
        seats = make_price(unit, 10_000).id
    with pytest.raises(EngineError) as told, stage.work() as unit:
        change(unit, subscription, price_id=present, mode="switch")
    assert told.value.code == "nothing_to_change"
    with stage.work() as unit:
        change_item(unit, subscription, ItemWish(price_id=seats, quantity=2))
    with pytest.raises(EngineError) as told, stage.work() as unit:
        change(unit, subscription, quantity=2, mode="restart")
    assert told.value.code == "items_in_the_way"
    stage.audit()
