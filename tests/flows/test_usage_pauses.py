"""What is free in a period is free once, also where a pause lies within the period."""

from __future__ import annotations

from datetime import date

import pytest
from builders import make_merchant, set_clock, working
from metered import FEBRUARY, JANUARY, MARCH, begin, bills, day, sound, to, told, use

from billing.engine import Engine
from billing.flows.pause import pause, resume
from core.merchant import Merchant

TEN_FREE = {
    "model": "graduated",
    "terms": {"tiers": [{"up_to": 10, "unit_amount": 0}, {"unit_amount": 100}]},
}


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=JANUARY, pkp_since=None, issue_lead_days=0)


@pytest.mark.parametrize(
    ("policy", "keep_anchor", "before", "after", "billed"),
    [
        # 8 and 7 are 15, 10 of them free: 5 at Rp100.
        ("forfeit", False, 8, 7, [500]),
        # 12 and 7 are 19, 10 of them free: 2 when the pause begins, and 7 more.
        ("forfeit", False, 12, 7, [200, 700]),
        ("give_back", True, 8, 7, [500]),
        # Another period begins with the day it is served again, and 10 are free in it.
        ("give_back", False, 8, 7, []),
    ],
)
def test_ten_free_units_a_month_are_free_once_though_a_pause_lies_in_it(  # noqa: PLR0917 - columns of the table
    engine: Engine,
    merchant: Merchant,
    policy: str,
    keep_anchor: bool,
    before: int,
    after: int,
    billed: list[int],
) -> None:
    subscription = begin(engine, merchant, TEN_FREE)
    set_clock(engine, merchant.merchant_id, day(1, 11))
    use(engine, merchant, subscription, ("before", day(1, 5), before))
    with working(engine, merchant) as unit:
        pause(unit, subscription, policy=policy)  # type: ignore[arg-type]
    to(engine, merchant, day(1, 21))
    with working(engine, merchant) as unit:
        resume(unit, subscription, keep_anchor=keep_anchor)
    to(engine, merchant, day(1, 28))
    assert use(engine, merchant, subscription, ("after", day(1, 25), after)) == ["accepted"]
    to(engine, merchant, FEBRUARY)
    to(engine, merchant, day(2, 21))
    lines = [one for every in bills(engine, merchant, subscription) for one in every]
    assert [one.amount for one in lines if one.kind == "usage"] == billed
    sound(engine)


def test_what_comes_late_from_either_side_of_a_pause_is_added_to_the_month(
    engine: Engine, merchant: Merchant
) -> None:
    """8 and 7 cost Rp500; 1 more before the pause and 2 more after it cost Rp300."""
    subscription = begin(engine, merchant, TEN_FREE)
    set_clock(engine, merchant.merchant_id, day(1, 11))
    use(engine, merchant, subscription, ("before", day(1, 5), 8))
    with working(engine, merchant) as unit:
        pause(unit, subscription, policy="forfeit")
    to(engine, merchant, day(1, 21))
    with working(engine, merchant) as unit:
        resume(unit, subscription)
    to(engine, merchant, day(1, 28))
    use(engine, merchant, subscription, ("after", day(1, 25), 7))
    to(engine, merchant, FEBRUARY)
    sent = use(
        engine, merchant, subscription, ("late", day(1, 6), 1), ("later", day(1, 30), 2)
    )  # fmt: skip
    assert sent == ["accepted", "accepted"]
    to(engine, merchant, MARCH)
    *_, february, march = bills(engine, merchant, subscription)
    assert [told(one)[1:] for one in (february, march)] == [
        [("usage", amount, date(2027, 1, 1), date(2027, 2, 1))] for amount in (500, 300)
    ]
    names = [one[1].description["en"] for one in (february, march)]
    assert [name.endswith("(late)") for name in names] == [False, True]
    sound(engine)
