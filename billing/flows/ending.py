"""The end of a subscription: what was invoiced beyond it is taken back, what waited is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from invoices.queries import (
    LineInForce,
    get_invoice,
    lines_in_force,
    lines_of,
    lock_open_invoices,
)
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


@dataclass(frozen=True, slots=True)
class Unserved:
    """Open invoices for time that will not be served.

    ``voided`` can be voided; of all others ``lines`` are (invoice, line, what is left of it), to
    be given back by credit notes.
    """

    voided: tuple[UUID, ...]
    lines: tuple[tuple[UUID, UUID, int], ...]


def find_unserved(unit: Work, subscription_id: UUID, on: date) -> Unserved:
    """Find the open invoices for periods that begin at ``on`` or later; reads only."""
    inv = invoices.c
    rows = unit.session.execute(
        select(inv.id, inv.paid_amount, inv.credited_amount)
        .where(
            inv.merchant_id == unit.merchant_id,
            inv.subscription_id == subscription_id,
            inv.status == "open",
            ~inv.is_offer,
            inv.period_start >= on,
        )
        .order_by(inv.id)
    ).all()
    # What was used before is owed whatever becomes of the period that is billed beside it.
    used = _used_lines(unit, [row.id for row in rows])
    voided = tuple(
        row.id
        for row in rows
        if not (row.paid_amount or row.credited_amount or row.id in used.values())
    )
    lines = tuple(
        (row.id, line.line_id, line.left.amount)
        for row in rows
        if row.id not in voided
        for line in load_creditable(unit, get_invoice(unit, row.id), without=voided).lines
        if line.left.amount and line.line_id not in used
    )
    return Unserved(voided, lines)


def _used_lines(unit: Work, invoice_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The lines of usage that came to something, with their invoices."""
    line = invoice_lines.c
    rows = unit.session.execute(
        select(line.id, line.invoice_id).where(
            line.merchant_id == unit.merchant_id,
            line.invoice_id.in_(invoice_ids),
            line.kind == "usage",
            line.amount > 0,
        )
    )
    return {row.id: row.invoice_id for row in rows}


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

    lock_open_invoices(unit, subscription.id)
    unserved = find_unserved(unit, subscription.id, on)
    for invoice_id in unserved.voided:
        void_invoice(unit, invoice_id, reason=reason)
    parted = list(dict.fromkeys(invoice_id for invoice_id, _, _ in unserved.lines))
    for credit in plan_credits(unit, unserved.lines):
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
        give_back_freed(unit, subscription, unserved.voided, freed_from, reason=reason)
    return [*unserved.voided, *parted]


def give_back_freed(
    unit: Work, subscription: Subscription, voided: Sequence[UUID], on: date, *, reason: str
) -> None:
    """Give back what is unused from ``on`` of lines that the credit lines of void changes freed."""
    freed = {
        line.credits_line_id
        for invoice_id in voided
        for line in lines_of(unit, invoice_id)
        if line.credits_line_id is not None
    }
    lines = [line for line in lines_in_force(unit, subscription.id, on) if line.id in freed]
    _credit_rest(unit, lines, on, reason=reason, source_id=unit.derive("freed", *voided))


def give_back_beyond(unit: Work, subscription: Subscription, on: date) -> None:
    """Give back what was billed beyond a date on which the subscription ends (R39, R40)."""
    lines = lines_in_force(unit, subscription.id, on)
    source_id = unit.derive("beyond", subscription.id, on)
    _credit_rest(unit, lines, on, reason="cancellation", source_id=source_id)


def _credit_rest(
    unit: Work, lines: Sequence[LineInForce], on: date, *, reason: str, source_id: UUID
) -> None:
    # Lazy: issuing opens cases, and the end of a case takes invoices back.
    from billing.flows.change_quote import billed_line, credits_by_invoice
    from billing.flows.credit import credit_invoice
    from billing.flows.orders import withdraw

    unused = quote_end([billed_line(line) for line in lines], on)
    for credit in credits_by_invoice(unit, lines, unused):
        note = credit_invoice(
            unit,
            credit.invoice_id,
            reason=reason,
            source_kind="subscription_end",
            source_id=source_id,
            net_lines=dict(credit.lines),
            in_place_of=credit.later(),
        )
        if note.to_invoice:
            # A number to pay the old amount to is of no use any more; another one follows.
            withdraw(unit, credit.invoice_id)


def restored_by_voids(unit: Work, voided: Sequence[UUID]) -> dict[UUID, int]:
    """Say what voiding these invoices restores, by line.

    A void change no longer credits the old line: what is unused of that is to be given back.
    """
    line = invoice_lines.c
    rows = unit.session.execute(
        select(line.credits_line_id, -func.sum(line.amount))
        .where(
            line.merchant_id == unit.merchant_id,
            line.invoice_id.in_(voided),
            line.credits_line_id.is_not(None),
        )
        .group_by(line.credits_line_id)
    )
    return {row[0]: int(row[1]) for row in rows}
