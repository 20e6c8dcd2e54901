"""Issuing invoices: priced, numbered, booked, told and mailed, for up to a thousand at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from billing.credits.lots import PROMOTIONAL, Use, of_kind
from billing.drafts import InvoiceDraft, Issued
from billing.flows.issue_balance import plan_balances, write_balances
from billing.flows.issue_rows import content_hash, invoice_row, line_rows, seller_snapshot
from billing.flows.tax_points import NewPoint, record_points
from billing.ledger.balance_postings import balance_used
from billing.ledger.journal import Journal
from billing.ledger.postings import invoice_issued, tax_became_due, tax_due_on_payment
from billing.ledger.service import post
from core import ids
from core.errors import InvalidRequest
from core.merchant import Merchant
from core.money import Money, zero
from core.work import Mail, Work, queue_mail
from dunning.service import CaseDraft, open_invoice_cases
from invoices.lines import PricedDocument, price_document
from invoices.numbering import format_number
from invoices.queries import existing
from invoices.service import insert_invoices, take_numbers
from invoices.tax import is_pkp
from invoices.tax_points import TaxPart

DRAFTS_MAX = 1_000


def issue(unit: Work, drafts: Sequence[InvoiceDraft]) -> list[Issued]:
    """Issue invoices; those issued before under the same business key are left out.

    Everything commits with the caller's transaction: number, lines with their derivation,
    snapshots of seller and buyer, journals, events, mail, the customer's balance applied, and
    when collecting begins. An invoice over nothing is paid without a charge (R28).

    The caller has locked the subscriptions; customers with a balance are locked here, so a caller
    who locks subscriptions has locked their customers first.

    Returns:
        One `Issued` for each new invoice, in the order of their numbers: first day of the
        period, then subscription.

    Raises:
        InvalidRequest: ``negative_total``; a credit is a credit note.
    """
    if len(drafts) > DRAFTS_MAX:
        raise ValueError(f"at most {DRAFTS_MAX} invoices are issued at once")
    named = {unit.derive("invoice", *draft.key): draft for draft in drafts}
    known = existing(unit, named)
    todo = sorted(
        ((invoice_id, draft) for invoice_id, draft in named.items() if invoice_id not in known),
        key=_order,
    )
    if not todo:
        return []
    issued_on = unit.today
    priced = price_drafts(unit.merchant, [draft for _, draft in todo], issued_on)
    applied = plan_balances(
        unit,
        [
            # Nobody tops a balance up out of the balance.
            (i, d.customer.id, 0 if d.kind == "top_up" else p.total.amount)
            for (i, d), p in zip(todo, priced, strict=True)
            if not d.is_offer
        ],
    )
    # The counter is the hot row of a merchant: taken here, after all that could be slow.
    numbers = take_numbers(unit, "invoice", issued_on.year, len(todo))
    seller = seller_snapshot(unit.merchant, issued_on)
    rows, lines, issued = [], [], []
    for (invoice_id, draft), document, n in zip(todo, priced, numbers, strict=True):
        number = format_number(
            "invoice", unit.merchant.invoice_prefix, None, issued_on.year, n,
            month=issued_on.month, pattern=unit.merchant.number_pattern,
        )  # fmt: skip
        its_lines = line_rows(unit, invoice_id, document)
        uses = applied.get(invoice_id, ())
        paid = sum(use.amount for use in uses)
        row = invoice_row(
            unit, invoice_id, draft, document, number=number, seller=seller, paid=paid
        )
        row["content_hash"] = content_hash(row, its_lines)
        rows.append(row)
        lines += its_lines
        issued.append(_issued(invoice_id, draft, document, number, uses))
    insert_invoices(unit, rows, lines)
    write_balances(unit, issued, applied)
    post(unit, [journal for one in issued for journal in _journals(unit, one)])
    record_points(unit, _points(unit, issued, priced))
    _tell(unit, issued)
    _mail(unit, [draft for _, draft in todo], issued)
    _chase(unit, [draft for _, draft in todo], issued)
    if any(row["collect_at"] is not None and row["collect_at"] <= unit.now for row in rows):
        unit.ring("invoice.collect")
    return issued


def price_drafts(
    merchant: Merchant, drafts: Sequence[InvoiceDraft], on: date, *, allow_negative: bool = False
) -> list[PricedDocument]:
    """Price each draft by the tax rules of a date; equal lines are worked out once.

    Raises:
        InvalidRequest: ``negative_total``, unless the caller asks to see it.
    """
    pkp = is_pkp(merchant.pkp_since, merchant.pkp_until, on)
    # By identity: drafts that share their lines are the same case, and are alive while we are.
    cases: dict[tuple[int, str], PricedDocument] = {}
    priced = []
    for draft in drafts:
        case = (id(draft.lines), draft.tax_mode)
        if case not in cases:
            # Nothing is sold by a top-up: PPN is owed on what its money pays.
            taxed = pkp and draft.kind != "top_up"
            cases[case] = price_document(
                draft.lines, treatment=merchant.tax_treatment, mode=draft.tax_mode, on=on, pkp=taxed
            )
        if cases[case].total.is_negative and not allow_negative:
            raise InvalidRequest("negative_total", "An invoice is not below zero; credit instead.")
        priced.append(cases[case])
    return priced


def _order(named: tuple[UUID, InvoiceDraft]) -> tuple[date, str, str]:
    invoice_id, draft = named
    start = draft.period.start if draft.period else date.max
    return start, str(draft.subscription_id or ""), str(invoice_id)


def _issued(
    invoice_id: UUID,
    draft: InvoiceDraft,
    document: PricedDocument,
    number: str,
    uses: Sequence[Use],
) -> Issued:
    total, paid = document.total.amount, sum(use.amount for use in uses)
    return Issued(
        id=invoice_id,
        number=number,
        customer_id=draft.customer.id,
        subscription_id=draft.subscription_id,
        kind=draft.kind,
        period=draft.period,
        subtotal=document.subtotal.amount,
        tax=document.tax.tax.amount,
        total=total,
        paid=paid,
        status="paid" if paid == total else "open",
        due_on=draft.due_on,
        promotional=of_kind(uses, PROMOTIONAL),
    )


def _journals(unit: Work, one: Issued) -> list[Journal]:
    """Post the debt, then what the balance pays of it and the tax that this makes due."""
    total, tax, paid = Money(one.total), Money(one.tax), Money(one.paid)
    due_now = unit.merchant.tax_point == "on_issue"
    made = [
        invoice_issued(
            one.id,
            unit.today,
            total=total,
            tax=tax,
            customer_id=one.customer_id,
            one_off=Money(one.subtotal) if one.kind == "one_off" else None,
            tax_due_now=due_now,
            top_up=one.kind == "top_up",
        )
    ]
    if one.paid:
        made.append(
            balance_used(
                str(one.id), unit.today, amount=paid, customer_id=one.customer_id,
                promotional=Money(one.promotional),
            )
        )  # fmt: skip
        if not due_now:
            owed = tax_due_on_payment(tax, total=total, paid=paid, due_before=zero())
            made.append(tax_became_due(f"{one.id}:balance", unit.today, issued=owed))
    return made


def _points(
    unit: Work, issued: Sequence[Issued], priced: Sequence[PricedDocument]
) -> list[NewPoint]:
    """The tax points that come with the issue: its own, or that of the balance used on it."""
    on_issue = unit.merchant.tax_point == "on_issue"
    points = []
    for one, document in zip(issued, priced, strict=True):
        gross = Money(one.total if on_issue else one.paid)
        tax = Money(one.tax)
        if not on_issue and one.paid:
            tax = tax_due_on_payment(tax, total=Money(one.total), paid=gross, due_before=zero())
        # A document without tax has no tax point, unless its issue was meant to be the only one.
        if gross.is_zero or (tax.is_zero and not on_issue):
            continue
        kind = "issue" if on_issue else "balance"
        part = TaxPart(unit.today, gross, tax, tax, document.tax.terms)
        points.append(NewPoint(one.id, 1, kind, kind, part))
    return points


def _tell(unit: Work, issued: Sequence[Issued]) -> None:
    for one in issued:
        payload: dict[str, Any] = {
            "invoice": ids.public("invoice", one.id),
            "number": one.number,
            "kind": one.kind,
            "customer": ids.public("customer", one.customer_id),
            "total": one.total,
            "tax": one.tax,
            "currency": "IDR",
            "due_on": one.due_on.isoformat(),
        }
        if one.subscription_id is not None:
            payload["subscription"] = ids.public("subscription", one.subscription_id)
        if one.period is not None:
            payload["period_start"] = one.period.start.isoformat()
            payload["period_end"] = one.period.end.isoformat()
        unit.event("invoice.issued", "invoice", one.id, payload, customer_id=one.customer_id)
        if one.status == "paid" or one.paid > 0:
            settled = {**payload, "paid": one.paid, "credited": 0, "due": one.due}
            type_ = "invoice.paid" if one.status == "paid" else "invoice.part_paid"
            unit.event(type_, "invoice", one.id, settled, customer_id=one.customer_id)


def _mail(unit: Work, drafts: Sequence[InvoiceDraft], issued: Sequence[Issued]) -> None:
    # A free period is no news: the invoice is there, nobody needs a mail about nothing (R28).
    queue_mail(
        unit,
        [
            Mail(
                "invoice.issued",
                "invoice",
                one.id,
                recipient=draft.customer.email,
                locale=draft.customer.locale,
                customer_id=one.customer_id,
            )
            for draft, one in zip(drafts, issued, strict=True)
            if one.total > 0 or any(not line.amount.is_zero for line in draft.lines)
        ],
    )


def _chase(unit: Work, drafts: Sequence[InvoiceDraft], issued: Sequence[Issued]) -> None:
    """Open a case for what the customer pays by himself: he is reminded before he is late."""
    open_invoice_cases(
        unit,
        [
            CaseDraft(one.id, one.customer_id, one.subscription_id, one.due_on, draft.zone)
            for draft, one in zip(drafts, issued, strict=True)
            # Nobody is reminded of money he wanted to leave with us.
            if one.status == "open" and draft.collection == "invoice" and one.kind != "top_up"
        ],
    )
