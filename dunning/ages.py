"""How far behind a customer is, from the dates of what is unpaid: never from what was planned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Stage:
    """A state that is entered when the oldest unpaid invoice is so many days old."""

    state: str
    days: int


def age_of(unpaid: Iterable[date], on: date) -> int | None:
    """Count the days since the earliest unpaid invoice; ``None`` where everything is paid."""
    earliest = min(unpaid, default=None)
    return None if earliest is None else (on - earliest).days


def reached(threshold: int, value: int | None) -> bool:
    """Tell whether a measure (age in days, amount due, number of invoices) is at its threshold."""
    return value is not None and value >= threshold


def stage_of(stages: Sequence[Stage], unpaid: Iterable[date], on: date) -> Stage | None:
    """Give the most severe stage that is reached, or ``None``.

    Warned after 5 days, blocked after 7: on day 8 the stage is *blocked*, also when nobody looked
    in between; once the older invoice is paid it is the age of the next that counts.

    Args:
        stages: in any order; the latest is the most severe.
        unpaid: dates of the unpaid invoices.
        on: today, where the customer is.

    Source: billing rule R66.
    """
    age = age_of(unpaid, on)
    entered = [stage for stage in stages if reached(stage.days, age)]
    return max(entered, key=lambda stage: stage.days, default=None)
