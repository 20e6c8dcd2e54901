"""What a refund or a credit comes to, read where it was just written: for previews and prints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from api.pages.staff.forms import fingerprint
from billing import queries
from billing.flows import refund
from billing.flows.credit import credit_invoice
from core.errors import InvalidRequest
from core.work import Work
from invoices.queries import get_invoice
from invoices.tables import credit_notes
from payments.tables import refunds


@dataclass(frozen=True, slots=True)
class GivenBack:
    """One refund or credit with its note, in whole rupiah."""

    id: UUID
    amount: int
    customer_id: UUID
    number: str
    invoice_id: UUID | None
    net: int
    tax: int
    to_invoice: int
    to_balance: int
    balance_after: int
    route: str = ""
    state: str = ""
    due_at: datetime | None = None

    @property
    def print(self) -> str:
        """What was shown of it, in short; its state may have moved on by itself."""
        return fingerprint(
            self.amount, self.invoice_id, self.net, self.tax, self.to_invoice, self.to_balance,
            self.route,
        )  # fmt: skip


def refund_of(unit: Work, payment_id: UUID, customer_id: UUID, form: dict[str, str]) -> GivenBack:
    """Write a refund as a form asks for it."""
    invoice = form.get("invoice")
    payee = {
        name: form.get(name, "").strip() for name in ("bank", "account_number", "account_name")
    }
    made = refund.request_refund(
        unit,
        payment_id,
        amount_in(form),
        form.get("reason") or "requested_by_customer",
        invoice_id=UUID(invoice) if invoice else None,
        payee=payee if any(payee.values()) else None,
        note=form.get("note", "").strip()[:500] or None,
        key=f"staff:{form['once']}",
    )
    row = unit.session.execute(
        select(refunds).where(refunds.c.merchant_id == unit.merchant_id, refunds.c.id == made)
    ).one()
    note = _note(unit, row.credit_note_id) if row.credit_note_id else None
    return GivenBack(
        id=made,
        amount=row.amount,
        customer_id=customer_id,
        number=get_invoice(unit, row.invoice_id).number or "" if row.invoice_id else "",
        invoice_id=row.invoice_id,
        net=note.net_amount if note else 0,
        tax=note.tax_amount if note else 0,
        to_invoice=0,
        to_balance=0,
        balance_after=queries.balance(unit, customer_id),
        route=row.route,
        state=row.state,
        due_at=row.due_at,
    )


def credit_of(unit: Work, invoice_id: UUID, form: dict[str, str]) -> GivenBack:
    """Write a credit note as a form asks for it."""
    made = credit_invoice(
        unit,
        invoice_id,
        reason=form.get("reason") or "mistake",
        source_kind="request",
        source_id=unit.derive("credit_request", f"staff:{form['once']}"),
        gross_amount=amount_in(form),
        note=form.get("note", "").strip()[:500] or None,
    )
    row = _note(unit, made.id)
    return GivenBack(
        id=made.id,
        amount=row.total_amount,
        customer_id=row.customer_id,
        number=get_invoice(unit, invoice_id).number or "",
        invoice_id=invoice_id,
        net=row.net_amount,
        tax=row.tax_amount,
        to_invoice=row.to_invoice_amount,
        to_balance=row.to_balance_amount,
        balance_after=queries.balance(unit, row.customer_id),
    )


def amount_in(form: dict[str, str]) -> int | None:
    """Read an amount as people write one: ``150.000``, ``Rp150000``; nothing is all that is left.

    Raises:
        InvalidRequest: ``invalid_amount``.
    """
    text = form.get("amount", "").strip().removeprefix("Rp").strip()
    if not text:
        return None
    digits = text.replace(".", "").replace(",", "").replace(" ", "")
    first, *groups = text.replace(",", ".").split(".")
    grouped = not groups or (len(first) <= 3 and all(len(part) == 3 for part in groups))
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 12 and grouped):
        raise InvalidRequest("invalid_amount", "whole rupiah", field="amount")
    return int(digits)


def _note(unit: Work, note_id: UUID) -> Any:
    return unit.session.execute(
        select(credit_notes).where(
            credit_notes.c.merchant_id == unit.merchant_id, credit_notes.c.id == note_id
        )
    ).one()
