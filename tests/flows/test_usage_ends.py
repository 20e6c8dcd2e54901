"""Usage where a subscription ends: nothing is taken that no invoice will hold, all else is billed."""

from __future__ import annotations

from datetime import date

import pytest
from builders import make_merchant, set_clock, working
from metered import FEBRUARY, JANUARY, begin, bills, day, sound, to, told, use

from billing.engine import Engine
from billing.flows.cancel import cancel, undo_cancel
from core.merchant import Merchant

ONE_HUNDRED = {"model": "per_unit", "terms": {"unit_amount": 100}}


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=JANUARY, pkp_since=None, issue_lead_days=0)


def test_nothing_is_taken_from_the_day_on_that_a_subscription_was_to_end(
    engine: Engine, merchant: Merchant
) -> None:
    """The renewal that ends it has not run yet: what is taken now would never be billed."""
    subscription = begin(engine, merchant, ONE_HUNDRED)
    with working(engine, merchant) as unit:
        cancel(unit, subscription)
    set_clock(engine, merchant.merchant_id, FEBRUARY)

    assert use(
        engine, merchant, subscription, ("last", day(1, 31), 3), ("after", day(2, 1), 9)
    ) == ["accepted", "subscription_ended"]  # fmt: skip
    to(engine, merchant, FEBRUARY)
    [*_, own] = bills(engine, merchant, subscription)
    assert told(own) == [("usage", 300, date(2027, 1, 1), date(2027, 2, 1))]
    sound(engine)


def test_a_cancellation_that_is_undone_lets_usage_in_again(
    engine: Engine, merchant: Merchant
) -> None:
    subscription = begin(engine, merchant, ONE_HUNDRED)
    with working(engine, merchant) as unit:
        cancel(unit, subscription)
        undo_cancel(unit, subscription)
    to(engine, merchant, FEBRUARY)
    assert use(engine, merchant, subscription, ("after", day(2, 1), 9)) == ["accepted"]
