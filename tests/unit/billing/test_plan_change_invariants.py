"""What holds for every plan change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from billing.plan_changes import BilledLine, Offer, quote_change
from core.calendars import Anchor, Interval, Period, Unit, boundary, period_containing
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
