"""Doorbells: finding merchants with due work, ringing, and taking a bell off the wall.

The rows that carry due instants are the queue. A bell says only "look", so a bell that is lost or
rung twice changes nothing but the speed. Another engine can take this place behind the same three
functions when work is spread over many machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from core.db import Sessions

# Whose business time has reached a due instant, and where machine time has. ``:real`` is machine
# time; a merchant with a test clock has its own.
_NOW = "coalesce((SELECT k.at FROM clocks k WHERE k.merchant_id = t.merchant_id), :real)"
_LATEST = "greatest(:real, (SELECT max(k.at) FROM clocks k))"

# Assembled from the constants below only.
DUE: dict[str, str] = {
    kind: f"SELECT DISTINCT t.merchant_id FROM {table} t WHERE {condition}"  # noqa: S608
    for kind, table, condition in (
        ("subscription.renew", "subscriptions", f"t.next_at <= {_LATEST} AND t.next_at <= {_NOW}"),
        (
            "subscription.notice",
            "subscriptions",
            f"t.notice_at <= {_LATEST} AND t.notice_at <= {_NOW}",
        ),
        ("invoice.collect", "invoices", f"t.collect_at <= {_LATEST} AND t.collect_at <= {_NOW}"),
        ("case.step", "dunning_cases", f"t.next_at <= {_LATEST} AND t.next_at <= {_NOW}"),
        ("order.send", "payment_orders", "t.state = 'created' AND t.next_at <= :real"),
        (
            "order.resolve",
            "payment_orders",
            f"""(t.state IN ('sent','unknown','pending') AND t.next_at <= :real)
                OR (t.state = 'pending' AND t.expires_at <= {_NOW})""",
        ),
        (
            "account.step",
            "payment_methods",
            f"t.next_at <= :real OR t.link_expires_at <= {_NOW}",
        ),
        ("refund.send", "refunds", f"t.next_at <= :real OR t.due_at <= {_NOW}"),
        ("notification.ingest", "notifications", "t.next_at <= :real"),
        ("message.send", "messages", "t.next_at <= :real"),
        ("status.compare", "status_sweeps", "t.next_at <= :real"),
        ("balance.expire", "balance_lots", f"t.next_at <= {_LATEST} AND t.next_at <= {_NOW}"),
        ("price.move", "price_moves", "t.state IN ('running','undoing')"),
    )
}

KINDS = tuple(DUE)
# One question for all kinds: most ticks find nothing, and a tick comes every few seconds.
_DUE_KINDS = " UNION ALL ".join(
    f"SELECT '{kind}' AS kind WHERE EXISTS ({query})" for kind, query in DUE.items()
)


@dataclass(frozen=True, slots=True)
class Bell:
    """One merchant should look for due work of one kind.

    ``stepping``: its clock is between two times, when nothing may be done for it.
    """

    merchant_id: UUID
    kind: str
    stepping: bool = False


def ring_due(db: Sessions, real_now: datetime, *, merchant_id: UUID | None = None) -> int:
    """Ring for every merchant and kind with due work; returns how many bells are new.

    Any number of processes may do this at the same time.
    """
    rung = 0
    mine = " AND d.merchant_id = :m" if merchant_id else ""
    with db.lookup() as session:
        due = set(session.execute(text(_DUE_KINDS), {"real": real_now}).scalars())
    for kind, query in DUE.items():
        if kind not in due:
            continue
        # One transaction a kind, merchants in order: no lock is held while waiting for another.
        with db.lookup() as session:
            result = session.execute(
                text(
                    "INSERT INTO jobs (merchant_id, id, kind, rung_at) "  # noqa: S608
                    f"SELECT d.merchant_id, gen_random_uuid(), :kind, :real FROM ({query}) d "
                    f"WHERE true{mine} ORDER BY 1 ON CONFLICT (merchant_id, kind) DO NOTHING"
                ),
                {"kind": kind, "real": real_now, **({"m": merchant_id} if merchant_id else {})},
            )
            rung += int(result.rowcount)  # type: ignore[attr-defined]
    return rung


def take_bell(db: Sessions, real_now: datetime) -> Bell | None:
    """Take the oldest bell off the wall that may be heard; whoever took it looks for the work.

    A process that dies with a bell in its hand loses only the bell: the next tick rings again.
    """
    with db.lookup() as session:
        row = session.execute(
            text(
                "DELETE FROM jobs WHERE (merchant_id, id) = (SELECT j.merchant_id, j.id "
                "FROM jobs j WHERE j.not_before IS NULL OR j.not_before <= :real "
                "ORDER BY j.rung_at FOR UPDATE SKIP LOCKED LIMIT 1) "
                "RETURNING merchant_id, kind, EXISTS (SELECT 1 FROM clocks k"
                " WHERE k.merchant_id = jobs.merchant_id AND k.state = 'stepping') AS stepping"
            ),
            {"real": real_now},
        ).one_or_none()
    return None if row is None else Bell(row.merchant_id, row.kind, row.stepping)


def advancing_clocks(db: Sessions) -> list[UUID]:
    """Merchants whose test clock is on its way."""
    with db.lookup() as session:
        return list(
            session.execute(
                text("SELECT merchant_id FROM clocks WHERE state <> 'ready' ORDER BY merchant_id")
            ).scalars()
        )
