"""Credit notes: what was given back of an invoice."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from api.auth import Caller
from api.documents import page_answer, pdf_answer
from api.idempotency import Once
from api.pagination import Page, Window, page_of
from api.queries import get_row, list_rows
from api.routes import get, post
from api.shapes import AmountIn, Day, In, Instant, Out, Rupiah, Words, body_id, path_id
from billing.engine import Engine
from billing.flows.credit import credit_invoice
from billing.flows.documents import Document, Links, credit_note_document
from core import ids
from core.work import Work
from invoices.tables import credit_notes


class CreditLineIn(In):
    """What is given back of a line, in the line's own terms."""

    line: Annotated[str, Meta(max_length=40, description="`line_…`")]
    amount: AmountIn


class CreditNoteIn(In):
    """A credit on an invoice: by line, as one amount with tax, or (neither) all that is left."""

    reason: Annotated[
        str, Meta(pattern="^[a-z_]{1,40}$", description="A code, such as `mistake` or `goodwill`.")
    ]
    amount: Annotated[
        AmountIn | None, Meta(description="Whole rupiah with tax, spread over all lines.")
    ] = None
    lines: Annotated[list[CreditLineIn], Meta(min_length=1, max_length=100)] | None = None
    note: Annotated[
        Words | None, Meta(description="Words for the customer, in place of the reason's.")
    ] = None


class CreditNoteOut(Out):
    """A credit note. `total = net + tax = to_invoice + to_balance`."""

    id: str
    number: str
    invoice: str
    customer: str
    reason: str
    note: str | None
    net: Annotated[int, Meta(description="Whole rupiah before tax.")]
    tax: Annotated[int, Meta(description="PPN in whole rupiah.")]
    total: Rupiah
    to_invoice: Annotated[int, Meta(description="Whole rupiah that lowered what was due.")]
    to_balance: Annotated[
        int, Meta(description="Whole rupiah that became the customer's balance, or were refunded.")
    ]
    currency: str
    issued_on: Day
    issued_at: Instant
    source_kind: str

    @classmethod
    def of(cls, row: Any) -> CreditNoteOut:
        """Shape a row."""
        return cls(
            id=ids.public("credit_note", row.id), number=row.number,
            invoice=ids.public("invoice", row.invoice_id),
            customer=ids.public("customer", row.customer_id), reason=row.reason, note=row.note,
            net=row.net_amount, tax=row.tax_amount, total=row.total_amount,
            to_invoice=row.to_invoice_amount, to_balance=row.to_balance_amount,
            currency=row.currency, issued_on=row.issued_on, issued_at=row.issued_at,
            source_kind=row.source_kind,
        )  # fmt: skip

    @classmethod
    def read(cls, unit: Work, note_id: UUID) -> CreditNoteOut:
        """Read one."""
        return cls.of(get_row(unit, credit_notes, note_id, "credit_note", at="issued_at"))


class CreditNotesController(Controller):
    """Routes of credit notes."""

    tags = ("Credit notes",)

    @post("/invoices/{invoice_id:str}/credit-notes", scope="refund", summary="Credit an invoice")
    def create_credit_note(
        self, invoice_id: FromPath[str], data: JSONBody[CreditNoteIn], once: NamedDependency[Once]
    ) -> Response[CreditNoteOut]:
        """Give back of an issued invoice: an unpaid part lowers the debt, a paid part becomes the
        customer's balance. To send money back, refund the payment.
        """
        wanted = path_id("invoice", invoice_id)
        lines = None
        if data.lines is not None:
            lines = {
                ids.parse("line", one.line, field=f"lines[{at}].line"): one.amount
                for at, one in enumerate(data.lines)
            }
        return once.run(
            lambda unit: credit_invoice(
                unit, wanted, reason=data.reason, source_kind="request",
                source_id=unit.derive("credit_request", once.key), net_lines=lines,
                gross_amount=data.amount, note=data.note,
            ).id,
            CreditNoteOut.read,
        )  # fmt: skip

    @get("/credit-notes", scope="read", summary="List credit notes")
    def list_credit_notes(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller],
        window: NamedDependency[Window], *, invoice: FromQuery[str | None] = None,
        customer: FromQuery[str | None] = None, number: FromQuery[str | None] = None,
    ) -> Page[CreditNoteOut]:  # fmt: skip
        """Newest first."""
        filters = {
            "invoice_id": body_id("invoice", invoice, "invoice"),
            "customer_id": body_id("customer", customer, "customer"),
            "number": number,
        }
        with engine.work(caller.merchant, caller.actor) as unit:
            rows = list_rows(unit, credit_notes, window, filters, at="issued_at")
            return page_of(rows, window, CreditNoteOut.of)

    @get("/credit-notes/{note_id:str}", scope="read", summary="Get a credit note")
    def get_credit_note(
        self, note_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> CreditNoteOut:  # fmt: skip
        """One credit note."""
        wanted = path_id("credit_note", note_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return CreditNoteOut.read(unit, wanted)

    @get(
        "/credit-notes/{note_id:str}/document", scope="read", media_type="text/html",
        summary="Show a credit note as a page",
    )  # fmt: skip
    def credit_note_page(
        self, note_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> Response[Any]:  # fmt: skip
        """The document as HTML, in the customer's language."""
        return page_answer(_document(engine, caller, note_id))

    @get(
        "/credit-notes/{note_id:str}/pdf", scope="read", media_type="application/pdf",
        summary="Show a credit note as PDF",
    )  # fmt: skip
    def credit_note_pdf(
        self, note_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> Response[Any]:  # fmt: skip
        """The document as PDF/A."""
        return pdf_answer(_document(engine, caller, note_id))


def _document(engine: Engine, caller: Caller, note_id: str) -> Document:
    wanted = path_id("credit_note", note_id)
    with engine.work(caller.merchant, caller.actor) as unit:
        return credit_note_document(unit, wanted, links=Links.of(engine))
