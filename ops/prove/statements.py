"""Every statement and every commit is a place to change turns, to die, or to lose the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Protocol

import psycopg
from psycopg import errors
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.db import SCOPE
from ops.prove.actors import Actor, Killed, Stage
from ops.prove.sites import here

_VERDICTS: dict[str, type[psycopg.Error]] = {
    "deadlock": errors.DeadlockDetected,
    "lock_timeout": errors.LockNotAvailable,
}
# What a dead process's statements become: its last words, which nobody hears.
_NOTHING = "SELECT 1"
_UNDOING = ("ROLLBACK", "RELEASE")


class Strikes(Protocol):
    """Decides what happens to an actor at a place; all are drawn from the seed."""

    def at_statement(self, actor: Actor, site: str) -> str | None:
        """A kind of `ops.prove.faults.STATEMENT`, or None."""

    def at_commit(self, actor: Actor, site: str) -> str | None:
        """A kind of `ops.prove.faults.COMMIT`, or None."""

    def how_long(self) -> timedelta:
        """How long a pause lasts: longer than a lease."""


def backend(connection: Connection) -> Any:
    """The driver's own connection."""
    return connection.connection.dbapi_connection


def undo(driver: Any) -> None:
    """What PostgreSQL does when a process's connection breaks: its transaction never was."""
    driver.pgconn.exec_(b"ROLLBACK")


class Statements:
    """The hooks on one SQLAlchemy engine."""

    def __init__(self, stage: Stage, strikes: Strikes) -> None:
        self._stage = stage
        self._strikes = strikes

    @contextmanager
    def hooked(self, engine: Engine) -> Iterator[None]:
        """Interleave everything that goes through this engine."""
        hooks: tuple[tuple[str, Any, dict[str, bool]], ...] = (
            ("before_cursor_execute", self._before, {"retval": True}),
            ("after_cursor_execute", self._after, {}),
            ("handle_error", self._failed, {}),
            ("commit", self._commits, {}),
            ("rollback", self._rolls_back, {}),
        )
        for name, hook, options in hooks:
            event.listen(engine, name, hook, **options)
        try:
            yield
        finally:
            for name, hook, _ in hooks:
                event.remove(engine, name, hook)

    def _before(
        self, connection: Connection, _: Any, statement: str, parameters: Any, *__: Any
    ) -> tuple[str, Any]:
        actor = self._stage.me()
        if actor is None or statement == SCOPE:
            # Whose rows it sees concerns this connection alone: nothing of it meets another.
            return statement, parameters
        if actor.dead and statement.startswith(_UNDOING):
            return _NOTHING, {}
        site = here(actor.process)
        self._stage.step(site)
        driver = backend(connection)
        pid: int = driver.pgconn.backend_pid
        strike = self._strikes.at_statement(actor, site)
        if strike is not None:
            self._struck(actor, strike, driver, pid, statement)
        actor.open[pid] = driver
        actor.pid = pid
        if statement.startswith(_UNDOING):
            self._stage.let_go = True
        return statement, parameters

    def _struck(
        self, actor: Actor, strike: str, driver: Any, pid: int, statement: str
    ) -> None:  # fmt: skip
        if strike == "kill":
            actor.open[pid] = driver
            self._die(actor)
        if strike == "kill_after_statement":
            actor.doomed = True
        if strike == "pause_at_statement":
            self._stage.sleep(self._strikes.how_long())
        if strike == "connection_lost" or (strike == "pause_at_statement" and pid in actor.open):
            # PostgreSQL ends a transaction whose client does nothing for a minute.
            self._stage.only_one_follows(pid)
            self._stage.locks.terminate(pid)
        if strike == "disk_full":
            raise _failure(errors.DiskFull, statement)
        if strike == "serialization_failure":
            raise _failure(errors.SerializationFailure, statement)
        if strike == "pool_exhausted" and not actor.open:
            raise PoolTimeout("no connection was free, by the harness")

    def _die(self, actor: Actor) -> None:
        self._stage.kill(actor.process, undo)
        raise Killed

    def _after(self, *_: Any) -> None:
        self._stage.returned()
        actor = self._stage.me()
        if actor is not None and actor.doomed:
            actor.doomed = False
            self._die(actor)

    def _failed(self, context: Any) -> Exception | None:
        self._stage.returned()
        actor = self._stage.me()
        if actor is None:
            return None
        actor.doomed = False
        if actor.verdict is None:
            return None
        verdict, actor.verdict = actor.verdict, None
        kind = _VERDICTS.get(verdict)
        return _failure(kind, context.statement) if kind else None

    def _commits(self, connection: Connection) -> None:
        actor = self._stage.me()
        if actor is None:
            return
        site = f"{here(actor.process)} COMMIT"
        self._stage.step(site)
        driver = backend(connection)
        pid: int = driver.pgconn.backend_pid
        strike = self._strikes.at_commit(actor, site)
        if strike in ("kill_after", "commit_unheard", "pause_after_commit"):
            driver.pgconn.exec_(b"COMMIT")
            actor.open.pop(pid, None)
            self._stage.let_go = True
        if strike in ("kill_before", "kill_after"):
            self._die(actor)
        if strike == "commit_unheard":
            raise _failure(errors.ConnectionFailure, "COMMIT")
        if strike == "pause_after_commit":
            self._stage.sleep(self._strikes.how_long())
        actor.open.pop(pid, None)
        actor.pid = pid
        self._stage.let_go = True

    def _rolls_back(self, connection: Connection) -> None:
        actor = self._stage.me()
        if actor is None:
            return
        self._stage.let_go = True
        for pid, driver in list(actor.open.items()):
            if driver.closed:
                del actor.open[pid]
        if connection.invalidated:
            return
        pid = backend(connection).pgconn.backend_pid
        if actor.open.pop(pid, None) is not None:
            self._stage.only_one_follows(pid)


def _failure(kind: type[psycopg.Error], statement: str | None) -> OperationalError:
    """What SQLAlchemy raises for this error of PostgreSQL's."""
    return OperationalError(statement, {}, kind(f"{kind.__name__}, by the harness"))
