"""The customer's balance on new invoices: after tax, oldest invoice first, up to its total."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from billing import queries
from billing.drafts import Issued
from billing.tables import balance_entries
from core import ids
from core.bulk import insert_rows
from core.work import Work
from payments.tables import allocations


def plan_balances(unit: Work, invoices: Sequence[tuple[UUID, UUID, int]]) -> dict[UUID, int]:
    """Say how much of which customer's balance goes to which invoice; locks those customers.

    Args:
        invoices: (invoice, customer, total) in the order in which they are served.

    Returns:
        Whole rupiah by invoice; invoices that get nothing are left out.
    """
    holders = queries.balances(unit, {customer for _, customer, total in invoices if total > 0})
    if not holders:
        return {}
    queries.lock_customers(unit, holders)
    # Read again: what was there before the lock may be spent.
    left = queries.balances(unit, holders)
    applied: dict[UUID, int] = {}
    for invoice_id, customer_id, total in invoices:
        part = min(total, left.get(customer_id, 0))
        if part > 0:
            applied[invoice_id] = part
            left[customer_id] -= part
    return applied


def write_balances(unit: Work, issued: Sequence[Issued]) -> None:
    """Write the allocations and the balance's own entries of what was applied."""
    used = [one for one in issued if one.paid > 0]
    insert_rows(
        unit.session,
        allocations,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": unit.derive("allocation", "balance", one.id),
                "invoice_id": one.id,
                "payment_id": None,
                "kind": "balance",
                "amount": one.paid,
                "at": unit.now,
            }
            for one in used
        ],
    )
    insert_rows(
        unit.session,
        balance_entries,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": unit.derive("balance", "applied", one.id),
                "customer_id": one.customer_id,
                "amount": -one.paid,
                "kind": "applied",
                "source_kind": "invoice",
                "source_id": one.id,
                "at": unit.now,
            }
            for one in used
        ],
    )
    for one in used:
        unit.event(
            "balance.applied",
            "invoice",
            one.id,
            {
                "invoice": ids.public("invoice", one.id),
                "number": one.number,
                "amount": one.paid,
                "due": one.due,
            },
            customer_id=one.customer_id,
        )
