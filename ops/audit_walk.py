"""One merchant's audit trail against the database: its rows, its seals and what was left out.

Reads one snapshot, run by run; the length of a trail changes the time this takes, not its memory.
Whether rows are what was sealed is asked of the server, for all at once; the chain and every MAC
are computed here meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.db import Sessions
from core.sealing import CANONICAL, DIGEST, instant
from core.seals import Anchor, Head, Run, Seal, SealKeys
from core.trail import Fault, Walk

FAULTS_SHOWN: Final = 50
_STEP: Final = 100_000
_ROWS: Final = 5_000
# All rows are joined at once, in memory, by two processes however few there are: writing a row out
# and hashing it costs more than a plan reckons.
_ROOM: Final = (
    "SET LOCAL work_mem = '128MB'",
    "SET LOCAL jit = off",
    "SET LOCAL parallel_setup_cost = 0",
    "SET LOCAL parallel_tuple_cost = 0",
    "SET LOCAL min_parallel_table_scan_size = 0",
    "SET LOCAL max_parallel_workers_per_gather = 1",
)
# Of two connections beside one another one waits for the other, however long that takes.
_PATIENCE: Final = "SET LOCAL idle_in_transaction_session_timeout = '2h'"

# The seals of some places, and each one's row by its key.
_PLACES = (
    "(SELECT *, row_number() OVER (ORDER BY place) AS nth FROM audit_seals "
    "WHERE merchant_id = :merchant AND place BETWEEN :first AND :last) s"
)
_NEXT = (
    f"FROM {_PLACES} "  # noqa: S608 - constants
    "LEFT JOIN LATERAL (SELECT t.* FROM audit t WHERE t.merchant_id = :merchant AND t.id = s.id "
    "LIMIT 1) a ON true"
)
# What a run of seals says, in one row.
_RUN = (
    "SELECT count(*) AS rows, min(s.key_id) AS key_id, max(s.key_id) AS last_key, "  # noqa: S608 - constants
    "min(s.place - s.nth) AS before, max(s.place - s.nth) AS last_before, "
    "string_agg(uuid_send(s.id), ''::bytea ORDER BY s.place) AS row_ids, "
    "string_agg(s.digest, ''::bytea ORDER BY s.place) AS digests, "
    "string_agg(s.hash, ''::bytea ORDER BY s.place) AS hashes, "
    f"string_agg(s.mac, ''::bytea ORDER BY s.place) AS macs FROM {_PLACES}"
)
_RUN = re.sub(r":(merchant|first|last)\b", r"%(\1)s", _RUN)
# In which parts of the trail a row is gone, or has another digest than its seal: all rows at once,
# by as many processors as the server gives.
_UNLIKE = text(
    f"SELECT DISTINCT floor((s.place - 1)::numeric / {_ROWS})::bigint FROM audit_seals s "  # noqa: S608 - constants
    f"LEFT JOIN (SELECT a.id, {DIGEST} AS digest FROM audit a WHERE a.merchant_id = :merchant) a "
    "ON a.id = s.id WHERE s.merchant_id = :merchant AND a.digest IS DISTINCT FROM s.digest"
)
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
    """A run of seals as the database tells it."""

    rows: int
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
        return self.before == self.last_before == place and self.key_id == self.last_key

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
    beside: Session | None = None,
) -> Verdict:
    """Walk along one merchant's trail, in a transaction that sees one snapshot.

    Args:
        beside: another transaction that sees the same: there rows are compared with their seals
            while the chain is computed here.
    """

    def walked(unlike: AbstractSet[int]) -> tuple[Walk, Verdict, int]:
        return _walk_along(session, keys, merchant_id, slug, heads, progress, unlike)

    for one in filter(None, (session, beside)):
        one.execute(text(_PATIENCE))
    if beside is None:
        walk, verdict, told = walked(_unlike(session, merchant_id))
    else:
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(_unlike, beside, merchant_id)
            walk, verdict, told = walked(frozenset())
        if unlike := coming.result():
            walk, verdict, told = walked(unlike)  # looking closer there
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


def _walk_along(  # noqa: PLR0917 - what a walk needs
    session: Session,
    keys: SealKeys,
    merchant_id: UUID,
    slug: str,
    heads: Sequence[WantedHead],
    progress: Callable[[str, int], None],
    unlike: AbstractSet[int],
) -> tuple[Walk, Verdict, int]:
    """Walk run by run; seal by seal where one does not fit, or has rows ``unlike`` their seals."""
    walk, verdict, told = Walk(merchant_id, keys), Verdict(slug), 0
    for values, run in _runs(session, merchant_id):
        before = walk.head.count
        parts = range((values["first"] - 1) // _ROWS, (values["last"] - 1) // _ROWS + 1)
        fits = unlike.isdisjoint(parts) and run.goes_on_from(before)
        if fits and walk.pass_by(run.seals()):
            for head in heads:
                head.look_within(slug, before, run.hashes)
        else:
            _one_by_one(session, walk, verdict, values, heads)
        told += run.rows
        if told // _STEP > (told - run.rows) // _STEP:
            progress(slug, told)
    return walk, verdict, told


def _unlike(session: Session, merchant_id: UUID) -> frozenset[int]:
    """The parts of the trail in which rows are not what was sealed."""
    for setting in _ROOM:
        session.execute(text(setting))
    return frozenset(session.execute(_UNLIKE, {"merchant": merchant_id}).scalars())


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
        exported = session.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        with snapshot.reader(snapshot=exported) as beside:
            return [
                verify(
                    session, keys, merchant_id, name, heads=heads, progress=progress, beside=beside
                )
                for merchant_id, name in merchants_of(session, slug)
            ]
