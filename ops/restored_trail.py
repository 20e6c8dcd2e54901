"""What a restore cuts off the audit trail, told while both ends are known."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

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


def _continues(owner_url: str, slug: str, was: Head, now: Head) -> bool:
    """Whether one of the two ends was seen to lie on the other's way; unknown counts as yes."""
    if was.count > now.count or was.hash == GENESIS:
        return True
    with psycopg.connect(owner_url, connect_timeout=10) as connection:
        row = connection.execute(_AT, (slug, was.count)).fetchone()
    return row is not None and bytes(row[0]) == was.hash
