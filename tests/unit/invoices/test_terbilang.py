"""Amounts in words, one number per row."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from invoices.terbilang import LARGEST, in_words_en, rupiah_sentence, terbilang


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (0, "nol"),
        (9, "sembilan"),
        (10, "sepuluh"),
        (11, "sebelas"),
        (15, "lima belas"),
        (20, "dua puluh"),
        (99, "sembilan puluh sembilan"),
        (100, "seratus"),
        (101, "seratus satu"),
        (111, "seratus sebelas"),
        (199, "seratus sembilan puluh sembilan"),
        (999, "sembilan ratus sembilan puluh sembilan"),
        (1_000, "seribu"),
        (1_001, "seribu satu"),
        (1_011, "seribu sebelas"),
        (1_100, "seribu seratus"),
        (1_111, "seribu seratus sebelas"),
        (2_000, "dua ribu"),
        (9_810, "sembilan ribu delapan ratus sepuluh"),
        (11_000, "sebelas ribu"),
        (12_345, "dua belas ribu tiga ratus empat puluh lima"),
        (100_000, "seratus ribu"),
        (101_000, "seratus satu ribu"),
        (110_000, "seratus sepuluh ribu"),
        (111_111, "seratus sebelas ribu seratus sebelas"),
        (121_000, "seratus dua puluh satu ribu"),
        (201_000, "dua ratus satu ribu"),
        (1_000_000, "satu juta"),
        (1_001_000, "satu juta seribu"),
        (1_001_500, "satu juta seribu lima ratus"),
        (1_100_000, "satu juta seratus ribu"),
        (
            1_234_567,
            "satu juta dua ratus tiga puluh empat ribu lima ratus enam puluh tujuh",
        ),
        (11_000_000, "sebelas juta"),
        (11_100_000, "sebelas juta seratus ribu"),
        (100_000_000, "seratus juta"),
        (1_000_000_000, "satu miliar"),
        (1_001_001_001, "satu miliar satu juta seribu satu"),
        (1_000_000_000_000, "satu triliun"),
        (-50_000, "minus lima puluh ribu"),
    ],
)
def test_a_number_is_written_in_indonesian(n: int, words: str) -> None:
    assert terbilang(n) == words


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (42, "forty-two"),
        (100, "one hundred"),
        (111, "one hundred eleven"),
        (1_001_000, "one million one thousand"),
        (1_234_567, "one million two hundred thirty-four thousand five hundred sixty-seven"),
        (-7, "minus seven"),
    ],
)
def test_a_number_is_written_in_english(n: int, words: str) -> None:
    assert in_words_en(n) == words


def test_a_receipt_says_rupiah_and_begins_with_a_capital() -> None:
    assert rupiah_sentence(109_890) == "Seratus sembilan ribu delapan ratus sembilan puluh rupiah"
    assert rupiah_sentence(11_000, "en") == "Eleven thousand rupiah"


def test_a_number_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="too large"):
        terbilang(LARGEST + 1)


@given(st.integers(0, LARGEST))
def test_words_are_single_spaced_and_never_say_one_ten_or_one_hundred(n: int) -> None:
    words = terbilang(n).split(" ")

    assert "" not in words
    pairs = list(itertools.pairwise(words))
    assert ("satu", "puluh") not in pairs
    assert ("satu", "ratus") not in pairs
    assert ("satu", "belas") not in pairs


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_two_numbers_never_share_their_words(a: int, b: int) -> None:
    assert (terbilang(a) == terbilang(b)) == (a == b)
    assert (in_words_en(a) == in_words_en(b)) == (a == b)
