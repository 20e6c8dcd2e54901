"""The harness of `tagihan prove`: it is decided by its seed, and waits as PostgreSQL does."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import Engine, text

from core.db import make_engine
from ops.prove.actors import Actor, Killed, Stage
from ops.prove.history import live
from ops.prove.locks import Locks
from ops.prove.place import Place
from ops.prove.plan import Plan
from ops.prove.report import Totals, lines
from ops.prove.statements import Statements

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(600)]

AT = datetime(2027, 1, 4, tzinfo=UTC)


class Calm:
    """Nothing strikes, but what a test asks for: (name of the actor, how often it was asked)."""

    def __init__(self, kill: tuple[str, int] | None = None) -> None:
        self.kill, self.asked = kill, 0

    def at_statement(self, actor: Actor, site: str) -> str | None:
        self.asked += actor.name == (self.kill or ("",))[0]
        return "kill" if self.kill == (actor.name, self.asked) else None

    def at_commit(self, actor: Actor, site: str) -> str | None:
        return None

    def how_long(self) -> timedelta:
        return timedelta()


@contextmanager
def on_stage(place: Place, seed: int, strikes: Calm) -> Iterator[tuple[Stage, Engine]]:
    with place.room("prove_actors") as room, psycopg.connect(room.admin_url, autocommit=True) as c:
        stage = Stage(random.Random(seed), AT, Locks(c))
        engine = make_engine(room.admin_url, pool_size=8)
        with engine.begin() as session:
            session.execute(text("CREATE TABLE purses (id int PRIMARY KEY, rupiah int)"))
            session.execute(text("INSERT INTO purses VALUES (1, 0), (2, 0)"))
        try:
            with Statements(stage, strikes).hooked(engine):
                yield stage, engine
        finally:
            engine.dispose()


def adds(engine: Engine, *purses: int) -> Callable[[], None]:
    def run() -> None:
        with engine.begin() as session:
            for purse in purses:
                session.execute(
                    text("UPDATE purses SET rupiah = rupiah + 1 WHERE id = :id"), {"id": purse}
                )

    return run


def purses(engine: Engine) -> list[int]:
    with engine.begin() as session:
        found = session.execute(text("SELECT rupiah FROM purses ORDER BY id"))
        return list(found.scalars())


def test_who_waits_for_a_row_goes_on_with_what_was_committed(place: Place) -> None:
    with on_stage(place, 1, Calm()) as (stage, engine):
        actors = [stage.spawn(f"clerk {n}", adds(engine, 1, 2)) for n in range(5)]
        stage.run_until(AT + timedelta(hours=1))
        assert [one.error for one in actors] == [None] * 5
        assert purses(engine) == [5, 5]
        assert stage.waits > 0


def test_of_two_who_wait_for_each_other_one_gives_in(place: Place) -> None:
    ended = []
    for seed in range(6):
        with on_stage(place, seed, Calm()) as (stage, engine):
            actors = [
                stage.spawn("up", adds(engine, 1, 2)),
                stage.spawn("down", adds(engine, 2, 1)),
            ]
            stage.run_until(AT + timedelta(hours=1))
            gave_in = [getattr(one.error, "orig", None) for one in actors if one.error]
            assert len(gave_in) == stage.deadlocks <= 1
            assert [getattr(one, "sqlstate", None) for one in gave_in] == ["40P01"] * len(gave_in)
            assert purses(engine) == [2 - len(gave_in)] * 2
            ended.append(stage.deadlocks)
    assert set(ended) == {0, 1}


def test_a_dead_process_changes_nothing_any_more(place: Place) -> None:
    with on_stage(place, 1, Calm(kill=("victim", 2))) as (stage, engine):
        heard: list[str] = []

        def live_and_die() -> None:
            try:
                adds(engine, 1, 2)()
            finally:
                heard.append("its last words")
                adds(engine, 2)()

        victim = stage.spawn("victim", live_and_die)
        stage.spawn("other", adds(engine, 1))
        stage.run_until(AT + timedelta(hours=1))
        assert isinstance(victim.error, Killed)
        assert heard == ["its last words"]
        assert purses(engine) == [1, 0]


def test_a_seed_decides_everything_and_no_promise_is_broken(place: Place) -> None:
    totals = Totals("7")
    first = live(Plan("7", 0, 3, 5), place)
    again = live(Plan("7", 0, 3, 5), place)
    other = live(Plan("8", 0, 3, 5), place)

    for told in (first, again, other):
        assert told.violations == []
        totals.add(told)
    assert (first.digest, first.trace) == (again.digest, again.trace)
    assert first.digest != other.digest
    assert totals.kills > 0
    assert any(line.startswith("violations           0") for line in lines(totals))
