"""What the tests of planted mistakes share: a server of their own, and a history of a bug's life."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import full
import pytest

from ops.prove import bugs
from ops.prove.bugs_table import SECONDS
from ops.prove.early import stops_at_the_first
from ops.prove.history import History, live
from ops.prove.place import Place
from ops.prove.plan import Told
from ops.prove.planting import Bug, Life

SEED = "1"  # the command's own
# Processor seconds until a finding that a usual run of the tests waits for.
SOON = 9


def nothing(_: History) -> None:
    """Nobody else watches."""


def lived(life: Life, index: int, place: Place) -> Told:
    """One history, ended at the first broken promise."""
    return live(bugs.plan_of(life, SEED, index), place, stops_at_the_first(nothing))


def must_be_found(name: str, place: Place) -> None:
    """Plant a bug and fail the test where no promise that it breaks is seen broken."""
    met: set[str] = set()
    with bugs.planted(name) as bug:
        for index in range(bug.life.histories):
            violations = lived(bug.life, index, place).violations
            if bugs.finds(bug, violations):
                return
            met |= {str(one) for one in violations}
    pytest.fail(f"{name} lives; seen was only {sorted(met)}")


def must_be_whole(life: Life, place: Place) -> None:
    """The engine as it is breaks nothing in the first history of that life."""
    assert [str(one) for one in lived(life, 0, place).violations] == []


def asked(known: Iterable[str]) -> list[str]:
    """The mistakes whose finding is known; without FULL=1 those that are found soon."""
    found = [name for name in known if name in SECONDS]
    return full.of(found, [name for name in found if SECONDS[name] <= SOON])


def lives(known: Iterable[Bug]) -> list[Life]:
    """The lives of these bugs, each once; without FULL=1 the one that most of them need."""
    counted = Counter(bug.life for bug in known)
    every = sorted(counted, key=lambda life: (-counted[life], repr(life)))
    return full.of(every, every[:1])
