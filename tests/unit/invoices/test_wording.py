"""How amounts, dates and periods read."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.wording import (
    MONTHS_SHORT,
    clock_time,
    days_text,
    language_of,
    long_date,
    long_moment,
    month_name,
    npwp_text,
    percent,
    period_text,
    rupiah,
    rupiah_exact,
    short_date,
    until_text,
    weekday_date,
)

D = date.fromisoformat


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "Rp0"),
        (999, "Rp999"),
        (9_810, "Rp9.810"),
        (1_234_567, "Rp1.234.567"),
        (1_000_000_000, "Rp1.000.000.000"),
        (-50_000, "-Rp50.000"),
    ],
)
def test_rupiah(amount: int, text: str) -> None:
    assert rupiah(amount) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Fraction(9_166_667, 100), "Rp91.666,67"),
        (Fraction(1_980_000, 31), "Rp63.870,97"),
        (Fraction(150_001, 2), "Rp75.000,50"),
        (Fraction(-150_001, 2), "-Rp75.000,50"),
        (Fraction(100_000), "Rp100.000"),
    ],
)
def test_rupiah_before_rounding(amount: Fraction, text: str) -> None:
    assert rupiah_exact(amount) == text


@given(st.integers(-(10**12), 10**12))
def test_an_amount_can_be_read_back(amount: int) -> None:
    assert int(rupiah(amount).replace("Rp", "").replace(".", "")) == amount


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (Fraction(11, 100), "11%"),
        (Fraction(1, 8), "12,5%"),
        (Fraction(0), "0%"),
        (Fraction(-1, 10), "-10%"),
    ],
)
def test_a_rate(rate: Fraction, text: str) -> None:
    assert percent(rate) == text


def test_dates_in_both_languages() -> None:
    assert long_date(D("2026-08-17")) == "17 Agustus 2026"
    assert long_date(D("2026-11-21"), "en") == "21 November 2026"
    assert short_date(D("2026-12-20")) == "20 Des 2026"
    assert short_date(D("2026-12-20"), "en") == "20 Dec 2026"
    assert weekday_date(D("2027-05-01")) == "Sabtu, 1 Mei 2027"
    assert month_name(D("2026-11-01")) == "November 2026"
    assert MONTHS_SHORT["id"][7] == "Agu"


@pytest.mark.parametrize(
    ("instant", "zone", "language", "text"),
    [
        ("2026-11-21T07:05", "Asia/Jakarta", "id", "21 November 2026 pukul 14.05 WIB"),
        ("2026-11-21T07:05", "Asia/Jayapura", "id", "21 November 2026 pukul 16.05 WIT"),
        ("2026-11-21T16:30", "Asia/Makassar", "id", "22 November 2026 pukul 00.30 WITA"),
        ("2026-11-21T07:05", "Asia/Jakarta", "en", "21 November 2026 at 14:05 WIB"),
    ],
)
def test_an_instant_is_told_in_the_readers_zone(
    instant: str, zone: str, language: str, text: str
) -> None:
    moment = datetime.fromisoformat(instant).replace(tzinfo=UTC)

    assert long_moment(moment, zone, language) == text


@pytest.mark.parametrize(
    ("end", "zone", "language", "text"),
    [
        # Midnight is the end of the day before: 17:00Z = 00:00 WIB (+7), 16:00Z WITA, 15:00Z WIT.
        ("2026-12-26T17:00Z", "Asia/Jakarta", "id", "26 Desember 2026, 23.59 WIB"),
        ("2026-12-26T16:00Z", "Asia/Makassar", "id", "26 Desember 2026, 23.59 WITA"),
        ("2026-12-26T15:00Z", "Asia/Jayapura", "id", "26 Desember 2026, 23.59 WIT"),
        ("2026-12-26T15:00Z", "Asia/Jayapura", "en", "26 December 2026, 23:59 WIT"),
        # The same instant elsewhere: 17:00Z is 01:00 WITA, its last minute 00.59.
        ("2026-12-26T17:00Z", "Asia/Makassar", "id", "27 Desember 2026, 00.59 WITA"),
        # The first minute of a year ends the old one.
        ("2026-12-31T17:00Z", "Asia/Jakarta", "id", "31 Desember 2026, 23.59 WIB"),
        # 14:05:30 is no longer the whole of 14.05: the last whole minute is 14.04.
        ("2026-12-26T07:05:30Z", "Asia/Jakarta", "id", "26 Desember 2026, 14.04 WIB"),
        ("2026-12-26T07:05:00.1Z", "Asia/Jakarta", "id", "26 Desember 2026, 14.04 WIB"),
    ],
)
def test_an_exclusive_end_is_told_by_its_last_minute(
    end: str, zone: str, language: str, text: str
) -> None:
    assert until_text(datetime.fromisoformat(end), zone, language) == text


def test_a_time_without_a_zone_name_has_no_tail() -> None:
    assert clock_time(datetime(2026, 11, 21, 14, 5)) == "14.05"


@pytest.mark.parametrize(
    ("start", "end", "language", "text"),
    [
        ("2026-11-21", "2026-12-21", "id", "21 Nov 2026 – 20 Des 2026"),
        ("2026-08-01", "2026-09-01", "en", "1 Aug 2026 – 31 Aug 2026"),
        ("2026-11-21", "2026-11-22", "id", "21 Nov 2026"),
    ],
)
def test_a_period_shows_its_last_day(start: str, end: str, language: str, text: str) -> None:
    assert period_text(D(start), D(end), language) == text


@pytest.mark.parametrize(
    ("given_text", "text"),
    [
        ("012345678901234", "01.234.567.8-901.234"),
        ("0123456789012345", "0123456789012345"),
        ("01.234.567.8-901.234", "01.234.567.8-901.234"),
        ("unknown", "unknown"),
    ],
)
def test_a_taxpayers_number(given_text: str, text: str) -> None:
    assert npwp_text(given_text) == text


@pytest.mark.parametrize(
    ("locale", "language"),
    [("id", "id"), ("id-ID", "id"), ("en", "en"), ("en_US", "en"), ("de", "id")],
)
def test_documents_are_indonesian_unless_english_is_wanted(locale: str, language: str) -> None:
    assert language_of(locale) == language


def test_days() -> None:
    assert (days_text(1), days_text(20)) == ("1 hari", "20 hari")
    assert (days_text(1, "en"), days_text(20, "en")) == ("1 day", "20 days")
