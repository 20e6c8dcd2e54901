"""Invoices: shapes, and how every amount of one came about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Annotated, Any

from msgspec import Meta

from api.queries import get_row, rows_of
from api.shapes import Day, In, Instant, Metadata, Out, Rupiah, Words, public
from api.v1.credit_notes import CreditNoteOut
from api.v1.orders import OrderOut
from billing.engine import Engine
from billing.flows.at_once import orders_of
from billing.flows.documents import Links
from core import ids
from core.work import Work
from invoices.derivation import arithmetic, recompute
from invoices.explanation import explained
from invoices.queries import get_invoice, lines_of
from invoices.status import is_only_credited, owed
from invoices.tables import credit_notes, invoices
from payments.tables import allocations


class ReasonIn(In):
    """Why."""

    reason: Words


class InvoiceOut(Out):
    """An invoice as it was issued, and what was paid and credited of it."""

    id: str
    external_id: str | None
    number: str | None
    kind: Annotated[str, Meta(description="`period`, `change`, `one_off` or `top_up`.")]
    status: Annotated[
        str,
        Meta(
            description="`draft`, `open`, `paid`, `void` or `uncollectible`. `paid` says that "
            "nothing is due: with `paid` 0 credit notes took it all, and `paid_at` is null."
        ),
    ]
    customer: str
    subscription: str | None
    currency: str
    subtotal: Annotated[int, Meta(description="Whole rupiah before tax.")]
    tax: Annotated[int, Meta(description="PPN in whole rupiah.")]
    total: Rupiah
    paid: Rupiah
    credited: Rupiah
    due: Annotated[
        int,
        Meta(
            description="Whole rupiah still owed: 0 when void; when uncollectible what was given "
            "up, which may be paid all the same."
        ),
    ]
    collection: str
    payment_method: str | None
    period_start: Day | None
    period_end: Day | None
    issued_at: Instant | None
    issued_on: Day | None
    due_on: Day | None
    paid_at: Instant | None
    paid_on: Day | None
    tax_point_on: Annotated[date | None, Meta(description="The date on which the PPN became owed.")]
    metadata: Metadata
    created_at: Instant

    @classmethod
    def of(cls, row: Any) -> InvoiceOut:
        """Shape a row."""
        no_money = is_only_credited(row.status, row.paid_amount, row.credited_amount)
        return cls(
            id=ids.public("invoice", row.id), external_id=row.external_id, number=row.number,
            kind=row.kind, status=row.status, customer=ids.public("customer", row.customer_id),
            subscription=public("subscription", row.subscription_id), currency=row.currency,
            subtotal=row.subtotal_amount, tax=row.tax_amount, total=row.total_amount,
            paid=row.paid_amount, credited=row.credited_amount,
            due=owed(row.status, row.due_amount),
            collection=row.collection,
            payment_method=public("payment_method", row.payment_method_id),
            period_start=row.period_start, period_end=row.period_end, issued_at=row.issued_at,
            issued_on=row.issued_on, due_on=row.due_on,
            paid_at=None if no_money else row.paid_at, paid_on=None if no_money else row.paid_on,
            tax_point_on=row.tax_point_on, metadata=row.metadata, created_at=row.created_at,
        )  # fmt: skip


class LineOut(Out):
    """A line. Credits are negative."""

    id: str
    position: int
    kind: str
    description: dict[str, str]
    quantity: int
    unit_amount: Rupiah
    amount: Rupiah
    discount: Annotated[int, Meta(description="Whole rupiah that discounts took; not in `amount`.")]
    tax: Rupiah
    period_start: Day | None
    period_end: Day | None
    price: str | None
    item: Annotated[str | None, Meta(description="Of which item beside the first it is.")]


class AllocationOut(Out):
    """Which money settled it: a payment, or the customer's balance; negative undoes."""

    kind: str
    payment: str | None
    amount: Rupiah
    at: Instant


class InvoiceDetailOut(Out):
    """An invoice with its lines, orders, what settled it and what was given back of it."""

    invoice: InvoiceOut
    page_url: Annotated[
        str | None,
        Meta(
            description="The invoice's own page, as in its mail: send the payer there to choose "
            "how to pay. Whoever has the address may open it. Null for a draft."
        ),
    ]
    lines: list[LineOut]
    orders: list[OrderOut]
    allocations: list[AllocationOut]
    credit_notes: Annotated[list[CreditNoteOut], Meta(description="Oldest first.")]


