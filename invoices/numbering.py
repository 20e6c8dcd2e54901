"""The format and the series of document numbers; the counting itself is the database's."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from core.errors import InvalidRequest


class SeriesKind(StrEnum):
    """Which documents share one run of numbers."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    RECEIPT = "receipt"


DEFAULT_PREFIX: Final = {
    SeriesKind.INVOICE: "INV",
    SeriesKind.CREDIT_NOTE: "CN",
    SeriesKind.RECEIPT: "KW",
}
DEFAULT_PATTERN: Final = "{prefix}-{year}-{n:06d}"
BRANCH_PATTERN: Final = "{prefix}-{branch}-{year}-{n:06d}"

ROMAN_MONTHS: Final = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")

NUMBER_LENGTH_MAX: Final = 50
PATTERN_LENGTH_MAX: Final = 80

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_COUNTER: Final = re.compile(r"n(?::0([1-9])d)?")
_LITERAL: Final = re.compile(r"[A-Za-z0-9/._-]*")
_NAMES: Final = frozenset({"prefix", "branch", "year", "month", "roman_month"})


def validate_pattern(pattern: str, *, branch: bool = False) -> None:
    """Check a merchant's own number pattern, such as ``{prefix}/{year}/{roman_month}/{n:05d}``.

    Placeholders: ``{prefix} {branch} {year} {month} {roman_month} {n} {n:06d}``; other characters
    are letters, digits and ``/ . _ -``. The year and the number must both appear, because the
    counter starts again each year and two documents would otherwise be named alike; with
    branches the branch must appear for the same reason.

    Raises:
        InvalidRequest: ``invalid_number_pattern`` with what is wrong.
    """
    names = _PLACEHOLDER.findall(pattern)
    literals = _PLACEHOLDER.sub("", pattern)
    if not pattern or len(pattern) > PATTERN_LENGTH_MAX:
        raise _wrong(pattern, f"must have 1 to {PATTERN_LENGTH_MAX} characters")
    if not _LITERAL.fullmatch(literals):
        raise _wrong(pattern, "may hold letters, digits and / . _ - around its placeholders")
    counters = [name for name in names if _COUNTER.fullmatch(name)]
    unknown = [name for name in names if name not in _NAMES and name not in counters]
    if unknown:
        raise _wrong(pattern, f"has an unknown placeholder {{{unknown[0]}}}")
    if len(counters) != 1:
        raise _wrong(pattern, "must hold the number exactly once, as {n} or {n:06d}")
    if "year" not in names:
        raise _wrong(pattern, "must hold {year}: the count starts again every year")
    if branch and "branch" not in names:
        raise _wrong(pattern, "must hold {branch}: every branch counts for itself")
    if _touching_digits(pattern):
        raise _wrong(pattern, "needs a sign such as / or - between two numbers")


def format_number(
    kind: SeriesKind | str,
    prefix: str | None,
    branch: str | None,
    year: int,
    n: int,
    *,
    month: int | None = None,
    pattern: str | None = None,
) -> str:
    """Write the number of one document: ``INV-2026-000042``.

    Args:
        kind: the series; decides the default prefix.
        prefix: the merchant's own prefix, or ``None`` for the kind's.
        branch: short code of the branch, or ``None`` without branches.
        year: calendar year of issue in the merchant's zone, the year of the counter.
        n: 1 or more, from the counter of (merchant, kind, branch, year).
        month: month of issue, needed when the pattern shows it.
        pattern: the merchant's pattern, or ``None`` for ours.

    Raises:
        InvalidRequest: ``invalid_number_pattern`` or ``invalid_number``.
    """
    chosen = pattern or (BRANCH_PATTERN if branch else DEFAULT_PATTERN)
    validate_pattern(chosen, branch=branch is not None)
    if n < 1:
        raise InvalidRequest("invalid_number", f"document numbers start at 1, not {n}")
    needs_month = "month}" in chosen
    if needs_month and (month is None or not 1 <= month <= 12):
        raise InvalidRequest("invalid_number", f"the pattern {chosen!r} needs the month of issue")

    values = {
        "prefix": DEFAULT_PREFIX[SeriesKind(kind)] if prefix is None else prefix,
        "branch": branch or "",
        "year": f"{year:04d}",
        "month": f"{month:02d}" if month else "",
        "roman_month": ROMAN_MONTHS[month - 1] if month else "",
    }

    def fill(match: re.Match[str]) -> str:
        counter = _COUNTER.fullmatch(match[1])
        if counter is None:
            return values[match[1]]
        return f"{n:0{counter[1]}d}" if counter[1] else str(n)

    number = _PLACEHOLDER.sub(fill, chosen)
    if len(number) > NUMBER_LENGTH_MAX or not _LITERAL.fullmatch(number):
        raise InvalidRequest("invalid_number", f"{number!r} cannot be the number of a document")
    return number


def _touching_digits(pattern: str) -> bool:
    """Say whether two numbers could run into each other: ``{year}{n}`` is ambiguous."""
    return re.search(r"(?:\{year\}|\{month\}|[0-9])\{n|\{n[^}]*\}(?:\{|[0-9])", pattern) is not None


def _wrong(pattern: str, why: str) -> InvalidRequest:
    return InvalidRequest(
        "invalid_number_pattern", f"the pattern {pattern[:80]!r} {why}", field="number_pattern"
    )
