"""Reads of lots: what is left of each, and what an invoice was paid with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select

from billing.credits.lots import PROMOTIONAL, Lot, LotKind, spendable
from billing.credits.tables import balance_lots, balance_uses
from billing.tables import balance_entries
from core.work import Work
from invoices.tables import credit_notes
from payments.tables import allocations


def lots_of(unit: Work, customer_ids: Iterable[UUID]) -> dict[UUID, list[Lot]]:
    """The lots of many customers with something left, by customer, oldest first."""
    found: dict[UUID, list[Lot]] = {}
    for lot in _lots(unit, balance_lots.c.customer_id.in_(sorted(set(customer_ids)))):
        if lot.left > 0:
            found.setdefault(lot.customer_id, []).append(lot)
    return found


def every_lot(unit: Work, customer_id: UUID, limit: int = 100) -> list[Lot]:
    """All lots a customer ever had, used up or not: the newest ``limit``, newest first."""
    return _lots(unit, balance_lots.c.customer_id == customer_id)[::-1][:limit]


def lots_by_id(unit: Work, lot_ids: Collection[UUID]) -> list[Lot]:
    """Read lots by their ids, oldest first."""
    return _lots(unit, balance_lots.c.id.in_(sorted(lot_ids)))


def spendable_balances(unit: Work, customer_ids: Iterable[UUID]) -> dict[UUID, int]:
    """What the balances of customers can pay now; those with nothing are left out."""
    sums = {
        customer: spendable(lots, unit.now)
        for customer, lots in lots_of(unit, customer_ids).items()
    }
    return {customer: amount for customer, amount in sums.items() if amount > 0}


def spendable_balance(unit: Work, customer_id: UUID) -> int:
    """What a customer's balance can pay now."""
    return spendable_balances(unit, [customer_id]).get(customer_id, 0)


def due_lots(unit: Work, limit: int) -> Sequence[Any]:
    """Lots whose expiry is to be announced or booked now, soonest first: (id, customer)."""
    table = balance_lots.c
    return unit.session.execute(
        select(table.id, table.customer_id)
        .where(table.merchant_id == unit.merchant_id, table.next_at <= unit.now)
        .order_by(table.next_at, table.id)
        .limit(limit)
    ).all()


def promotional_uses(unit: Work, invoice_id: UUID) -> list[tuple[Lot, int]]:
    """Which promotional lots paid an invoice, and how much, soonest end first."""
    entry, use = balance_entries.c, balance_uses.c
    by_allocation = select(allocations.c.id).where(
        allocations.c.merchant_id == unit.merchant_id,
        allocations.c.invoice_id == invoice_id,
        allocations.c.kind == "balance",
    )
    rows = unit.session.execute(
        select(use.lot_id, func.sum(use.amount).label("amount"))
        .join_from(
            balance_uses,
            balance_entries,
            and_(entry.merchant_id == use.merchant_id, entry.id == use.entry_id),
        )
        .where(
            use.merchant_id == unit.merchant_id,
            entry.kind == "applied",
            or_(
                and_(entry.source_kind == "invoice", entry.source_id == invoice_id),
                and_(entry.source_kind == "allocation", entry.source_id.in_(by_allocation)),
            ),
        )
        .group_by(use.lot_id)
    ).all()
    amounts = {row.lot_id: int(row.amount) for row in rows}
    used = [lot for lot in lots_by_id(unit, list(amounts)) if lot.kind == PROMOTIONAL]
    used.sort(key=lambda lot: (lot.expires_at is None, lot.expires_at or lot.at, lot.at))
    return [(lot, amounts[lot.id]) for lot in used]


def promotional_restored(unit: Work, invoice_id: UUID) -> int:
    """What of the promotional credit an invoice had taken came back by its credit notes."""
    entry, note = balance_entries.c, credit_notes.c
    total = unit.session.execute(
        select(func.coalesce(func.sum(entry.amount), 0)).where(
            entry.merchant_id == unit.merchant_id,
            entry.kind == "restored",
            entry.source_kind == "credit_note",
            entry.source_id.in_(
                select(note.id).where(
                    note.merchant_id == unit.merchant_id, note.invoice_id == invoice_id
                )
            ),
        )
    ).scalar_one()
    return int(total)


def entries_of_notes(unit: Work, invoice_id: UUID) -> list[UUID]:
    """The entries by which an invoice's credit notes gave money back onto the balance."""
    entry, note = balance_entries.c, credit_notes.c
    return list(
        unit.session.execute(
            select(entry.id).where(
                entry.merchant_id == unit.merchant_id,
                entry.kind == "credited",
                entry.source_kind == "credit_note",
                entry.source_id.in_(
                    select(note.id).where(
                        note.merchant_id == unit.merchant_id, note.invoice_id == invoice_id
                    )
                ),
            )
        ).scalars()
    )


def entries_of_payment(unit: Work, payment_id: UUID) -> list[UUID]:
    """The entries that a payment raised the balance by."""
    entry = balance_entries.c
    return list(
        unit.session.execute(
            select(entry.id).where(
                entry.merchant_id == unit.merchant_id,
                entry.source_kind == "payment",
                entry.source_id == payment_id,
                entry.amount > 0,
            )
        ).scalars()
    )


def _lots(unit: Work, *conditions: Any) -> list[Lot]:
    table, use = balance_lots.c, balance_uses.c
    used = (
        select(func.coalesce(func.sum(use.amount), 0))
        .where(use.merchant_id == table.merchant_id, use.lot_id == table.id)
        .scalar_subquery()
    )
    rows = unit.session.execute(
        select(
            table.id, table.customer_id, table.entry_id, table.kind, table.amount, table.at,
            table.expires_at, table.reason, used.label("used"),
        )
        .where(table.merchant_id == unit.merchant_id, *conditions)
        .order_by(table.at, table.id)
    )  # fmt: skip
    return [_lot(row) for row in rows]


def _lot(row: Any) -> Lot:
    kind: LotKind = row.kind
    expires_at: datetime | None = row.expires_at
    return Lot(
        row.id, row.customer_id, row.entry_id, kind, row.amount, row.amount - int(row.used),
        row.at, expires_at, row.reason,
    )  # fmt: skip
