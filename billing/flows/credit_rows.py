"""Reads of credit notes: what of an invoice was given back so far."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, cast, func, select

from core.money import Money
from core.work import Work
from invoices.credit_notes import CreditableDocument, CreditableLine, creditable
from invoices.queries import Invoice, get_invoice, in_place_of, lines_of
from invoices.tables import credit_note_lines, credit_notes, invoice_lines, invoices
from invoices.tax_terms import TaxTerms


@dataclass(frozen=True, slots=True)
class CreditNote:
    """An issued credit note. Whole rupiah; ``total = net + tax = to_invoice + to_balance``.

    ``to_balance`` is what had been paid: the customer's balance, or the money of a refund.
    """

    id: UUID
    invoice_id: UUID
    customer_id: UUID
    number: str
    reason: str
    net: int
    tax: int
    total: int
    to_invoice: int
    to_balance: int


def load_creditable(
    unit: Work, invoice: Invoice, *, without: Collection[UUID] = ()
) -> CreditableDocument:
    """Read what of an invoice was given back so far, by notes and by lines of later invoices.

    Credit lines are no lines to credit, they lower what the document came to. What a charge
    beside them is worth beyond that is given back on the invoice they credit. Invoices
    ``without`` count as void.
    """
    terms = TaxTerms.from_json(invoice.tax)
    every = lines_of(unit, invoice.id)
    lines = [line for line in every if line.amount >= 0]
    deducted = [line for line in every if line.amount < 0]
    for_others, by_others = in_place_of(unit, invoice.subscription_id)
    noted = _noted(unit, invoice.id)
    elsewhere = _elsewhere(unit, [line.id for line in lines], without)
    found = []
    for line in lines:
        given, tax = noted.get(line.id, (0, 0))
        found.append(
            CreditableLine(
                line_id=line.id,
                amount=Money(line.amount, invoice.currency),
                tax=Money(line.tax_amount, invoice.currency),
                credited=Money(given, invoice.currency),
                tax_credited=Money(tax, invoice.currency),
                credited_elsewhere=Money(
                    elsewhere.get(line.id, 0) + by_others.get(line.id, 0), invoice.currency
                ),
                for_others=Money(for_others.get(line.id, 0), invoice.currency),
            )
        )
    return CreditableDocument(
        tuple(found),
        terms,
        invoice.currency,
        deducted=Money(-sum(line.amount for line in deducted), invoice.currency),
        deducted_tax=Money(-sum(line.tax_amount for line in deducted), invoice.currency),
    )


def creditable_amount(unit: Work, invoice_id: UUID) -> int:
    """Say how much of an invoice, tax included, may still be credited."""
    return creditable(load_creditable(unit, get_invoice(unit, invoice_id))).amount


def find_note(unit: Work, note_id: UUID) -> CreditNote | None:
    """The note with this id, if it was issued."""
    row = (
        unit.session.execute(
            select(credit_notes).where(
                credit_notes.c.merchant_id == unit.merchant_id, credit_notes.c.id == note_id
            )
        )
        .mappings()
        .one_or_none()
    )
    return None if row is None else note_of(dict(row))


def given_back_of_paid(unit: Work, invoice_id: UUID) -> int:
    """What of the money an invoice took was given back: to the balance or by refunds."""
    total = unit.session.execute(
        select(func.coalesce(func.sum(credit_notes.c.to_balance_amount), 0)).where(
            credit_notes.c.merchant_id == unit.merchant_id,
            credit_notes.c.invoice_id == invoice_id,
        )
    ).scalar_one()
    return int(total)


def note_of(row: Mapping[str, Any]) -> CreditNote:
    """Read a row of credit notes."""
    return CreditNote(
        id=row["id"],
        invoice_id=row["invoice_id"],
        customer_id=row["customer_id"],
        number=row["number"],
        reason=row["reason"],
        net=row["net_amount"],
        tax=row["tax_amount"],
        total=row["total_amount"],
        to_invoice=row["to_invoice_amount"],
        to_balance=row["to_balance_amount"],
    )


def _noted(unit: Work, invoice_id: UUID) -> dict[UUID, tuple[int, int]]:
    # As the document has them: what the books gave back may be split otherwise (tax points).
    line, note = credit_note_lines.c, credit_notes.c
    amount, tax = (
        func.sum(cast(func.jsonb_extract_path_text(line.derivation, name), BigInteger))
        for name in ("amount", "tax")
    )
    rows = unit.session.execute(
        select(line.invoice_line_id, amount, tax)
        .join(
            credit_notes, (note.merchant_id == line.merchant_id) & (note.id == line.credit_note_id)
        )
        .where(line.merchant_id == unit.merchant_id, note.invoice_id == invoice_id)
        .group_by(line.invoice_line_id)
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def _elsewhere(unit: Work, line_ids: Sequence[UUID], without: Collection[UUID]) -> dict[UUID, int]:
    line = invoice_lines.c
    rows = unit.session.execute(
        select(line.credits_line_id, -func.sum(line.amount))
        .join(
            invoices,
            (invoices.c.merchant_id == line.merchant_id) & (invoices.c.id == line.invoice_id),
        )
        .where(
            line.merchant_id == unit.merchant_id,
            line.credits_line_id.in_(line_ids),
            invoices.c.status != "void",
            invoices.c.id.not_in(without),
        )
        .group_by(line.credits_line_id)
    )
    return {row[0]: int(row[1]) for row in rows}
