"""Journals of money that came and went: capture, the tax point, and their undoing."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from billing.flows.tax_points import payment_point, take_back_point, tax_waiting
from billing.ledger import postings as entries
from billing.ledger.journal import JournalKind
from billing.ledger.service import post, posted
from core.money import Money
from core.work import Work


def post_capture(
    unit: Work, order: Row[Any], invoice: Row[Any], applied: int, *, tax_on: date
) -> None:
    """Post money taken under one order, and the tax that became owed by it.

    Of what waits it takes the share that is paid of what is still due; the last payment takes all
    that is left. What is owed follows the rules of ``tax_on``, the day the money came.
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
        became = payment_point(
            unit, order.order_id, invoice, applied=applied, on=tax_on, waiting=waiting
        )
        if became is not None:
            done.append(became)
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
        take_back_point(unit, invoice.id, order.order_id)
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