class ExplainedLineOut(Out):
    """How a line's amount came about."""

    position: int
    kind: str
    description: dict[str, str]
    amount: Rupiah
    sentence: Annotated[dict[str, str], Meta(description="The arithmetic in words, by language.")]
    derivation: Annotated[
        dict[str, Any], Meta(description="The arithmetic as data: evaluated anew for this answer.")
    ]
    steps: Annotated[
        dict[str, Any],
        Meta(
            description="The arithmetic as a tree: `rule`, `text` by language, the figure `exact` "
            "and rounded (`amount`, whole rupiah), and `parts` of the same shape."
        ),
    ]
    adds_up: Annotated[bool, Meta(description="Whether the derivation gives the amount again.")]


class ExplainedTaxOut(Out):
    """How the tax came about."""

    code: str
    amount: Rupiah
    terms: Annotated[dict[str, Any], Meta(description="Rate, base and rounding of its day.")]


class ExplainedOut(Out):
    """How every amount of an invoice came about."""

    invoice: str
    number: str | None
    lines: list[ExplainedLineOut]
    subtotal: Rupiah
    tax: ExplainedTaxOut
    total: Rupiah
    paid: Rupiah
    credited: Rupiah
    due: Rupiah


def detail_reader(engine: Engine) -> Callable[[Work, Any], InvoiceDetailOut]:
    """Reads one with everything that hangs on it, and the address of its page."""
    return partial(_read_detail, Links.of(engine))


def _read_detail(links: Links, unit: Work, invoice_id: Any) -> InvoiceDetailOut:
    row = get_row(unit, invoices, invoice_id, "invoice")
    return InvoiceDetailOut(
        invoice=InvoiceOut.of(row),
        page_url=links.invoice(unit.merchant_id, row.id, row.due_on) if row.due_on else None,
        lines=[_line(line) for line in lines_of(unit, invoice_id)],
        orders=[OrderOut.of(order) for order in orders_of(unit, invoice_id=invoice_id)],
        allocations=[
            AllocationOut(
                kind=one.kind, payment=public("payment", one.payment_id), amount=one.amount,
                at=one.at,
            )
            for one in rows_of(unit, allocations, "invoice_id", invoice_id, by="at")
        ],
        credit_notes=[
            CreditNoteOut.of(note)
            for note in rows_of(unit, credit_notes, "invoice_id", invoice_id, by="issued_at")
        ],
    )  # fmt: skip


def explain(unit: Work, invoice_id: Any) -> ExplainedOut:
    """Read one as its arithmetic."""
    invoice = get_invoice(unit, invoice_id)
    return ExplainedOut(
        invoice=ids.public("invoice", invoice.id),
        number=invoice.number,
        lines=[
            ExplainedLineOut(
                position=line.position, kind=line.kind, description=line.description,
                amount=line.amount,
                sentence={
                    language: arithmetic(line.derivation, language) for language in ("id", "en")
                },
                derivation=line.derivation,
                steps=explained(line.derivation).to_json(),
                adds_up=recompute(line.derivation) == line.amount,
            )
            for line in lines_of(unit, invoice_id)
        ],
        subtotal=invoice.subtotal_amount,
        tax=ExplainedTaxOut(
            code=str(invoice.tax.get("code", "none")), amount=invoice.tax_amount,
            terms=invoice.tax,
        ),
        total=invoice.total_amount,
        paid=invoice.paid_amount,
        credited=invoice.credited_amount,
        due=owed(invoice.status, invoice.due_amount),
    )  # fmt: skip


def _line(line: Any) -> LineOut:
    return LineOut(
        id=ids.public("line", line.id), position=line.position, kind=line.kind,
        description=line.description, quantity=line.quantity, unit_amount=line.unit_amount,
        amount=line.amount, discount=line.discount_amount, tax=line.tax_amount,
        period_start=line.period_start, period_end=line.period_end,
        price=public("price", line.price_id), item=public("item", line.extra_id),
    )  # fmt: skip
