"""Cells of reports: what has one meaning is read, what has two or none is named."""

from __future__ import annotations

import contextlib
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.report_cells import WIB, UnreadableError, instant, rupiah, safe_cell


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("1234", 1_234),
        ("1.234", 1_234),
        ("1,234", 1_234),
        ("1.234,00", 1_234),
        ("1,234.00", 1_234),
        ("1234.00", 1_234),
        ("1234,0", 1_234),
        ("1.234.567", 1_234_567),
        ("12.345.678,00", 12_345_678),
        ("Rp 1.234", 1_234),
        ("Rp1.234,-", 1_234),
        ("Rp. 1.234", 1_234),
        ("IDR 1,234.00", 1_234),
        ("1234 IDR", 1_234),
        ("-1.234,00", -1_234),
        ("Rp -1.234", -1_234),
        ("-Rp1.234", -1_234),
        ("(1.234)", -1_234),
        ("1.234-", -1_234),
        ("\u22121234", -1_234),
        ("1\u00a0234", 1_234),
        ("'1234", 1_234),
        ("0", 0),
        ("0,00", 0),
        ("", None),
        (" - ", None),
    ],
)
def test_an_amount_is_read_in_whole_rupiah(cell: str, amount: int | None) -> None:
    assert rupiah(cell) == amount


@pytest.mark.parametrize(
    "cell",
    [
        "1234,50", "1.5", "1.234,5", "12.34.567", "1.2345", "0.500", "1,234,5", "1.234,567.00",
        "1.5E+06", "1E6", "abc", "12a", "Rp", "--5-", "1" * 40, "NaN", "\u0661\u0662", "1;2", "=1+1",
    ],
)  # fmt: skip
def test_what_is_no_whole_rupiah_is_refused(cell: str) -> None:
    with pytest.raises(UnreadableError):
        rupiah(cell)


@given(st.integers(-(10**15), 10**15))
def test_every_amount_survives_every_way_to_print_it(amount: int) -> None:
    english, sign = f"{abs(amount):,}", "-" if amount < 0 else ""
    indonesian = english.replace(",", ".")
    for printed in (
        f"{amount}", f"{sign}{english}", f"{sign}{english}.00", f"{sign}{indonesian}",
        f"{sign}{indonesian},00", f"{sign}Rp {indonesian}", f"Rp {sign}{indonesian},-",
    ):  # fmt: skip
        assert rupiah(printed) == amount, printed


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("2026-11-21 16:00:00", datetime(2026, 11, 21, 16, 0)),
        ("2026-11-21", datetime(2026, 11, 21)),
        ("21/11/2026 16:00", datetime(2026, 11, 21, 16, 0)),
        ("21-11-2026", datetime(2026, 11, 21)),
        ("1/2/2026", datetime(2026, 2, 1)),
        ("21 Nov 2026 16.00.05", datetime(2026, 11, 21, 16, 0, 5)),
        ("5 Agustus 2026, 09:30", datetime(2026, 8, 5, 9, 30)),
        ("17 Mei 2026", datetime(2026, 5, 17)),
        ("2026-11-21T09:00:00Z", datetime(2026, 11, 21, 16, 0)),
        ("2026-11-21 16:00:00 +0700", datetime(2026, 11, 21, 16, 0)),
        ("2026-11-21 17:00 WITA", datetime(2026, 11, 21, 16, 0)),
        # 23:30 in London is the next day in Jakarta.
        ("2026-11-21T23:30:00+00:00", datetime(2026, 11, 22, 6, 30)),
    ],
)
def test_a_time_is_jakartas_unless_it_says_otherwise(cell: str, told: datetime) -> None:
    assert instant(cell) == told.replace(tzinfo=WIB)


@pytest.mark.parametrize(
    "cell",
    ["11/21/2026", "2026-02-30", "21/11/26", "46347.5", "kemarin", "2026-11-21 25:00",
     "2026-11-21 10:00 +99:00", "0000-01-01", "9999-12-31 23:59 -1200"],
)  # fmt: skip
def test_what_is_not_in_the_calendar_is_refused(cell: str) -> None:
    with pytest.raises(UnreadableError):
        instant(cell)


@given(st.text(max_size=60))
def test_no_cell_breaks_a_reader(cell: str) -> None:
    for read in (rupiah, instant):
        with contextlib.suppress(UnreadableError):
            read(cell)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"), ("+62", "'+62"), ("@x", "'@x"), ("-5", "-5"),
        ("-5+1", "'-5+1"), ("\t=1", "'\t=1"), (-99_000, "-99000"), (None, ""), ("order-1", "order-1"),
    ],
)  # fmt: skip
def test_what_we_write_is_never_a_formula(value: object, written: str) -> None:
    assert safe_cell(value) == written
