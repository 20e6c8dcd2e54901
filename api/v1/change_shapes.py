"""What a change or an end does, shaped: previews and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from api.shapes import Day, Out, Rupiah
from billing.drafts import InvoiceDraft
from billing.flows.cancel_quote import PlannedCancel
from billing.flows.change_quote import PlannedChange
from billing.flows.credit_plan import PlannedCredit
from core import ids
from invoices.derivation import arithmetic
from invoices.lines import DraftLine, PricedDocument
from invoices.wording import LANGUAGES


class CreditPlanOut(Out):
    """A credit note that would be written on one invoice."""

    invoice: str
    invoice_number: str | None
    amount: Annotated[
        int, Meta(description="Whole rupiah of its lines, before tax where prices are before tax.")
    ]
    net: Annotated[int, Meta(description="Whole rupiah before tax.")]
    tax: Annotated[int, Meta(description="PPN in whole rupiah.")]
    total: Rupiah
    to_invoice: Annotated[int, Meta(description="Whole rupiah that lower what is due.")]
    to_balance: Annotated[int, Meta(description="Whole rupiah that become the customer's balance.")]
    goes_to: Annotated[str, Meta(description="`invoice`, `balance` or `both`.")]


class QuotedLineOut(Out):
    """A line of the invoice that would be issued."""

    kind: str
    description: dict[str, str]
    sentence: Annotated[dict[str, str], Meta(description="The arithmetic in words, by language.")]
    amount: Rupiah
    discount: Annotated[int, Meta(description="Whole rupiah that discounts took; not in `amount`.")]
    period_start: Day | None
    period_end: Day | None


class ChangePreviewOut(Out):
    """What a change does, to the last rupiah, if it is made today."""

    change: str
    mode: str
    effective_on: Day
    from_price: str
    from_quantity: int
    price: str
    quantity: int
    lines: list[QuotedLineOut]
    subtotal: Rupiah
    tax: Rupiah
    total: Annotated[int, Meta(description="Whole rupiah, with tax: what the invoice asks for.")]
    credits: list[CreditPlanOut]
    usage: Annotated[
        list[QuotedLineOut],
        Meta(
            description="What was used in a period that is cut, and is billed now, before tax, on "
            "an invoice of its own."
        ),
    ]
    pays_first: Annotated[
        bool,
        Meta(
            description="It is done once its invoice is paid; the price holds for the day it is "
            "asked for. The balance is not used for it."
        ),
    ]


class CancelPreviewOut(Out):
    """When service would end, what would be taken back and what given back."""

    ends_on: Annotated[str, Meta(description="The first date that is not served.")]
    voids: Annotated[list[str], Meta(description="Open invoices that would be voided.")]
    credits: list[CreditPlanOut]
    usage: Annotated[
        list[QuotedLineOut], Meta(description="What was used and would be billed now, before tax.")
    ]
    credits_on_end: Annotated[
        list[CreditPlanOut],
        Meta(description="What is billed beyond a `date` by now, and given back on that day."),
    ]


def shape_preview(planned: PlannedChange) -> ChangePreviewOut:
    """Shape what a change will do."""
    document = planned.document
    return ChangePreviewOut(
        change=ids.public("change", planned.change_id),
        mode=planned.quote.mode,
        effective_on=planned.quote.effective_on,
        from_price=ids.public("price", planned.old.id),
        from_quantity=planned.item.quantity,
        price=ids.public("price", planned.new.id),
        quantity=planned.quantity,
        lines=shape_quoted(document),
        subtotal=document.subtotal.amount if document else 0,
        tax=document.tax.tax.amount if document else 0,
        total=document.total.amount if document else 0,
        credits=[shape_credit(one) for one in planned.credits],
        usage=shape_draft_lines(planned.usage.drafts),
        pays_first=planned.pays_first,
    )


def shape_quoted(document: PricedDocument | None) -> list[QuotedLineOut]:
    """Shape the lines of an invoice that is not issued."""
    return [_quoted(line.line) for line in (document.lines if document else ())]


def shape_cancel(planned: PlannedCancel) -> CancelPreviewOut:
    """Shape what a cancellation will do."""
    return CancelPreviewOut(
        ends_on=planned.quote.end_on.isoformat(),
        voids=[ids.public("invoice", one) for one in planned.voided],
        credits=[shape_credit(one) for one in planned.credits],
        usage=shape_draft_lines(planned.usage.drafts),
        credits_on_end=[shape_credit(one) for one in planned.on_end],
    )


def shape_draft_lines(drafts: Sequence[InvoiceDraft]) -> list[QuotedLineOut]:
    """Shape the lines of drafts, before tax."""
    return [_quoted(line) for draft in drafts for line in draft.lines]


def _quoted(line: DraftLine) -> QuotedLineOut:
    return QuotedLineOut(
        kind=line.kind.value, description=dict(line.description),
        sentence={one: arithmetic(line.derivation, one) for one in LANGUAGES},
        amount=line.amount.amount,
        discount=line.discount.amount if line.discount else 0,
        period_start=line.period.start if line.period else None,
        period_end=line.period.end if line.period else None,
    )  # fmt: skip


def shape_credit(planned: PlannedCredit) -> CreditPlanOut:
    """Shape a credit note that is not written."""
    return CreditPlanOut(
        invoice=ids.public("invoice", planned.invoice_id), invoice_number=planned.number,
        amount=planned.amount, net=planned.net, tax=planned.tax, total=planned.total,
        to_invoice=planned.to_invoice, to_balance=planned.to_balance, goes_to=planned.goes_to,
    )  # fmt: skip
