"""When the engine has something to do next, read from its own rows."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from billing.engine import Engine
from core.jobs import ring_due
from ops.prove.actors import Stage

_DUE = """
    SELECT min(due) FROM (
        SELECT min(next_at) AS due FROM subscriptions
        UNION ALL SELECT min(notice_at) FROM subscriptions
        UNION ALL SELECT min(collect_at) FROM invoices
        UNION ALL SELECT min(next_at) FROM dunning_cases
        UNION ALL SELECT min(least(due_at, next_at)) FROM refunds
        UNION ALL SELECT min(next_at) FROM payment_orders
        UNION ALL SELECT min(expires_at) FROM payment_orders WHERE state = 'pending'
        UNION ALL SELECT min(next_at) FROM notifications
        UNION ALL SELECT min(next_at) FROM messages
    ) AS all_due
"""


def due_at(connection: Any) -> datetime | None:
    """The earliest instant at which anything is due; None where nothing will ever be."""
    row = connection.execute(_DUE).fetchone()
    found: datetime | None = row[0] if row else None
    return found


def tick(engine: Engine, stage: Stage, dice: random.Random | None) -> None:
    """The scheduler rings for what is due; with dice once more, seconds later, as it is shipped."""
    ring_due(engine.db, engine.real_now())
    if dice is not None:
        stage.sleep(timedelta(seconds=dice.randrange(1, 4)))
        ring_due(engine.db, engine.real_now())
