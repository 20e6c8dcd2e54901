"""The diary of one merchant, read from the events that were committed with the facts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from ops import diary
from ops.diary_fold import Entry, fold

__all__ = ["Entry", "newest_place", "read_entries"]

_EVENTS = text(
    """
    SELECT e.type, e.occurred_at, e.payload, c.name, c.billing_zone,
        coalesce(e.payload ->> 'number', i.number) AS number
    FROM events e
    LEFT JOIN customers c ON c.merchant_id = e.merchant_id AND c.id = e.customer_id
    LEFT JOIN dunning_cases d ON d.merchant_id = e.merchant_id AND d.id = e.subject_id
    LEFT JOIN payment_orders o ON o.merchant_id = e.merchant_id AND o.id = e.subject_id
    LEFT JOIN invoices i ON i.merchant_id = e.merchant_id
        AND i.id = coalesce(d.invoice_id, o.invoice_id)
    WHERE e.merchant_id = :m AND e.occurred_at >= :since AND e.occurred_at < :until
        AND e.seq > :after
    ORDER BY e.occurred_at, c.name NULLS FIRST, e.seq
    """
)


def read_entries(
    session: Session,
    merchant_id: UUID,
    since: datetime,
    until: datetime,
    *,
    without: Collection[str] = diary.QUIET,
    after: int = 0,
) -> list[Entry]:
    """Read what happened from ``since`` up to, but without, ``until``, in business-time order.

    What happened to several customers at one instant is told by name: which worker was first
    means nothing; what belongs together is one sentence. ``after`` leaves out what was written
    up to that place.
    """
    facts = {"m": merchant_id, "since": since, "until": until, "after": after}
    rows = session.execute(_EVENTS, facts)
    entries = [
        Entry(
            row.occurred_at,
            row.type,
            _with_number(row.payload, row.number),
            row.name,
            row.billing_zone,
        )
        for row in rows
        if row.type not in without and not diary.is_no_news(row.type, row.payload)
    ]
    return fold(entries)


def _with_number(payload: dict[str, Any], number: str | None) -> dict[str, Any]:
    return payload if number is None else {**payload, "number": number}


def newest_place(session: Session, merchant_id: UUID) -> int:
    """The place of the newest event; 0 where nothing has happened yet."""
    query = text("SELECT coalesce(max(seq), 0) FROM events WHERE merchant_id = :m")
    return int(session.execute(query, {"m": merchant_id}).scalar_one())
