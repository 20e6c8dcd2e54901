"""The methods an invoice is charged to by itself, in the customer's order, for its page."""

from __future__ import annotations

from uuid import UUID

from billing.flows.document_parts import method_name
from billing.flows.fallback import in_turn
from core.work import Work
from invoices.queries import get_invoice
from payments.method_kinds import KINDS


def turns_of(unit: Work, invoice_id: UUID, language: str) -> tuple[str, ...]:
    """Name the methods in the order of their turns; empty where one alone has no order."""
    rows = in_turn(unit, get_invoice(unit, invoice_id))
    if len(rows) < 2:
        return ()
    return tuple(
        method_name(
            {"channel": KINDS[row.kind].channel, "brand": row.brand, "masked": row.masked}, language
        )
        for row in rows
    )
