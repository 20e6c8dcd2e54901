"""The feed of events: in order, and without a gap that is filled behind the reader's back.

Places are taken in the order of writing, but transactions commit in another: an event at place 7
can be there before the one at place 5. A reader who went on from 7 would never see 5. So the newest
places are shown only once everybody who was writing events when we looked has finished.
"""

from __future__ import annotations

import time
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select, text

from core.tables import events
from core.work import Work

_WAIT_SECONDS: Final = 2
_POLL_SECONDS: Final = 0.01

# Whoever inserts takes this lock before the place, and keeps it until the end of the transaction.
_WRITERS: Final = text(
    "SELECT virtualtransaction FROM pg_locks WHERE relation = 'events'::regclass "
    "AND mode = 'RowExclusiveLock' AND granted AND pid <> pg_backend_pid()"
)


def events_after(
    unit: Work, seq: int, limit: int, *, type_: str | None, customer_id: UUID | None
) -> list[Row[Any]]:
    """Read events in the order they were written, from the one behind ``seq`` on.

    Nothing when somebody has been writing for longer than we wait: ask again later.
    """
    newest = unit.session.execute(
        select(func.max(events.c.seq)).where(
            events.c.merchant_id == unit.merchant_id, events.c.seq > seq
        )
    ).scalar_one_or_none()
    if newest is None or not _have_finished(unit):
        return []
    query = (
        select(events)
        .where(
            events.c.merchant_id == unit.merchant_id,
            events.c.seq > seq,
            events.c.seq <= newest,
        )
        .order_by(events.c.seq)
        .limit(limit)
    )
    if type_ is not None:
        query = query.where(events.c.type == type_)
    if customer_id is not None:
        query = query.where(events.c.customer_id == customer_id)
    return list(unit.session.execute(query))


def _have_finished(unit: Work) -> bool:
    """Wait for those who are writing events now; each statement here sees what is committed."""
    waiting = set(unit.session.execute(_WRITERS).scalars())
    deadline = time.monotonic() + _WAIT_SECONDS
    while waiting:
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
        waiting &= set(unit.session.execute(_WRITERS).scalars())
    return True
