"""People who work at a merchant: their roles, passwords and sessions.

A password is kept as argon2 makes it; a session is found by the SHA-256 of its random text.
Sessions live and end in machine time, whatever a test clock says.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select, update

from billing.engine import Engine
from core import ids
from core.actor import Actor
from core.bulk import insert_rows
from core.errors import Conflict, InvalidRequest, NotFound, Unauthenticated
from core.tables import merchants, staff, staff_sessions
from core.work import Work

ROLES: Final = ("owner", "billing", "finance", "support", "read_only")
SESSION_LIVES: Final = timedelta(hours=12)
PASSWORD_MIN: Final = 12
PASSWORD_MAX: Final = 200

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|[^@\s]+@localhost")
_HASHER: Final = PasswordHasher()


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A person who signed in."""

    merchant_id: UUID
    id: UUID
    email: str
    name: str
    role: str


def create_staff(
    unit: Work,
    *,
    email: str,
    name: str,
    role: str,
    password: str | None = None,
    key: str | None = None,
) -> UUID:
    """Add a person; without a password they can not sign in yet.

    Raises:
        InvalidRequest: ``invalid_email``, ``invalid_name``, ``invalid_role``, ``weak_password``.
        Conflict: ``email_taken``.
    """
    address = email.strip().lower()
    if _EMAIL.fullmatch(address) is None or len(address) > 254:
        raise InvalidRequest("invalid_email", "That is not an address of mail.", field="email")
    if not 1 <= len(name.strip()) <= 200:
        raise InvalidRequest("invalid_name", "A name has 1 to 200 characters.", field="name")
    _check_role(role)
    staff_id = unit.derive("staff", key) if key else ids.fresh()
    if key and _find_staff(unit, staff_id) is not None:
        return staff_id
    taken = unit.session.execute(
        select(staff.c.id).where(staff.c.merchant_id == unit.merchant_id, staff.c.email == address)
    ).one_or_none()
    if taken is not None:
        raise Conflict("email_taken", "somebody has this address already", field="email")
    row = {
        "merchant_id": unit.merchant_id,
        "id": staff_id,
        "email": address,
        "name": name.strip(),
        "role": role,
        "password_hash": _hashed(password, address) if password is not None else None,
        "created_at": unit.real_now,
    }
    insert_rows(unit.session, staff, [row])
    unit.audit("staff.create", "staff", staff_id, after={"role": role})
    return staff_id


def change_role(unit: Work, staff_id: UUID, role: str) -> None:
    """Give a person another role; the last owner stays one.

    Raises:
        NotFound: ``staff_not_found``. InvalidRequest: ``invalid_role``. Conflict: ``last_owner``.
    """
    _check_role(role)
    before = lock_staff(unit, staff_id)
    if before.role == role:
        return
    _keep_an_owner(unit, before)
    _set_staff(unit, staff_id, role=role)
    unit.audit("staff.role", "staff", staff_id, before={"role": before.role}, after={"role": role})


def set_password(unit: Work, staff_id: UUID, password: str) -> None:
    """Set a person's password; every session of theirs ends.

    Raises:
        NotFound: ``staff_not_found``. InvalidRequest: ``weak_password``.
    """
    person = lock_staff(unit, staff_id)
    _set_staff(unit, staff_id, password_hash=_hashed(password, person.email))
    _end_sessions(unit, staff_id)
    unit.audit("staff.password", "staff", staff_id, after={"password": "changed"})


def disable_staff(unit: Work, staff_id: UUID) -> None:
    """End a person's access at once; repeating it changes nothing.

    Raises:
        NotFound: ``staff_not_found``. Conflict: ``last_owner``.
    """
    person = lock_staff(unit, staff_id)
    if person.disabled_at is not None:
        return
    _keep_an_owner(unit, person)
    _set_staff(unit, staff_id, disabled_at=unit.real_now)
    _end_sessions(unit, staff_id)
    unit.audit(
        "staff.disable",
        "staff",
        staff_id,
        before={"role": person.role, "disabled": False},
        after={"disabled": True},
    )


def sign_in(engine: Engine, slug: str, email: str, password: str, *, source: str) -> str:
    """Check a password and open a session; returns the random text for the cookie.

    The answer and the time it takes are the same for a wrong merchant, a wrong address and a wrong
    password.

    Raises:
        Unauthenticated: ``sign_in_refused``.
    """
    address = email.strip().lower()
    merchant_id = find_merchant_id(engine, slug)
    person = None
    if merchant_id is not None:
        with engine.db.begin(merchant_id) as session:
            person = session.execute(
                select(staff).where(
                    staff.c.merchant_id == merchant_id,
                    staff.c.email == address,
                    staff.c.disabled_at.is_(None),
                )
            ).one_or_none()
    genuine = _verified(person.password_hash if person is not None else None, password)
    if not genuine or person is None or merchant_id is None:
        raise Unauthenticated("sign_in_refused", "the address or the password is wrong")
    token = secrets.token_urlsafe(32)
    with engine.work(merchant_id, Actor("staff", person.email, source)) as unit:
        insert_rows(
            unit.session,
            staff_sessions,
            [
                {
                    "merchant_id": merchant_id,
                    "id": ids.fresh(),
                    "staff_id": person.id,
                    "token_hash": _digest(token),
                    "created_at": unit.real_now,
                    "expires_at": unit.real_now + SESSION_LIVES,
                }
            ],
        )
        ends = (unit.real_now + SESSION_LIVES).isoformat()
        unit.audit("staff.sign_in", "staff", person.id, after={"signed_in_until": ends})
    return token


