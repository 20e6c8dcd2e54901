"""Four eyes: whether who approves is another person than who asked.

A key is no person. Who made a key, or knows somebody's password because they set it, can act as
that key or that person; so two callers are apart only when nobody stands behind both. The operator
and our own commands run the installation and are not looked behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import case, select

from core import ids
from core.actor import ActorKind
from core.errors import Forbidden, InvalidRequest
from core.tables import api_keys, audit, merchants, staff
from core.work import Work

_APPROVERS: Final[frozenset[ActorKind]] = frozenset({"staff", "key"})
_BEHIND_MAX: Final = 50


def require_second_person(unit: Work, asked_by: str, approved_by: str) -> None:
    """Refuse an approval by the one who asked, or by whom they can act as.

    Args:
        asked_by: an actor as text, such as ``staff:sari@awan.example`` or ``key:key_…``.
        approved_by: likewise; a member of staff, or a key (whose scope its route has checked).

    Raises:
        Forbidden: ``person_needed`` for the operator and our own processes,
            ``second_person_needed``.
    """
    if approved_by.partition(":")[0] not in _APPROVERS:
        raise Forbidden("person_needed", "a member of staff approves, or a key made for it")
    if asked_by == approved_by:
        raise Forbidden("second_person_needed", "who asked for a refund can not approve it")
    if behind(unit, asked_by) & behind(unit, approved_by):
        raise Forbidden(
            "second_person_needed",
            "the same caller stands behind the request and the approval: it made the key, or set "
            "the password, of both. A password that one has chosen oneself is one's own",
        )


def require_operator_to_loosen(unit: Work, fields: Mapping[str, Any]) -> None:
    """Refuse to a merchant's own people and keys to loosen the limit that a second person guards.

    Whoever could raise it for a moment would give back alone. Making it tighter is theirs.

    Raises:
        Forbidden: ``operator_needed``, naming the field.
    """
    if unit.actor.kind == "operator":
        return
    table = merchants.c
    now = unit.session.execute(
        select(table.refund_approval_above, table.refund_approval_days)
        .where(table.merchant_id == unit.merchant_id)
        .with_for_update(key_share=True)
    ).one()
    for name, looser in (
        (
            "refund_approval_above",
            fields.get("refund_approval_above", 0) > now.refund_approval_above,
        ),
        (
            "refund_approval_days",
            fields.get("refund_approval_days", now.refund_approval_days) < now.refund_approval_days,
        ),
    ):
        if looser:
            raise Forbidden(
                "operator_needed",
                "only the installation's operator raises refund_approval_above or lowers "
                "refund_approval_days",
                field=name,
            )


def behind(unit: Work, actor: str) -> frozenset[str]:
    """A caller, and all keys and people who can act as this caller."""
    found: set[str] = set()
    look_at = [actor]
    while look_at and len(found) < _BEHIND_MAX:
        name = look_at.pop()
        if name in found or name.partition(":")[0] not in _APPROVERS:
            continue
        found.add(name)
        look_at += _makers(unit, name)
    return frozenset(found)


def _makers(unit: Work, actor: str) -> list[str]:
    kind, _, name = actor.partition(":")
    if kind == "staff":
        return _knows_password(unit, name)
    try:
        key_id = ids.parse("key", name)
    except InvalidRequest:
        return []
    return list(
        unit.session.execute(
            select(api_keys.c.created_by).where(
                api_keys.c.merchant_id == unit.merchant_id, api_keys.c.id == key_id
            )
        ).scalars()
    )


def _knows_password(unit: Work, email: str) -> list[str]:
    """Who set the password that is valid now; the audit is never edited."""
    own = audit.c
    row = unit.session.execute(
        select(own.actor_kind, own.actor)
        .join(staff, (staff.c.merchant_id == own.merchant_id) & (staff.c.id == own.subject_id))
        .where(
            own.merchant_id == unit.merchant_id,
            staff.c.email == email,
            own.action.in_(("staff.create", "staff.password")),
        )
        .order_by(own.at.desc(), case((own.action == "staff.password", 0), else_=1))
        .limit(1)
    ).one_or_none()
    return [] if row is None else [f"{row.actor_kind}:{row.actor}"]
