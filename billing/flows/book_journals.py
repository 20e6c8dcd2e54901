"""Journals of money that came and went: capture, the tax point, and their undoing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from billing.flows.tax_points import payment_point, take_back_point, tax_waiting
from billing.ledger import postings as entries
from billing.ledger.journal import Journal, JournalKind
from billing.ledger.service import post, posted
from core.money import Money
from core.work import Work
from invoices.queries import get_invoice


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
        # Nothing is sold by a top-up: what its money pays has its own tax point.
        if invoice.kind != "top_up":
            done += _tax_point(unit, order, invoice, applied, tax_on)
    post(unit, done)


def _tax_point(
    unit: Work, order: Row[Any], invoice: Row[Any], applied: int, tax_on: date
) -> list[Journal]:
    waiting = tax_waiting(unit, invoice.id)
    became = payment_point(
        unit, order.order_id, invoice, applied=applied, on=tax_on, waiting=waiting
    )
    return [] if became is None else [became]


def post_reversal(unit: Work, order: Row[Any], invoice: Row[Any], *, before: int = 0) -> None:
    """Undo the journals of a capture whose money the bank took back; ``before`` in parts."""
    captured = posted(unit, JournalKind.PAYMENT_CAPTURED, order.order_id)
    if captured is not None:
        left = entries.payment_reversed(
            captured, unit.today, before=Money(before), customer_id=order.customer_id
        )
        post(unit, [left])
    _take_back_tax(unit, order, invoice, before)


def post_part_reversal(
    unit: Work, order: Row[Any], invoice: Row[Any], *, before: int, part: int, left: int
) -> None:
    """Post that the bank took a part of a payment back.

    The tax it had made owed is undone whole, and owed anew for what is ``left`` of the payment on
    the invoice, whose totals were moved before.
    """
    key, customer = f"{order.order_id}:{before + part}", order.customer_id
    taken = entries.payment_taken_back(key, unit.today, amount=Money(part), customer_id=customer)
    post(unit, [taken])
    tax_on = _take_back_tax(unit, order, invoice, before)
    if not left or tax_on is None:
        return
    again = get_invoice(unit, invoice.id)
    unpaid = replace(again, due_amount=again.due_amount + left)
    became = payment_point(
        unit, tax_source(order.order_id, before + part), unpaid, applied=left, on=tax_on,
        waiting=tax_waiting(unit, invoice.id),
    )  # fmt: skip
    if became is not None:
        post(unit, [became])


def tax_source(order_id: str, charged_back: int) -> str:
    """What a payment's tax point is named by, after so much of it was taken back."""
    return f"{order_id}~{charged_back}" if charged_back else order_id


def _take_back_tax(unit: Work, order: Row[Any], invoice: Row[Any], before: int) -> date | None:
    source = tax_source(order.order_id, before)
    became = posted(unit, JournalKind.TAX_BECAME_DUE, f"{invoice.id}:{source}")
    if became is not None:
        post(unit, [entries.tax_point_reversed(became, unit.today)])
    return take_back_point(unit, invoice.id, source)


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
