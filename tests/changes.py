"""Subscriptions about to change, and a comparison of what was planned with what was stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from builders import (
    make_price,
    make_subscription,
    working,
)
from sqlalchemy import select

from billing.engine import Engine
from billing.flows.change_plan import Changed
from billing.flows.change_quote import PlannedChange
from billing.queries import changes_of, get_subscription, items_of
from billing.records import Subscription
from billing.service import after_paid
from core.merchant import Merchant
from core.work import Work
from invoices.queries import get_invoice, lines_of
from invoices.service import record_settled
from invoices.tables import credit_note_lines, credit_notes

# 15 November 2026, 09:00 in Jakarta: the examples' period is [11-15, 12-15).
BEGIN = datetime(2026, 11, 15, 2, tzinfo=UTC)
CHANGE = datetime(2026, 11, 25, 2, tzinfo=UTC)


def pay(unit: Work, invoice_id: UUID | None, amount: int) -> None:
    """Money came in, as far as an invoice is concerned."""
    assert invoice_id is not None
    state = record_settled(unit, invoice_id, paid=amount)
    if state.became_paid:
        after_paid(unit, state)


def begin(
    engine: Engine, merchant: Merchant, *, amount: int, paid: bool = True, **terms: Any
) -> tuple[Subscription, UUID]:
    with working(engine, merchant) as unit:
        quantity = terms.pop("quantity", 1)
        made = make_subscription(unit, price=make_price(unit, amount, **terms), quantity=quantity)
        assert made.invoice_id is not None
        if paid:
            pay(unit, made.invoice_id, get_invoice(unit, made.invoice_id).total_amount)
    return made.subscription, made.invoice_id


def assert_stored(engine: Engine, merchant: Merchant, shown: PlannedChange, done: Changed) -> None:
    """Compare every figure of a plan with the rows that came of it."""
    with working(engine, merchant) as unit:
        after = get_subscription(unit, done.subscription.id)
        notes = list(
            unit.session.execute(
                select(
                    credit_notes.c.invoice_id,
                    credit_note_lines.c.invoice_line_id,
                    credit_note_lines.c.net_amount,
                )
                .join(credit_note_lines, credit_note_lines.c.credit_note_id == credit_notes.c.id)
                .where(credit_notes.c.source_id == shown.change_id)
            )
        )
        [stored] = [one for one in changes_of(unit, after.id) if one.id == shown.change_id]
        items = items_of(unit, after.id)
        assert after.billed_through == shown.quote.billed_through
        assert after.current == (shown.quote.new_period or done.subscription.current)
        assert (stored.mode, stored.effective_on) == (shown.quote.mode, shown.quote.effective_on)
        assert (stored.to_price_id, stored.quantity) == (shown.new.id, shown.quantity)
        assert (items[-1].price_id, items[-1].quantity) == (shown.new.id, shown.quantity)
        assert items[-1].started_on == items[-2].ended_on == shown.quote.effective_on
        assert sorted((str(a), str(b), c) for a, b, c in notes) == sorted(
            (str(credit.invoice_id), str(line), amount)
            for credit in shown.credits
            for line, amount in credit.lines
        )
        if shown.document is None or shown.draft is None or shown.invoice_id is None:
            assert stored.invoice_id is None
            return
        invoice = get_invoice(unit, shown.invoice_id)
        assert stored.invoice_id == invoice.id
        assert invoice.subtotal_amount == shown.document.subtotal.amount
        assert invoice.tax_amount == shown.document.tax.tax.amount
        assert invoice.total_amount == shown.document.total.amount
        assert invoice.tax == shown.document.tax.to_json()
        assert invoice.due_on == shown.draft.due_on
        for row, planned in zip(lines_of(unit, invoice.id), shown.document.lines, strict=True):
            line = planned.line
            assert row.position == planned.position
            assert row.kind == line.kind.value
            assert row.description == dict(line.description)
            assert (row.quantity, row.unit_amount) == (line.quantity, line.unit_amount.amount)
            assert (row.amount, row.tax_amount) == (line.amount.amount, planned.tax.amount)
            assert line.period is not None
            assert (row.period_start, row.period_end) == (line.period.start, line.period.end)
            assert (row.price_id, row.credits_line_id) == (line.price_id, line.credits_line_id)
            assert row.derivation == dict(line.derivation)
