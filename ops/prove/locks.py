"""Who waits for whom in PostgreSQL, and what else is asked of it behind the engine's back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Any

_GONE_SECONDS = 5.0


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
        self._connection.execute("SELECT pg_terminate_backend(%s)", [pid])
        _gone([pid])


def restart(connection: Any) -> None:
    """PostgreSQL is started anew: every connection of the application breaks."""
    rows = connection.execute(
        "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'tagihan'"
    )
    _gone([row[0] for row in rows])


def _gone(pids: Iterable[int]) -> None:
    """Wait until these processes are no more; the server itself would look every 100 ms only."""
    until = time.monotonic() + _GONE_SECONDS
    for pid in pids:
        while _lives(pid) and time.monotonic() < until:
            time.sleep(0.0005)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it runs as another user
    return True


def tidy(connection: Any) -> None:
    """What autovacuum would do in a long life, at a moment that the seed decides.

    The planner is not told anew: it would look at a sample that chance draws.
    """
    connection.execute(
        "VACUUM (TRUNCATE off) jobs, payment_orders, messages, notifications, subscriptions,"
        " invoices, rate_counters"
    )
