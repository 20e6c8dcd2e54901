"""The sealer: gives rows of the audit trail their place and seal, after their transactions.

A business transaction writes its rows and, by a trigger, their names into ``audit_unsealed``; it
knows nothing of the chain and waits for nobody. The order of the trail is the order of sealing: a
row that commits late is sealed late.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from core import ids
from core.bulk import insert_rows
from core.db import Sessions
from core.seals import Anchor, Head, SealKeys
from core.tables import audit_anchors, audit_seals, audit_unsealed

LOG = logging.getLogger("tagihan.audit")

# Rows in one transaction, and transactions of one merchant in one turn.
BATCH: Final = 500
BATCHES_MAX: Final = 40


def instant(column: str) -> str:
    """SQL for microseconds since 1970 as text, whatever the session's zone and date style."""
    return (
        f"CASE WHEN isfinite({column}) THEN (extract(epoch FROM {column}) * 1000000)::bigint::text "
        f"ELSE {column}::text END"
    )


# What is sealed of a row: a JSON array of all its columns, in this order. Never changed: a new
# column would need a second form, told apart by the seal.
SEALED_COLUMNS: Final = (
    "merchant_id", "id", "at", "business_at", "actor_kind", "actor", "source", "action",
    "subject_kind", "subject_id", "before", "after",
)  # fmt: skip
_FORMS: Final = {
    "at": instant("a.at"),
    "business_at": instant("a.business_at"),
    "before": "a.before::text",
    "after": "a.after::text",
}
CANONICAL: Final = (
    "json_build_array("
    + ", ".join(_FORMS.get(name, f"a.{name}") for name in SEALED_COLUMNS)
    + ")::text"
)

_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
_WAITING = text(
    f"SELECT u.id, {CANONICAL} AS line, "  # noqa: S608 - constants
    "EXISTS (SELECT 1 FROM audit_seals s WHERE s.merchant_id = u.merchant_id AND s.id = u.id) "
    "AS sealed FROM audit_unsealed u "
    "JOIN audit a ON a.merchant_id = u.merchant_id AND a.id = u.id "
    "WHERE u.merchant_id = :merchant ORDER BY u.at, u.id LIMIT :batch"
)


def seal_waiting(
    db: Sessions,
    keys: SealKeys,
    real_now: datetime,
    *,
    batch: int = BATCH,
    batches: int = BATCHES_MAX,
) -> int:
    """Seal what waits, a bounded batch at a time; returns how many rows.

    Any number of processes may do this at once: a merchant that another one is at is left to it.
    A process that dies leaves nothing behind: a batch is one transaction.
    """
    mine = audit_unsealed.c.merchant_id
    with db.lookup() as session:
        merchants = list(session.execute(select(mine).distinct().order_by(mine)).scalars())
    sealed = 0
    for merchant_id in merchants:
        for _ in range(batches):
            count = _seal_batch(db, keys, merchant_id, real_now, batch)
            sealed += count
            if count < batch:
                break
    return sealed


def _seal_batch(
    db: Sessions, keys: SealKeys, merchant_id: UUID, real_now: datetime, batch: int
) -> int:
    with db.begin(merchant_id) as session:
        if not session.execute(_LOCK, {"name": f"audit {merchant_id}"}).scalar_one():
            return 0
        values = {"merchant": merchant_id, "batch": batch}
        rows = session.execute(_WAITING, values).all()
        if not rows:
            return 0
        end = before = head_of(session, merchant_id)
        seals = []
        for row in rows:
            # Named twice, it would stand in everyone's way for ever.
            if not row.sealed:
                seal = keys.seal(merchant_id, end, row.id, row.line)
                end = Head(seal.place, seal.hash)
                seals.append(
                    {
                        "merchant_id": merchant_id, "id": seal.row_id, "place": seal.place,
                        "digest": seal.digest, "hash": seal.hash, "key_id": seal.key_id,
                        "mac": seal.mac,
                    }
                )  # fmt: skip
        insert_rows(session, audit_seals, seals)
        if seals:
            anchor = keys.anchor(merchant_id, before.count + 1, end, real_now)
            insert_rows(session, audit_anchors, [_row_of(merchant_id, anchor, real_now)])
        session.execute(
            delete(audit_unsealed).where(
                audit_unsealed.c.merchant_id == merchant_id,
                audit_unsealed.c.id.in_([row.id for row in rows]),
            )
        )
    if seals:
        # The log goes where the database's owner does not reach: it is an anchor too.
        LOG.info("audit sealed", extra={"merchant": str(merchant_id), "head": str(end)})
    return len(rows)


def _row_of(merchant_id: UUID, anchor: Anchor, at: datetime) -> dict[str, Any]:
    return {
        "merchant_id": merchant_id, "id": ids.fresh(), "first_place": anchor.first,
        "last_place": anchor.last, "hash": anchor.hash, "sealed_at": at,
        "key_id": anchor.key_id, "mac": anchor.mac,
    }  # fmt: skip


def head_of(session: Session, merchant_id: UUID) -> Head:
    """The end of a merchant's trail."""
    own = audit_seals.c
    row = session.execute(
        select(own.place, own.hash)
        .where(own.merchant_id == merchant_id)
        .order_by(own.place.desc())
        .limit(1)
    ).first()
    return Head(row.place, bytes(row.hash)) if row else Head()
