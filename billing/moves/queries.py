"""Reads of moves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select

from billing.moves.tables import price_moves
from core.errors import NotFound
from core.work import Work


@dataclass(frozen=True, slots=True)
class Move:
    """A move's row."""

    id: UUID
    from_price_id: UUID
    to_price_id: UUID
    not_before: date
    notice_days: int
    state: str
    done_through: UUID | None
    made_by: str
    created_at: datetime
    undone_by: str | None
    undone_at: datetime | None


_FIELDS = tuple(price_moves.c[name] for name in Move.__slots__)


def list_moves(unit: Work) -> list[Move]:
    """List a merchant's moves, newest first; they are few."""
    rows = unit.session.execute(
        select(*_FIELDS)
        .where(price_moves.c.merchant_id == unit.merchant_id)
        .order_by(price_moves.c.created_at.desc(), price_moves.c.id)
        .limit(200)
    )
    return [Move(**row._mapping) for row in rows]


def find_move(unit: Work, move_id: UUID, *, lock: bool = False) -> Move | None:
    """Look a move up."""
    query = select(*_FIELDS).where(
        price_moves.c.merchant_id == unit.merchant_id, price_moves.c.id == move_id
    )
    row = unit.session.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else Move(**row._mapping)


def get_move(unit: Work, move_id: UUID, *, lock: bool = False) -> Move:
    """Read a move.

    Raises:
        NotFound: ``price_move_not_found``.
    """
    found = find_move(unit, move_id, lock=lock)
    if found is None:
        raise NotFound("price_move_not_found", "there is no such move")
    return found
