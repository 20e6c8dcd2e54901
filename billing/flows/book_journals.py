"""Journals of money that came and went: capture, the tax point, and their undoing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from billing.ledger import postings as entries
from billing.ledger.chart import Account
from billing.ledger.journal import JournalKind
from billing.ledger.service import post, posted
from core.money import Money
from core.work import Work

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


def post_capture(unit: Work, order: Row[Any], invoice: Row[Any], applied: int) -> None:
    """Post money taken under one order, and the share of the tax that became owed by it.

    The share is what still waits, times what is paid of what is still due; the last payment takes
    all that is left, so the shares add up to the tax exactly.
    """
    on = unit.today
    done = [
        entries.payment_captured(
            order.order_id,
            on,
            amount=Money(order.amount),
            allocated=Money(applied),
            customer_id=order.customer_id,
        )
    ]
    if applied:
        if invoice.status == "uncollectible":
            off = posted(unit, JournalKind.WRITTEN_OFF, write_off_key(unit, invoice.id))
            if off is not None:
                post(unit, [entries.write_off_reversed(off, on)])
        waiting = tax_waiting(unit, invoice.id)
        owed = waiting.share(applied, invoice.due_amount)
        if not owed.is_zero:
            key = f"{invoice.id}:{order.order_id}"
            done.append(entries.tax_became_due(key, on, issued=owed))
    post(unit, done)


def post_reversal(unit: Work, order: Row[Any], invoice: Row[Any]) -> None:
    """Undo the journals of a capture whose money the bank took back."""
    on = unit.today
    captured = posted(unit, JournalKind.PAYMENT_CAPTURED, order.order_id)
    became = posted(unit, JournalKind.TAX_BECAME_DUE, f"{invoice.id}:{order.order_id}")
    undone = []
    if captured is not None:
        undone.append(entries.payment_reversed(captured, on))
    if became is not None:
        undone.append(entries.tax_point_reversed(became, on))
    post(unit, undone)


def write_off_key(unit: Work, invoice_id: UUID, *, new: bool = False) -> str:
    """The key of an invoice's latest write-off, or of its next: a debt may be given up again."""
    count = unit.session.execute(
        text(
            "SELECT count(*) FROM journals WHERE merchant_id = :m AND kind = 'written_off' "
            "AND (key = :invoice OR key LIKE :invoice || ':%')"
        ),
        {"m": unit.merchant_id, "invoice": str(invoice_id)},
    ).scalar_one()
    n = count + 1 if new else count
    return str(invoice_id) if n <= 1 else f"{invoice_id}:{n}"


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
