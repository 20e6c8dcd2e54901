"""`tagihan audit`: whether the audit trail is what it was when it was sealed, and where it ends.

Reads one snapshot, row by row; the length of a trail changes the time this takes, not its memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.db import Sessions, connect
from core.sealing import CANONICAL, head_of, instant
from core.seals import Anchor, Head, Seal, SealKeys
from core.settings import Settings
from core.trail import Fault, Walk
from core.vault import Vault

FAULTS_SHOWN: Final = 50
_STEP: Final = 100_000
_ROWS: Final = 5_000

_SEALS = text(
    f"SELECT s.place, s.id, s.digest, s.hash, s.key_id, s.mac, "  # noqa: S608 - constants
    f"CASE WHEN a.id IS NULL THEN NULL ELSE {CANONICAL} END AS line "
    "FROM audit_seals s LEFT JOIN audit a ON a.merchant_id = s.merchant_id AND a.id = s.id "
    "WHERE s.merchant_id = :merchant ORDER BY s.place, s.id"
)
_ANCHORS = text(
    "SELECT n.first_place, n.last_place, n.hash, n.key_id, n.mac, "  # noqa: S608 - constants
    f"CASE WHEN isfinite(n.sealed_at) THEN {instant('n.sealed_at')} ELSE '-1' END AS sealed_at, "
    "s.hash AS found FROM audit_anchors n LEFT JOIN audit_seals s "
    "ON s.merchant_id = n.merchant_id AND s.place = n.last_place "
    "WHERE n.merchant_id = :merchant ORDER BY n.last_place, n.id"
)
# The trigger names every row that is written: one without seal and name came past it, or lost them.
_STRANGERS = text(
    """
    SELECT a.id FROM audit a WHERE a.merchant_id = :merchant
        AND NOT EXISTS (SELECT 1 FROM audit_seals s
            WHERE s.merchant_id = a.merchant_id AND s.id = a.id)
        AND NOT EXISTS (SELECT 1 FROM audit_unsealed u
            WHERE u.merchant_id = a.merchant_id AND u.id = a.id)
    ORDER BY a.at, a.id
    """
)
_LOST = text(
    """
    SELECT u.id FROM audit_unsealed u WHERE u.merchant_id = :merchant
        AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.merchant_id = u.merchant_id AND a.id = u.id)
    ORDER BY u.at, u.id
    """
)
_WAITING = text("SELECT count(*) FROM audit_unsealed WHERE merchant_id = :merchant")
# A merchant whose row is gone may still have a trail.
_MERCHANTS = text(
    """
    SELECT t.merchant_id, coalesce(m.slug, t.merchant_id::text) AS slug
    FROM (SELECT merchant_id FROM merchants UNION SELECT merchant_id FROM audit_anchors) t
    LEFT JOIN merchants m USING (merchant_id) ORDER BY 2
    """
)


@dataclass(slots=True)
class Verdict:
    """What was found of one merchant; of many faults the first are kept, all are counted."""

    slug: str
    head: Head = field(default_factory=Head)
    waiting: int = 0
    count: int = 0
    faults: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        """Count a fault."""
        self.count += 1
        if len(self.faults) < FAULTS_SHOWN:
            self.faults.append(fault)


class WantedHead:
    """A head that a person kept: ``HASH``, ``COUNT:HASH`` or ``SLUG:COUNT:HASH``."""

    def __init__(self, given: str) -> None:
        *before, hashed = given.strip().split(":")
        self.hash = bytes.fromhex(hashed)
        self.place = int(before[-1]) if before else None
        self.slug = before[0] if len(before) == 2 else None
        if len(self.hash) != 32 or len(before) > 2:
            raise ValueError(f"{given!r} is no head")
        self.given = given.strip()
        self.found = self.place == 0

    def look(self, slug: str, place: int, hashed: bytes) -> None:
        """Take note if this is it."""
        if hashed == self.hash and self.place in (None, place) and self.slug in (None, slug):
            self.found = True


def verify(
    session: Session,
    keys: SealKeys,
    merchant_id: UUID,
    slug: str,
    *,
    heads: Sequence[WantedHead] = (),
    progress: Callable[[str, int], None] = lambda _slug, _rows: None,
) -> Verdict:
    """Walk along one merchant's trail, in a transaction that sees one snapshot."""
    walk, verdict = Walk(merchant_id, keys), Verdict(slug)
    for number, row in enumerate(_stream(session, _SEALS, merchant_id), 1):
        place, row_id, digest, hashed, key_id, mac, line = row
        for fault in walk.seal(Seal(place, row_id, digest, hashed, key_id, mac), line):
            verdict.add(fault)
        for head in heads:
            head.look(slug, place, hashed)
        if number % _STEP == 0:
            progress(slug, number)
    for first, last, hashed, key_id, mac, at, found in _stream(session, _ANCHORS, merchant_id):
        for fault in walk.anchor(Anchor(first, last, hashed, int(at), key_id, mac), found):
            verdict.add(fault)
    for fault in (*walk.end(), *_outside(session, merchant_id)):
        verdict.add(fault)
    verdict.head = walk.head
    verdict.waiting = session.execute(_WAITING, {"merchant": merchant_id}).scalar_one()
    return verdict


