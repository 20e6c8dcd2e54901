"""Tax points as they are recorded: one row beside each journal that makes PPN owed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row, func, select, text

from billing.ledger.chart import Account
from billing.ledger.journal import Journal
from billing.ledger.postings import tax_became_due
from core.bulk import insert_rows
from core.calendars import civil_date
from core.money import Money
from core.work import Work
from invoices.credit_notes import CreditNoteDraft, with_recorded_tax
from invoices.queries import Invoice
from invoices.tables import credit_notes, tax_points
from invoices.tax import is_pkp
from invoices.tax_points import (
    TaxPart,
    amounts_differ,
    has_changed,
    tax_at_payment,
    tax_given_back,
    terms_at_tax_point,
)
from invoices.tax_terms import TaxTerms
from payments.gateway import Answer


@dataclass(frozen=True, slots=True)
class NewPoint:
    """A tax point to be recorded; ``n`` counts those of its invoice from 1."""

    invoice_id: UUID
    n: int
    kind: str
    source: str
    part: TaxPart


def tax_points_of(unit: Work, invoice_id: UUID) -> list[TaxPart]:
    """Read the tax points of an invoice in their order."""
    c = tax_points.c
    rows = unit.session.execute(
        select(c.tax_on, c.gross_amount, c.waited_amount, c.owed_amount, c.terms)
        .where(c.merchant_id == unit.merchant_id, c.invoice_id == invoice_id)
        .order_by(c.n)
    )
    return [part_of(row) for row in rows]


def part_of(row: Any) -> TaxPart:
    """Read a row of tax points."""
    return TaxPart(
        on=row.tax_on,
        gross=Money(row.gross_amount),
        waited=Money(row.waited_amount),
        owed=Money(row.owed_amount),
        terms=TaxTerms.from_json(row.terms),
    )


def paid_on(unit: Work, order: Row[Any], invoice: Row[Any], answer: Answer) -> date:
    """The day the money came, as the gateway tells it: never before the issue nor after today.

    A card is paid when it is charged, a number when the bank reports it; when we hear of it does
    not matter, not even over a change of the rate.
    """
    told = answer.settled_at if order.kind == "instrument" else answer.paid_at
    zone = unit.merchant.billing_zone
    day = unit.today if told is None else civil_date(told, zone)
    issued_on: date = invoice.issued_on
    return max(min(day, unit.today), issued_on)


def payment_point(
    unit: Work,
    source: str,
    invoice: Row[Any] | Invoice,
    *,
    applied: int,
    on: date,
    waiting: Money,
    kind: Literal["payment", "balance"] = "payment",
) -> Journal | None:
    """Record what a payment makes owed and give its journal; none where no PPN is about.

    The invoice is locked, and is as it was before the payment. ``source`` is the order id, or
    which use of the balance it is.
    """
    merchant = unit.merchant
    document = TaxTerms.from_json(invoice.tax)
    rules = terms_at_tax_point(
        document,
        on,
        pkp=is_pkp(merchant.pkp_since, merchant.pkp_until, on),
        treatment=merchant.tax_treatment,
    )
    if waiting.is_zero and rules.makes_same_tax(document):
        return None
    rows = unit.session.execute(
        select(tax_points)
        .where(tax_points.c.merchant_id == unit.merchant_id, tax_points.c.invoice_id == invoice.id)
        .order_by(tax_points.c.n)
    ).all()
    if any(row.kind == "issue" for row in rows):
        return None
    part = tax_at_payment(
        Money(applied),
        on,
        due_before=Money(invoice.due_amount),
        waiting=waiting,
        document=document,
        rules=rules,
        earlier=[part_of(row) for row in rows],
    )
    point = NewPoint(invoice.id, len(rows) + 1, kind, source, part)
    record_points(unit, [point])
    return point_journal(unit, point, earned=invoice.kind == "one_off")


def point_journal(unit: Work, point: NewPoint, *, earned: bool) -> Journal:
    """Make the journal of a tax point."""
    return tax_became_due(
        f"{point.invoice_id}:{point.source}",
        unit.today,
        issued=point.part.waited,
        due=point.part.owed,
        earned=earned,
    )


def take_back_point(unit: Work, invoice_id: UUID, source: str) -> date | None:
    """Record that a payment was taken back, and with it what it had made owed; since when."""
    c = tax_points.c
    mine = (c.merchant_id == unit.merchant_id, c.invoice_id == invoice_id)
    row = unit.session.execute(
        select(tax_points).where(*mine, c.kind == "payment", c.source == source)
    ).one_or_none()
    if row is None:
        return None
    part = part_of(row)
    back = TaxPart(unit.today, -part.gross, -part.waited, -part.owed, part.terms)
    record_points(unit, [NewPoint(invoice_id, next_n(unit, invoice_id), "reversal", source, back)])
    return part.on


def next_n(unit: Work, invoice_id: UUID) -> int:
    """The number of an invoice's next tax point."""
    last = unit.session.execute(
        select(func.coalesce(func.max(tax_points.c.n), 0)).where(
            tax_points.c.merchant_id == unit.merchant_id, tax_points.c.invoice_id == invoice_id
        )
    ).scalar_one()
    return int(last) + 1


