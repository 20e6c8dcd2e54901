"""Civil dates: half-open periods, boundaries counted from an anchor, and zones.

Boundaries are always counted from the anchor, never from the boundary before: 31 January is
followed by 28 February and then by 31 March. Only ``dateutil.relativedelta`` adds months.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from dateutil.relativedelta import relativedelta

from core.errors import InvalidRequest

Unit = Literal["day", "week", "month", "year"]

_IN_DAYS = {"day": 1, "week": 7}
_IN_MONTHS = {"month": 1, "year": 12}


@dataclass(frozen=True, slots=True)
class Period:
    """The dates from ``start`` up to, but without, ``end``; never empty."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if isinstance(self.start, datetime) or isinstance(self.end, datetime):
            raise TypeError("a period is made of dates, not of instants")
        if self.start >= self.end:
            raise ValueError(f"a period ends after it starts, not {self}")

    def __contains__(self, on: date) -> bool:
        return self.start <= on < self.end

    def __str__(self) -> str:
        return f"[{self.start}, {self.end})"

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @property
    def last_day(self) -> date:
        return self.end - timedelta(days=1)

    def days_left(self, on: date) -> int:
        """Count the days from ``on``, that day included, to the end.

        Raises:
            ValueError: ``on`` is neither a day of the period nor its end.
        """
        if not self.start <= on <= self.end:
            raise ValueError(f"{on} is not inside {self}")
        return (self.end - on).days


@dataclass(frozen=True, slots=True)
class Interval:
    """How often: ``count`` times a unit. A week is 7 days, a year 12 months."""

    unit: Unit
    count: int = 1

    def __post_init__(self) -> None:
        if self.unit not in _IN_DAYS and self.unit not in _IN_MONTHS:
            raise ValueError(f"{self.unit!r} is not a unit of time we bill by")
        if isinstance(self.count, bool) or not isinstance(self.count, int) or self.count < 1:
            raise ValueError("an interval counts at least one unit")

    @property
    def months(self) -> int:
        """Length in months; 0 for days and weeks."""
        return _IN_MONTHS.get(self.unit, 0) * self.count

    @property
    def fixed_days(self) -> int:
        """Length in days; 0 for months and years."""
        return _IN_DAYS.get(self.unit, 0) * self.count

    def is_as_long_as(self, other: Interval) -> bool:
        """Whether both are the same stretch of time: 12 months are a year, 7 days a week."""
        return (self.months, self.fixed_days) == (other.months, other.fixed_days)


@dataclass(frozen=True, slots=True)
class Anchor:
    """The date all boundaries hang on, and the wanted day of the month (1 to 31).

    The wanted day is kept when the anchor's own month is too short for it: an anchor wanted on
    the 31st that starts on 28 February has ``day=31``. Days and weeks look at ``on`` alone.
    """

    on: date
    day: int

    def __post_init__(self) -> None:
        if isinstance(self.on, datetime):
            raise TypeError("an anchor is a date, not an instant")
        if not 1 <= self.day <= 31:
            raise ValueError("the wanted day of a month is 1 to 31")

    @classmethod
    def at(cls, on: date) -> Anchor:
        """The anniversary anchor: the first paid date, wanting its own day (R16)."""
        return cls(on, on.day)


@dataclass(frozen=True, slots=True)
class Stub:
    """A first period shorter than the interval: ``period`` is a part of ``whole``."""

    period: Period
    whole: Period


def boundary(anchor: Anchor, interval: Interval, k: int) -> date:
    """Give boundary number ``k``; number 0 lies at the anchor, negative ones before it.

    The day is the wanted one, or the last of a shorter month.

    Source: billing rule R15.
    """
    if interval.fixed_days:
        return anchor.on + timedelta(days=k * interval.fixed_days)
    return anchor.on + relativedelta(months=k * interval.months, day=anchor.day)


def boundary_index(anchor: Anchor, interval: Interval, on: date) -> int:
    """Give the number of the last boundary at or before ``on``."""
    if interval.fixed_days:
        return (on - anchor.on).days // interval.fixed_days
    months = (on.year - anchor.on.year) * 12 + on.month - anchor.on.month
    k = months // interval.months
    return k if boundary(anchor, interval, k) <= on else k - 1


def period_containing(anchor: Anchor, interval: Interval, on: date) -> Period:
    """Give the whole anchor period that ``on`` is a day of (R18)."""
    k = boundary_index(anchor, interval, on)
    return Period(boundary(anchor, interval, k), boundary(anchor, interval, k + 1))


