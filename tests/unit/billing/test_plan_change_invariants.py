"""What holds for every plan change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from billing.plan_changes import BilledLine, ChangeQuote, Offer, quote_change
from core.calendars import (
    Anchor,
    Interval,
    Period,
    Unit,
    boundary,
    civil_date,
    instant_of,
    period_containing,
)
from core.money import Money, zero
from plans.catalogue import PriceVersion

MONTH = Interval("month", 1)


def offer(amount: int, unit: Unit = "month", count: int = 1) -> Offer:
    return Offer(PriceVersion(f"plan-{amount}", 1, "IDR", amount, Interval(unit, count)), 1)


ANCHOR_31 = Anchor(date(2026, 1, 31), 31)
PRICES = st.integers(0, 10**9)


@given(
    st.lists(PRICES, min_size=2, max_size=5, unique=True),
    st.dates(date(2026, 1, 1), date(2030, 1, 1)),
    st.integers(0, 400),
    st.sampled_from([MONTH, Interval("month", 3), Interval("year", 1), Interval("week", 2)]),
)
def test_changes_that_come_back_on_one_day_net_to_nothing(
    prices: list[int], start: date, day: int, interval: Interval
) -> None:
    """Invariant I5: through any plans and back to the one of the morning, all on one day."""
    anchor = Anchor.at(start)
    on = start + timedelta(days=day)
    period = period_containing(anchor, interval, on)
    offers = [offer(price, unit=interval.unit, count=interval.count) for price in prices]
    lines = [BilledLine(UUID(int=0), Money(prices[0]), period, zero())]
    net = zero()

    for old, new in zip(offers, [*offers[1:], offers[0]], strict=True):
        quote = quote_change(
            old=old,
            new=new,
            lines=lines,
            anchor=anchor,
            period=period,
            billed_through=period.end,
            on=on,
            mode="prorate",
        )
        net += quote.net
        given_back = {found.credits_line_id: found.amount for found in quote.credits}
        lines = [
            replace(held, credited=held.credited - given_back.get(held.line_id, zero()))
            for held in lines
        ]
        lines += [
            BilledLine(UUID(int=len(lines) + n), found.amount, found.period, zero())
            for n, found in enumerate(quote.charges)
        ]
        assert all(held.credited <= held.net for held in lines)

    assert net.is_zero


@given(PRICES, PRICES, st.integers(0, 30), st.integers(0, 11))
def test_credits_and_charges_stay_within_their_lines(
    old: int, new: int, day: int, month: int
) -> None:
    """Invariant I3 on whole quotes."""
    if old == new:
        new += 1
    start, end = (boundary(ANCHOR_31, MONTH, month + k) for k in (0, 1))
    period = Period(start, end)
    on = min(start + timedelta(days=day), period.last_day)
    quote = quote_change(
        old=offer(old),
        new=offer(new),
        lines=[BilledLine(UUID(int=1), Money(old), period, zero())],
        anchor=ANCHOR_31,
        period=period,
        billed_through=end,
        on=on,
        mode="prorate",
    )

    assert all(Money(-old) <= found.amount <= zero() for found in quote.credits)
    assert all(zero() <= found.amount <= Money(new) for found in quote.charges)
    assert all(found.period == Period(on, end) for found in (*quote.credits, *quote.charges))


ZONES = (
    "Asia/Jakarta",
    "Asia/Jayapura",
    "America/New_York",
    "Europe/Berlin",
    "Africa/Cairo",
    "UTC",
)


@given(
    start=st.dates(date(2026, 1, 1), date(2030, 1, 1)),
    zone=st.sampled_from(ZONES),
    day=st.integers(0, 27),
    second=st.integers(0, 24 * 3600 - 1),
    old=st.integers(0, 10**9),
    new=st.integers(0, 10**9),
)
def test_no_amount_depends_on_the_hour_or_on_daylight_saving(
    *, start: date, zone: str, day: int, second: int, old: int, new: int
) -> None:
    """Invariant I10: whatever the second of the day, the quote is that of the civil date."""
    anchor = Anchor.at(start)
    period = period_containing(anchor, MONTH, start)
    on = start + timedelta(days=day)
    opens, closes = instant_of(on, zone), instant_of(on + timedelta(days=1), zone)
    asked = min(opens + timedelta(seconds=second), closes - timedelta(seconds=1))
    if old == new:
        return

    def quoted(at: datetime) -> ChangeQuote:
        return quote_change(
            old=offer(old), new=offer(new), lines=[BilledLine(UUID(int=0), Money(old), period, zero())],
            anchor=anchor, period=period, billed_through=period.end, on=civil_date(at, zone),
            mode="prorate",
        )  # fmt: skip

    assert quoted(asked) == quoted(opens)
    # 28 to 31 days of 24 hours in the arithmetic, however long they were.
    [charge] = quoted(asked).charges
    left = (period.end - on).days
    assert charge.amount == Money(new).share(left, (period.end - period.start).days)
