"""Which saved methods may be charged without the payer, and by which channel each is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import select

from billing.queries import with_mandate
from core.work import Work
from payments.method_kinds import KINDS
from payments.queries import chargeable_kinds
from payments.tables import payment_methods


def kinds_of(unit: Work, method_ids: Iterable[UUID | None]) -> dict[UUID | None, str]:
    """The kind of each of these methods."""
    wanted = sorted({one for one in method_ids if one is not None})
    if not wanted:
        return {}
    c = payment_methods.c
    rows = unit.session.execute(
        select(c.id, c.kind).where(c.merchant_id == unit.merchant_id, c.id.in_(wanted))
    )
    return {row.id: row.kind for row in rows}


def live_methods(unit: Work, method_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Those of these methods that are active, whose token has not run out, and whose kind the
    merchant may charge without the payer; by id, their kind.
    """
    wanted, kinds = sorted(set(method_ids)), chargeable_kinds(unit)
    if not wanted or not kinds:
        return {}
    c = payment_methods.c
    rows = unit.session.execute(
        select(c.id, c.kind).where(
            c.merchant_id == unit.merchant_id,
            c.id.in_(wanted),
            c.kind.in_(sorted(kinds)),
            c.state == "active",
            c.expires_at.is_(None) | (c.expires_at > unit.now),
        )
    )
    return {row.id: row.kind for row in rows}


def usable_methods(unit: Work, method_ids: Iterable[UUID]) -> set[UUID]:
    """Methods that may be charged now without the payer: usable, and with his consent in force."""
    return with_mandate(unit, live_methods(unit, method_ids))


def channels_of(unit: Work, method_ids: Iterable[UUID | None]) -> Mapping[UUID | None, str]:
    """The channel by which each of these methods is charged."""
    return {one: KINDS[kind].channel for one, kind in kinds_of(unit, method_ids).items()}
