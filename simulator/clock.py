"""The simulator's virtual time: a clock per account, an agenda of what is due, and WIB as text."""

from __future__ import annotations

import calendar
import heapq
from datetime import UTC, date, datetime, time, timedelta, timezone

from simulator.model import Account

WIB = timezone(timedelta(hours=7), "WIB")
SETTLEMENT_TIME = time(16, 0)
_FIRST_YEAR, _LAST_YEAR = 1970, 8999

# What happens first when several things are due at one instant.
_RANK = {
    name: place
    for place, name in enumerate(
        ("resolve", "push", "expire", "release", "link", "settle", "run", "confirm", "notice")
    )
}

AgendaItem = tuple[datetime, int, str, str, str]  # due, rank, order id, kind, key


def machine_now() -> datetime:
    """Real time, UTC."""
    return datetime.now(UTC)


def now_of(account: Account) -> datetime:
    """The account's own present, UTC."""
    if account.clock_mode == "fixed":
        return account.clock_at
    if account.clock_mode == "running":
        return account.clock_at + (machine_now() - account.clock_started)
    return machine_now()


def wib(instant: datetime) -> str:
    """The gateway's way to write an instant: WIB, no offset."""
    return instant.astimezone(WIB).strftime("%Y-%m-%d %H:%M:%S")


def iso(instant: datetime | None) -> str | None:
    """For the control interface: ISO 8601 in UTC, as short as it is exact."""
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_iso(text: object) -> datetime:
    """ISO 8601 with an offset or Z. Raises ValueError, TypeError or OverflowError else."""
    if not isinstance(text, str):
        raise TypeError("an instant is an ISO 8601 string with an offset")
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant needs an offset, for example 2026-01-31T17:00:00Z")
    return within_calendar(instant.astimezone(UTC))


def within_calendar(instant: datetime) -> datetime:
    """The same instant, unless it is so far away that others computed from it leave the calendar.

    Raises OverflowError.
    """
    if not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        raise OverflowError(f"a year between {_FIRST_YEAR} and {_LAST_YEAR} is needed")
    return instant


def settlement_moment(captured_at: datetime) -> datetime:
    """Captures of one WIB day settle the next day at 16:00 WIB."""
    day = captured_at.astimezone(WIB).date() + timedelta(days=1)
    return datetime.combine(day, SETTLEMENT_TIME, WIB).astimezone(UTC)


def end_of_card(month: int, year: int) -> datetime:
    """The first instant at which a card with this expiry is no longer good (WIB month end)."""
    first = date(year + month // 12, month % 12 + 1, 1)
    return datetime.combine(first, time(), WIB).astimezone(UTC)


def later(instant: datetime, count: int, unit: str) -> datetime:
    """So many minutes, hours, days, weeks or months on. Months are WIB's.

    The 31st becomes the last day of a shorter month. Raises OverflowError beyond the calendar.
    """
    if unit != "month":
        return instant + count * timedelta(**{unit + "s": 1})
    local = instant.astimezone(WIB)
    month = local.year * 12 + local.month - 1 + count
    if month >= 9999 * 12:
        raise OverflowError("beyond the calendar")
    day = min(local.day, calendar.monthrange(month // 12, month % 12 + 1)[1])
    return local.replace(year=month // 12, month=month % 12 + 1, day=day).astimezone(UTC)


class Agenda:
    """What is due and when. Nothing is removed: whoever takes an entry checks that it holds."""

    def __init__(self) -> None:
        self._heap: list[AgendaItem] = []

    def add(self, due: datetime, kind: str, order_id: str, key: str) -> None:
        heapq.heappush(self._heap, (due, _RANK[kind], order_id, kind, key))

    def peek(self) -> AgendaItem | None:
        return self._heap[0] if self._heap else None

    def pop(self) -> AgendaItem:
        return heapq.heappop(self._heap)
