"""Writes of a balance: entries with the lots they make, or with those they take from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import update

from billing.credits.lots import MONEY, LotKind, Use
from billing.credits.tables import balance_lots, balance_uses
from billing.tables import balance_entries
from core.bulk import insert_rows
from core.work import Work

JOB = "balance.expire"


@dataclass(frozen=True, slots=True)
class NewLot:
    """A lot of an entry: whole rupiah, of which kind, until when, why."""

    amount: int
    kind: LotKind = MONEY
    expires_at: datetime | None = None
    reason: str | None = None


def raise_balance(
    unit: Work, entry: Mapping[str, Any], lots: Sequence[NewLot] = (), *, once: bool = False
) -> bool:
    """Write an entry that raises a balance, and its lots; by default one of money, for good.

    The customer's row is locked by the caller.

    Args:
        entry: a row of `balance_entries`.
        once: nothing is written where this entry was written before; else that is an error.

    Returns:
        Whether it was written now.
    """
    made = tuple(lots) or (NewLot(entry["amount"]),)
    if sum(lot.amount for lot in made) != entry["amount"]:
        raise ValueError("the lots of an entry add up to it")
    if not insert_rows(unit.session, balance_entries, [entry], skip_existing=once):
        return False
    insert_rows(
        unit.session,
        balance_lots,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": unit.derive("balance_lot", entry["id"], n),
                "customer_id": entry["customer_id"],
                "entry_id": entry["id"],
                "kind": lot.kind,
                "amount": lot.amount,
                "at": entry["at"],
                "expires_at": None if lot.expires_at is None else max(lot.expires_at, entry["at"]),
                "reason": lot.reason,
                "next_at": told_at(unit, lot.expires_at),
            }
            for n, lot in enumerate(made)
        ],
    )
    return True


def lower_balances(unit: Work, entries: Sequence[tuple[Mapping[str, Any], Sequence[Use]]]) -> None:
    """Write entries that lower balances, and which lots each takes from; customers are locked."""
    for entry, uses in entries:
        if -sum(use.amount for use in uses) != entry["amount"]:
            raise ValueError("what an entry takes is in lots")
    insert_rows(unit.session, balance_entries, [entry for entry, _ in entries])
    insert_rows(
        unit.session,
        balance_uses,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": unit.derive("balance_use", entry["id"], use.lot.id),
                "entry_id": entry["id"],
                "lot_id": use.lot.id,
                "amount": use.amount,
            }
            for entry, uses in entries
            for use in uses
        ],
    )


def told_at(unit: Work, expires_at: datetime | None) -> datetime | None:
    """When an expiry is announced: the merchant's days before it, never before now."""
    if expires_at is None:
        return None
    days = unit.merchant.credit_notice_days
    ahead = expires_at - timedelta(days=days)
    # What ends sooner than that is told of when it is given; with no days, nobody is told.
    return max(ahead, unit.now)


def store_lots(unit: Work, lot_ids: Sequence[UUID], **values: Any) -> None:
    """Set what is still to be done about lots."""
    unit.session.execute(
        update(balance_lots)
        .where(balance_lots.c.merchant_id == unit.merchant_id, balance_lots.c.id.in_(list(lot_ids)))
        .values(**values)
    )
