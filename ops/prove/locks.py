"""Who waits for whom in PostgreSQL, asked on a connection of the harness's own."""

from __future__ import annotations

from typing import Any


class Locks:
    """What PostgreSQL says of who waits for whom, asked on a connection of the harness's own."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def blockers(self, pid: int) -> list[int]:
        """Backends that hold what this one waits for; empty where it does not wait."""
        row = self._connection.execute("SELECT pg_blocking_pids(%s)", [pid]).fetchone()
        return list(row[0])

    def cancel(self, pid: int) -> None:
        """End the statement under way."""
        self._connection.execute("SELECT pg_cancel_backend(%s)", [pid])

    def terminate(self, pid: int) -> None:
        """End the backend, and wait until it is gone."""
        self._connection.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
