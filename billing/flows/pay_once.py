"""A one-off: an invoice of its own, collected like any other; there is no charge without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from billing import queries
from billing.drafts import InvoiceDraft, due_date
from billing.flows.collection import check_automatic
from billing.flows.issue import issue
from core import ids
from core.calendars import civil_date
from core.errors import InvalidRequest
from core.money import Money
from core.work import Work
from invoices.lines import LineKind, describe, full_line
from invoices.queries import Invoice, get_invoice
from invoices.tax_terms import TaxMode
from plans.catalogue import UNIT_AMOUNT_MAX
from plans.pricing import check_quantity

LINES_MAX = 100


@dataclass(frozen=True, slots=True)
class OneOffLine:
    """What is sold once: whole rupiah a piece; the description in one or both languages."""

    description: str | Mapping[str, str]
    unit_amount: int
    quantity: int = 1


def pay_once(
    unit: Work,
    customer_id: UUID,
    lines: Sequence[OneOffLine],
    *,
    collection: Literal["automatic", "invoice"] = "invoice",
    payment_method_id: UUID | None = None,
    interactive: bool = False,
    tax_mode: TaxMode = "exclusive",
    due_on: date | None = None,
    external_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Invoice:
    """Invoice something once, and collect it.

    Args:
        lines: 1 to 100.
        collection: ``automatic`` charges a saved method now, or waits for the payer where
            ``interactive``.
        due_on: by default the merchant's terms from today.
        key: the caller's idempotency key: the same key gives the same invoice.

    Raises:
        NotFound: ``customer_not_found``.
        InvalidRequest: ``invalid_lines``, ``invalid_unit_amount``, ``invalid_quantity``,
            ``invalid_due_on``, ``payment_method_needed``.
        Conflict: ``no_recurring_cards`` or ``payment_method_not_usable``.
    """
    _check_lines(lines)
    queries.lock_customers(unit, [customer_id])
    customer = queries.get_customer(unit, customer_id)
    if collection == "automatic":
        check_automatic(unit, customer_id, payment_method_id, interactive=interactive)
    today = civil_date(unit.now, customer.billing_zone)
    if due_on is not None and due_on < today:
        raise InvalidRequest("invalid_due_on", "The due date has passed.", field="due_on")
    draft = InvoiceDraft(
        customer=customer,
        kind="one_off",
        lines=tuple(
            full_line(
                LineKind.ONE_OFF,
                describe(LineKind.ONE_OFF, line.description),
                unit_amount=Money(line.unit_amount),
                quantity=line.quantity,
            )
            for line in lines
        ),
        tax_mode=tax_mode,
        collection=collection,
        zone=customer.billing_zone,
        due_on=due_on or due_date(collection, today, unit.merchant.payment_terms_days),
        change_id=unit.derive("one_off", key) if key else ids.fresh(),
        payment_method_id=payment_method_id,
        collect="by_payer" if interactive else "at_once",
        external_id=external_id,
        metadata=metadata or {},
    )
    issued = issue(unit, [draft])
    invoice = get_invoice(unit, unit.derive("invoice", *draft.key))
    if issued:
        unit.audit(
            "invoice.create",
            "invoice",
            invoice.id,
            after={
                "number": invoice.number,
                "total": invoice.total_amount,
                "collection": collection,
                "status": invoice.status,
            },
        )
    return invoice


def _check_lines(lines: Sequence[OneOffLine]) -> None:
    if not 1 <= len(lines) <= LINES_MAX:
        raise InvalidRequest("invalid_lines", f"1 to {LINES_MAX} lines.", field="lines")
    for at, line in enumerate(lines):
        check_quantity(line.quantity)
        if not 0 <= line.unit_amount <= UNIT_AMOUNT_MAX:
            raise InvalidRequest(
                "invalid_unit_amount",
                f"unit_amount is 0 to {UNIT_AMOUNT_MAX}.",
                field=f"lines[{at}].unit_amount",
            )
        texts = (
            [line.description]
            if isinstance(line.description, str)
            else [*line.description.values()]
        )
        if not texts or not all(0 < len(text.strip()) <= 500 for text in texts):
            raise InvalidRequest(
                "invalid_description",
                "A line has a description of 1 to 500 characters.",
                field=f"lines[{at}].description",
            )
