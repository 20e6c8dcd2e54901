"""`tagihan audit`: whether the audit trail is what it was when it was sealed, and where it ends.

Reads one snapshot, row by row; the length of a trail changes the time this takes, not its memory.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.db import Sessions, connect
from core.sealing import CANONICAL, DIGEST, head_of, instant
from core.seals import Anchor, Head, Run, Seal, SealKeys
from core.settings import Settings
from core.trail import Fault, Walk
from core.vault import Vault
from ops import restored_trail

FAULTS_SHOWN: Final = 50
_STEP: Final = 100_000
_ROWS: Final = 5_000

# The seals of some places, and each one's row by its key.
_NEXT = (
    "FROM (SELECT *, row_number() OVER (ORDER BY place) AS nth FROM audit_seals "
    "WHERE merchant_id = :merchant AND place BETWEEN :first AND :last) s "
    "LEFT JOIN LATERAL (SELECT t.* FROM audit t WHERE t.merchant_id = :merchant AND t.id = s.id "
    "LIMIT 1) a ON true"
)
# What a run of healthy seals says, in one row; the database compares rows with their digests.
_RUN = (
    "SELECT count(*) AS rows, coalesce(bool_and(a.id IS NOT NULL "
    f"AND {DIGEST} = s.digest), true) AS same, min(s.key_id) AS key_id, max(s.key_id) AS last_key, "
    "min(s.place - s.nth) AS before, max(s.place - s.nth) AS last_before, "
    "string_agg(uuid_send(s.id), ''::bytea ORDER BY s.place) AS row_ids, "
    "string_agg(s.digest, ''::bytea ORDER BY s.place) AS digests, "
    "string_agg(s.hash, ''::bytea ORDER BY s.place) AS hashes, "
    f"string_agg(s.mac, ''::bytea ORDER BY s.place) AS macs {_NEXT}"
)
_RUN = re.sub(r":(merchant|first|last)\b", r"%(\1)s", _RUN)
_SEALS = text(
    "SELECT s.place, s.id, s.digest, s.hash, s.key_id, s.mac, "
    f"CASE WHEN a.id IS NULL THEN NULL ELSE {CANONICAL} END AS line {_NEXT} ORDER BY s.place"
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
_FIRST = text(
    "SELECT min(place) FROM audit_seals WHERE merchant_id = :merchant AND place >= :place"
)
_COUNT = text("SELECT count(*) FROM audit_seals WHERE merchant_id = :merchant")
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


class _Asked(NamedTuple):
    """A run as the database tells it; ``same`` where every row has the digest of its seal."""

    rows: int
    same: bool
    key_id: str
    last_key: str
    before: int
    last_before: int
    row_ids: bytes
    digests: bytes
    hashes: bytes
    macs: bytes

    def goes_on_from(self, place: int) -> bool:
        """Whether these are the places right behind ``place``, whole, and under one key."""
        return (
            self.same
            and self.before == self.last_before == place
            and (self.key_id == self.last_key)
        )

    def seals(self) -> Run:
        """Its seals."""
        return Run(self.key_id, self.row_ids, self.digests, self.hashes, self.macs)


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

    def look_within(self, slug: str, before: int, hashes: bytes) -> None:
        """Take note if it is one of these, joined, of the places behind ``before``."""
        for at in range(0, len(hashes), 32) if self.hash in hashes else ():
            self.look(slug, before + at // 32 + 1, hashes[at : at + 32])


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
    walk, verdict, told = Walk(merchant_id, keys), Verdict(slug), 0
    for values, run in _runs(session, merchant_id):
        before = walk.head.count
        if run.goes_on_from(before) and walk.pass_by(run.seals()):
            for head in heads:
                head.look_within(slug, before, run.hashes)
        else:
            _one_by_one(session, walk, verdict, values, heads)
        told += run.rows
        if told // _STEP > (told - run.rows) // _STEP:
            progress(slug, told)
    for first, last, hashed, key_id, mac, at, found in _stream(session, _ANCHORS, merchant_id):
        for fault in walk.anchor(Anchor(first, last, hashed, int(at), key_id, mac), found):
            verdict.add(fault)
    for fault in (*walk.end(), *_outside(session, merchant_id)):
        verdict.add(fault)
    if (seals := session.execute(_COUNT, {"merchant": merchant_id}).scalar_one()) != told:
        verdict.add(Fault("inserted", f"{seals - told} seals share a place with another"))
    verdict.head = walk.head
    verdict.waiting = session.execute(_WAITING, {"merchant": merchant_id}).scalar_one()
    return verdict


def _runs(session: Session, merchant_id: UUID) -> Iterator[tuple[dict[str, Any], _Asked]]:
    """The trail in runs of some rows; the database reads the next while this one is looked at.

    Two threads may use one connection of the driver, by turns; a session is nobody's but its own.
    """
    driver = session.connection().connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is gone")

    def ask(first: int) -> tuple[dict[str, Any], _Asked]:
        values = {"merchant": merchant_id, "first": first, "last": first + _ROWS - 1}
        with driver.cursor() as cursor:
            return values, _Asked(*cursor.execute(_RUN, values).fetchone())

    with ThreadPoolExecutor(1) as ahead:
        first = _first_from(session, merchant_id, -(2**62))
        coming = ahead.submit(ask, first or 1)
        while first is not None:
            values, run = coming.result()
            if run.rows:
                first += _ROWS
                coming = ahead.submit(ask, first)
                yield values, run
            else:  # the end, or places are missing
                first = _first_from(session, merchant_id, first)
                coming = ahead.submit(ask, first or 1)


def _first_from(session: Session, merchant_id: UUID, place: int) -> int | None:
    values = {"merchant": merchant_id, "place": place}
    found: int | None = session.execute(_FIRST, values).scalar_one()
    return found


def _one_by_one(
    session: Session,
    walk: Walk,
    verdict: Verdict,
    values: dict[str, Any],
    heads: Sequence[WantedHead],
) -> None:
    """Look at every seal of a run in which something does not fit, or that nobody can prove."""
    for place, row_id, digest, hashed, key_id, mac, line in session.execute(_SEALS, values):
        for fault in walk.seal(Seal(place, row_id, digest, hashed, key_id, mac), line):
            verdict.add(fault)
        for head in heads:
            head.look(verdict.slug, place, hashed)


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
        why = restored_trail.why_missing(db, [one for one in heads if not one.found])
    finally:
        db.close()
    if slug is not None and not verdicts:
        return _unknown(slug)
    print("\n".join([render(verdicts, heads), *why]))
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
