"""How each host of the gateway stands: one may be left alone while the other is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from payments.breaker import Operation, State
from payments.budget import Budget

HOSTS: Final[Mapping[str, tuple[Operation, ...]]] = {
    "core_api": (Operation.CHARGE, Operation.STATUS, Operation.REFUND),
    "snap": (Operation.PAGE,),
}
_WORSE: Final = (State.CLOSED, State.HALF_OPEN, State.OPEN)


@dataclass(frozen=True, slots=True)
class Host:
    """One host: the worst that any kind of call to it is in, which kinds those are that are not
    simply made, and when the first of them is tried again.
    """

    name: str
    state: State
    stopped: tuple[Operation, ...] = ()
    retry_at: datetime | None = None


def hosts_of(budget: Budget, now: datetime) -> tuple[Host, ...]:
    """How every host stands at a moment of machine time."""
    found = []
    for name, operations in HOSTS.items():
        states = {one: budget.breaker(one).state(now) for one in operations}
        stopped = tuple(one for one, state in states.items() if state is not State.CLOSED)
        again = [budget.breaker(one).again_at(now) for one in stopped]
        worst = max(states.values(), key=_WORSE.index)
        found.append(Host(name, worst, stopped, min(again, default=None)))
    return tuple(found)
