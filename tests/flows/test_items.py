"""Items beside the first: billed together, added, changed and removed in mid-period, explained."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from builders import make_merchant, make_price, set_clock, working
from changes import BEGIN, CHANGE, pay
from itemised import NEXT, amounts, begun, extra_of, newest, sound

from billing.engine import Engine
from billing.flows.cancel import cancel
from billing.flows.change_items import change_item, preview_item
from billing.flows.change_plan import change
from billing.flows.item_quote import ItemWish, PlannedItem
from billing.flows.renew import renew_due
from billing.flows.take_out import take_out
from billing.queries import balance
from billing.reports.mrr import mrr
from core.errors import Conflict, NotFound
from core.merchant import Merchant
from invoices.derivation import arithmetic
from invoices.explanation import explained
from invoices.queries import get_invoice, lines_of, list_invoices


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=BEGIN, pkp_since=None, issue_lead_days=0)


def test_all_items_stand_on_one_invoice_for_every_period(
    engine: Engine, merchant: Merchant
) -> None:
    made = begun(engine, merchant, (45_000, 3), (20_000, 1))
    expected = [("recurring", 150_000), ("recurring", 20_000), ("recurring", 135_000)]
    assert sorted(amounts(engine, merchant, made.invoice_id)) == sorted(expected)
    set_clock(engine, merchant.merchant_id, NEXT)
    renew_due(engine, merchant.merchant_id)
    renew_due(engine, merchant.merchant_id)
    with working(engine, merchant) as unit:
        assert [one.total_amount for one in list_invoices(unit)] == [305_000, 305_000]
        assert mrr(unit).amount == 305_000
    assert sorted(newest(engine, merchant)) == sorted(expected)
    sound(engine, merchant)


def test_an_item_is_added_in_mid_period_for_the_days_left(
    engine: Engine, merchant: Merchant
) -> None:
    """20 of 30 days of 3 × 45,000 are 90,000; the base is not touched."""
    made = begun(engine, merchant)
    with working(engine, merchant) as unit:
        seats = make_price(unit, 45_000)
    set_clock(engine, merchant.merchant_id, CHANGE)
    wish = ItemWish(price_id=seats.id, quantity=3)
    with working(engine, merchant) as unit:
        shown = preview_item(unit, made.subscription.id, wish)
    with working(engine, merchant) as unit:
        assert len(list_invoices(unit)) == 1  # nothing was written
        done = change_item(unit, made.subscription.id, wish)
    assert done.planned == shown
    assert_item_stored(engine, merchant, shown)
    assert done.invoice is not None
    assert amounts(engine, merchant, done.invoice.id) == [("charge", 90_000)]
    with working(engine, merchant) as unit:
        [line] = lines_of(unit, done.invoice.id)
    assert arithmetic(line.derivation) == "3 × Rp45.000 × 20/30 hari = Rp90.000"
    assert explained(line.derivation).amount == 90_000

    set_clock(engine, merchant.merchant_id, NEXT)
    renew_due(engine, merchant.merchant_id)
    assert sorted(newest(engine, merchant)) == [("recurring", 135_000), ("recurring", 150_000)]
    sound(engine, merchant)


def assert_item_stored(engine: Engine, merchant: Merchant, shown: PlannedItem) -> None:
    """Compare every figure of a plan with the rows that came of it."""
    assert shown.document is not None
    assert shown.invoice_id is not None
    with working(engine, merchant) as unit:
        invoice = get_invoice(unit, shown.invoice_id)
        assert invoice.subtotal_amount == shown.document.subtotal.amount
        assert invoice.tax_amount == shown.document.tax.tax.amount
        assert invoice.total_amount == shown.document.total.amount
        for row, planned in zip(lines_of(unit, invoice.id), shown.document.lines, strict=True):
            line = planned.line
            assert (row.position, row.kind) == (planned.position, line.kind.value)
            assert row.description == dict(line.description)
            assert (row.amount, row.tax_amount) == (line.amount.amount, planned.tax.amount)
            assert (row.extra_id, row.price_id) == (line.extra_id, line.price_id)
            assert row.derivation == dict(line.derivation)


@pytest.mark.parametrize(
    ("quantity", "mode", "lines", "later"),
    [
        # 2 → 4 seats of 45,000, 20/30: -60,000 and +120,000, on the whole line (R35)
        (4, None, [("credit", -60_000), ("charge", 120_000)], 180_000),
        (4, "at_period_end", None, 180_000),
        # fewer wait for the period's end
        (1, None, None, 45_000),
        (0, None, None, None),
    ],
)
def test_an_items_quantity_changes_on_its_own_line(
    engine: Engine, merchant: Merchant, *, quantity: int, mode: Any,
    lines: list[tuple[str, int]] | None, later: int | None,
) -> None:  # fmt: skip
    made = begun(engine, merchant, (45_000, 2))
    extra = extra_of(engine, merchant, made)
    set_clock(engine, merchant.merchant_id, CHANGE)
    wish = ItemWish(extra_id=extra, quantity=quantity, mode=mode)
    with working(engine, merchant) as unit:
        done = change_item(unit, made.subscription.id, wish)
    with working(engine, merchant) as unit:
        # What waits is not what comes in a month yet; one has subscribed.
        now = 90_000 if lines is None else quantity * 45_000
        assert (mrr(unit).amount, mrr(unit).subscriptions) == (150_000 + now, 1)
    if lines is None:
        assert done.invoice is None
        assert not done.notes
        assert done.planned.quote.effective_on == date(2026, 12, 15)
    else:
        assert done.invoice is not None
        assert amounts(engine, merchant, done.invoice.id) == lines
    set_clock(engine, merchant.merchant_id, NEXT)
    renew_due(engine, merchant.merchant_id)
    expected = [("recurring", 150_000)] + ([("recurring", later)] if later else [])
    assert sorted(newest(engine, merchant)) == sorted(expected)
    sound(engine, merchant)


def test_an_item_removed_now_gives_its_unused_days_to_the_balance(
    engine: Engine, merchant: Merchant
) -> None:
    """20/30 of 90,000 come back; the base's line is not credited."""
    made = begun(engine, merchant, (45_000, 2))
    extra = extra_of(engine, merchant, made)
    set_clock(engine, merchant.merchant_id, CHANGE)
    with working(engine, merchant) as unit:
        done = change_item(
            unit, made.subscription.id, ItemWish(extra_id=extra, quantity=0, mode="prorate")
        )
        assert [note.total for note in done.notes] == [60_000]
        assert balance(unit, made.subscription.customer_id) == 60_000
    with working(engine, merchant) as unit, pytest.raises(NotFound, match="no such item"):
        change_item(unit, made.subscription.id, ItemWish(extra_id=extra, quantity=3))
    sound(engine, merchant)


