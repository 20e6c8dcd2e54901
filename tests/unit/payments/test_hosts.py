"""Each host of the gateway stands by itself, and says which calls to it are stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from payments.breaker import FIRST_PAUSE, OPENS_AT, Operation, State
from payments.budget import Budget
from payments.hosts import HOSTS, Host, hosts_of

NOW = datetime(2027, 1, 5, 2, tzinfo=UTC)


def silent(*operations: Operation) -> Budget:
    budget = Budget(20)
    for one in operations:
        budget = budget.heard(one, ["down"] * OPENS_AT, NOW)
    return budget


def test_every_kind_of_call_goes_to_one_host() -> None:
    assert sorted(one for of in HOSTS.values() for one in of) == sorted(Operation)


def test_what_answers_is_closed() -> None:
    assert hosts_of(Budget(20), NOW) == (
        Host("core_api", State.CLOSED),
        Host("snap", State.CLOSED),
    )


def test_one_host_that_is_down_leaves_the_other_as_it_is() -> None:
    core, snap = hosts_of(silent(Operation.PAGE), NOW)
    assert core == Host("core_api", State.CLOSED)
    assert snap == Host("snap", State.OPEN, (Operation.PAGE,), NOW + FIRST_PAUSE)


def test_a_host_stands_as_its_worst_kind_of_call() -> None:
    budget = silent(Operation.REFUND, Operation.STATUS)
    core, snap = hosts_of(budget, NOW)
    assert (core.state, core.stopped) == (State.OPEN, (Operation.STATUS, Operation.REFUND))
    assert snap.state is State.CLOSED
    later = NOW + FIRST_PAUSE + timedelta(seconds=1)
    assert [one.state for one in hosts_of(budget, later)] == [State.HALF_OPEN, State.CLOSED]