def next_boundary(anchor: Anchor, interval: Interval, on: date) -> date:
    """Give the first boundary strictly after ``on``."""
    return boundary(anchor, interval, boundary_index(anchor, interval, on) + 1)


def fixed_day_anchor(
    first_paid: date,
    interval: Interval,
    *,
    day: int | None = None,
    month: int | None = None,
    weekday: int | None = None,
) -> Anchor:
    """Place the anchor on a day fixed by the plan or the merchant.

    Args:
        first_paid: the first date that is paid for (after any trial).
        interval: of the price.
        day: wanted day of the month, 31 = the last; for months and years.
        month: with ``day``, the month the series runs through (1 and 1: calendar quarters).
        weekday: 0 Monday to 6 Sunday; for weeks.

    Returns:
        The anchor at boundary 0, on or after ``first_paid``. With a day alone: that day in the
        month of ``first_paid``, or one whole interval later when it is already past.

    Raises:
        ValueError: the arguments do not go with the interval.

    Source: billing rule R17.
    """
    if interval.unit == "week" and weekday is not None and day is None and month is None:
        if not 0 <= weekday <= 6:
            raise ValueError("a weekday is 0 (Monday) to 6 (Sunday)")
        return Anchor.at(first_paid + timedelta(days=(weekday - first_paid.weekday()) % 7))
    if not interval.months or day is None or weekday is not None:
        raise ValueError("a fixed day goes with months and years, a fixed weekday with weeks")

    if month is None:
        wanted = Anchor(first_paid + relativedelta(day=day), day)
        if wanted.on >= first_paid:
            return wanted
        return Anchor(boundary(wanted, interval, 1), day)
    series = Anchor(first_paid + relativedelta(month=month, day=day), day)
    k = boundary_index(series, interval, first_paid - timedelta(days=1)) + 1
    return Anchor(boundary(series, interval, k), day)


def stub_before(first_paid: date, anchor: Anchor, interval: Interval) -> Stub | None:
    """Give the short first period in front of the anchor, if there is one.

    Source: billing rule R19; ``whole`` starts at boundary -1, clamped like every boundary.
    """
    if first_paid >= anchor.on:
        return None
    return Stub(
        period=Period(first_paid, anchor.on),
        whole=Period(boundary(anchor, interval, -1), anchor.on),
    )


def civil_date(instant: datetime, zone: str) -> date:
    """Give the date of an instant by the zone's real rules at that instant (R7)."""
    return _local(instant, zone).date()


def instant_of(day: date, zone: str, hour: int = 0, minute: int = 0) -> datetime:
    """Give the UTC instant at which a local time of a date is reached.

    Where clocks jump over that time it is the end of the gap; where it comes twice, the first.

    Source: billing rule R8.
    """
    if isinstance(day, datetime):
        raise TypeError("instant_of takes a date, not an instant")
    tz = zone_of(zone)
    wanted = datetime.combine(day, time(hour, minute))
    instant = wanted.replace(tzinfo=tz).astimezone(UTC)
    if instant.astimezone(tz).replace(tzinfo=None) == wanted:
        return instant

    # In a gap the two readings of the wanted time enclose the jump: search for its second.
    before = wanted.replace(tzinfo=tz, fold=1).astimezone(UTC)
    low, high = 0, int((instant - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        local = (before + timedelta(seconds=middle)).astimezone(tz).replace(tzinfo=None)
        low, high = (low, middle) if local >= wanted else (middle, high)
    return before + timedelta(seconds=high)


def zone_abbreviation(instant: datetime, zone: str) -> str:
    """Give what people put behind the clock: WIB, WITA or WIT in Indonesia."""
    return _local(instant, zone).tzname() or zone


def zone_of(name: str, field: str = "zone") -> ZoneInfo:
    """Look up an IANA zone by its exact name, such as ``Asia/Jakarta``.

    Raises:
        InvalidRequest: code ``unknown_zone``.
    """
    if name not in _zone_names():
        raise InvalidRequest(
            "unknown_zone", f"{name!r} is not the name of a time zone.", field=field
        )
    return ZoneInfo(name)


def _local(instant: datetime, zone: str) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant needs its zone; naive times are not accepted")
    return instant.astimezone(zone_of(zone))


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())