def record_points(unit: Work, points: Sequence[NewPoint]) -> None:
    """Write tax points, one statement for any number of them."""
    insert_rows(
        unit.session,
        tax_points,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": unit.derive("tax_point", point.invoice_id, point.kind, point.source),
                "invoice_id": point.invoice_id,
                "n": point.n,
                "kind": point.kind,
                "source": point.source,
                "tax_on": point.part.on,
                "gross_amount": point.part.gross.amount,
                "waited_amount": point.part.waited.amount,
                "owed_amount": point.part.owed.amount,
                "terms": point.part.terms.to_json(),
                "at": unit.now,
            }
            for point in points
        ],
    )


_TAX_WAITING = text(
    """
    SELECT coalesce(-sum(p.amount), 0) FROM journals j
    JOIN postings p ON p.merchant_id = j.merchant_id AND p.journal_id = j.id
    WHERE j.merchant_id = :m AND p.account = :account AND (
        (j.kind IN ('invoice_issued', 'invoice_voided', 'written_off', 'write_off_reversed')
            AND j.key = :invoice)
        OR (j.kind IN ('tax_became_due', 'tax_point_reversed', 'written_off', 'write_off_reversed')
            AND j.key LIKE :invoice || ':%')
        OR (j.kind = 'credit_note_issued' AND j.key IN (
            SELECT c.id::text FROM credit_notes c
            WHERE c.merchant_id = :m AND c.invoice_id = CAST(:invoice AS uuid))))
    """
)


def tax_waiting(unit: Work, invoice_id: UUID) -> Money:
    """PPN of an invoice whose tax point has not come yet."""
    amount = unit.session.execute(
        _TAX_WAITING,
        {
            "m": unit.merchant_id,
            "account": str(Account.VAT_NOT_DUE),
            "invoice": str(invoice_id),
        },
    ).scalar_one()
    return Money(int(amount))


_OWED_TAX_BACK = text(
    """
    SELECT coalesce(sum(p.amount), 0) FROM journals j
    JOIN postings p ON p.merchant_id = j.merchant_id AND p.journal_id = j.id
    JOIN credit_notes c ON c.merchant_id = j.merchant_id AND c.id = j.subject_id
    WHERE j.merchant_id = :m AND j.kind = 'credit_note_issued' AND p.account = 'output_vat'
        AND c.invoice_id = :i
    """
)


def given_back(unit: Work, invoice_id: UUID) -> tuple[Money, Money]:
    """What notes gave back so far of an invoice's payments, and the owed PPN in it."""
    money = unit.session.execute(
        select(func.coalesce(func.sum(credit_notes.c.to_balance_amount), 0)).where(
            credit_notes.c.merchant_id == unit.merchant_id,
            credit_notes.c.invoice_id == invoice_id,
        )
    ).scalar_one()
    tax = unit.session.execute(_OWED_TAX_BACK, {"m": unit.merchant_id, "i": invoice_id})
    return Money(int(money)), Money(int(tax.scalar_one()))


@dataclass(frozen=True, slots=True)
class RecordedCredit:
    """A credit note as the books make it: ``not_due`` is the part of its tax that still waits.

    ``tax`` are the rules its reader is told where they are not the invoice's.
    """

    draft: CreditNoteDraft
    not_due: Money
    tax: dict[str, Any] | None


def credit_as_recorded(
    unit: Work, invoice: Invoice, draft: CreditNoteDraft, *, to_invoice: Money, to_balance: Money
) -> RecordedCredit | None:
    """Give a note the tax that was really recorded; None where that is the document's own.

    The invoice is as it was before the note.
    """
    parts = tax_points_of(unit, invoice.id)
    if not has_changed(TaxTerms.from_json(invoice.tax), parts):
        return None
    balance_before, tax_before = given_back(unit, invoice.id)
    not_due, owed = tax_given_back(
        parts,
        waiting=tax_waiting(unit, invoice.id),
        due=Money(invoice.due_amount),
        to_invoice=to_invoice,
        to_balance=to_balance,
        balance_before=balance_before,
        tax_before=tax_before,
    )
    if amounts_differ(parts):
        draft = with_recorded_tax(draft, not_due + owed)
    else:
        not_due = min(draft.tax, not_due)
    return RecordedCredit(draft, not_due, _rules_told(parts) if to_balance else None)


def _rules_told(parts: Sequence[TaxPart]) -> dict[str, Any] | None:
    """The rules of the payments: one and the same, or the last one's as one of several."""
    paid = [part for part in parts if part.gross > Money(0)]
    if not paid:
        return None
    last = paid[-1].terms
    mixed = not all(part.terms.reads_the_same(last) for part in paid)
    return {**last.to_json(), "mixed": mixed}