def sign_out(engine: Engine, token: str, source: str = "") -> None:
    """End a session; an unknown one is no error, and one that has ended stays as it is."""
    person = find_session(engine, token)
    if person is None:
        return
    with engine.work(person.merchant_id, Actor("staff", person.email, source)) as unit:
        ended = unit.session.execute(
            update(staff_sessions)
            .where(
                staff_sessions.c.merchant_id == person.merchant_id,
                staff_sessions.c.token_hash == _digest(token),
                staff_sessions.c.ended_at.is_(None),
            )
            .values(ended_at=unit.real_now)
            .returning(staff_sessions.c.expires_at)
        ).one_or_none()
        if ended is not None:
            before = {"signed_in_until": ended.expires_at.isoformat()}
            after = {"signed_in_until": unit.real_now.isoformat()}
            unit.audit("staff.sign_out", "staff", person.id, before=before, after=after)


def find_session(engine: Engine, token: str) -> StaffMember | None:
    """Who is signed in with this text; None when the session or the person's access has ended."""
    merchant_id = _session_merchant(engine, token)
    if merchant_id is None:
        return None
    with engine.db.begin(merchant_id) as session:
        row = session.execute(
            select(staff.c.id, staff.c.email, staff.c.name, staff.c.role)
            .join(
                staff_sessions,
                (staff_sessions.c.merchant_id == staff.c.merchant_id)
                & (staff_sessions.c.staff_id == staff.c.id),
            )
            .where(
                staff.c.merchant_id == merchant_id,
                staff.c.disabled_at.is_(None),
                staff_sessions.c.token_hash == _digest(token),
            )
        ).one_or_none()
    return None if row is None else StaffMember(merchant_id, row.id, row.email, row.name, row.role)


def find_merchant_id(engine: Engine, slug: str) -> UUID | None:
    """The merchant with this slug, if there is one."""
    with engine.db.lookup() as session:
        return session.execute(
            select(merchants.c.merchant_id).where(merchants.c.slug == slug)
        ).scalar_one_or_none()


def lock_staff(unit: Work, staff_id: UUID) -> Any:
    """Take a person's row and read it.

    Raises:
        NotFound: ``staff_not_found``.
    """
    row = unit.session.execute(
        select(staff.c.id, staff.c.email, staff.c.name, staff.c.role, staff.c.disabled_at)
        .where(staff.c.merchant_id == unit.merchant_id, staff.c.id == staff_id)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound("staff_not_found", "there is no such member of staff")
    return row


def _session_merchant(engine: Engine, token: str) -> UUID | None:
    if not 20 <= len(token) <= 100:
        return None
    columns = staff_sessions.c
    with engine.db.lookup() as session:
        return session.execute(
            select(columns.merchant_id).where(
                columns.token_hash == _digest(token),
                columns.ended_at.is_(None),
                columns.expires_at > engine.real_now(),
            )
        ).scalar_one_or_none()


def _find_staff(unit: Work, staff_id: UUID) -> UUID | None:
    return unit.session.execute(
        select(staff.c.id).where(staff.c.merchant_id == unit.merchant_id, staff.c.id == staff_id)
    ).scalar_one_or_none()


def _set_staff(unit: Work, staff_id: UUID, **values: Any) -> None:
    unit.session.execute(
        update(staff)
        .where(staff.c.merchant_id == unit.merchant_id, staff.c.id == staff_id)
        .values(**values)
    )


def _end_sessions(unit: Work, staff_id: UUID) -> None:
    unit.session.execute(
        update(staff_sessions)
        .where(
            staff_sessions.c.merchant_id == unit.merchant_id,
            staff_sessions.c.staff_id == staff_id,
            staff_sessions.c.ended_at.is_(None),
        )
        .values(ended_at=unit.real_now)
    )


def _keep_an_owner(unit: Work, person: Any) -> None:
    if person.role != "owner":
        return
    owners = unit.session.execute(
        select(staff.c.id)
        .where(
            staff.c.merchant_id == unit.merchant_id,
            staff.c.role == "owner",
            staff.c.disabled_at.is_(None),
        )
        .order_by(staff.c.id)
        .with_for_update()
    ).all()
    if len(owners) < 2:
        raise Conflict("last_owner", "a merchant keeps at least one owner")


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise InvalidRequest("invalid_role", f"A role is one of {', '.join(ROLES)}.", field="role")


def _hashed(password: str, email: str) -> str:
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX or password.lower() == email:
        raise InvalidRequest(
            "weak_password",
            f"A password has {PASSWORD_MIN} to {PASSWORD_MAX} characters and is not the address.",
            field="password",
        )
    return _HASHER.hash(password)


@lru_cache(maxsize=1)
def _decoy() -> str:
    """A hash nobody knows the password of: checking it takes as long as checking a real one."""
    return _HASHER.hash(secrets.token_urlsafe(32))


def _verified(stored: str | None, password: str) -> bool:
    try:
        _HASHER.verify(stored or _decoy(), password[: PASSWORD_MAX + 1])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
