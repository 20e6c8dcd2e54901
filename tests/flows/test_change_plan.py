"""Changing the plan: the preview is the deed, and the arithmetic is that of the worked examples."""

from __future__ import annotations

import ast
import inspect
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from builders import (
    make_merchant,
    make_price,
    make_subscription,
    set_clock,
    working,
)
from changes import BEGIN, CHANGE, assert_stored, begin, pay
from sqlalchemy import text

from billing.engine import Engine
from billing.flows import change_plan
from billing.flows.change_plan import change, preview
from billing.flows.renew import renew_due
from billing.queries import balance, items_of
from core.merchant import Merchant
from core.work import Work
from invoices.queries import get_invoice, lines_of, list_invoices


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=BEGIN)


def test_preview_and_change_are_one_function() -> None:
    """Read the code: both call `plan_change`, and neither works anything out by itself."""
    tree = ast.parse(inspect.getsource(change_plan))
    bodies = {
        node.name: {
            call.func.id
            for call in ast.walk(node)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        }
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }
    assert "plan_change" in bodies["preview"]
    assert "plan_change" in bodies["change"]
    computing = {"quote_change", "price_document", "price_drafts", "compute_tax", "share_line"}
    assert not computing & (bodies["preview"] | bodies["change"] | bodies["_apply"])


def test_the_preview_is_what_is_stored_field_by_field(engine: Engine, merchant: Merchant) -> None:
    subscription, first = begin(engine, merchant, amount=150_000)
    set_clock(engine, merchant.merchant_id, CHANGE)
    with working(engine, merchant) as unit:
        new = make_price(unit, 300_000)
    with working(engine, merchant) as unit:
        shown = preview(unit, subscription.id, price_id=new.id)
    with working(engine, merchant) as unit:
        assert len(list_invoices(unit)) == 1  # nothing was written
        done = change(unit, subscription.id, price_id=new.id)
    assert done.planned == shown
    assert_stored(engine, merchant, shown, done)

    # X8: 20/30: credit -100,000, charge 200,000; base 100,000, PPN 11,000, total 111,000.
    assert shown.document is not None
    assert [line.line.amount.amount for line in shown.document.lines] == [-100_000, 200_000]
    assert (shown.document.subtotal.amount, shown.document.total.amount) == (100_000, 111_000)
    assert shown.document.lines[0].line.credits_line_id == line_id(engine, merchant, first)


def line_id(engine: Engine, merchant: Merchant, invoice_id: UUID) -> UUID:
    with working(engine, merchant) as unit:
        return lines_of(unit, invoice_id)[0].id


@pytest.mark.parametrize(
    ("begin_on", "change_on", "old", "new", "expected", "total"),
    [
        # X9: 20/31: -63,870.97 and 160,645.16; base 96,774, PPN 10,645.
        pytest.param("2026-12-10", "2026-12-21", 99_000, 249_000, [-63_871, 160_645], 107_419, id="X9"),
        # X11: 150,001 x 15/30 = 75,000.5 away from zero; 300,000 x 15/30.
        pytest.param("2026-11-15", "2026-11-30", 150_001, 300_000, [-75_001, 150_000], 83_249, id="X11"),
        # On the first day everything comes back and the whole new price is charged (R34).
        pytest.param("2026-11-15", "2026-11-15", 150_000, 300_000, [300_000, -150_000], 166_500, id="first-day"),
        pytest.param("2026-11-15", "2026-12-14", 150_000, 300_000, [-5_000, 10_000], 5_550, id="last-day"),
    ],
)  # fmt: skip
def test_an_upgrade_is_prorated_by_day(
    engine: Engine,
    *,
    begin_on: str,
    change_on: str,
    old: int,
    new: int,
    expected: list[int],
    total: int,
) -> None:
    merchant = make_merchant(engine, at=datetime.fromisoformat(f"{begin_on}T02:00+00:00"))
    subscription, _ = begin(engine, merchant, amount=old)
    set_clock(engine, merchant.merchant_id, datetime.fromisoformat(f"{change_on}T02:00+00:00"))
    with working(engine, merchant) as unit:
        price = make_price(unit, new)
        if change_on == "2026-12-14":
            set_lead(unit, subscription.id)
        done = change(unit, subscription.id, price_id=price.id)
    assert done.planned.document is not None
    assert [line.line.amount.amount for line in done.planned.document.lines] == expected
    assert done.invoice is not None
    assert done.invoice.total == total
    assert_stored(engine, merchant, done.planned, done)


def set_lead(unit: Work, subscription_id: UUID) -> None:
    """Nothing is issued ahead in this case."""
    unit.session.execute(
        text(
            "UPDATE subscriptions SET lead_days = 0, next_at = '2026-12-14T17:00Z' WHERE id = :id"
        ),
        {"id": subscription_id},
    )


