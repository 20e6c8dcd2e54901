"""Billing again what was taken back, once that is served after all: under a key of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select

from billing import queries
from billing.drafts import InvoiceDraft, InvoiceKind, Issued, due_date
from billing.flows.issue import issue
from billing.records import Change, Subscription
from core.calendars import Period, civil_date
from core.money import Money
from core.work import Work
from invoices.lines import DraftLine, LineKind, describe
from invoices.queries import Invoice, InvoiceLine, existing, get_invoice, lines_in_force, lines_of
from invoices.tables import credit_note_lines, credit_notes, invoices
from invoices.tax_terms import TaxMode, TaxTerms
from plans.queries import load_prices


def issue_again(
    unit: Work,
    subscription: Subscription,
    *,
    lines: Sequence[DraftLine],
    period: Period,
    tax_mode: TaxMode,
    key: UUID,
    kind: InvoiceKind = "period",
) -> list[Issued]:
    """Issue lines of a subscription once more; ``key`` stands for the change in its business key.

    Due by the subscription's terms from now and collected its way; none where the key is spent.
    The subscription is locked.
    """
    agreement = subscription.agreement
    today = civil_date(unit.now, agreement.zone)
    return issue(
        unit,
        [
            InvoiceDraft(
                customer=queries.get_customer(unit, subscription.customer_id),
                kind=kind,
                lines=tuple(lines),
                tax_mode=tax_mode,
                collection=agreement.collection,
                zone=agreement.zone,
                due_on=due_date(agreement.collection, today, subscription.terms_days),
                subscription_id=subscription.id,
                period=period,
                change_id=key,
                payment_method_id=subscription.payment_method_id,
                collect="morning",
            )
        ],
    )


def beside_taken_back(unit: Work, drafts: Sequence[InvoiceDraft]) -> list[InvoiceDraft]:
    """Give periods a key beside that of an invoice which began on the same day and was taken back.

    A change to another interval takes back what was invoiced ahead, and a new period may begin on
    that very day: under the old key it would count as billed, and nobody would ask for it.
    """
    told = list(drafts)
    while True:
        ids_of = [unit.derive("invoice", *draft.key) for draft in told]
        gone = _taken_back(unit, dict(zip(ids_of, told, strict=True)))
        if not gone:
            return told
        told = [
            replace(draft, change_id=unit.derive("beside", invoice)) if invoice in gone else draft
            for draft, invoice in zip(told, ids_of, strict=True)
        ]


def _taken_back(unit: Work, named: Mapping[UUID, InvoiceDraft]) -> set[UUID]:
    """Which of these invoices are void, or have nothing left of the period they were for."""
    known = sorted(existing(unit, named))
    if not known:
        return set()
    i = invoices.c
    found = unit.session.execute(
        select(i.id).where(i.merchant_id == unit.merchant_id, i.id.in_(known), i.status == "void")
    )
    gone = set(found.scalars())
    return gone | {one for one in known if one not in gone and _nothing_left(unit, one, named[one])}


def _nothing_left(unit: Work, invoice_id: UUID, draft: InvoiceDraft) -> bool:
    """Whether all of an invoice's period was given back, whoever did it.

    What was used before and a setup fee stay owed beside it, so its total says nothing.
    """
    if draft.subscription_id is None or draft.period is None:
        return False
    lines = [
        line
        for line in lines_in_force(unit, draft.subscription_id, draft.period.start)
        if line.invoice_id == invoice_id and line.amount > 0
    ]
    return bool(lines) and all(line.by_changes + line.by_hand >= line.amount for line in lines)


def bill_what_it_took_off(unit: Work, subscription: Subscription, change: Change) -> None:
    """Bill again what a change that nobody paid had taken off invoices not paid yet (R43).

    A note is never taken back, so what it gave back is a new debt: the same lines, or the part of
    them it gave back, one invoice for each invoice credited. What had been paid of one went to
    the balance with the note, which pays its part of the new one. Days from a cancellation's end
    on are not served, and not billed.
    """
    note = credit_notes.c
    rows = unit.session.execute(
        select(note.id, note.invoice_id)
        .where(
            note.merchant_id == unit.merchant_id,
            note.source_kind == "change",
            note.source_id == change.id,
            note.to_invoice_amount > 0,
        )
        .order_by(note.number)
    ).all()
    for row in rows:
        source = get_invoice(unit, row.invoice_id)
        lines = _lines(unit, source, row.id, change.effective_on, subscription.cancel_on)
        spans = [line.period for line in lines if line.period is not None]
        if not spans:
            continue
        issue_again(
            unit,
            subscription,
            lines=lines,
            period=Period(min(one.start for one in spans), max(one.end for one in spans)),
            tax_mode=TaxTerms.from_json(source.tax).mode,
            key=unit.derive("reissue", change.id, source.id),
            kind="period" if source.kind == "period" else "change",
        )


def _lines(
    unit: Work, source: Invoice, note_id: UUID, on: date, until: date | None
) -> list[DraftLine]:
    noted = credit_note_lines.c
    rows = unit.session.execute(
        select(noted.invoice_line_id, noted.derivation).where(
            noted.merchant_id == unit.merchant_id, noted.credit_note_id == note_id
        )
    )
    given = {row.invoice_line_id: int(row.derivation["amount"]) for row in rows}
    found = []
    for line in lines_of(unit, source.id):
        if line.id not in given or line.period_start is None or line.period_end is None:
            continue
        period = Period(max(line.period_start, min(on, line.period_end)), line.period_end)
        if until is None or period.start < until:
            found.append(_line(unit, source, line, given[line.id], period))
    return found


def _line(unit: Work, source: Invoice, line: InvoiceLine, amount: int, period: Period) -> DraftLine:
    """Write a line as it was, or the part of it that was given back, to the rupiah."""
    kind, description = LineKind(line.kind), line.description
    derivation: dict[str, Any] = line.derivation
    whole = Period(period.start if line.period_start is None else line.period_start, period.end)
    if amount == line.amount:
        period = whole
    else:
        kind = LineKind.CHARGE
        if line.price_id is not None:
            description = describe(kind, load_prices(unit, [line.price_id])[line.price_id].name)
        money = Money(line.amount, source.currency)
        context = {"period_start": period.start.isoformat(), "period_end": period.end.isoformat()}
        if money.share(period.days, whole.days).amount == amount:
            derivation = {
                "rule": "share",
                "of": line.amount,
                "numerator": period.days,
                "denominator": whole.days,
                **context,
            }
        else:  # people had given back of it before
            weights = [amount, line.amount - amount]
            derivation = {
                "rule": "part", "of": line.amount, "weights": weights, "index": 0, **context,
            }  # fmt: skip
        if line.price_id is not None:
            derivation["price_id"] = str(line.price_id)
    return DraftLine(
        kind=kind,
        description=description,
        quantity=line.quantity,
        unit_amount=Money(line.unit_amount, source.currency),
        amount=Money(amount, source.currency),
        period=period,
        price_id=line.price_id,
        extra_id=line.extra_id,
        derivation=derivation,
    )
