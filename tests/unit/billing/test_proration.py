"""The value of the days left, one calendar case per row, and what holds for all of them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.proration import charge_for_rest, unused_credit
from core.calendars import Period
from core.errors import InvalidRequest
from core.money import Money, zero

D = date.fromisoformat


def span(start: str, end: str) -> Period:
    return Period(D(start), D(end))


DECEMBER = span("2026-12-10", "2027-01-10")  # 31 days
NOVEMBER = span("2026-11-15", "2026-12-15")  # 30 days


@pytest.mark.parametrize(
    ("billed", "line", "on", "days", "of_days", "credit"),
    [
        pytest.param(150_000, NOVEMBER, "2026-11-25", 20, 30, 100_000, id="X8"),
        pytest.param(99_000, DECEMBER, "2026-12-21", 20, 31, 63_871, id="X9-63870.97"),
        pytest.param(160_645, span("2026-12-21", "2027-01-10"), "2026-12-27", 14, 20, 112_452, id="X10-112451.5"),
        pytest.param(150_001, NOVEMBER, "2026-11-30", 15, 30, 75_001, id="X11-a-tie"),
        pytest.param(99_000, DECEMBER, "2026-12-22", 19, 31, 60_677, id="X12-the-day-used-is-billed"),
        pytest.param(135_000, DECEMBER, "2026-12-31", 10, 31, 43_548, id="X13-three-seats"),
        pytest.param(100_000, span("2026-12-05", "2027-01-05"), "2026-12-20", 16, 31, 51_613, id="X14"),
        pytest.param(1_200_000, span("2027-06-01", "2028-06-01"), "2028-03-01", 92, 366, 301_639, id="X15"),
        pytest.param(300_000, NOVEMBER, "2026-11-25", 20, 30, 200_000, id="X16"),
        pytest.param(120_000, NOVEMBER, "2026-11-25", 20, 30, 80_000, id="X17-net-of-its-discount"),
        pytest.param(99_000, DECEMBER, "2026-12-10", 31, 31, 99_000, id="first-day-gives-all"),
        pytest.param(99_000, DECEMBER, "2026-12-01", 31, 31, 99_000, id="before-its-start-gives-all"),
        pytest.param(99_000, DECEMBER, "2027-01-09", 1, 31, 3_194, id="last-day"),
        pytest.param(0, DECEMBER, "2026-12-21", 20, 31, 0, id="a-free-plan"),
    ],
)  # fmt: skip
def test_unused_days_of_a_line_are_credited(
    *, billed: int, line: Period, on: str, days: int, of_days: int, credit: int
) -> None:
    found = unused_credit(Money(billed), line, D(on))

    assert found.amount == Money(credit)
    assert (found.numerator, found.denominator, found.base) == (days, of_days, Money(billed))
    assert found.period == Period(max(D(on), line.start), line.end)


@pytest.mark.parametrize(
    ("price", "period", "on", "days", "of_days", "charge"),
    [
        pytest.param(100_000, span("2027-01-01", "2027-02-01"), "2027-01-17", 15, 31, 48_387, id="X5-stub"),
        pytest.param(310_000, span("2027-01-31", "2027-02-28"), "2027-02-14", 14, 28, 155_000, id="X6-stub"),
        pytest.param(100_000, span("2026-12-01", "2027-01-01"), "2026-12-05", 27, 31, 87_097, id="X7-stub"),
        pytest.param(300_000, NOVEMBER, "2026-11-25", 20, 30, 200_000, id="X8"),
        pytest.param(249_000, DECEMBER, "2026-12-21", 20, 31, 160_645, id="X9-160645.16"),
        pytest.param(199_000, DECEMBER, "2026-12-27", 14, 31, 89_871, id="X10"),
        pytest.param(180_000, DECEMBER, "2026-12-31", 10, 31, 58_065, id="X13-four-seats"),
        pytest.param(99_000, DECEMBER, "2026-12-10", 31, 31, 99_000, id="the-whole-period"),
        pytest.param(580_000, span("2028-02-01", "2028-03-01"), "2028-02-29", 1, 29, 20_000, id="leap-day"),
    ],
)  # fmt: skip
def test_the_rest_of_a_period_is_charged(
    *, price: int, period: Period, on: str, days: int, of_days: int, charge: int
) -> None:
    found = charge_for_rest(Money(price), period, D(on))

    assert found.amount == Money(charge)
    assert (found.numerator, found.denominator, found.base) == (days, of_days, Money(price))
    assert found.period == Period(D(on), period.end)


@pytest.mark.parametrize(
    ("on", "already", "manual", "credit"),
    [
        pytest.param("2026-12-21", 0, 0, 63_871, id="nothing-before"),
        pytest.param("2026-12-15", 63_871, 0, 19_161, id="only-what-is-new: 26/31 = 83,032"),
        pytest.param("2026-12-28", 63_871, 0, 0, id="never-below-zero: 13/31 = 41,516"),
        pytest.param("2026-12-21", 0, 50_000, 49_000, id="limited-to-what-is-left"),
        pytest.param("2026-12-21", 0, 99_000, 0, id="all-given-back-by-hand"),
        pytest.param("2026-12-15", 49_000, 50_000, 0, id="both"),
    ],
)
def test_a_line_is_never_credited_twice(on: str, already: int, manual: int, credit: int) -> None:
    found = unused_credit(Money(99_000), DECEMBER, D(on), Money(already), Money(manual))

    assert found.amount == Money(credit)


@pytest.mark.parametrize("on", ["2026-12-09", "2027-01-10"])
def test_a_charge_outside_the_period_is_refused(on: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        charge_for_rest(Money(1), DECEMBER, D(on))
    assert refusal.value.code == "change_outside_period"


def test_a_credit_at_or_after_the_end_of_its_line_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        unused_credit(Money(1), DECEMBER, DECEMBER.end)
    assert refusal.value.code == "change_outside_period"


LINES = st.builds(
    lambda start, days: Period(start, start + timedelta(days=days)),
    st.dates(date(2026, 1, 1), date(2036, 1, 1)),
    st.integers(1, 800),
)
AMOUNTS = st.integers(0, 10**12).map(Money)


@given(AMOUNTS, LINES, st.data())
def test_a_credit_grows_as_the_change_moves_back_and_never_exceeds_the_line(
    billed: Money, line: Period, data: st.DataObject
) -> None:
    """Invariant I3."""
    early, late = sorted(
        line.start + timedelta(days=data.draw(st.integers(0, line.days - 1))) for _ in range(2)
    )
    larger = unused_credit(billed, line, early).amount
    smaller = unused_credit(billed, line, late).amount

    assert zero() <= smaller <= larger <= billed
    assert unused_credit(billed, line, line.start).amount == billed


@given(AMOUNTS, LINES, AMOUNTS, st.lists(st.integers(0, 799), min_size=1, max_size=6))
def test_credits_of_a_line_add_up_to_no_more_than_the_line(
    billed: Money, line: Period, manual: Money, days: list[int]
) -> None:
    """Invariant I3, over any series of changes."""
    manual = min(manual, billed)
    credited = zero()
    for day in days:
        on = line.start + timedelta(days=day % line.days)
        credited += unused_credit(billed, line, on, credited, manual).amount

    assert credited + manual <= billed
    if manual.is_zero:
        first = min(line.start + timedelta(days=day % line.days) for day in days)
        assert credited == unused_credit(billed, line, first).amount


@given(AMOUNTS, LINES, st.data())
def test_cutting_a_span_in_two_changes_the_sum_by_at_most_one_unit(
    price: Money, whole: Period, data: st.DataObject
) -> None:
    """Invariant I4: what was used and what is left make the price."""
    on = whole.start + timedelta(days=data.draw(st.integers(0, whole.days - 1)))
    used = price.share((on - whole.start).days, whole.days)
    rest = charge_for_rest(price, whole, on).amount

    assert abs((used + rest - price).amount) <= 1


@given(AMOUNTS, LINES)
def test_change_and_change_back_on_one_day_nets_to_nothing(price: Money, whole: Period) -> None:
    """Invariant I5, for one line: what was just charged comes back whole."""
    for on in (whole.start, whole.last_day):
        charged = charge_for_rest(price, whole, on)
        back = unused_credit(charged.amount, charged.period, on)
        assert back.amount == charged.amount
