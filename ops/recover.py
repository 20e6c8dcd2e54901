"""After a restore or a fail-over: every merchant is made careful before a process of ours starts.

What happened in the lost time is known to others alone: to the gateway, to customers with a paper
in their hands, to their mailboxes. So each merchant becomes ``recovering`` (orders are asked about
before they are sent), the numbers that may stand on papers are left out for good, and mail that may
have been sent waits for a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb
from sqlalchemy import select

from billing.engine import Engine
from core import ids
from core.clock import utc_now
from core.settings import Settings
from core.tables import merchants

Kind = Literal["restored", "failed_over"]

# So many times the most documents that any day ever saw are left out for each day that was lost,
# and never fewer than these.
BUSIER: Final = 2
NUMBERS_MIN: Final = 1000

_MERCHANTS = """
SELECT m.merchant_id, m.slug, m.namespace, m.mode, m.billing_zone, coalesce(c.at, %(now)s) AS today,
    (SELECT max(a.at) FROM audit a WHERE a.merchant_id = m.merchant_id) AS wrote_at,
    (SELECT max(s.at) FROM payment_order_steps s WHERE s.merchant_id = m.merchant_id) AS asked_at
FROM merchants m LEFT JOIN clocks c ON c.merchant_id = m.merchant_id
ORDER BY m.slug FOR UPDATE OF m
"""
_BUSIEST = """
SELECT 'invoice' AS kind, coalesce(max(n), 0) AS busiest FROM (SELECT count(*) AS n FROM invoices
    WHERE merchant_id = %(m)s AND number IS NOT NULL GROUP BY issued_on) AS days
UNION ALL
SELECT 'credit_note', coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM credit_notes
    WHERE merchant_id = %(m)s GROUP BY issued_on) AS days
ORDER BY 1
"""
_BEGIN = """
INSERT INTO recoveries (merchant_id, id, kind, lost_from, at, business_at, audit_head)
VALUES (%(m)s, %(id)s, %(kind)s, %(lost_from)s, %(now)s, %(today)s, %(head)s)
"""
_RAISE = """
INSERT INTO number_series (merchant_id, id, kind, branch, year, last_number)
VALUES (%(m)s, %(id)s, %(kind)s, '', %(year)s, %(count)s)
ON CONFLICT (merchant_id, kind, branch, year)
    DO UPDATE SET last_number = number_series.last_number + excluded.last_number
RETURNING last_number
"""
_GAP = """
INSERT INTO number_gaps (merchant_id, id, recovery_id, kind, year, first_number, last_number)
VALUES (%(m)s, %(id)s, %(recovery)s, %(kind)s, %(year)s, %(first)s, %(last)s)
"""
_HOLD = """
UPDATE messages SET state = 'held', next_at = NULL, lease_until = NULL
WHERE merchant_id = %(m)s AND state IN ('queued', 'sending')
"""
# As every other write: by whom, before and after.
_NOTE = """
INSERT INTO audit (merchant_id, id, at, business_at, actor_kind, actor, source, action,
    subject_kind, subject_id, before, after)
VALUES (%(m)s, %(id)s, %(now)s, %(today)s, 'operator', 'command line', 'local', %(action)s,
    'merchant', %(m)s, %(before)s, %(after)s)
