"""The rows a document is made of, read in a fixed number of queries however many lines it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from billing.flows.tax_points import tax_points_of
from core.errors import NotFound
from core.work import Work
from invoices.tables import credit_note_lines, credit_notes, invoice_lines, invoices
from invoices.tax_points import TaxPart
from payments.channels import STANDING
from payments.tables import (
    allocations,
    payment_methods,
    payment_orders,
    payments,
    refunds,
)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class InvoiceRows:
    """Everything that is shown of an invoice.

    ``payments`` are allocations with their ``channel`` and ``masked`` card; ``instruments`` the
    ways to pay that are open; ``method`` the saved method that will be charged.
    """

    invoice: Row
    lines: Sequence[Row]
    payments: Sequence[Row]
    instruments: Sequence[Row]
    method: Row | None
    tax_points: Sequence[TaxPart] = ()

    @property
    def state_at(self) -> datetime:
        """The business time at which the invoice came into the state it is in."""
        invoice = self.invoice
        found = [invoice["issued_at"], *(paid["at"] for paid in self.payments)]
        if invoice["status"] == "paid" and invoice["paid_at"] is not None:
            found.append(invoice["paid_at"])
        if invoice["status"] in ("void", "uncollectible") and invoice["closed_at"] is not None:
            found.append(invoice["closed_at"])
        latest: datetime = max(found)
        return latest


@dataclass(frozen=True, slots=True)
class CreditNoteRows:
    """Everything that is shown of a credit note; ``refund`` is where its money goes, if it does."""

    note: Row
    lines: Sequence[Row]
    invoice: Row
    refund: Row | None


def load_invoice(unit: Work, invoice_id: UUID) -> InvoiceRows:
    """Read an issued invoice whole.

    Raises:
        NotFound: ``invoice_not_found``; a draft is no document yet.
    """
    invoice = _invoice(unit, invoice_id)
    lines = _all(
        unit,
        select(invoice_lines)
        .where(invoice_lines.c.invoice_id == invoice_id, _mine(unit, invoice_lines))
        .order_by(invoice_lines.c.position),
    )
    paid = _all(
        unit,
        select(
            allocations.c.amount,
            allocations.c.at,
            allocations.c.kind,
            payments.c.channel,
            payment_methods.c.brand,
            payment_methods.c.masked,
        )
        .select_from(
            allocations.outerjoin(
                payments,
                (payments.c.merchant_id == allocations.c.merchant_id)
                & (payments.c.id == allocations.c.payment_id),
            )
            .outerjoin(
                payment_orders,
                (payment_orders.c.merchant_id == payments.c.merchant_id)
                & (payment_orders.c.id == payments.c.payment_order_id),
            )
            .outerjoin(
                payment_methods,
                (payment_methods.c.merchant_id == payment_orders.c.merchant_id)
                & (payment_methods.c.id == payment_orders.c.payment_method_id),
            )
        )
        .where(allocations.c.invoice_id == invoice_id, _mine(unit, allocations))
        .order_by(allocations.c.at, allocations.c.id),
    )
    for one in paid:
        one["channel"] = one["channel"] or one["kind"]
    waiting = invoice["status"] in ("open", "uncollectible")
    return InvoiceRows(
        invoice=invoice,
        lines=lines,
        payments=paid,
        instruments=_instruments(unit, invoice_id) if waiting else [],
        method=_method(unit, invoice["payment_method_id"]) if waiting else None,
        tax_points=tax_points_of(unit, invoice_id) if paid else (),
    )


def load_credit_note(unit: Work, credit_note_id: UUID) -> CreditNoteRows:
    """Read a credit note whole, with the invoice it corrects.

    Raises:
        NotFound: ``credit_note_not_found``.
    """
    found = _all(
        unit,
        select(credit_notes).where(credit_notes.c.id == credit_note_id, _mine(unit, credit_notes)),
    )
    if not found:
        raise NotFound("credit_note_not_found", "there is no such credit note")
    note = found[0]
    lines = _all(
        unit,
        select(credit_note_lines, invoice_lines.c.description)
        .join(
            invoice_lines,
            (invoice_lines.c.merchant_id == credit_note_lines.c.merchant_id)
            & (invoice_lines.c.id == credit_note_lines.c.invoice_line_id),
        )
        .where(credit_note_lines.c.credit_note_id == credit_note_id, _mine(unit, credit_note_lines))
        .order_by(credit_note_lines.c.position),
    )
    refund = _all(
        unit,
        select(
            refunds.c.route,
            refunds.c.state,
            refunds.c.due_at,
            payments.c.channel,
            payment_methods.c.masked,
        )
        .select_from(
            refunds.join(
                payments,
                (payments.c.merchant_id == refunds.c.merchant_id)
                & (payments.c.id == refunds.c.payment_id),
            )
            .join(
                payment_orders,
                (payment_orders.c.merchant_id == payments.c.merchant_id)
                & (payment_orders.c.id == payments.c.payment_order_id),
            )
            .outerjoin(
                payment_methods,
                (payment_methods.c.merchant_id == payment_orders.c.merchant_id)
                & (payment_methods.c.id == payment_orders.c.payment_method_id),
            )
        )
        .where(refunds.c.credit_note_id == credit_note_id, _mine(unit, refunds)),
    )
    return CreditNoteRows(
        note, lines, _invoice(unit, note["invoice_id"]), refund[0] if refund else None
    )


def _invoice(unit: Work, invoice_id: UUID) -> dict[str, Any]:
    found = _all(
        unit,
        select(invoices).where(
            invoices.c.id == invoice_id, invoices.c.status != "draft", _mine(unit, invoices)
        ),
    )
    if not found:
        raise NotFound("invoice_not_found", "there is no such invoice")
    return found[0]


def _instruments(unit: Work, invoice_id: UUID) -> list[dict[str, Any]]:
    return _all(
        unit,
        select(payment_orders.c.amount, payment_orders.c.expires_at, payment_orders.c.instructions)
        .where(
            payment_orders.c.invoice_id == invoice_id,
            payment_orders.c.kind == "instrument",
            payment_orders.c.channel.in_(STANDING),
            payment_orders.c.state == "pending",
            payment_orders.c.abandoning.is_(False),
            _mine(unit, payment_orders),
        )
        .order_by(payment_orders.c.n),
    )


def _method(unit: Work, method_id: UUID | None) -> dict[str, Any] | None:
    if method_id is None:
        return None
    found = _all(
        unit,
        select(
            payment_methods.c.kind.label("channel"),
            payment_methods.c.brand,
            payment_methods.c.masked,
        ).where(
            payment_methods.c.id == method_id,
            payment_methods.c.state == "active",
            _mine(unit, payment_methods),
        ),
    )
    return found[0] if found else None


def _mine(unit: Work, table: Any) -> Any:
    return table.c.merchant_id == unit.merchant_id


def _all(unit: Work, query: Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in unit.session.execute(query).mappings()]