def _outside(session: Session, merchant_id: UUID) -> Iterator[Fault]:
    for (row_id,) in _stream(session, _STRANGERS, merchant_id):
        why = "was inserted past the trigger that has it sealed, or its seal was deleted"
        yield Fault("inserted", f"row {row_id} {why}")
    for (row_id,) in _stream(session, _LOST, merchant_id):
        yield Fault("deleted", f"row {row_id} was deleted before it was sealed")


def _stream(session: Session, query: Any, merchant_id: UUID) -> Iterator[Any]:
    found = session.execute(
        query, {"merchant": merchant_id}, execution_options={"yield_per": _ROWS}
    )
    yield from found


def merchants_of(session: Session, slug: str | None) -> list[tuple[UUID, str]]:
    """Whose trails there are; only ``slug``'s where one is given."""
    rows = session.execute(_MERCHANTS).all()
    return [(row.merchant_id, row.slug) for row in rows if slug in (None, row.slug)]


def verify_all(
    db: Sessions,
    keys: SealKeys,
    slug: str | None = None,
    heads: Sequence[WantedHead] = (),
    progress: Callable[[str, int], None] = lambda _slug, _rows: None,
) -> list[Verdict]:
    """Every merchant's verdict, all on one snapshot."""
    snapshot = Sessions(
        db.engine.execution_options(isolation_level="REPEATABLE READ"), role_prefix=db.role_prefix
    )
    with snapshot.reader() as session:
        return [
            verify(session, keys, merchant_id, name, heads=heads, progress=progress)
            for merchant_id, name in merchants_of(session, slug)
        ]


def render(verdicts: Sequence[Verdict], heads: Sequence[WantedHead] = ()) -> str:
    """The verdicts for people: a line for each merchant, and under it what does not fit."""
    lines = []
    for one in verdicts:
        waits = f"; {one.waiting} wait for their seal" if one.waiting else ""
        told = f"BROKEN ({one.count})" if one.count else "as they were sealed"
        lines.append(f"{one.slug}: {one.head.count} rows, {told}{waits}; head {one.head}")
        lines += [f"    - {fault.kind}: {fault.what}" for fault in one.faults]
        if one.count > len(one.faults):
            lines.append(f"    and {one.count - len(one.faults)} more")
    lines += [
        f"    - cut: the head {head.given} is not in the trail: rows up to it were cut off or "
        "rewritten since it was noted (a restored backup ends earlier, too)"
        for head in heads
        if not head.found
    ]
    return "\n".join(lines)


def _open(settings: Settings) -> tuple[Sessions, SealKeys]:
    if settings.database_url is None:
        raise ValueError("DATABASE_URL is not set")
    vault = Vault([(key.key_id, key.secret) for key in settings.master_keys])
    db = connect(settings.database_url, role_prefix=settings.role_prefix, pool_size=1)
    return db, SealKeys.of(vault)


def _tell_progress(slug: str, rows: int) -> None:
    print(f"{slug}: {rows:,} rows ...", file=sys.stderr, flush=True)


def _unknown(slug: str) -> int:
    print(f"there is no merchant {slug!r} here", file=sys.stderr)
    return 1


def main_verify(settings: Settings, slug: str | None, heads: Sequence[WantedHead]) -> int:
    """``tagihan audit verify``: 1 where anything does not fit."""
    db, keys = _open(settings)
    try:
        verdicts = verify_all(db, keys, slug, heads, _tell_progress)
    finally:
        db.close()
    if slug is not None and not verdicts:
        return _unknown(slug)
    print(render(verdicts, heads))
    return 1 if any(one.count for one in verdicts) or not all(h.found for h in heads) else 0


def heads_of(db: Sessions, slug: str | None = None) -> list[tuple[str, Head]]:
    """Where each merchant's trail ends."""
    with db.reader() as session:
        return [(name, head_of(session, mid)) for mid, name in merchants_of(session, slug)]


def main_head(settings: Settings, slug: str | None) -> int:
    """``tagihan audit head``: a line for each merchant, to be kept somewhere else."""
    db, _ = _open(settings)
    try:
        found = heads_of(db, slug)
    finally:
        db.close()
    if slug is not None and not found:
        return _unknown(slug)
    for name, head in found:
        print(f"{name}:{head}")
    return 0
