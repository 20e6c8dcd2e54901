"""The busiest day to come, and when its charges are through."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from payments.ahead import busiest

NOW = datetime(2027, 1, 20, 3, tzinfo=UTC)
FIRST, SECOND = date(2027, 2, 1), date(2027, 2, 2)


def told(calls: dict[date, int], per_second: int = 10) -> tuple[date, int, str] | None:
    found = busiest(calls, per_second, "Asia/Jakarta", NOW, morning=8, spread=timedelta(hours=2))
    if found is None:
        return None
    assert found.begins_at == datetime(
        found.day.year, found.day.month, found.day.day, 1, tzinfo=UTC
    )
    local = found.done_at + timedelta(hours=7)
    return found.day, found.calls, f"{local:%m-%d %H:%M}"


@pytest.mark.parametrize(
    "calls, per_second, expected",
    [
        ({}, 10, None),
        ({FIRST: 0}, 10, None),
        # spread over two hours, however fast the pace is
        ({FIRST: 12}, 10, (FIRST, 12, "02-01 10:00")),
        # 381 a minute: 100,000 take 262.5 minutes from 08:00
        ({FIRST: 100_000, SECOND: 40}, 10, (FIRST, 100_000, "02-01 12:22")),
        # 54 a minute (11 tenths for one call): 100,000 take a day and 6.9 hours
        ({FIRST: 100_000}, 1, (FIRST, 100_000, "02-02 14:51")),
        # of two alike the earlier
        ({SECOND: 40, FIRST: 40}, 10, (FIRST, 40, "02-01 10:00")),
    ],
)
def test_the_busiest_day_is_through_when_its_pace_allows(
    calls: dict[date, int], per_second: int, expected: tuple[date, int, str] | None
) -> None:
    assert told(calls, per_second) == expected
