"""`tagihan audit`: whether the audit trail is what it was when it was sealed, and where it ends.

The walk itself is in `ops.audit_walk`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from core.db import Sessions, connect
from core.sealing import head_of
from core.seals import Head, SealKeys
from core.settings import Settings
from core.vault import Vault
from ops import restored_trail
from ops.audit_walk import Verdict, WantedHead, merchants_of, verify_all


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
    db = connect(settings.database_url, role_prefix=settings.role_prefix, pool_size=2)
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
