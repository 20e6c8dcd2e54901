"""The sealer: gives rows of the audit trail their place and seal, after their transactions.

A business transaction writes its rows and, by a trigger, their names into ``audit_unsealed``; it
knows nothing of the chain and waits for nobody. The order of the trail is the order of sealing: a
row that commits late is sealed late.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from core import ids
from core.bulk import insert_rows
from core.db import Sessions
from core.seals import FORM, Anchor, Head, SealKeys
from core.tables import audit_anchors, audit_seals, audit_unsealed

LOG = logging.getLogger("tagihan.audit")

# Rows in one transaction, and transactions of one merchant in one turn.
BATCH: Final = 2_000
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

# The same as `core.seals.digest_of`, where the row is.
DIGEST: Final = f"sha256('\\x{FORM.hex()}'::bytea || convert_to({CANONICAL}, 'UTF8'))"

_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
# The names first and what they name afterwards: a plan may not look at every seal for a batch.
# From where the last batch ended, past the names it took away, which are still in the index.
_WAITING = text(
    "WITH waiting AS MATERIALIZED (SELECT id, at FROM audit_unsealed "  # noqa: S608 - constants
    "WHERE merchant_id = :merchant AND (at, id) > (:at, :id) ORDER BY at, id LIMIT :batch), "
    "looked AS MATERIALIZED (SELECT w.id, w.at, "
    f"CASE WHEN a.id IS NOT NULL THEN {DIGEST} END AS digest, "
    "(SELECT true FROM audit_seals s WHERE s.merchant_id = :merchant AND s.id = w.id LIMIT 1) "
    "AS sealed FROM waiting w "
    "LEFT JOIN LATERAL (SELECT t.* FROM audit t WHERE t.merchant_id = :merchant AND t.id = w.id "
    "LIMIT 1) a ON true) "
    # One row of joined parts: two thousand rows take longer to read than to seal.
    "SELECT count(*) AS named, max(at) AS at, (array_agg(id ORDER BY at DESC, id DESC))[1] AS id, "
    "string_agg(uuid_send(id), ''::bytea ORDER BY at, id) FILTER (WHERE digest IS NOT NULL) "
    "AS found, string_agg(uuid_send(id), ''::bytea ORDER BY at, id) FILTER ("
    "WHERE digest IS NOT NULL AND sealed IS NULL) AS fresh, "
    "string_agg(digest, ''::bytea ORDER BY at, id) FILTER ("
    "WHERE digest IS NOT NULL AND sealed IS NULL) AS digests FROM looked"
)
# One value for each part of all seals: many short ones take longer to write out than to seal.
_SEAL = text(
    """
    INSERT INTO audit_seals (merchant_id, id, place, digest, hash, key_id, mac)
    SELECT :merchant, t.id, :before + t.n, substring(:digests FROM 32 * t.n - 31 FOR 32),
        substring(:hashes FROM 32 * t.n - 31 FOR 32), :key_id,
        substring(:macs FROM 32 * t.n - 31 FOR 32)
    FROM (SELECT u.id, CAST(u.n AS integer) AS n
        FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS u (id, n)) t
    """
)
_DONE = text(
    "DELETE FROM audit_unsealed WHERE merchant_id = :merchant AND id = ANY (CAST(:ids AS uuid[]))"
)
_Key = tuple[datetime, UUID]
_START: Final[_Key] = (datetime.min.replace(tzinfo=UTC), UUID(int=0))


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
        after = _START
        for _ in range(batches):
            count, last = _seal_batch(db, keys, merchant_id, real_now, after, batch)
            sealed += count
            if last is None:
                break
            after = last
    return sealed


def _seal_batch(  # noqa: PLR0917 - a batch of one merchant's turn
    db: Sessions, keys: SealKeys, merchant_id: UUID, real_now: datetime, after: _Key, batch: int
) -> tuple[int, _Key | None]:
    """Seal a batch of what waits behind ``after``; how many, and where the next begins, if any."""
    with db.begin(merchant_id) as session:
        if not session.execute(_LOCK, {"name": f"audit {merchant_id}"}).scalar_one():
            return 0, None
        at, row_id = after
        mine = {"merchant": merchant_id}
        waits = session.execute(_WAITING, {**mine, "at": at, "id": row_id, "batch": batch}).one()
        # Whose row is gone was deleted before it was sealed, and is kept for `verify` to tell. Who
        # was named twice is not sealed again, and would stand in everyone's way for ever.
        found, fresh = bytes(waits.found or b""), bytes(waits.fresh or b"")
        before = head_of(session, merchant_id)
        end = before
        if fresh:
            digests = bytes(waits.digests)
            end, hashes, macs = keys.extend(merchant_id, before, fresh, digests)
            seals = {"digests": digests, "hashes": hashes, "macs": macs, "key_id": keys.newest}
            values = {**mine, **seals, "before": before.count, "ids": _array(fresh)}
            session.execute(_SEAL, values)
            anchor = keys.anchor(merchant_id, before.count + 1, end, real_now)
            insert_rows(session, audit_anchors, [_row_of(merchant_id, anchor, real_now)])
        session.execute(_DONE, {**mine, "ids": _array(found)})
    if fresh:
        # The log goes where the database's owner does not reach: it is an anchor too.
        LOG.info("audit sealed", extra={"merchant": str(merchant_id), "head": str(end)})
    return len(found) // 16, (waits.at, waits.id) if waits.named == batch else None


def _array(joined: bytes) -> str:
    """The text of an array of ids, 16 bytes each."""
    digits = joined.hex()
    return "{" + ",".join(digits[at : at + 32] for at in range(0, len(digits), 32)) + "}"


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
