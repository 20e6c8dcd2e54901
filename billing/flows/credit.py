"""Credit notes: an issued invoice is never edited, what was wrong with it is given back.

A credit on what is unpaid lowers the debt and never becomes spendable money; on what was paid it
becomes the customer's balance, or goes back to where the money came from (a refund).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from billing.flows.chase import on_credited
from billing.flows.credit_balance import give_back, money_left
from billing.flows.credit_books import post_note
from billing.flows.credit_rows import (
    CreditNote,
    creditable_amount,
    find_note,
    load_creditable,
    note_of,
)
from billing.flows.orders import withdraw
from billing.flows.tax_points import credit_as_recorded
from billing.flows.use_balance import use_balance
from billing.queries import get_customer, lock_customers
from billing.service import after_paid
from core import ids
from core.bulk import insert_rows
from core.errors import Conflict
from core.money import Money
from core.work import Mail, Work, queue_mail
from invoices.credit_notes import (
    CreditableDocument,
    CreditNoteDraft,
    split_by_source,
)
from invoices.credit_notes import credit_amount as amount_of_document
from invoices.credit_notes import credit_lines as amounts_of_lines
from invoices.credit_notes import credit_whole as whole_document
from invoices.numbering import SeriesKind, format_number
from invoices.queries import Invoice, get_invoice
from invoices.service import payload_of, record_settled, take_numbers
from invoices.tables import credit_note_lines, credit_notes

# What takes an invoice back because its subscription ends.
_ENDS = ("cancel", "subscription_end")

__all__ = ["CreditNote", "credit_invoice", "creditable_amount", "load_creditable"]


def credit_invoice(
    unit: Work,
    invoice_id: UUID,
    *,
    reason: str,
    source_kind: str,
    source_id: UUID,
    net_lines: Mapping[UUID, int] | None = None,
    in_place_of: Mapping[UUID, Mapping[UUID, int]] | None = None,
    gross_amount: int | None = None,
    note: str | None = None,
    notify: bool = True,
) -> CreditNote:
    """Issue a credit note on an invoice; the same source credits the same invoice once.

    Args:
        reason: a code such as ``cancellation`` or ``mistake``.
        source_kind: what led to it (``change``, ``cancel``, ``subscription_end``, ``request``,
            ``refund``); with ``refund`` the credit is money on its way back to the payer, never
            balance and never less debt.
        net_lines: amounts to give back by line, in the lines' own terms, before tax where prices
            are before tax; the tax follows.
        in_place_of: which part of ``net_lines`` is given back for lines of later invoices, by
            line and later line; see `plan_credits`.
        gross_amount: instead of lines: an amount with tax, spread over all lines. Neither of the
            two: everything that is left.
        note: words for the reader, in place of those of the reason.
        notify: whether the customer gets the note by mail.

    Raises:
        NotFound: ``invoice_not_found``.
        Conflict: ``invoice_not_creditable`` for a draft, void or written-off invoice;
            ``credit_exceeds_paid`` when a refund would give back more than was paid;
            ``top_up_is_no_debt`` for a top-up; ``credit_exceeds_document`` when lines would give
            back more than it came to.
        InvalidRequest: ``nothing_to_credit``, ``credit_exceeds_line``, ``credit_exceeds_document``
            for an amount.
    """
    seen = get_invoice(unit, invoice_id)
    lock_customers(unit, [seen.customer_id])
    invoice = get_invoice(unit, invoice_id, lock=True)
    note_id = unit.derive("credit_note", source_kind, source_id, invoice_id)
    known = find_note(unit, note_id)
    if known is not None:
        return known
    if invoice.status not in ("open", "paid"):
        raise Conflict(
            "invoice_not_creditable", f"an invoice that is {invoice.status} is not credited"
        )
    if invoice.kind == "top_up":
        raise Conflict("top_up_is_no_debt", "nothing was sold: what is left of it is refunded")
    if invoice.is_offer:
        raise Conflict("invoice_is_offer", "nothing is owed for it before it is paid: void it")
    document = load_creditable(unit, invoice)
    money_before = money_left(unit, invoice)
    draft = _draft(document, net_lines, gross_amount, in_place_of or {})
    to_invoice, to_balance = _split(
        invoice, draft, left=money_before if source_kind == "refund" else None
    )
    recorded = credit_as_recorded(
        unit, invoice, draft, to_invoice=Money(to_invoice), to_balance=Money(to_balance)
    )
    draft = recorded.draft if recorded else draft
    if to_invoice:
        state = record_settled(unit, invoice_id, credited=to_invoice)
        # What is open asks for the amount from before; what is still due is asked for anew.
        withdraw(
            unit,
            invoice_id,
            kinds=("instrument", "attempt") if state.became_paid else ("instrument",),
        )
    issued = _write(
        unit,
        invoice,
        draft,
        {
            "id": note_id,
            "reason": reason,
            "note": note,
            "to_invoice_amount": to_invoice,
            "to_balance_amount": to_balance,
            "source_kind": source_kind,
            "source_id": source_id,
            "tax": recorded.tax if recorded else None,
        },
        in_place_of or {},
    )
    post_note(unit, invoice, draft, issued, recorded)
    if to_invoice and state.became_paid:
        if source_kind not in _ENDS:
            after_paid(unit, state)  # a subscription that ends is not brought to life once more
        on_credited(unit, invoice_id)
    if to_balance and source_kind != "refund":
        give_back(unit, invoice, issued, money_before)
    _tell(unit, invoice, issued, notify=notify)
    if to_balance and source_kind not in ("refund", "change", "pause", *_ENDS):
        # A change spends it on its own invoice first; an end takes back what is not served first.
        use_balance(unit, issued.customer_id)
    return issued


def _draft(
    document: CreditableDocument,
    net_lines: Mapping[UUID, int] | None,
    gross: int | None,
    in_place_of: Mapping[UUID, Mapping[UUID, int]],
) -> CreditNoteDraft:
    if net_lines is not None and gross is not None:
        raise ValueError("a credit is given by lines or by an amount, not by both")
    if net_lines is not None:
        amounts = {line: Money(n, document.currency) for line, n in net_lines.items()}
        others = {
            line: Money(sum(later.values()), document.currency)
            for line, later in in_place_of.items()
        }
        return amounts_of_lines(document, amounts, others)
    if gross is not None:
        return amount_of_document(document, Money(gross, document.currency))
    return whole_document(document)


def _split(invoice: Invoice, draft: CreditNoteDraft, *, left: int | None) -> tuple[int, int]:
    """Divide a note into less debt and what we owe the customer (R43, R44).

    With ``left``, the money that was paid and not given back, all of it is money on its way back.
    """
    total = draft.total
    if left is None:
        to_invoice, to_balance = split_by_source(total, Money(invoice.due_amount))
        return to_invoice.amount, to_balance.amount
    if total.amount > left:
        raise Conflict(
            "credit_exceeds_paid", f"only {left} of what was paid has not been given back yet"
        )
    return 0, total.amount


def _write(
    unit: Work,
    invoice: Invoice,
    draft: CreditNoteDraft,
    fixed: Mapping[str, Any],
    in_place_of: Mapping[UUID, Mapping[UUID, int]],
) -> CreditNote:
    """Take the number last, then write the note and its lines."""
    note_id = fixed["id"]
    today = unit.today
    [n] = take_numbers(unit, "credit_note", today.year, 1)
    merchant = unit.merchant
    number = format_number(
        SeriesKind.CREDIT_NOTE,
        merchant.credit_note_prefix,
        None,
        today.year,
        n,
        month=today.month,
        pattern=merchant.number_pattern,
    )
    row = {
        "merchant_id": unit.merchant_id,
        "invoice_id": invoice.id,
        "customer_id": invoice.customer_id,
        "number": number,
        "currency": invoice.currency,
        "net_amount": draft.net.amount,
        "tax_amount": draft.tax.amount,
        "total_amount": draft.total.amount,
        "issued_at": unit.now,
        "issued_on": today,
        **fixed,
    }
    insert_rows(unit.session, credit_notes, [row])
    insert_rows(
        unit.session,
        credit_note_lines,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": unit.derive("credit_note_line", note_id, position),
                "credit_note_id": note_id,
                "position": position,
                "invoice_line_id": line.line_id,
                "net_amount": line.net.amount,
                "tax_amount": line.tax.amount,
                "derivation": {**line.derivation, **_later(in_place_of.get(line.line_id))},
            }
            for position, line in enumerate(draft.lines, 1)
        ],
    )
    return note_of(row)


def _later(amounts: Mapping[UUID, int] | None) -> dict[str, Any]:
    if not amounts:
        return {}
    return {"in_place_of": {str(line): amount for line, amount in amounts.items()}}


def _tell(unit: Work, invoice: Invoice, issued: CreditNote, *, notify: bool) -> None:
    unit.event(
        "credit_note.issued",
        "credit_note",
        issued.id,
        {
            **payload_of(invoice),
            "credit_note": ids.public("credit_note", issued.id),
            "credit_note_number": issued.number,
            "amount": issued.total,
            "tax": issued.tax,
            "to_invoice": issued.to_invoice,
            "to_balance": issued.to_balance,
            "reason": issued.reason,
        },
        customer_id=issued.customer_id,
    )
    unit.audit(
        "credit_note.create",
        "credit_note",
        issued.id,
        before={"status": invoice.status, "due": invoice.due_amount},
        after={
            "invoice": ids.public("invoice", invoice.id),
            "number": issued.number,
            "amount": issued.total,
            "to_invoice": issued.to_invoice,
            "to_balance": issued.to_balance,
            "reason": issued.reason,
        },
    )
    if notify:
        buyer = get_customer(unit, issued.customer_id)
        queue_mail(
            unit,
            [
                Mail(
                    "credit_note.issued",
                    "credit_note",
                    issued.id,
                    recipient=buyer.email,
                    locale=invoice.locale,
                    customer_id=issued.customer_id,
                )
            ],
        )
