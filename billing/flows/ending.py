"""The end of a subscription: what was invoiced beyond it is taken back, what waited is dropped."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import func, select, update

from billing.flows.void import void_invoice
from billing.records import Subscription
from billing.tables import subscription_changes
from core.work import Work
from invoices.queries import lock_open_invoices
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
    unit: Work, subscription: Subscription, on: date, *, reason: str = "cancellation"
) -> list[UUID]:
    """Take back open invoices for periods that begin at ``on`` or later; returns their ids.

    An invoice nobody paid anything of is voided, any other one is credited with what is left.
    The caller has locked the customer and the subscription.
    """
    taken = []
    for invoice in lock_open_invoices(unit, subscription.id):
        if invoice.period_start is None or invoice.period_start < on:
            continue
        if invoice.paid_amount or invoice.credited_amount:
            from billing.flows.credit import credit_invoice

            credit_invoice(
                unit,
                invoice.id,
                reason=reason,
                source_kind="subscription_end",
                source_id=subscription.id,
            )
        else:
            void_invoice(unit, invoice.id, reason=reason)
        taken.append(invoice.id)
    return taken


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
