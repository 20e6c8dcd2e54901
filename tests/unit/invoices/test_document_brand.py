"""A merchant's colour: readable whatever it is, harmless whatever it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.brand import HOUSE_COLOR, accent, tint


def contrast_with_white(color: str) -> float:
    """WCAG 2 contrast, computed the official way."""

    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)

    red, green, blue = (linear(int(color[at : at + 2], 16)) for at in (1, 3, 5))
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


@given(st.integers(0, 0xFFFFFF))
def test_any_colour_becomes_readable_on_white(number: int) -> None:
    assert contrast_with_white(accent(f"#{number:06x}")) >= 4.5


def test_a_readable_colour_is_left_alone() -> None:
    assert accent("#0B6E69") == "#0b6e69"


@pytest.mark.parametrize("bad", ["", "red", "#fff", "#12345g", "#0b6e69;} body{display:none"])
def test_what_is_no_colour_becomes_the_house_colour(bad: str) -> None:
    assert accent(bad) == HOUSE_COLOR


def test_the_tint_is_a_pale_shade_of_the_accent() -> None:
    # (0x0b x 7 + 255 x 93) / 100 = 237.9, (0x6e x 7 + ...) = 244.8, (0x69 x 7 + ...) = 244.5
    assert tint("#0b6e69") == "#edf4f4"
