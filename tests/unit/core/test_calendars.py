"""Boundaries, periods, stubs and the instants of civil dates."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendars import (
    Anchor,
    Interval,
    Period,
    boundary,
    boundary_index,
    civil_date,
    fixed_day_anchor,
    instant_of,
    next_boundary,
    period_containing,
    stub_before,
    zone_abbreviation,
    zone_of,
)
from core.errors import InvalidRequest

D = date.fromisoformat
I = datetime.fromisoformat
MONTH = Interval("month", 1)
QUARTER = Interval("month", 3)
YEAR = Interval("year", 1)
WEEK = Interval("week", 1)

INTERVALS = st.builds(
    Interval, st.sampled_from(["day", "week", "month", "year"]), st.integers(1, 24)
)
DATES = st.dates(date(2000, 1, 1), date(2100, 12, 31))
ANCHORS = DATES.map(Anchor.at) | st.builds(
    lambda first, day: fixed_day_anchor(first, MONTH, day=day), DATES, st.integers(1, 31)
)


def test_a_period_counts_its_days_and_leaves_out_its_end() -> None:
    period = Period(D("2026-12-10"), D("2027-01-10"))

    assert period.days == 31
    assert period.last_day == D("2027-01-09")
    assert (D("2026-12-10") in period, D("2027-01-09") in period) == (True, True)
    assert (D("2026-12-09") in period, D("2027-01-10") in period) == (False, False)
    assert period.days_left(D("2026-12-21")) == 20
    assert (period.days_left(D("2026-12-10")), period.days_left(D("2027-01-10"))) == (31, 0)
    assert str(period) == "[2026-12-10, 2027-01-10)"


def test_what_is_no_period_is_refused() -> None:
    with pytest.raises(ValueError, match="ends after"):
        Period(D("2026-12-10"), D("2026-12-10"))
    with pytest.raises(TypeError, match="not of instants"):
        Period(I("2026-12-10T00:00:00"), I("2026-12-11T00:00:00"))
    with pytest.raises(ValueError, match="not inside"):
        Period(D("2026-12-10"), D("2026-12-11")).days_left(D("2026-12-12"))


@pytest.mark.parametrize(("unit", "count"), [("hour", 1), ("month", 0), ("day", -1), ("day", True)])
def test_what_is_no_interval_is_refused(unit: str, count: int) -> None:
    with pytest.raises(ValueError, match=r"unit"):
        Interval(unit, count)  # type: ignore[arg-type]


def test_what_is_no_anchor_is_refused() -> None:
    with pytest.raises(ValueError, match="1 to 31"):
        Anchor(D("2026-01-01"), 32)
    with pytest.raises(TypeError, match="not an instant"):
        Anchor(I("2026-01-01T00:00:00"), 1)


def test_a_year_is_as_long_as_twelve_months_and_not_as_365_days() -> None:
    assert YEAR.is_as_long_as(Interval("month", 12))
    assert Interval("week", 2).is_as_long_as(Interval("day", 14))
    assert not YEAR.is_as_long_as(Interval("day", 365))


@pytest.mark.parametrize(
    ("anchor", "interval", "expected"),
    [
        pytest.param("2027-01-31", MONTH, "2027-02-28 2027-03-31 2027-04-30 2027-05-31 2027-06-30", id="X1"),
        pytest.param("2028-01-31", MONTH, "2028-02-29 2028-03-31", id="X1-leap"),
        pytest.param("2028-02-29", YEAR, "2029-02-28 2030-02-28 2031-02-28 2032-02-29", id="X2"),
        pytest.param("2026-11-30", QUARTER, "2027-02-28 2027-05-30 2027-08-30 2027-11-30", id="X3"),
        pytest.param("2026-12-28", WEEK, "2027-01-04 2027-01-11", id="weeks"),
        pytest.param("2026-12-28", Interval("day", 10), "2027-01-07 2027-01-17", id="ten-days"),
    ],
)  # fmt: skip
def test_boundaries_are_counted_from_the_anchor(
    anchor: str, interval: Interval, expected: str
) -> None:
    found = [
        boundary(Anchor.at(D(anchor)), interval, k) for k in range(1, len(expected.split()) + 1)
    ]
    assert found == [D(day) for day in expected.split()]


@given(ANCHORS, INTERVALS, st.integers(-40, 40))
def test_periods_are_contiguous_and_the_wanted_day_returns(
    anchor: Anchor, interval: Interval, k: int
) -> None:
    """Invariant I1."""
    start, end = boundary(anchor, interval, k), boundary(anchor, interval, k + 1)

    assert start < end
    assert boundary_index(anchor, interval, start) == k
    assert boundary_index(anchor, interval, end - timedelta(days=1)) == k
    assert period_containing(anchor, interval, start) == Period(start, end)
    assert next_boundary(anchor, interval, start) == end
    if interval.months:
        month_after = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        assert start.day == min(anchor.day, (month_after - timedelta(days=1)).day)


@given(ANCHORS, INTERVALS, DATES)
def test_every_date_lies_in_exactly_one_period(
    anchor: Anchor, interval: Interval, on: date
) -> None:
    period = period_containing(anchor, interval, on)

    assert on in period
    assert next_boundary(anchor, interval, on) == period.end


@pytest.mark.parametrize(
    ("first_paid", "interval", "fixed", "anchor"),
    [
        pytest.param("2027-01-17", MONTH, {"day": 1}, "2027-02-01", id="X5-day-already-past"),
        pytest.param("2027-02-14", MONTH, {"day": 31}, "2027-02-28", id="X6-last-of-the-month"),
        pytest.param("2026-12-05", MONTH, {"day": 1}, "2027-01-01", id="X7"),
        pytest.param("2027-01-17", MONTH, {"day": 17}, "2027-01-17", id="the-very-day"),
        pytest.param("2027-01-17", QUARTER, {"day": 1}, "2027-04-01", id="one-whole-interval-later"),
        pytest.param("2027-01-17", QUARTER, {"day": 1, "month": 1}, "2027-04-01", id="calendar-quarter"),
        pytest.param("2027-11-17", QUARTER, {"day": 1, "month": 2}, "2028-02-01", id="quarters-from-february"),
        pytest.param("2027-04-01", YEAR, {"day": 1, "month": 4}, "2027-04-01", id="fiscal-year-today"),
        pytest.param("2027-04-02", YEAR, {"day": 1, "month": 4}, "2028-04-01", id="fiscal-year-next"),
        pytest.param("2027-01-17", WEEK, {"weekday": 0}, "2027-01-18", id="next-monday"),
        pytest.param("2027-01-18", WEEK, {"weekday": 0}, "2027-01-18", id="monday-itself"),
    ],
)  # fmt: skip
def test_a_fixed_day_places_the_anchor(
    first_paid: str, interval: Interval, fixed: dict[str, int], anchor: str
) -> None:
    placed = fixed_day_anchor(D(first_paid), interval, **fixed)

    assert placed.on == D(anchor)
    assert placed.day == fixed.get("day", placed.on.day)


@pytest.mark.parametrize(
    ("interval", "fixed"),
    [
        (WEEK, {"day": 1}),
        (MONTH, {"weekday": 1}),
        (MONTH, {}),
        (MONTH, {"month": 1}),
        (WEEK, {"weekday": 7}),
        (Interval("day", 1), {"day": 1}),
    ],
)
def test_a_fixed_day_that_does_not_go_with_the_interval_is_refused(
    interval: Interval, fixed: dict[str, int]
) -> None:
    with pytest.raises(ValueError, match=r"weekday"):
        fixed_day_anchor(D("2027-01-17"), interval, **fixed)


@pytest.mark.parametrize(
    ("first_paid", "day", "days", "of_days"),
    [
        pytest.param("2027-01-17", 1, 15, 31, id="X5"),
        pytest.param("2027-02-14", 31, 14, 28, id="X6-the-step-back-is-clamped-from-the-wanted-day"),
        pytest.param("2026-12-05", 1, 27, 31, id="X7"),
    ],
)  # fmt: skip
def test_a_stub_is_measured_by_the_period_it_is_cut_from(
    first_paid: str, day: int, days: int, of_days: int
) -> None:
    stub = stub_before(D(first_paid), fixed_day_anchor(D(first_paid), MONTH, day=day), MONTH)

    assert stub is not None
    assert (stub.period.days, stub.whole.days) == (days, of_days)


@given(DATES, st.integers(1, 31), INTERVALS.filter(lambda interval: interval.months > 0))
def test_a_stub_is_shorter_than_one_interval(first: date, day: int, interval: Interval) -> None:
    """Invariant I2."""
    anchor = fixed_day_anchor(first, interval, day=day)
    stub = stub_before(first, anchor, interval)

    if stub is None:
        assert anchor.on == first
    else:
        assert stub.period.end == stub.whole.end == anchor.on
        assert stub.whole.start <= first


@pytest.mark.parametrize(
    ("zone", "on", "next_at"),
    [
        pytest.param("Asia/Jakarta", "2026-12-01", "2026-12-31T17:00:00Z", id="X4-WIB"),
        pytest.param("Asia/Makassar", "2026-12-01", "2026-12-31T16:00:00Z", id="X4-WITA"),
        pytest.param("Asia/Jayapura", "2026-12-01", "2026-12-31T15:00:00Z", id="X4-WIT"),
        pytest.param("UTC", "2026-11-30", "2026-12-30T00:00:00Z", id="X4-not-UTC"),
    ],
)
def test_the_zone_decides_the_date_and_the_next_boundary(zone: str, on: str, next_at: str) -> None:
    day = civil_date(I("2026-11-30T17:30:00Z"), zone)

    assert day == D(on)
    assert instant_of(boundary(Anchor.at(day), MONTH, 1), zone) == I(next_at)


@pytest.mark.parametrize(
    ("zone", "day", "instant"),
    [
        pytest.param("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z", id="midnight-skipped"),
        pytest.param("America/Havana", "2026-11-01", "2026-11-01T04:00:00Z", id="first-of-two"),
        pytest.param("America/Toronto", "1919-03-31", "1919-03-31T04:30:00Z", id="gap-around-midnight"),
        pytest.param("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", id="a-day-that-never-was"),
        pytest.param("Asia/Kathmandu", "2026-11-21", "2026-11-20T18:15:00Z", id="quarter-hours"),
    ],
)  # fmt: skip
def test_a_date_begins_at_its_first_instant(zone: str, day: str, instant: str) -> None:
    assert instant_of(D(day), zone) == I(instant)


def test_a_local_hour_inside_a_gap_becomes_the_end_of_the_gap() -> None:
    found = instant_of(D("2026-03-29"), "Europe/Berlin", 2, 30)

    assert found == I("2026-03-29T01:00:00Z")


def test_ten_in_the_morning_is_another_instant_in_each_zone() -> None:
    zones = ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura")
    hours = [instant_of(D("2026-12-02"), zone, 10).hour for zone in zones]

    assert hours == [3, 2, 1]


@given(
    st.dates(date(1975, 1, 1), date(2037, 12, 31)), st.sampled_from(sorted(available_timezones()))
)
def test_the_first_instant_of_a_date_has_that_date_and_the_second_before_has_not(
    day: date, zone: str
) -> None:
    first = instant_of(day, zone)
    skipped = civil_date(first, zone) != day

    assert first.tzinfo is UTC
    assert skipped or civil_date(first - timedelta(seconds=1), zone) < day


@given(st.dates(date(2026, 1, 1), date(2036, 12, 31)), st.integers(0, 86_399))
def test_the_hour_of_a_request_does_not_change_its_date(day: date, second: int) -> None:
    """Invariant I10."""
    for zone in ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"):
        assert civil_date(instant_of(day, zone) + timedelta(seconds=second), zone) == day


def test_indonesia_calls_its_zones_wib_wita_wit() -> None:
    noon = I("2026-12-02T05:00:00Z")
    zones = ("Asia/Jakarta", "Asia/Pontianak", "Asia/Makassar", "Asia/Jayapura")

    assert [zone_abbreviation(noon, zone) for zone in zones] == ["WIB", "WIB", "WITA", "WIT"]


@pytest.mark.parametrize(
    "name", ["", "Jakarta", "asia/jakarta", "Asia", "../etc/passwd", "WIB", "/Asia/Jakarta"]
)
def test_a_zone_needs_its_exact_name(name: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        zone_of(name)
    assert refusal.value.code == "unknown_zone"


def test_naive_instants_and_instants_for_dates_are_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        civil_date(I("2026-12-02T05:00:00"), "Asia/Jakarta")
    with pytest.raises(TypeError, match="takes a date"):
        instant_of(I("2026-12-02T05:00:00"), "Asia/Jakarta")
