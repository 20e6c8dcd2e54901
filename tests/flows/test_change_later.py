"""Changes that wait for the period's end, and those that are refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from builders import (
    make_merchant,
    make_price,
    set_clock,
    working,
)
from changes import BEGIN, CHANGE, begin

from billing.engine import Engine
from billing.flows.change_plan import change, drop_change, preview
from billing.flows.renew import renew_due
from billing.queries import changes_of, get_subscription, items_of
from core.errors import Conflict, InvalidRequest
from core.merchant import Merchant
from invoices.queries import list_invoices


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=BEGIN)


def test_a_downgrade_waits_for_the_periods_end(engine: Engine, merchant: Merchant) -> None:
    subscription, _ = begin(engine, merchant, amount=300_000)
    set_clock(engine, merchant.merchant_id, CHANGE)
    with working(engine, merchant) as unit:
        cheap = make_price(unit, 150_000)
        done = change(unit, subscription.id, price_id=cheap.id)
        assert (done.applied, done.invoice, str(done.planned.quote.effective_on)) == (
            False,
            None,
            "2026-12-15",
        )
    set_clock(engine, merchant.merchant_id, datetime(2026, 12, 16, 2, tzinfo=UTC))
    renew_due(engine, merchant.merchant_id)
    with working(engine, merchant) as unit:
        [new] = [one for one in list_invoices(unit) if str(one.period_start) == "2026-12-15"]
        [stored] = changes_of(unit, subscription.id)
        old_item, new_item = items_of(unit, subscription.id)
    assert new.total_amount == 166_500
    assert (stored.state, stored.invoice_id) == ("applied", new.id)
    assert (str(old_item.ended_on), str(new_item.started_on)) == ("2026-12-15", "2026-12-15")


def test_a_yearly_downgrade_to_monthly_at_the_end_moves_the_anchor(engine: Engine) -> None:
    merchant = make_merchant(engine, at=datetime(2026, 1, 31, 2, tzinfo=UTC))
    subscription, _ = begin(engine, merchant, amount=1_200_000, interval_unit="year")
    with working(engine, merchant) as unit:
        monthly = make_price(unit, 90_000)
        change(unit, subscription.id, price_id=monthly.id)
    set_clock(engine, merchant.merchant_id, datetime(2027, 3, 10, 2, tzinfo=UTC))
    renew_due(engine, merchant.merchant_id)
    with working(engine, merchant) as unit:
        starts = sorted(str(one.period_start) for one in list_invoices(unit))
        after = get_subscription(unit, subscription.id)
    assert starts == ["2026-01-31", "2027-01-31", "2027-02-28"]
    assert (after.interval_unit, after.anchor_day) == ("month", 31)


def test_a_newer_change_replaces_the_one_that_waits(engine: Engine, merchant: Merchant) -> None:
    subscription, _ = begin(engine, merchant, amount=300_000)
    with working(engine, merchant) as unit:
        change(unit, subscription.id, price_id=make_price(unit, 150_000).id)
    with working(engine, merchant) as unit:
        change(unit, subscription.id, price_id=make_price(unit, 100_000).id)
        assert sorted(one.state for one in changes_of(unit, subscription.id)) == [
            "replaced",
            "scheduled",
        ]
    with working(engine, merchant) as unit:
        assert drop_change(unit, subscription.id)
        assert not drop_change(unit, subscription.id)


def test_what_can_not_be_changed_says_why(engine: Engine, merchant: Merchant) -> None:
    subscription, _ = begin(engine, merchant, amount=150_000)
    with working(engine, merchant) as unit:
        item = items_of(unit, subscription.id)[0]
        retired = make_price(unit, 500_000)
        from plans.service import retire_price

        retire_price(unit, retired.id)
    for terms, error in (
        ({"price_id": item.price_id}, "nothing_to_change"),
        ({"quantity": 0}, "invalid_quantity"),
        ({"price_id": retired.id}, "price_not_sold"),
    ):
        with pytest.raises((Conflict, InvalidRequest)) as caught, working(engine, merchant) as unit:
            preview(unit, subscription.id, **terms)
        assert caught.value.code == error
