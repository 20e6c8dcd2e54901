"""Sweeping out what has run its time: keys of finished requests, counters of tries, sessions.

Only what nobody can ask for again goes; facts of the business are never swept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Table, delete, select

from core.db import Sessions
from core.tables import idempotency_keys, rate_counters, staff_sessions

# In the order of their names; each has `expires_at`, in machine time, with an index on it.
SWEPT: Final[tuple[Table, ...]] = (idempotency_keys, rate_counters, staff_sessions)

# Rows in one transaction, and transactions in one sweep: what is left waits for the next.
BATCH: Final = 1_000
BATCHES_MAX: Final = 100


def sweep(
    db: Sessions, real_now: datetime, *, batch: int = BATCH, batches: int = BATCHES_MAX
) -> int:
    """Delete rows whose time has run out, a bounded batch at a time; returns how many.

    Any number of processes may do this at once: a row that another one holds is left to it. A key
    whose request never got its answer has no end, and stays.
    """
    swept = 0
    for table in SWEPT:
        for merchant_id in _whose(db, table, real_now):
            while batches > 0:
                batches -= 1
                gone = _sweep_one(db, table, merchant_id, real_now, batch)
                swept += gone
                if gone < batch:
                    break
    return swept


def _whose(db: Sessions, table: Table, real_now: datetime) -> list[UUID]:
    query = select(table.c.merchant_id).where(table.c.expires_at <= real_now).distinct()
    with db.lookup() as session:
        return list(session.execute(query.order_by(table.c.merchant_id)).scalars())


def _sweep_one(
    db: Sessions, table: Table, merchant_id: UUID, real_now: datetime, batch: int
) -> int:
    mine = table.c.merchant_id == merchant_id
    old = (
        select(table.c.id)
        .where(mine, table.c.expires_at <= real_now)
        .order_by(table.c.expires_at, table.c.id)
        .limit(batch)
        .with_for_update(skip_locked=True)
    )
    with db.begin(merchant_id) as session:
        ids = list(session.execute(old).scalars())
        session.execute(delete(table).where(mine, table.c.id.in_(ids)))
    return len(ids)
