"""Keys of machines that call the API: made, rotated with an overlap, revoked, looked up.

A key is never stored: it is found by the SHA-256 of its random text. Keys live and end in machine
time, whatever a test clock says.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, update

from billing.engine import Engine
from core import ids
from core.bulk import insert_rows
from core.errors import Conflict, InvalidRequest, NotFound
from core.tables import api_keys
from core.work import Work

KEY_PREFIX: Final = "tgh_"
SCOPES: Final = ("read", "write", "refund", "approve", "admin")
OVERLAP_HOURS_MAX: Final = 168


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; ``secret`` is shown once and kept nowhere."""

    id: UUID
    secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """The key behind a secret: whose it is and what it may do."""

    merchant_id: UUID
    id: UUID
    name: str
    scopes: tuple[str, ...]


def create_key(unit: Work, *, name: str, scopes: Sequence[str], key: str | None = None) -> NewKey:
    """Make a key for a machine.

    Args:
        name: what it is for, 1 to 100 characters.
        scopes: of ``read write refund approve admin``, at least one.
        key: the caller's idempotency key; a repetition finds the key without its secret.

    Raises:
        InvalidRequest: ``invalid_name`` or ``invalid_scopes``.
    """
    if not 1 <= len(name.strip()) <= 100:
        raise InvalidRequest("invalid_name", "A name has 1 to 100 characters.", field="name")
    if not scopes or set(scopes) - set(SCOPES) or len(set(scopes)) != len(scopes):
        raise InvalidRequest(
            "invalid_scopes", f"Scopes are some of {', '.join(SCOPES)}, each once.", field="scopes"
        )
    key_id = unit.derive("key", key) if key else ids.fresh()
    if key and _find_key(unit, key_id) is not None:
        return NewKey(key_id, None)
    return _insert_key(unit, key_id, name.strip(), scopes, "key.create")


def rotate_key(
    unit: Work, key_id: UUID, *, overlap_hours: int = 24, key: str | None = None
) -> NewKey:
    """Make a key that takes another's place; the old one works on for ``overlap_hours``.

    Raises:
        NotFound: ``key_not_found``. Conflict: ``key_not_active``.
        InvalidRequest: ``invalid_overlap_hours``.
    """
    if not 0 <= overlap_hours <= OVERLAP_HOURS_MAX:
        raise InvalidRequest(
            "invalid_overlap_hours",
            f"overlap_hours is 0 to {OVERLAP_HOURS_MAX}.",
            field="overlap_hours",
        )
    new_id = unit.derive("key", key) if key else ids.fresh()
    old = lock_key(unit, key_id)
    if key and _find_key(unit, new_id) is not None:
        return NewKey(new_id, None)
    ends_at = unit.real_now + timedelta(hours=overlap_hours)
    if not _is_active(old, unit.real_now):
        raise Conflict("key_not_active", "this key has ended: make a new one")
    ends_at = min(ends_at, old.expires_at or ends_at)
    _set_key(unit, key_id, expires_at=ends_at)
    unit.audit(
        "key.replace",
        "key",
        key_id,
        before={"expires_at": old.expires_at and old.expires_at.isoformat()},
        after={"expires_at": ends_at.isoformat()},
    )
    return _insert_key(unit, new_id, old.name, old.scopes, "key.rotate")


def revoke_key(unit: Work, key_id: UUID) -> None:
    """End a key at once; repeating it changes nothing.

    Raises:
        NotFound: ``key_not_found``.
    """
    old = lock_key(unit, key_id)
    if old.revoked_at is None:
        _set_key(unit, key_id, revoked_at=unit.real_now)
        unit.audit(
            "key.revoke",
            "key",
            key_id,
            before={"name": old.name, "scopes": old.scopes},
            after={"revoked_at": unit.real_now.isoformat()},
        )


def find_key(engine: Engine, secret: str) -> KeyHolder | None:
    """Whose key this is; None when it is not one of ours, ended or was revoked."""
    if not secret.startswith(KEY_PREFIX) or len(secret) > 100:
        return None
    columns = api_keys.c
    with engine.db.lookup() as session:
        row = session.execute(
            select(
                columns.merchant_id, columns.id, columns.name, columns.scopes,
                columns.expires_at, columns.revoked_at,
            ).where(columns.key_hash == _digest(secret))
        ).one_or_none()  # fmt: skip
    if row is None or not _is_active(row, engine.real_now()):
        return None
    return KeyHolder(row.merchant_id, row.id, row.name, tuple(row.scopes))


def lock_key(unit: Work, key_id: UUID) -> Any:
    """Take a key's row and read it, all but its hash.

    Raises:
        NotFound: ``key_not_found``.
    """
    row = unit.session.execute(
        select(api_keys.c.id, api_keys.c.name, api_keys.c.scopes, api_keys.c.expires_at,
               api_keys.c.revoked_at)
        .where(api_keys.c.merchant_id == unit.merchant_id, api_keys.c.id == key_id)
        .with_for_update()
    ).one_or_none()  # fmt: skip
    if row is None:
        raise NotFound("key_not_found", "there is no such key")
    return row


def _insert_key(unit: Work, key_id: UUID, name: str, scopes: Sequence[str], action: str) -> NewKey:
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    row = {
        "merchant_id": unit.merchant_id,
        "id": key_id,
        "name": name,
        "hint": secret[-4:],
        "key_hash": _digest(secret),
        "scopes": list(scopes),
        "created_at": unit.real_now,
        "created_by": str(unit.actor),
    }
    insert_rows(unit.session, api_keys, [row])
    unit.audit(action, "key", key_id, after={"name": name, "scopes": list(scopes)})
    return NewKey(key_id, secret)


def _find_key(unit: Work, key_id: UUID) -> UUID | None:
    return unit.session.execute(
        select(api_keys.c.id).where(
            api_keys.c.merchant_id == unit.merchant_id, api_keys.c.id == key_id
        )
    ).scalar_one_or_none()


def _set_key(unit: Work, key_id: UUID, **values: Any) -> None:
    unit.session.execute(
        update(api_keys)
        .where(api_keys.c.merchant_id == unit.merchant_id, api_keys.c.id == key_id)
        .values(**values)
    )


def _is_active(row: Any, real_now: datetime) -> bool:
    return row.revoked_at is None and (row.expires_at is None or row.expires_at > real_now)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
