"""Reads behind lists and single things, for tables whose rows need no rule to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, LargeBinary, Row, Select, Table, select, tuple_

from api.pagination import Window
from billing.engine import Engine
from core.errors import NotFound
from core.tables import merchants
from core.work import Work
from invoices.tables import credit_notes

# Whatever could open a door is left where it is, encrypted or hashed.
_NEVER = frozenset({"password_hash"})


def list_rows(
    unit: Work,
    table: Table,
    window: Window,
    filters: Mapping[str, Any],
    *,
    at: str = "created_at",
    where: Sequence[ColumnElement[bool]] = (),
) -> list[Row[Any]]:
    """Read one row more than asked for, newest first; filters that are None are left out.

    ``where`` are further conditions that are no equality.
    """
    moment = table.c[at]
    query = _rows(unit, table, at).order_by(moment.desc(), table.c.id.desc()).where(*where)
    for name, value in filters.items():
        if value is not None:
            query = query.where(table.c[name] == value)
    if window.created_from is not None:
        query = query.where(moment >= window.created_from)
    if window.created_before is not None:
        query = query.where(moment < window.created_before)
    if window.after is not None:
        query = query.where(tuple_(moment, table.c.id) < window.after)
    return list(unit.session.execute(query.limit(window.limit + 1)))


def get_row(unit: Work, table: Table, row_id: UUID, what: str, *, at: str = "created_at") -> Any:
    """Read one row.

    Raises:
        NotFound: ``<what>_not_found``.
    """
    row = unit.session.execute(_rows(unit, table, at).where(table.c.id == row_id)).one_or_none()
    if row is None:
        raise NotFound(f"{what}_not_found", f"there is no such {what.replace('_', ' ')}")
    return row


def rows_of(unit: Work, table: Table, column: str, value: UUID, *, by: str) -> list[Row[Any]]:
    """Read the few rows that belong to one thing, in the order of ``by``."""
    at = "created_at" if "created_at" in table.c else by
    query = _rows(unit, table, at).where(table.c[column] == value)
    return list(unit.session.execute(query.order_by(table.c[by], table.c.id).limit(1_000)))


def credit_note_words(unit: Work, note_ids: Sequence[UUID]) -> dict[UUID, str | None]:
    """Read the words for the customer on credit notes, by their ids."""
    column = credit_notes.c
    query = select(column.id, column.note).where(
        column.merchant_id == unit.merchant_id, column.id.in_(note_ids)
    )
    return {row.id: row.note for row in unit.session.execute(query)}


def list_merchants(engine: Engine, window: Window, slug: str | None) -> list[Row[Any]]:
    """Read merchants across the installation, of the few columns that may be read so."""
    column = merchants.c
    query = select(
        column.merchant_id.label("id"), column.slug, column.gateway, column.mode,
        column.billing_zone, column.created_at,
    ).order_by(column.created_at.desc(), column.merchant_id.desc())  # fmt: skip
    if slug is not None:
        query = query.where(column.slug == slug)
    if window.created_from is not None:
        query = query.where(column.created_at >= window.created_from)
    if window.created_before is not None:
        query = query.where(column.created_at < window.created_before)
    if window.after is not None:
        query = query.where(tuple_(column.created_at, column.merchant_id) < window.after)
    with engine.db.lookup() as session:
        return list(session.execute(query.limit(window.limit + 1)))


def _rows(unit: Work, table: Table, at: str) -> Select[Any]:
    shown: list[Column[Any]] = [
        column
        for column in table.columns
        if column.name not in _NEVER and not isinstance(column.type, LargeBinary)
    ]
    query = select(*shown).where(table.c.merchant_id == unit.merchant_id)
    return query if at == "created_at" else query.add_columns(table.c[at].label("created_at"))
