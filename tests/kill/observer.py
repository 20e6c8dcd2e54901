"""Looks at the database from outside, as its owner's superior: counts, never changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from database import Database
from kill.fleet import Process
from psycopg.rows import dict_row

_LEASED = """
    SELECT o.order_id, o.sends
    FROM payment_orders o
    JOIN LATERAL (
        SELECT s.at FROM payment_order_steps s
        WHERE s.merchant_id = o.merchant_id AND s.payment_order_id = o.id AND s.to_state = 'sent'
        ORDER BY s.at DESC LIMIT 1
    ) sent ON true
    WHERE o.state = 'sent' AND o.lease_until - sent.at = make_interval(secs => %(lease)s)
        AND sent.at >= %(started)s
"""

# How a send ended: what was noted when its order left `sent`.
_OUTCOMES = """
    SELECT o.order_id, s.because FROM payment_order_steps s
    JOIN payment_orders o ON o.merchant_id = s.merchant_id AND o.id = s.payment_order_id
    WHERE s.from_state = 'sent'
"""

_WORK_LEFT = """
    SELECT
        (SELECT count(*) FROM subscriptions t WHERE t.next_at <= k.at)
        + (SELECT count(*) FROM invoices t WHERE t.collect_at <= k.at)
        + (SELECT count(*) FROM payment_orders
            WHERE state IN ('created', 'sent', 'unknown', 'pending'))
        + (SELECT count(*) FROM notifications WHERE state = 'new') AS left
    FROM clocks k
"""


@dataclass(frozen=True)
class Observer:
    """One connection past all walls, for counting."""

    connection: psycopg.Connection[dict[str, Any]]

    @classmethod
    def of(cls, database: Database) -> Observer:
        """Connect; close it with `close`."""
        return cls(psycopg.connect(database.admin_url, autocommit=True, row_factory=dict_row))

    def close(self) -> None:
        """Let go."""
        self.connection.close()

    def all(self, query: str, **told: Any) -> list[dict[str, Any]]:
        """Rows of a query."""
        return self.connection.execute(query.encode(), told).fetchall()

    def one(self, query: str, **told: Any) -> Any:
        """The only value of a query."""
        [row] = self.all(query, **told)
        [value] = row.values()
        return value

    def tally(self, query: str) -> dict[str, int]:
        """``SELECT word, count`` as a mapping."""
        return {str(word): int(n) for word, n in (row.values() for row in self.all(query))}

    def leased_by(self, process: Process) -> list[tuple[str, int]]:
        """Orders and send numbers that this life of a worker has sent and not heard of.

        Each worker's leases have a length of their own, and a life begins at its start.
        """
        rows = self.all(_LEASED, lease=process.lease_seconds, started=process.started_at)
        return [(row["order_id"], row["sends"]) for row in rows]

    def answered(self) -> set[tuple[str, int]]:
        """Sends whose outcome was written by the process that had sent them."""
        found = set()
        for row in self.all(_OUTCOMES):
            words = row["because"].partition(":")[0]
            if words.startswith("answer to send "):
                found.add((row["order_id"], int(words.rpartition(" ")[2])))
        return found

    def work_left(self) -> int:
        """Rows that money still waits for at this moment of business time."""
        return int(self.one(_WORK_LEFT))