def test_seats_are_credited_and_charged_on_the_whole_line(engine: Engine) -> None:
    # X13: 45,000 a seat, 3 -> 4 seats, 10 of 31 days left: -43,548 and +58,065.
    merchant = make_merchant(engine, at=datetime(2026, 12, 1, 2, tzinfo=UTC))
    subscription, _ = begin(engine, merchant, amount=45_000, quantity=3)
    set_clock(engine, merchant.merchant_id, datetime(2026, 12, 22, 2, tzinfo=UTC))
    with working(engine, merchant) as unit:
        done = change(unit, subscription.id, quantity=4)
    assert done.planned.document is not None
    assert [line.line.amount.amount for line in done.planned.document.lines] == [-43_548, 58_065]
    assert done.planned.document.subtotal.amount == 14_517


def test_another_interval_starts_a_new_period_today(engine: Engine) -> None:
    # X14: 100,000 a month (12-05 to 01-05) to 1,000,000 a year on 12-20: 16/31 = 51,613 back.
    merchant = make_merchant(engine, at=datetime(2026, 12, 5, 2, tzinfo=UTC))
    subscription, _ = begin(engine, merchant, amount=100_000)
    set_clock(engine, merchant.merchant_id, datetime(2026, 12, 20, 2, tzinfo=UTC))
    with working(engine, merchant) as unit:
        yearly = make_price(unit, 1_000_000, interval_unit="year")
        done = change(unit, subscription.id, price_id=yearly.id, mode="prorate")
    after = done.subscription
    assert done.planned.document is not None
    assert [line.line.amount.amount for line in done.planned.document.lines] == [1_000_000, -51_613]
    assert done.planned.document.subtotal.amount == 948_387
    assert (str(after.current_start), str(after.current_end)) == ("2026-12-20", "2027-12-20")
    assert (after.anchor_on, after.interval_unit) == (date(2026, 12, 20), "year")
    assert_stored(engine, merchant, done.planned, done)


def test_an_unpaid_source_is_reduced_and_never_becomes_balance(
    engine: Engine, merchant: Merchant
) -> None:
    subscription, first = begin(engine, merchant, amount=150_000, paid=False)
    set_clock(engine, merchant.merchant_id, CHANGE)
    with working(engine, merchant) as unit:
        done = change(unit, subscription.id, price_id=make_price(unit, 300_000).id)
    with working(engine, merchant) as unit:
        reduced = get_invoice(unit, first)
        left = balance(unit, subscription.customer_id)
    # 166,500 less 100,000 + 11,000 is 55,500; the new invoice has the charge alone: 222,000.
    assert (reduced.status, reduced.credited_amount, reduced.due_amount) == (
        "open",
        111_000,
        55_500,
    )
    assert done.invoice is not None
    assert (done.invoice.total, left) == (222_000, 0)
    assert_stored(engine, merchant, done.planned, done)


def test_more_back_than_charged_becomes_balance(engine: Engine, merchant: Merchant) -> None:
    # X16: 300,000 -> 150,000 prorated, 20/30 left: -100,000, PPN -11,000: balance 111,000.
    subscription, _ = begin(engine, merchant, amount=300_000)
    set_clock(engine, merchant.merchant_id, CHANGE)
    with working(engine, merchant) as unit:
        cheap = make_price(unit, 150_000)
        done = change(unit, subscription.id, price_id=cheap.id, mode="prorate")
    with working(engine, merchant) as unit:
        left = balance(unit, subscription.customer_id)
    assert done.invoice is not None
    assert (done.invoice.total, done.invoice.paid, done.invoice.status) == (
        111_000,
        111_000,
        "paid",
    )
    assert [note.total for note in done.notes] == [222_000]
    assert left == 111_000
    assert_stored(engine, merchant, done.planned, done)

    # "Next invoice 166,500, charged 55,500."
    set_clock(engine, merchant.merchant_id, datetime(2026, 12, 9, 2, tzinfo=UTC))
    renew_due(engine, merchant.merchant_id)
    with working(engine, merchant) as unit:
        [following] = [one for one in list_invoices(unit) if str(one.period_start) == "2026-12-15"]
    assert (following.total_amount, following.due_amount) == (166_500, 55_500)


def test_change_and_change_back_on_one_day_comes_to_nothing(
    engine: Engine, merchant: Merchant
) -> None:
    subscription, _ = begin(engine, merchant, amount=150_000)
    with working(engine, merchant) as unit:
        original = items_of(unit, subscription.id)[0].price_id
        dear = make_price(unit, 300_000)
    set_clock(engine, merchant.merchant_id, CHANGE)
    with working(engine, merchant) as unit:
        up = change(unit, subscription.id, price_id=dear.id)
        assert up.invoice is not None
        pay(unit, up.invoice.id, up.invoice.due)
    with working(engine, merchant) as unit:
        down = change(unit, subscription.id, price_id=original, mode="prorate")
        # 222,000 back, 111,000 charged and paid from it: what the upgrade cost is balance again.
        assert balance(unit, subscription.customer_id) == up.invoice.total == 111_000
    assert_stored(engine, merchant, down.planned, down)


def test_a_change_on_trial_costs_nothing(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        price = make_price(unit, trial_days=14)
        made = make_subscription(unit, price=price)
        done = change(unit, made.subscription.id, price_id=make_price(unit, 900_000).id)
        assert (done.applied, done.invoice, done.notes) == (True, None, ())
        assert done.subscription.trial_end_on == done.subscription.billed_through
