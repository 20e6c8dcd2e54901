"""Commitments: what a period comes to at least or at most, by the days it was active.

A commitment is a line of its own beside the lines it counts, so that everybody sees what was
used and what was promised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from core.money import Money, zero

Bound = Literal["minimum", "maximum"]


@dataclass(frozen=True, slots=True)
class CommitmentLine:
    """``amount`` to add to the lines counted: 0 or more for a minimum, 0 or less for a maximum."""

    amount: Money
    derivation: Mapping[str, Any]


def minimum_line(minimum: Money, *, days: int, of_days: int, counted: Money) -> CommitmentLine:
    """Fill up to a minimum: 500,000 a month, active 16 of 31 days, billed 120,000.

    500,000 × 16/31 = 258,064.52, rounded 258,065; less 120,000 = 138,065 to add.

    Args:
        minimum: of a whole period, before tax.
        days: active days of the period.
        of_days: days of the period.
        counted: sum of the lines the commitment looks at, before tax.

    Raises:
        ValueError: the days do not lie in the period, or the minimum is negative.

    Source: billing rule R60.
    """
    return _line("minimum", minimum, days, of_days, counted)


def maximum_line(maximum: Money, *, days: int, of_days: int, counted: Money) -> CommitmentLine:
    """Cut down to a maximum: what is billed above it is taken off by a negative line.

    Source: billing rule R60.
    """
    return _line("maximum", maximum, days, of_days, counted)


def _line(bound: Bound, whole: Money, days: int, of_days: int, counted: Money) -> CommitmentLine:
    if whole.is_negative or not 0 <= days <= of_days:
        raise ValueError(f"no commitment of {whole} over {days} of {of_days} days")
    nothing = zero(whole.currency)
    short = whole.share(days, of_days) - counted
    amount = max(short, nothing) if bound == "minimum" else min(short, nothing)
    derivation = {
        "rule": bound,
        "of": whole.amount,
        "numerator": days,
        "denominator": of_days,
        "counted": counted.amount,
    }
    return CommitmentLine(amount, derivation)
