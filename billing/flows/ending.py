"""The end of a subscription: what was invoiced beyond it is taken back, what waited is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import func, select, update

from billing.flows.credit_plan import plan_credits
from billing.flows.credit_rows import load_creditable
from billing.flows.void import void_invoice
from billing.plan_changes import quote_end
from billing.records import Subscription
from billing.tables import subscription_changes
from core.work import Work
from invoices.queries import get_invoice, lines_in_force, lines_of, lock_open_invoices
from invoices.tables import invoice_lines, invoices


def drop_scheduled(unit: Work, subscription_id: UUID) -> bool:
    """Drop the plan change that waits for the period's end; says whether there was one."""
    result = unit.session.execute(
        update(subscription_changes)
        .where(
            subscription_changes.c.merchant_id == unit.merchant_id,
            subscription_changes.c.subscription_id == subscription_id,
            subscription_changes.c.state == "scheduled",
        )
        .values(state="replaced", closed_at=unit.now)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]


def take_back_unserved(
    unit: Work,
    subscription: Subscription,
    on: date,
    *,
    reason: str = "cancellation",
    freed_from: date | None = None,
) -> list[UUID]:
    """Take back open invoices for periods that begin at ``on`` or later; returns their ids.

    An invoice nobody paid anything of is voided, any other one is credited with what is left; what
    its charge is worth beyond it was paid on the invoice its credit line credits, and is given
    back there. The caller has locked the customer and the subscription.

    Args:
        freed_from: give back what voided changes had credited of older invoices, as far as it is
            unused from this date; by default the caller does.
    """
    from billing.flows.credit import credit_invoice

    voided: list[UUID] = []
    parted: list[UUID] = []
    for invoice in lock_open_invoices(unit, subscription.id):
        if invoice.period_start is None or invoice.period_start < on:
            continue
        if invoice.paid_amount or invoice.credited_amount:
            parted.append(invoice.id)
        else:
            void_invoice(unit, invoice.id, reason=reason)
            voided.append(invoice.id)
    wanted = [
        (invoice_id, line.line_id, line.left.amount)
        for invoice_id in parted
        for line in load_creditable(unit, get_invoice(unit, invoice_id)).lines
        if line.left.amount
    ]
    for credit in plan_credits(unit, wanted):
        credit_invoice(
            unit,
            credit.invoice_id,
            reason=reason,
            source_kind="subscription_end",
            source_id=unit.derive("taken_back", *parted),
            net_lines=dict(credit.lines),
            in_place_of=credit.later(),
        )
    if freed_from is not None:
        give_back_freed(unit, subscription, voided, freed_from, reason=reason)
    return [*voided, *parted]


def give_back_freed(
    unit: Work, subscription: Subscription, voided: Sequence[UUID], on: date, *, reason: str
) -> None:
    """Give back what is unused from ``on`` of lines that the credit lines of void changes freed."""
    # Lazy: issuing opens cases, and the end of a case takes invoices back.
    from billing.flows.change_quote import billed_line, credits_by_invoice
    from billing.flows.credit import credit_invoice

    freed = {
        line.credits_line_id
        for invoice_id in voided
        for line in lines_of(unit, invoice_id)
        if line.credits_line_id is not None
    }
    lines = [line for line in lines_in_force(unit, subscription.id, on) if line.id in freed]
    unused = quote_end([billed_line(line) for line in lines], on)
    for credit in credits_by_invoice(unit, lines, unused):
        credit_invoice(
            unit,
            credit.invoice_id,
            reason=reason,
            source_kind="subscription_end",
            source_id=unit.derive("freed", *voided),
            net_lines=dict(credit.lines),
            in_place_of=credit.later(),
        )


def restored_by_voids(
    unit: Work, subscription_id: UUID, on: date
) -> tuple[list[UUID], dict[UUID, int]]:
    """Say which invoices `take_back_unserved` will void, and what that restores, by line.

    A void change no longer credits the old line: what is unused of that is to be given back.
    """
    inv, line = invoices.c, invoice_lines.c
    voided = list(
        unit.session.execute(
            select(inv.id).where(
                inv.merchant_id == unit.merchant_id,
                inv.subscription_id == subscription_id,
                inv.status == "open",
                inv.period_start >= on,
                inv.paid_amount == 0,
                inv.credited_amount == 0,
            )
        ).scalars()
    )
    rows = unit.session.execute(
        select(line.credits_line_id, -func.sum(line.amount))
        .where(
            line.merchant_id == unit.merchant_id,
            line.invoice_id.in_(voided),
            line.credits_line_id.is_not(None),
        )
        .group_by(line.credits_line_id)
    )
    return voided, {row[0]: int(row[1]) for row in rows}
