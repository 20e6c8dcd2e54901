"""How amounts, dates and sums read in Indonesian and English."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from core.money import round_half_away

LANGUAGES: Final = ("id", "en")

MONTHS: Final[Mapping[str, tuple[str, ...]]] = {
    "id": (
        "Januari",
        "Februari",
        "Maret",
        "April",
        "Mei",
        "Juni",
        "Juli",
        "Agustus",
        "September",
        "Oktober",
        "November",
        "Desember",
    ),
    "en": (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
}
# "Agustus" is cut to "Agu"; all others to their first three letters, in both languages.
MONTHS_SHORT: Final = {
    language: tuple(name[:3] for name in names) for language, names in MONTHS.items()
}
DAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}


def language_of(locale: str) -> str:
    """Reduce a locale to a language we write: ``en-GB`` → ``en``, everything else Indonesian."""
    return "en" if locale.lower().partition("-")[0].partition("_")[0] == "en" else "id"


def rupiah(amount: int) -> str:
    """Write whole rupiah: ``1234567`` → ``Rp1.234.567``, ``-50000`` → ``-Rp50.000``."""
    sign = "-" if amount < 0 else ""
    return f"{sign}Rp{number(abs(amount))}"


def number(value: int) -> str:
    """Write a whole number with dots between thousands."""
    return f"{value:,}".replace(",", ".")


def rupiah_exact(amount: Fraction) -> str:
    """Write rupiah before rounding, with two decimals where there are any: ``Rp91.666,67``."""
    if amount.denominator == 1:
        return rupiah(amount.numerator)
    cents = round_half_away(amount.numerator * 100, amount.denominator)
    whole, rest = divmod(abs(cents), 100)
    sign = "-" if cents < 0 else ""
    return f"{sign}Rp{number(whole)},{rest:02d}"


def percent(rate: Fraction) -> str:
    """Write a rate: ``11/100`` → ``11%``, ``1/8`` → ``12,5%``; at most two decimals."""
    hundredths = round_half_away(rate.numerator * 10_000, rate.denominator)
    whole, rest = divmod(abs(hundredths), 100)
    decimals = f"{rest:02d}".rstrip("0")
    sign = "-" if hundredths < 0 else ""
    return f"{sign}{whole}{',' if decimals else ''}{decimals}%"


def long_date(day: date, language: str = "id") -> str:
    """Write a date for a document: ``21 November 2026``."""
    return f"{day.day} {MONTHS[language][day.month - 1]} {day.year}"


def short_date(day: date, language: str = "id") -> str:
    """Write a date for a table: ``21 Nov 2026``, ``20 Des 2026``."""
    return f"{day.day} {MONTHS_SHORT[language][day.month - 1]} {day.year}"


def weekday_date(day: date, language: str = "id") -> str:
    """Write a date with its weekday: ``Sabtu, 21 November 2026``."""
    return f"{DAYS[language][day.weekday()]}, {long_date(day, language)}"


def month_name(day: date, language: str = "id") -> str:
    """Write a month: ``November 2026``."""
    return f"{MONTHS[language][day.month - 1]} {day.year}"


def clock_time(local: datetime, language: str = "id") -> str:
    """Write the time of an aware local datetime: ``14.05 WIB``; English ``14:05 WIB``."""
    separator = ":" if language == "en" else "."
    return f"{local.hour:02d}{separator}{local.minute:02d} {local.tzname() or ''}".rstrip()


def long_moment(instant: datetime, zone: str, language: str = "id") -> str:
    """Write an instant in a zone: ``21 November 2026 pukul 14.05 WIB``."""
    local = instant.astimezone(ZoneInfo(zone))
    at = "at" if language == "en" else "pukul"
    return f"{long_date(local.date(), language)} {at} {clock_time(local, language)}"


def until_text(end: datetime, zone: str, language: str = "id") -> str:
    """Write an exclusive end as people mean it, by its last minute.

    ``2026-12-27 00:00`` in Jakarta → ``26 Desember 2026, 23.59 WIB``: "before 00.00" of a day is
    read as that day's end by half of all readers.
    """
    last = end.astimezone(ZoneInfo(zone)).replace(second=0, microsecond=0) - timedelta(minutes=1)
    return f"{long_date(last.date(), language)}, {clock_time(last, language)}"


def period_text(start: date, end: date, language: str = "id") -> str:
    """Write a half-open span by its first and last day: ``21 Nov 2026 – 20 Des 2026``.

    Args:
        start: first day.
        end: the day after the last one.
    """
    last = end - timedelta(days=1)
    if last <= start:
        return short_date(start, language)
    return f"{short_date(start, language)} – {short_date(last, language)}"


def days_text(days: int, language: str = "id") -> str:
    """Write a number of days: ``20 hari``, ``1 day``."""
    if language == "en":
        return f"{number(days)} {'day' if days == 1 else 'days'}"
    return f"{number(days)} hari"


def npwp_text(npwp: str) -> str:
    """Write a taxpayer's number: the 16 digits as they are, the old 15 with their dots."""
    digits = "".join(sign for sign in npwp if sign.isdigit())
    if len(digits) == 15:
        head = f"{digits[:2]}.{digits[2:5]}.{digits[5:8]}.{digits[8]}"
        return f"{head}-{digits[9:12]}.{digits[12:]}"
    return digits if len(digits) == 16 else npwp
