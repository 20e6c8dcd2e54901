"""What a restore cuts off the audit trail, told while both ends are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import psycopg
from sqlalchemy import text

from core.db import Sessions
from core.seals import GENESIS, Head

_HEADS = """
SELECT DISTINCT ON (s.merchant_id) coalesce(m.slug, s.merchant_id::text), s.place, s.hash
FROM audit_seals s LEFT JOIN merchants m USING (merchant_id)
ORDER BY s.merchant_id, s.place DESC
"""
_AT = """
SELECT s.hash FROM audit_seals s JOIN merchants m USING (merchant_id)
WHERE m.slug = %s AND s.place = %s
"""


_RECOVERIES = text(
    "SELECT m.slug, r.kind, r.lost_from, r.at, r.audit_head "
    "FROM recoveries r JOIN merchants m USING (merchant_id) ORDER BY r.at, m.slug"
)


def heads(owner_url: str) -> dict[str, Head]:
    """Where each trail ends; nothing where there is no database of ours that could be read."""
    try:
        with psycopg.connect(owner_url, connect_timeout=10) as connection:
            rows = connection.execute(_HEADS).fetchall()
    except psycopg.Error:
        return {}
    return {slug: Head(place, bytes(hashed)) for slug, place, hashed in rows}


def told(owner_url: str, before: Mapping[str, Head]) -> list[str]:
    """A line for each merchant whose trail ends elsewhere than it did before the restore."""
    after, lines = heads(owner_url), []
    for slug in sorted(before.keys() | after.keys()):
        was, now = before.get(slug, Head()), after.get(slug, Head())
        if was == now:
            continue
        line = f"The audit of {slug} ends at {now} and goes on from there"
        if was.count > now.count:
            line += f"; {was.count - now.count} sealed rows were cut, it ended at {was}"
        if not _continues(owner_url, slug, was, now):
            line += "; it is another trail than the one that was here"
        lines.append(line + ".")
    return lines


class Kept(Protocol):
    """A head that a person kept; see `ops.audit_walk.WantedHead`."""

    slug: str | None
    place: int | None
    given: str


def why_missing(db: Sessions, missing: Sequence[Kept]) -> list[str]:
    """Which restore or fail-over may be why a head is not in its trail, by what they noted."""
    if not missing:
        return []
    with db.reader() as session:
        rows = session.execute(_RECOVERIES).all()
    lines = []
    for head in missing:
        for row in rows:
            if head.slug not in (None, row.slug):
                continue
            since, at = (f"{one:%Y-%m-%d %H:%M:%S} UTC" for one in (row.lost_from, row.at))
            if row.kind == "failed_over":
                why = f"a fail-over noted at {at} may have lost it, sealed after {since}"
            elif row.audit_head is None:
                why = f"a restore noted at {at} may have cut it; where the trail ended is not known"
            elif (head.place or 0) <= int(row.audit_head.partition(":")[0]):
                why = f"a restore at {at} cut this trail, which had ended at {row.audit_head}"
            else:
                continue
            lines.append(f"    - {head.given}: {why}")
    return lines


def _continues(owner_url: str, slug: str, was: Head, now: Head) -> bool:
    """Whether one of the two ends was seen to lie on the other's way; unknown counts as yes."""
    if was.count > now.count or was.hash == GENESIS:
        return True
    with psycopg.connect(owner_url, connect_timeout=10) as connection:
        row = connection.execute(_AT, (slug, was.count)).fetchone()
    return row is not None and bytes(row[0]) == was.hash