def test_the_base_changes_without_its_items(engine: Engine, merchant: Merchant) -> None:
    """150,000 → 300,000 with 20/30 left: -100,000 and 200,000, whatever stands beside it."""
    made = begun(engine, merchant, (45_000, 2))
    with working(engine, merchant) as unit:
        new = make_price(unit, 300_000)
    set_clock(engine, merchant.merchant_id, CHANGE)
    with working(engine, merchant) as unit:
        done = change(unit, made.subscription.id, price_id=new.id)
    assert done.invoice is not None
    assert amounts(engine, merchant, done.invoice.id) == [
        ("credit", -100_000), ("charge", 200_000),
    ]  # fmt: skip
    set_clock(engine, merchant.merchant_id, NEXT)
    renew_due(engine, merchant.merchant_id)
    assert sorted(newest(engine, merchant)) == [("recurring", 90_000), ("recurring", 300_000)]
    sound(engine, merchant)


def test_a_cancellation_gives_back_all_items(engine: Engine, merchant: Merchant) -> None:
    """19 of 30 days (the day is billed) of 150,000 and of 90,000 are 95,000 and 57,000."""
    made = begun(engine, merchant, (45_000, 2))
    set_clock(engine, merchant.merchant_id, CHANGE)
    with working(engine, merchant) as unit:
        cancel(unit, made.subscription.id, when="now")
        assert balance(unit, made.subscription.customer_id) == 152_000
    sound(engine, merchant)


def test_a_removal_that_waits_is_undone(engine: Engine, merchant: Merchant) -> None:
    made = begun(engine, merchant, (45_000, 2))
    extra = extra_of(engine, merchant, made)
    with working(engine, merchant) as unit:
        change_item(unit, made.subscription.id, ItemWish(extra_id=extra, quantity=0))
    with working(engine, merchant) as unit, pytest.raises(Conflict, match="already"):
        change_item(unit, made.subscription.id, ItemWish(extra_id=extra, quantity=0))
    with working(engine, merchant) as unit:
        again = change_item(unit, made.subscription.id, ItemWish(extra_id=extra, quantity=2))
        assert again.invoice is None
    set_clock(engine, merchant.merchant_id, NEXT)
    renew_due(engine, merchant.merchant_id)
    assert sorted(newest(engine, merchant)) == [("recurring", 90_000), ("recurring", 150_000)]
    sound(engine, merchant)


def test_change_and_change_back_on_one_day_is_nothing(engine: Engine, merchant: Merchant) -> None:
    made = begun(engine, merchant, (45_001, 3))
    extra = extra_of(engine, merchant, made)
    set_clock(engine, merchant.merchant_id, CHANGE)
    with working(engine, merchant) as unit:
        up = change_item(unit, made.subscription.id, ItemWish(extra_id=extra, quantity=7))
        assert up.invoice is not None
        pay(unit, up.invoice.id, up.invoice.due)
        down = change_item(
            unit, made.subscription.id, ItemWish(extra_id=extra, quantity=3, mode="prorate")
        )
        given_back = sum(note.total for note in down.notes)
        charged = down.invoice.total if down.invoice else 0
    assert up.invoice.total + charged - given_back == 0
    sound(engine, merchant)


def test_an_addition_nobody_pays_has_never_been(engine: Engine, merchant: Merchant) -> None:
    made = begun(engine, merchant, (45_000, 2))
    extra = extra_of(engine, merchant, made)
    with working(engine, merchant) as unit:
        other = make_price(unit, 20_000)
    set_clock(engine, merchant.merchant_id, CHANGE)
    with working(engine, merchant) as unit:
        added = change_item(unit, made.subscription.id, ItemWish(price_id=other.id))
        more = change_item(unit, made.subscription.id, ItemWish(extra_id=extra, quantity=5))
    assert added.invoice is not None
    assert more.invoice is not None
    with working(engine, merchant) as unit:
        take_out(unit, more.invoice.id, reason="not wanted")
        take_out(unit, added.invoice.id, reason="not wanted")
    set_clock(engine, merchant.merchant_id, NEXT)
    renew_due(engine, merchant.merchant_id)
    assert sorted(newest(engine, merchant)) == [("recurring", 90_000), ("recurring", 150_000)]
    sound(engine, merchant)
