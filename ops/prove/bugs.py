"""Known mistakes, planted on purpose: each must be found, or the harness proves nothing.

A bug is a patch of the engine while it runs, or SQL that takes a guard of the database away. Where
a second guard would hide the first, both go. They stand by subject in `bugs_*.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final
from unittest.mock import patch

from ops.prove import (
    bugs_books,
    bugs_chasing,
    bugs_protocol,
    bugs_refunds,
    bugs_requests,
    bugs_restore,
    bugs_terms,
    place,
    scenes,
)
from ops.prove.checks import Violation
from ops.prove.plan import Plan
from ops.prove.planting import Bug, Life

BUGS: Final[dict[str, Bug]] = {
    **bugs_protocol.BUGS,
    **bugs_refunds.BUGS,
    **bugs_books.BUGS,
    **bugs_terms.BUGS,
    **bugs_chasing.BUGS,
    **bugs_requests.BUGS,
    **bugs_restore.BUGS,
}


# What takes long, and is left out where a life does not ask for it.
RESTORES: Final = frozenset({"restored", "failed_over"})
_PLANTED: Final = set[str]()


@contextmanager
def planted(name: str) -> Iterator[Bug]:
    """The engine has this bug until the end of the block; within it, once more changes nothing.

    Raises:
        StaleBugError: the engine has nothing any more that it would change.
    """
    bug = BUGS[name]
    with ExitStack() as stack:
        if name in _PLANTED:
            yield bug
            return
        _PLANTED.add(name)
        stack.callback(_PLANTED.discard, name)
        for plant in bug.plants:
            plant(stack)
        stack.enter_context(patch.object(place, "SPOILED", bug.sql))
        yield bug


def plan_of(life: Life, seed: str, index: int) -> Plan:
    """The plan of one history of such a life."""
    if life.scene:
        return scenes.lived_in(life.scene, Plan(seed, index, scale=0))
    return Plan(
        seed,
        index,
        life.subscriptions,
        life.days,
        life.without if life.restores else life.without | RESTORES,
        life.trouble,
        begins=life.begins,
        plans=life.plans,
        deeds=life.deeds,
        hours=life.hours,
        turns=life.turns,
    )


def finds(bug: Bug, violations: Sequence[Violation]) -> list[Violation]:
    """Those that tell of this bug: a crash of the planted words is none."""
    return [
        one
        for one in violations
        if one.rule.startswith(bug.found_by) and not one.why.startswith(_CRASHES)
    ]


# What a badly planted bug raises, and no database or guard of the engine ever does.
_CRASHES: Final = (
    "NameError", "TypeError", "AttributeError", "UnboundLocalError", "SyntaxError", "ImportError",
    "ModuleNotFoundError", "KeyError", "StaleBugError",
)  # fmt: skip
