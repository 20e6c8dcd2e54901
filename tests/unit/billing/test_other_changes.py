"""Restart, switch and pause: by rows, and what holds for all of them."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.beginnings import FixedDay
from billing.other_changes import PauseMode, quote_pause, quote_restart, quote_switch
from billing.plan_changes import BilledLine, Offer
from core.calendars import Anchor, Interval, Period, Unit
from core.errors import InvalidRequest
from core.money import Money, zero
from plans.catalogue import PriceVersion

D = date.fromisoformat
NOVEMBER = Period(D("2026-11-15"), D("2026-12-15"))


def offer(amount: int, unit: Unit = "month", currency: str = "IDR") -> Offer:
    return Offer(PriceVersion(f"plan-{amount}", 1, currency, amount, Interval(unit)), 1)


def billed(amount: int, period: Period = NOVEMBER) -> list[BilledLine]:
    return [BilledLine(UUID(int=0), Money(amount), period, zero())]


@pytest.mark.parametrize(
    ("new", "fixed", "credit", "charge", "until"),
    [
        # 150,000 a month, 20 of 30 days left on 25 November.
        pytest.param(offer(300_000), None, -100_000, 300_000, "2026-12-25", id="a-whole-new-month"),
        pytest.param(
            offer(1_000_000, "year"), None, -100_000, 1_000_000, "2027-11-25", id="a-year"
        ),
        pytest.param(offer(0), None, -100_000, 0, "2026-12-25", id="to-nothing"),
        # To the 1st: 6 of November's 30 days.
        pytest.param(offer(300_000), FixedDay(1), -100_000, 60_000, "2026-12-01", id="a-fixed-day"),
    ],
)
def test_a_restart_credits_the_rest_and_charges_a_new_period(
    new: Offer, fixed: FixedDay | None, credit: int, charge: int, until: str
) -> None:
    on = D("2026-11-25")
    found = quote_restart(
        old=offer(150_000), new=new, lines=billed(150_000), period=NOVEMBER, on=on, fixed=fixed
    )
    assert [line.amount.amount for line in found.credits] == [credit]
    assert [line.amount.amount for line in found.charges] == [charge]
    assert found.net == Money(credit + charge)
    assert (found.new_period, found.billed_through) == (Period(on, D(until)), D(until))
    assert found.new_anchor == (Anchor.at(on) if fixed is None else Anchor.at(D("2026-12-01")))


def test_a_year_that_begins_anew_gives_back_the_rest_of_the_old_one() -> None:
    """1,200,000 × 265/365 = 871,232.88 come back of 3,000,000."""
    year = Period(D("2026-01-01"), D("2027-01-01"))
    found = quote_restart(
        old=offer(1_200_000, "year"), new=offer(3_000_000, "year"), lines=billed(1_200_000, year),
        period=year, on=D("2026-04-11"),
    )  # fmt: skip
    assert found.net == Money(2_128_767)


@pytest.mark.parametrize(
    ("new", "anchor"), [(offer(300_000), None), (offer(1_000_000, "year"), Anchor.at(NOVEMBER.end))]
)
def test_a_switch_moves_no_money(new: Offer, anchor: Anchor | None) -> None:
    found = quote_switch(
        old=offer(150_000),
        new=new,
        period=NOVEMBER,
        billed_through=NOVEMBER.end,
        on=D("2026-11-25"),
    )
    assert (found.credits, found.charges, found.net) == ((), (), zero())
    assert (found.effective_on, found.billed_through) == (D("2026-11-25"), NOVEMBER.end)
    assert found.new_anchor == anchor


@pytest.mark.parametrize(
    ("mode", "gives_back", "pause_on", "net"),
    [
        ("at_period_end", True, "2026-12-15", 0),
        ("now", True, "2026-11-25", -100_000),
        ("now", False, "2026-11-25", 0),
    ],
)
def test_a_pause_gives_time_back_where_its_policy_says_so(
    mode: PauseMode, gives_back: bool, pause_on: str, net: int
) -> None:
    found = quote_pause(
        lines=billed(150_000), period=NOVEMBER, billed_through=NOVEMBER.end, on=D("2026-11-25"),
        mode=mode, gives_back=gives_back,
    )  # fmt: skip
    assert (found.pause_on, found.net) == (D(pause_on), Money(net))


@pytest.mark.parametrize("on", ["2026-11-14", "2026-12-15"])
def test_a_date_outside_the_period_is_refused(on: str) -> None:
    old, new, day = offer(1), offer(2), D(on)
    end = NOVEMBER.end
    for ask in (
        lambda: quote_restart(old=old, new=new, lines=[], period=NOVEMBER, on=day),
        lambda: quote_switch(old=old, new=new, period=NOVEMBER, billed_through=end, on=day),
        lambda: quote_pause(lines=[], period=NOVEMBER, billed_through=end, on=day),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            ask()
        assert refusal.value.code == "change_outside_period"


def test_another_currency_is_another_subscription() -> None:
    dollars = offer(2, currency="USD")
    with pytest.raises(InvalidRequest):
        quote_restart(old=offer(1), new=dollars, lines=[], period=NOVEMBER, on=NOVEMBER.start)
    with pytest.raises(InvalidRequest):
        quote_switch(
            old=offer(1),
            new=dollars,
            period=NOVEMBER,
            billed_through=NOVEMBER.end,
            on=NOVEMBER.start,
        )


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 29))
def test_a_restart_on_the_first_day_is_the_new_price_and_never_more_back_than_paid(
    old: int, new: int, day: int
) -> None:
    """Invariant I3, by another road."""
    on = NOVEMBER.start + timedelta(days=day)
    found = quote_restart(old=offer(old), new=offer(new), lines=billed(old), period=NOVEMBER, on=on)
    back = -sum(line.amount.amount for line in found.credits)
    assert 0 <= back <= old
    assert sum(line.amount.amount for line in found.charges) == new
    if day == 0:
        assert back == old
