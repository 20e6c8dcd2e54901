"""Document numbers: what a series prints and which patterns are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from invoices.numbering import SeriesKind, format_number, validate_pattern


@pytest.mark.parametrize(
    ("kind", "prefix", "branch", "year", "n", "month", "pattern", "number"),
    [
        ("invoice", None, None, 2026, 42, None, None, "INV-2026-000042"),
        ("credit_note", None, None, 2026, 1, None, None, "CN-2026-000001"),
        ("receipt", None, None, 2026, 7, None, None, "KW-2026-000007"),
        ("invoice", "NSK", None, 2026, 42, None, None, "NSK-2026-000042"),
        ("invoice", None, "BDG", 2027, 3, None, None, "INV-BDG-2027-000003"),
        (
            "invoice",
            None,
            None,
            2026,
            42,
            11,
            "{prefix}/{year}/{roman_month}/{n:05d}",
            "INV/2026/XI/00042",
        ),
        ("invoice", "A", None, 2026, 42, 3, "{prefix}.{year}.{month}.{n}", "A.2026.03.42"),
        ("invoice", None, None, 2026, 1_234_567, None, None, "INV-2026-1234567"),
    ],
)
def test_a_number_is_written_in_its_pattern(
    *,
    kind: str,
    prefix: str | None,
    branch: str | None,
    year: int,
    n: int,
    month: int | None,
    pattern: str | None,
    number: str,
) -> None:
    assert format_number(kind, prefix, branch, year, n, month=month, pattern=pattern) == number


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "1 to"),
        ("{prefix}-{year}", "exactly once"),
        ("{n}-{year}-{n}", "exactly once"),
        ("{prefix}-{n:06d}", r"\{year\}"),
        ("{prefix}-{year}-{n:6d}", "unknown placeholder"),
        ("{prefix}-{year}-{n!r}", "unknown placeholder"),
        ("{prefix.__class__}-{year}-{n}", "unknown placeholder"),
        ("{prefix} {year} {n}", "letters, digits"),
        ("{prefix}-{year}{n:06d}", "between two numbers"),
        ("{prefix}-{n:06d}{year}", "between two numbers"),
        ("{prefix}-{year}-{{n}}", "letters, digits"),
        ("x" * 81 + "{year}-{n}", "1 to"),
    ],
)
def test_a_pattern_that_could_name_two_documents_alike_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        validate_pattern(pattern)


def test_a_branch_must_be_shown() -> None:
    with pytest.raises(InvalidRequest, match="branch"):
        format_number(SeriesKind.INVOICE, None, "BDG", 2026, 1, pattern="{prefix}-{year}-{n:06d}")


@pytest.mark.parametrize("n", [0, -1])
def test_numbers_start_at_one(n: int) -> None:
    with pytest.raises(InvalidRequest, match="start at 1"):
        format_number(SeriesKind.INVOICE, None, None, 2026, n)


def test_a_pattern_with_a_month_needs_the_month() -> None:
    with pytest.raises(InvalidRequest, match="month"):
        format_number(SeriesKind.INVOICE, None, None, 2026, 1, pattern="{year}/{roman_month}/{n}")


@given(
    st.tuples(st.integers(2020, 2100), st.integers(1, 10**7)),
    st.tuples(st.integers(2020, 2100), st.integers(1, 10**7)),
)
def test_two_places_in_a_series_never_get_one_number(
    a: tuple[int, int], b: tuple[int, int]
) -> None:
    one = format_number(SeriesKind.INVOICE, None, None, *a)
    other = format_number(SeriesKind.INVOICE, None, None, *b)

    assert (one == other) == (a == b)
