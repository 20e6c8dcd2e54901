"""Cells of a report that people and spreadsheets have had in hand: rupiah and times, read strictly.

What can be read in two ways is not read at all: a cell either has one meaning or is named.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

# Midtrans' reports tell the time in Jakarta; there is no daylight saving time.
WIB: Final = timezone(timedelta(hours=7), "WIB")

# Far above any payment, far below what a column of the database holds.
AMOUNT_MAX: Final = 10**15

_BLANKS: Final = str.maketrans("", "", " \t\u00a0\u2007\u2009\u202f'")
_NEGATIVE: Final = re.compile(r"^\((.*)\)$")
_MARK: Final = re.compile(r"^(?:rp\.?|idr)|(?:idr|rp)$", re.IGNORECASE)
_PLAIN: Final = re.compile(r"^\d+$", re.ASCII)
# Thousands marked by one sign throughout, and perhaps a fraction after the other.
_GROUPED: Final = {
    ",": re.compile(r"^[1-9]\d{0,2}(?:\.\d{3})+(?:,(\d{1,2}))?$", re.ASCII),
    ".": re.compile(r"^[1-9]\d{0,2}(?:,\d{3})+(?:\.(\d{1,2}))?$", re.ASCII),
}
# A fraction without thousands; three digits behind the sign would be a thousand.
_FRACTION: Final = re.compile(r"^\d+[.,](\d{1,2})$", re.ASCII)


class UnreadableError(ValueError):
    """A cell without one plain meaning; the message says what is wrong with it."""


@lru_cache(maxsize=4_096)
def rupiah(cell: str) -> int | None:
    """Read an amount in whole rupiah; ``None`` where the cell is empty or a dash.

    Raises:
        UnreadableError: no number, a part of a rupiah, or one that a spreadsheet has shortened.

    >>> [rupiah(c) for c in ("1.234,00", "1,234.00", "1234", "Rp 1.234,-", "(1.234)", "-1234.0")]
    [1234, 1234, 1234, 1234, -1234, -1234]
    """
    text = cell.strip().translate(_BLANKS).replace("\u2212", "-")
    if text in ("", "-", "--"):
        return None
    text, sign = _sign(text)
    if text.endswith((",-", ".-")):
        text = text[:-2]
    digits = _digits(text, cell)
    if len(digits) > len(str(AMOUNT_MAX)) or int(digits) > AMOUNT_MAX:
        raise UnreadableError(f"{_shown(cell)} is more than any payment")
    return sign * int(digits)


def _sign(text: str) -> tuple[str, int]:
    """Take sign and currency off: ``-Rp1.234``, ``Rp -1.234``, ``(1.234)``, ``1.234-``."""
    sign = 1
    inside = _NEGATIVE.match(text)
    if inside:
        text, sign = inside[1], -1
    signs = 0
    for _ in range(2):
        if text[:1] in ("-", "+"):
            signs += 1
            sign, text = (-sign if text[0] == "-" else sign), text[1:]
        text = _MARK.sub("", text, count=1)
    if len(text) > 1 and text[-1] == "-" and text[-2].isdigit():
        signs += 1
        sign, text = -sign, text[:-1]
    if signs + bool(inside) > 1:
        raise UnreadableError("more than one sign")
    return text, sign


def _digits(text: str, cell: str) -> str:
    if _PLAIN.match(text):
        return text
    for pattern in _GROUPED.values():
        grouped = pattern.match(text)
        if grouped:
            _whole(grouped[1], cell)
            end = len(text) - (len(grouped[1]) + 1 if grouped[1] else 0)
            return text[:end].replace(".", "").replace(",", "")
    fraction = _FRACTION.match(text)
    if fraction:
        _whole(fraction[1], cell)
        return text[: -len(fraction[1]) - 1]
    if re.match(r"^\d+(?:[.,]\d+)?[eE]", text):
        raise UnreadableError(f"{_shown(cell)} was shortened by a spreadsheet")
    raise UnreadableError(f"{_shown(cell)} is no amount")


def _whole(fraction: str | None, cell: str) -> None:
    if fraction and fraction.strip("0"):
        raise UnreadableError(f"{_shown(cell)} has a part of a rupiah")


_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "jan january januari", "feb february februari peb", "mar march maret", "apr april",
            "may mei", "jun june juni", "jul july juli", "aug august agu agustus agt",
            "sep sept september", "oct october okt oktober", "nov november nop nopember",
            "dec december des desember",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_YEAR_FIRST: Final = re.compile(r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$", re.ASCII)
_DAY_FIRST: Final = re.compile(r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})$", re.ASCII)
_NAMED: Final = re.compile(r"^(\d{1,2})[ -]([A-Za-z]+)[ -](\d{4})$", re.ASCII)
_TIME: Final = re.compile(
    r"^(.*\d)(?:[T ]|, )(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,]\d{1,9})?)?"
    r"(?: ?(Z|UTC|WIB|WITA|WIT|[+-]\d{2}:?\d{2}))?$",
    re.ASCII | re.IGNORECASE,
)
_ZONES: Final = {"z": 0, "utc": 0, "wib": 7, "wita": 8, "wit": 9}


@lru_cache(maxsize=4_096)
def instant(cell: str) -> datetime | None:
    """Read a day or a time; what names no zone is Jakarta's, a day alone is its first moment.

    Day before month where both are numbers. ``None`` where the cell is empty or a dash.

    Raises:
        UnreadableError: no date, or one that is not in the calendar.

    >>> instant("21/11/2026 16.00").isoformat(), instant("2026-11-21T09:00:00Z").isoformat()
    ('2026-11-21T16:00:00+07:00', '2026-11-21T16:00:00+07:00')
    """
    text = " ".join(cell.strip().strip("'").split())
    if text in ("", "-", "--"):
        return None
    day, hour, minute, second, zone = text, 0, 0, 0, WIB
    timed = _TIME.match(text)
    if timed:
        day, hour, minute = timed[1].rstrip(","), int(timed[2]), int(timed[3])
        second, zone = int(timed[4] or 0), _zone(timed[5])
    year, month, of_month = _civil(day, cell)
    try:
        told = datetime(year, month, of_month, hour, minute, second, tzinfo=zone)
        return told.astimezone(WIB)
    except (ValueError, OverflowError):
        raise UnreadableError(f"{_shown(cell)} is not in the calendar") from None


def _zone(name: str | None) -> timezone:
    if not name:
        return WIB
    if name.lower() in _ZONES:
        return timezone(timedelta(hours=_ZONES[name.lower()]))
    span = timedelta(hours=int(name[1:3]), minutes=int(name[-2:]))
    if span >= timedelta(hours=24):
        raise UnreadableError(f"{_shown(name)} is no time zone")
    return timezone(-span if name[0] == "-" else span)


def _civil(day: str, cell: str) -> tuple[int, int, int]:
    if found := _YEAR_FIRST.match(day):
        return int(found[1]), int(found[2]), int(found[3])
    if found := _DAY_FIRST.match(day):
        return int(found[3]), int(found[2]), int(found[1])
    found = _NAMED.match(day)
    if found and found[2].lower() in _MONTHS:
        return int(found[3]), _MONTHS[found[2].lower()], int(found[1])
    raise UnreadableError(f"{_shown(cell)} is no date")


def plain(cell: str) -> str:
    """Take off what spreadsheets put around text so that it stays text: ``="…"`` and ``'…``."""
    text = cell.strip()
    if len(text) > 3 and text.startswith('="') and text.endswith('"'):
        text = text[2:-1]
    return text.removeprefix("'").strip()


def safe_cell(value: object) -> str:
    """Write a cell of ours so that no spreadsheet takes it for a formula."""
    text = "" if value is None else str(value)
    if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%") and not _number(text):
        return "'" + text
    return text


def _number(text: str) -> bool:
    return re.match(r"^-?\d+$", text, re.ASCII) is not None


def _shown(cell: str) -> str:
    """A cell inside a message: short, and printable whatever is in it."""
    text = cell.strip()
    return repr(text if len(text) <= 40 else text[:39] + "\u2026")