"""


@dataclass(frozen=True, slots=True)
class Begun:
    """What was done for one merchant: numbers left out by series, mails held back."""

    slug: str
    merchant_id: UUID
    lost_from: datetime
    gaps: Mapping[str, tuple[int, int]]
    held: int


def begin(
    connection: psycopg.Connection[Any],
    kind: Kind,
    now: datetime,
    *,
    lost_from: datetime | None = None,
    heads: Mapping[str, str] | None = None,
) -> list[Begun]:
    """Make every merchant careful, in the owner's transaction; the caller commits.

    One that recovers already begins anew: more was lost.

    Args:
        lost_from: the last instant whose commits are surely there; by default the last that the
            database itself tells of.
        heads: where each merchant's audit ended before, by short name, where that is known.
    """
    begun = []
    for row in _rows(connection, _MERCHANTS, {"now": now}):
        known = max((at for at in (row.wrote_at, row.asked_at) if at), default=now)
        since = min(now, lost_from or known)
        recovery = ids.fresh()
        mine: dict[str, Any] = {"m": row.merchant_id, "now": now, "today": row.today}
        head = (heads or {}).get(row.slug)
        connection.execute(
            _BEGIN, {**mine, "id": recovery, "kind": kind, "lost_from": since, "head": head}
        )
        gaps = _leave_out(connection, row, recovery, since, now)
        held = connection.execute(_HOLD, mine).rowcount
        connection.execute(
            "UPDATE merchants SET mode = 'recovering' WHERE merchant_id = %(m)s", mine
        )
        after = {
            "mode": "recovering", "lost_from": since.isoformat(), "mails_held": held,
            "numbers_left_out": gaps, "audit_ended_at": head,
        }  # fmt: skip
        action = "merchant.restore" if kind == "restored" else "merchant.fail_over"
        note = {"before": Jsonb({"mode": row.mode}), "after": Jsonb(after)}
        connection.execute(_NOTE, {**mine, "id": ids.fresh(), "action": action, **note})
        begun.append(Begun(row.slug, row.merchant_id, since, gaps, held))
    return begun


def after_fail_over(settings: Settings, lost_from: datetime | None) -> list[str]:
    """``tagihan recover begin``: on a promoted standby, before any process of ours uses it."""
    if settings.owner_database_url is None:
        raise ValueError("DATABASE_URL is not set")
    since = lost_from.replace(tzinfo=UTC) if lost_from else None
    with psycopg.connect(settings.owner_database_url, connect_timeout=10) as connection:
        return told(begin(connection, "failed_over", utc_now(), lost_from=since))


def recovering(engine: Engine, only: UUID | None) -> list[tuple[UUID, str]]:
    """The merchants that recover, with their short names."""
    with engine.db.reader() as session:
        rows = session.execute(
            select(merchants.c.merchant_id, merchants.c.slug)
            .where(merchants.c.mode == "recovering")
            .order_by(merchants.c.slug)
        ).all()
    return [(row.merchant_id, row.slug) for row in rows if only in (None, row.merchant_id)]


def told(begun: Sequence[Begun]) -> list[str]:
    """What was done, and what to do next, for who runs this installation."""
    lines = []
    for one in begun:
        left_out = ", ".join(f"{name}: {a} to {b}" for name, (a, b) in one.gaps.items())
        lines.append(
            f"{one.slug}: recovering; what was written after {one.lost_from:%Y-%m-%d %H:%M:%S} UTC "
            f"may be lost. Numbers never given again: {left_out}. Mails held back: {one.held}."
        )
    lines += [
        "Start no worker and no scheduler before the gateway was asked about everything:",
        "    tagihan recover ask",
        "Then start them. When all that was due since then is caught up:",
        *(f"    tagihan merchant resume {one.slug}" for one in begun),
    ]
    return lines


def _leave_out(
    connection: psycopg.Connection[Any],
    merchant: Any,
    recovery: UUID,
    since: datetime,
    now: datetime,
) -> dict[str, tuple[int, int]]:
    """Raise the counters past every number that may have been given in the lost time."""
    zone = ZoneInfo(merchant.billing_zone)
    days = -((since - now) // timedelta(days=1))
    until: int = merchant.today.astimezone(zone).year
    years = range((merchant.today - (now - since)).astimezone(zone).year, until + 1)
    gaps = {}
    for row in _rows(connection, _BUSIEST, {"m": merchant.merchant_id}):
        count = max(NUMBERS_MIN, BUSIER * row.busiest * days)
        for year in years:
            named = {"m": merchant.merchant_id, "kind": row.kind, "year": year}
            series = ids.derive(merchant.namespace, "number_series", row.kind, "", year)
            raised = {**named, "id": series, "count": count}
            [found] = _rows(connection, _RAISE, raised)
            first, last = found.last_number - count + 1, found.last_number
            gap = {"id": ids.fresh(), "recovery": recovery, "first": first, "last": last}
            connection.execute(_GAP, {**named, **gap})
            gaps[f"{row.kind} {year}"] = (first, last)
    return gaps


def _rows(connection: psycopg.Connection[Any], query: Any, values: Mapping[str, Any]) -> list[Any]:
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return list(cursor.execute(query, values).fetchall())
