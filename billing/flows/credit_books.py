"""The books of a credit note: price and PPN come back as they were recorded."""

from __future__ import annotations

from billing.flows.credit_rows import CreditNote
from billing.flows.tax_points import (
    NewPoint,
    RecordedCredit,
    next_n,
    point_journal,
    record_points,
    tax_waiting,
)
from billing.ledger.postings import credit_note_issued
from billing.ledger.service import post
from core.money import Money, zero
from core.work import Work
from invoices.credit_notes import CreditNoteDraft
from invoices.queries import Invoice, lines_of
from invoices.tax_points import TaxPart
from invoices.tax_terms import TaxTerms


def post_note(
    unit: Work,
    invoice: Invoice,
    draft: CreditNoteDraft,
    issued: CreditNote,
    recorded: RecordedCredit | None,
) -> None:
    """Book a note: tax that was never owed leaves *belum terutang* and no tax report.

    Where parts were paid, the tax of the parts was rounded by itself: with the last credit what
    is left waiting, a rupiah at most, goes the way of the paid parts, so nothing stays behind.
    """
    # Usage that has an invoice of its own was earned with it, as one-off work is.
    once = {
        line.id for line in lines_of(unit, invoice.id) if "one_off" in (line.kind, invoice.kind)
    }
    nothing = zero(invoice.currency)
    waiting = tax_waiting(unit, invoice.id)
    if recorded is not None:
        not_due = recorded.not_due
    else:
        not_due = min(draft.tax, waiting) if issued.to_invoice else nothing
    note = credit_note_issued(
        issued.id,
        unit.today,
        net=draft.net,
        tax=draft.tax,
        to_invoice=Money(issued.to_invoice, invoice.currency),
        to_balance=Money(issued.to_balance, invoice.currency),
        customer_id=issued.customer_id,
        tax_not_due=not_due,
        # One-off work was earned when it was invoiced; the rest of the price is still deferred.
        recognised=sum((line.net for line in draft.lines if line.line_id in once), nothing),
    )
    journals = [note]
    left = waiting - not_due
    if issued.to_invoice == invoice.due_amount and left > nothing:
        rest = TaxPart(unit.today, nothing, left, left, TaxTerms.from_json(invoice.tax))
        n = next_n(unit, invoice.id)
        point = NewPoint(invoice.id, n, "credit", str(issued.id), rest)
        record_points(unit, [point])
        journals.append(point_journal(unit, point, earned=invoice.kind == "one_off"))
    post(unit, journals)
