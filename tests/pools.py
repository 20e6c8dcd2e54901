"""Pools of connections that a worker's tests hand on: tables known to them, statements prepared.

A connection of its own for each test costs more than most tests do: the server reads the catalogue
anew and plans each statement anew. Here an engine that a test closes stays open for the next one;
what a test leaves inside a transaction is ended by `database.WorkerDatabase.clean`, and the pool
looks at a connection before it gives it out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import make_url

# Prepared at the second use, as pools live long enough for it; more kept than the engine has.
PREPARE_AT, PREPARED = 1, 1000


class Pools:
    """Stands in for `core.db.make_engine`: one engine for each address and size.

    Only pools of the database ``kept`` outlive ``dispose``; others close as they are told, and open
    anew with their statements compiled.
    """

    def __init__(self, make: Callable[..., Engine], kept: str) -> None:
        self._make, self._kept = make, kept
        self._engines: dict[tuple[str, int], Engine] = {}
        self._dispose: list[Callable[[], None]] = []

    def engine(self, url: str, *, pool_size: int = 10) -> Engine:
        """The engine for this address, made when it is first asked for."""
        found = self._engines.get((url, pool_size))
        if found is None:
            found = self._engines[url, pool_size] = self._make(url, pool_size=pool_size)
            if make_url(url).database == self._kept:
                self._dispose.append(found.dispose)
                event.listen(found, "connect", _prepare_soon)
                found.dispose = _stay_open  # type: ignore[method-assign]
        return found

    def close(self) -> None:
        """Close what was kept open."""
        for dispose in self._dispose:
            dispose()


def _prepare_soon(connection: Any, _: object) -> None:
    connection.prepare_threshold = PREPARE_AT
    connection.prepared_max = PREPARED


def _stay_open(close: bool = True) -> None:
    """What `Engine.dispose` does instead."""
