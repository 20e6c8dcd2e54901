"""Exact numbers finer than a unit: read strictly, written shortly, rounded once.

A price of half a rupiah and 1.5 hours are fractions; JSON and databases hold them as text.
"""

from __future__ import annotations

import re
from fractions import Fraction

from core.money import round_half_away

TEXT_MAX = 40
"""Longest text of a number that is sent; more digits than that nobody meant."""
OWN_MAX = 1_000
"""Longest text of a number that we wrote: sums of many numbers have many digits."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+|/[1-9][0-9]*)?")


def exact(value: int | str | Fraction, longest: int = TEXT_MAX) -> Fraction:
    """Read a number exactly: an integer, or text such as ``"0.5"``, ``"-3"``, ``"1/3"``.

    >>> exact("0.035")
    Fraction(7, 200)

    Raises:
        ValueError: the text is no number, or longer than ``longest``.
        TypeError: floats and booleans, whose meaning is lost already.
    """
    if isinstance(value, bool) or not isinstance(value, (int, str, Fraction)):
        raise TypeError(f"an exact number is an integer or text, not {type(value).__name__}")
    if isinstance(value, str) and (len(value) > longest or _NUMBER.fullmatch(value) is None):
        raise ValueError(f"{value[:TEXT_MAX]!r} is not an exact number")
    return Fraction(value)


def written(value: Fraction) -> str:
    """Write a number so that ``exact`` reads the same one: as a decimal, or as ``n/d`` where that
    is the only way, or where the decimal would be longer than what may be sent.

    >>> written(Fraction(7, 200)), written(Fraction(1, 3)), written(Fraction(60))
    ('0.035', '1/3', '60')
    """
    twos = fives = 0
    rest = value.denominator
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    places = max(twos, fives)
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    if len(text) >= TEXT_MAX:
        text = min(text, f"{abs(value.numerator)}/{value.denominator}", key=len)
    return f"-{text}" if value < 0 else text


def rounded(value: Fraction) -> int:
    """Round to a whole unit, ties away from zero; what is stored is rounded here and only once."""
    return round_half_away(value.numerator, value.denominator)
