"""Exact numbers: read strictly, written so that the same one is read again."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.exact import exact, rounded, written


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", Fraction(0)), ("60", Fraction(60)), ("-3", Fraction(-3)), ("0.5", Fraction(1, 2)),
        ("0.035", Fraction(7, 200)), ("1/3", Fraction(1, 3)), ("12.50", Fraction(25, 2)), (7, Fraction(7)),
    ],
)  # fmt: skip
def test_text_is_read_as_it_stands(text: str | int, value: Fraction) -> None:
    assert exact(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "x", "1.", ".5", "1e3", "1_000", " 1", "1,5", "1/0", "٣", "+1", "01", "nan", "9" * 41],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        exact(text)


@pytest.mark.parametrize("value", [0.1, True, None, [1]])
def test_what_lost_its_meaning_before_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        exact(value)  # type: ignore[arg-type]


@given(st.fractions(max_denominator=10**9))
def test_what_is_written_is_read_again(value: Fraction) -> None:
    assert Fraction(written(value)) == value
    if len(written(value)) <= 40:
        assert exact(written(value)) == value


@pytest.mark.parametrize(("value", "whole"), [("0.5", 1), ("-0.5", -1), ("1/3", 0), ("2.5", 3)])
def test_ties_go_away_from_zero(value: str, whole: int) -> None:
    assert rounded(exact(value)) == whole


@given(
    st.one_of(
        st.from_regex(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,20})?", fullmatch=True),
        st.builds("{}/{}".format, st.integers(0, 10**18), st.integers(1, 10**20)),
        st.builds("1/{}".format, st.integers(0, 66).map(lambda power: 2**power)),
    )
)
def test_whatever_can_be_read_is_written_so_that_it_can_be_read(text: str) -> None:
    """1/2^40 is a decimal of forty places, longer than what may be sent."""
    assert exact(written(exact(text))) == exact(text)
