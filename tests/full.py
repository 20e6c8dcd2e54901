"""What FULL=1 adds to a run: more of the same, never another kind."""

from __future__ import annotations

import os
from collections.abc import Sequence
from random import Random
from typing import Final, TypeVar

FULL: Final = os.environ.get("FULL") == "1"

T = TypeVar("T")


def of(full: T, brief: T) -> T:
    """A number of things: so many with FULL=1, so many else."""
    return full if FULL else brief


def some(every: Sequence[T], count: int, seed: str) -> list[T]:
    """All with FULL=1; else the two ends and, of what is between, a draw that is always the same."""
    if FULL or len(every) <= count:
        return list(every)
    between = sorted(Random(seed).sample(range(1, len(every) - 1), count - 2))
    return [every[0], *(every[n] for n in between), every[-1]]
