"""The customer's balance on new invoices: after tax, oldest invoice first, up to its total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from billing import queries
from billing.credits.lots import Use, in_order, less, take
from billing.credits.queries import lots_of
from billing.credits.service import lower_balances
from billing.drafts import Issued
from core import ids
from core.bulk import insert_rows
from core.work import Work
from payments.tables import allocations


def plan_balances(
    unit: Work, invoices: Sequence[tuple[UUID, UUID, int]]
) -> dict[UUID, tuple[Use, ...]]:
    """Say how much of which lots of a customer goes to which invoice; locks those customers.

    Args:
        invoices: (invoice, customer, total) in the order in which they are served.

    Returns:
        Uses by invoice; invoices that get nothing are left out.
    """
    holders = queries.balances(unit, {customer for _, customer, total in invoices if total > 0})
    if not holders:
        return {}
    queries.lock_customers(unit, holders)
    # Read again: what was there before the lock may be spent.
    held = lots_of(unit, holders)
    applied: dict[UUID, tuple[Use, ...]] = {}
    for invoice_id, customer_id, total in invoices:
        lots = in_order(held.get(customer_id, ()), unit.now)
        part = min(total, sum(lot.left for lot in lots))
        if part > 0:
            applied[invoice_id] = take(lots, part)
            held[customer_id] = less(lots, applied[invoice_id])
    return applied


def write_balances(
    unit: Work, issued: Sequence[Issued], applied: Mapping[UUID, Sequence[Use]]
) -> None:
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
    lower_balances(
        unit,
        [
            (
                {
                    "merchant_id": unit.merchant_id,
                    "id": unit.derive("balance", "applied", one.id),
                    "customer_id": one.customer_id,
                    "amount": -one.paid,
                    "kind": "applied",
                    "source_kind": "invoice",
                    "source_id": one.id,
                    "at": unit.now,
                },
                applied[one.id],
            )
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
