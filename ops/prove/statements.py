"""Every statement and every commit is a place to change turns, to die, or to lose the database."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Protocol

import psycopg
from psycopg import errors
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from ops.prove.actors import Actor, Killed, Stage

_ROOT = Path(__file__).resolve().parents[2]
# These only carry what a flow does; a crash site is the line of the flow.
_CARRIERS = ("core/db.py", "core/work.py", "core/bulk.py", "ops/prove/")
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
        """``kill``, ``connection_lost``, ``disk_full`` or None."""

    def at_commit(self, actor: Actor, site: str) -> str | None:
        """``kill_before``, ``kill_after``, ``commit_unheard`` or None."""


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
        self._names: dict[tuple[CodeType, int], str | None] = {}

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
        if actor is None:
            return statement, parameters
        if actor.dead and statement.startswith(_UNDOING):
            return _NOTHING, {}
        site = self._site(statement)
        self._stage.step(site)
        driver = backend(connection)
        pid: int = driver.pgconn.backend_pid
        strike = self._strikes.at_statement(actor, site)
        if strike == "kill":
            actor.open[pid] = driver
            self._stage.kill(actor.process, undo)
            raise Killed
        if strike == "connection_lost":
            self._stage.only_one_follows(pid)
            self._stage.locks.terminate(pid)
        if strike == "disk_full":
            raise _failure(errors.DiskFull, statement)
        actor.open[pid] = driver
        actor.pid = pid
        return statement, parameters

    def _after(self, *_: Any) -> None:
        self._stage.returned()

    def _failed(self, context: Any) -> Exception | None:
        self._stage.returned()
        actor = self._stage.me()
        if actor is None or actor.verdict is None:
            return None
        verdict, actor.verdict = actor.verdict, None
        kind = _VERDICTS.get(verdict)
        return _failure(kind, context.statement) if kind else None

    def _commits(self, connection: Connection) -> None:
        actor = self._stage.me()
        if actor is None:
            return
        site = self._site("COMMIT")
        self._stage.step(site)
        driver = backend(connection)
        pid: int = driver.pgconn.backend_pid
        strike = self._strikes.at_commit(actor, site)
        if strike in ("kill_after", "commit_unheard"):
            driver.pgconn.exec_(b"COMMIT")
            actor.open.pop(pid, None)
        if strike in ("kill_before", "kill_after"):
            self._stage.kill(actor.process, undo)
            raise Killed
        if strike == "commit_unheard":
            raise _failure(errors.ConnectionFailure, "COMMIT")
        actor.open.pop(pid, None)
        actor.pid = pid

    def _rolls_back(self, connection: Connection) -> None:
        actor = self._stage.me()
        if actor is None:
            return
        for pid, driver in list(actor.open.items()):
            if driver.closed:
                del actor.open[pid]
        if connection.invalidated:
            return
        pid = backend(connection).pgconn.backend_pid
        if actor.open.pop(pid, None) is not None:
            self._stage.only_one_follows(pid)

    def _site(self, statement: str) -> str:
        """The line of ours that asks for this, such as ``billing/flows/settle.py:152``."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            key = (frame.f_code, frame.f_lineno)
            if key not in self._names:
                self._names[key] = _place(frame)
            name = self._names[key]
            if name is not None:
                return f"{name} COMMIT" if statement == "COMMIT" else name
            frame = frame.f_back
        return "elsewhere"


def _place(frame: FrameType) -> str | None:
    path = Path(frame.f_code.co_filename)
    if not path.is_relative_to(_ROOT):
        return None
    name = path.relative_to(_ROOT).as_posix()
    if name.startswith((*_CARRIERS, ".venv")):
        return None
    return f"{name}:{frame.f_lineno}"


def _failure(kind: type[psycopg.Error], statement: str | None) -> OperationalError:
    """What SQLAlchemy raises for this error of PostgreSQL's."""
    return OperationalError(statement, {}, kind(f"{kind.__name__}, by the harness"))
