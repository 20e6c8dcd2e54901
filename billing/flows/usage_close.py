"""Closing usage: its lines go onto the invoice that is being issued, or onto one of their own.

What changes after it was billed (late events, corrections) comes as a line of the next invoice, or
as a credit note where it is less. Each closing is written once, in the transaction of its invoice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import select

from billing import queries
from billing.drafts import InvoiceDraft, Issued, due_date
from billing.flows.credit import credit_invoice
from billing.flows.credit_rows import load_creditable
from billing.flows.issue import issue
from billing.flows.usage_lines import UsedPart, closing_id, plan_usage, usage_line
from billing.lifecycle import SubscriptionStatus
from billing.records import Subscription
from billing.renewals import End, Issue, Lapse, Pause, Resume, Roll, Step
from core.bulk import insert_rows
from core.calendars import Period, civil_date, instant_of
from core.exact import written
from core.work import Work
from invoices.queries import get_invoice
from invoices.service import hold_series
from invoices.tables import invoice_lines
from invoices.tax_terms import TaxMode
from usage.arrivals import AHEAD
from usage.queries import has_usage_prices
from usage.service import shut_out_events
from usage.tables import usage_closings


@dataclass(frozen=True, slots=True)
class Close:
    """What a subscription is billed now: on ``draft``, or with None on an invoice of its own."""

    row: Subscription
    through: date
    draft: InvoiceDraft | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """Drafts with what was used on them, and the parts that each holds, by invoice.

    Parts that need no line (nothing was used, or something is given back) stand under None.
    """

    drafts: tuple[InvoiceDraft, ...] = ()
    parts: tuple[tuple[UUID | None, UsedPart], ...] = ()

    def hold(self, unit: Work) -> None:
        """Hold the series where something is given back: that is numbered after the invoices."""
        if any(part.added < 0 for _, part in self.parts):
            hold_series(unit)

    def record(self, unit: Work, issued: Iterable[Issued]) -> None:
        """Write what was billed by the invoices that were issued just now.

        What an invoice that was there before could not take stays open, and is billed next time.
        """
        new = {one.id for one in issued}
        rows = [
            (part, _row(unit, part, invoice_id))
            for invoice_id, part in self.parts
            if invoice_id is None or invoice_id in new
        ]
        # Nothing is left that it could be given back of: that was so before, and stays so.
        rows = [(part, row) for part, row in rows if row["added"] or part.says_more]
        insert_rows(unit.session, usage_closings, [row for _, row in rows])


def plan_closing(unit: Work, closes: Sequence[Close]) -> Closing:
    """Add what was used to the drafts of a batch, or give it invoices of its own.

    An invoice is of one kind of prices: what holds its tax does not stand beside what does not.
    Issue the drafts, then `Closing.record`.
    """
    used = plan_usage(unit, [(one.row, one.through) for one in closes])
    drafts: list[InvoiceDraft] = []
    parts: list[tuple[UUID | None, UsedPart]] = []
    for close in closes:
        mine = used.get(close.row.id, ())
        lines = [(part, usage_line(unit, part)) for part in mine]
        parts += [(None, part) for part, line in lines if line is None]
        modes = sorted({part.price.tax_mode for part, line in lines if line is not None})
        own = close.draft
        if own is not None and own.tax_mode not in modes:
            drafts.append(own)
        for mode in modes:
            held = [(part, line) for part, line in lines if line and part.price.tax_mode == mode]
            base = own if own is not None and own.tax_mode == mode else _own(unit, close, mode)
            # Another object: drafts that share their lines are priced as one case.
            drafts.append(replace(base, lines=(*base.lines, *(line for _, line in held))))
            invoice_id = unit.derive("invoice", *base.key)
            parts += [(invoice_id, part) for part, _ in held]
    return Closing(tuple(drafts), tuple(parts))


def close_round(
    unit: Work, steps: Sequence[tuple[Subscription, Step, InvoiceDraft | None]]
) -> Closing:
    """Plan what the due steps of a batch bill of usage: up to where the next period begins.

    A period that is invoiced ahead is not over yet: its usage comes when the next one is entered.
    """
    closes: list[Close] = []
    bare: list[InvoiceDraft] = []
    for row, step, draft in steps:
        through = _through(unit, row, step)
        if through is not None:
            closes.append(Close(row, through, draft))
        elif draft is not None:
            bare.append(draft)
    if any(isinstance(step, End | Pause) for _, step, _ in steps):
        shut(unit)
    planned = plan_closing(unit, closes)
    planned.hold(unit)
    return replace(planned, drafts=(*bare, *planned.drafts))


def _through(unit: Work, row: Subscription, step: Step) -> date | None:
    match step:
        case End(on):
            return None if row.status == SubscriptionStatus.INCOMPLETE else _served_to(row, on)
        case Pause(on):
            return on
        case Resume() | Lapse():
            return None
        case Issue(period) if instant_of(period.start, row.billing_zone) > unit.now:
            return None
        case Issue(period) | Roll(period):
            return period.start


def _served_to(row: Subscription, end_on: date) -> date:
    """The last day of service before an end: nothing was used while it was paused."""
    paused = row.pause_on is not None and row.pause_on < end_on
    if paused and (row.resume_on is None or end_on <= row.resume_on):
        assert row.pause_on is not None
        return row.pause_on
    return end_on


def _row(unit: Work, part: UsedPart, invoice_id: UUID | None) -> dict[str, Any]:
    n = 0 if part.billed is None else part.billed.n + 1
    added = part.added
    if added < 0:
        added, invoice_id = _give_back(unit, part, -added, closing_id(unit, part, n))
    return {
        "merchant_id": unit.merchant_id,
        "id": closing_id(unit, part, n),
        "subscription_id": part.subscription_id,
        "item_id": part.span.item_id,
        "usage_price_id": part.part.id,
        "meter_id": part.meter.id,
        "period_start": part.span.start,
        "period_end": part.span.end,
        "n": n,
        "events": part.events,
        "quantity": written(part.quantity),
        "below_zero": written(part.below_zero),
        "days": part.share[0] if part.share else None,
        "of_days": part.share[1] if part.share else None,
        "amount": (part.billed.amount if part.billed else 0) + added,
        "added": added,
        "invoice_id": invoice_id,
        "closed_at": unit.now,
    }


def final_through(unit: Work, row: Subscription) -> date:
    """The date up to which usage is billed when service ends at this instant: all that came."""
    through = civil_date(unit.now + AHEAD, row.billing_zone) + timedelta(days=1)
    return _served_to(row, through) if row.status == SubscriptionStatus.PAUSED else through


def shut(unit: Work) -> None:
    """Let no event in until this transaction ends: what ends is billed to its last event."""
    if has_usage_prices(unit):
        shut_out_events(unit)


def plan_cut(unit: Work, row: Subscription, period: Period | None) -> Closing:
    """Plan what is billed of usage where a change begins another period: that of before is over,
    and need not wait for another. It was a part of a period of before.
    """
    if period is None or period.start == row.current_start:
        return Closing()
    return plan_closing(unit, [Close(row, period.start)])


def bill_usage(unit: Work, row: Subscription, through: date) -> list[UUID]:
    """Bill what is not billed yet on an invoice of its own; returns what was issued.

    The customer and the subscription are locked.
    """
    planned = plan_closing(unit, [Close(row, through)])
    planned.hold(unit)
    issued = issue(unit, planned.drafts)
    planned.record(unit, issued)
    return [one.id for one in issued]


def _own(unit: Work, close: Close, mode: str) -> InvoiceDraft:
    row, agreement = close.row, close.row.agreement
    today = civil_date(unit.now, agreement.zone)
    return InvoiceDraft(
        customer=queries.get_customer(unit, row.customer_id),
        kind="one_off",
        lines=(),
        tax_mode=cast(TaxMode, mode),
        collection=agreement.collection,
        zone=agreement.zone,
        due_on=due_date(agreement.collection, today, row.terms_days),
        subscription_id=row.id,
        change_id=unit.derive("usage", row.id, close.through, mode),
        payment_method_id=row.payment_method_id,
        collect="morning",
    )


def _give_back(unit: Work, part: UsedPart, wanted: int, source: UUID) -> tuple[int, UUID | None]:
    """Credit the newest lines of a span, each within what is left of it; returns what was given.

    What was voided or written off gives nothing back.
    """
    line, closing = invoice_lines.c, usage_closings.c
    # The invoices of its closings, so that no other line is looked at.
    by = select(closing.invoice_id).where(
        closing.merchant_id == unit.merchant_id,
        closing.item_id == part.span.item_id,
        closing.usage_price_id == part.part.id,
        closing.period_start == part.span.start,
        closing.added > 0,
    )
    rows = unit.session.execute(
        select(line.id, line.invoice_id)
        .where(
            line.merchant_id == unit.merchant_id,
            line.invoice_id.in_(by),
            line.kind == "usage",
            line.price_id == part.price.id,
            line.derivation["usage"]["closing"].astext == str(closing_id(unit, part, 0)),
        )
        .order_by(line.invoice_id, line.position)
    ).all()
    given, last = 0, None
    for row in rows:
        invoice = get_invoice(unit, row.invoice_id)
        if invoice.status not in ("open", "paid") or given == wanted:
            continue
        left = {one.line_id: one.left.amount for one in load_creditable(unit, invoice).lines}
        amount = min(wanted - given, left.get(row.id, 0))
        if amount <= 0:
            continue
        credit_invoice(
            unit, row.invoice_id, reason="usage_corrected", source_kind="usage", source_id=source,
            net_lines={row.id: amount},
        )  # fmt: skip
        given, last = given + amount, row.invoice_id
    return -given, last
