"""Routes of invoices: read, show, explain, pay, credit, take out."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from api.auth import Caller
from api.documents import page_answer, pdf_answer
from api.idempotency import Once
from api.pagination import Page, Window, page_of
from api.queries import list_rows
from api.routes import get, post
from api.shapes import body_id, path_id
from api.v1.invoices import (
    ExplainedOut,
    InvoiceDetailOut,
    InvoiceOut,
    ReasonIn,
    detail_reader,
    explain,
)
from api.v1.orders import PaymentIn
from billing.engine import Engine
from billing.flows.at_once import pay_invoice, press
from billing.flows.documents import Document, Links, invoice_document
from billing.flows.make_room import make_room
from billing.flows.means import Means
from billing.flows.take_out import take_out
from billing.flows.void import mark_uncollectible
from core.work import Work
from invoices.tables import invoices

StatusFilter = Literal["draft", "open", "paid", "void", "uncollectible"]


class InvoicesController(Controller):
    """Routes of invoices."""

    path = "/invoices"
    tags = ("Invoices",)

    @get("/", scope="read", summary="List invoices")
    def list_invoices(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller],
        window: NamedDependency[Window], *, customer: FromQuery[str | None] = None,
        subscription: FromQuery[str | None] = None, status: FromQuery[StatusFilter | None] = None,
        number: FromQuery[str | None] = None, external_id: FromQuery[str | None] = None,
    ) -> Page[InvoiceOut]:  # fmt: skip
        """Newest first."""
        filters = {
            "customer_id": body_id("customer", customer, "customer"),
            "subscription_id": body_id("subscription", subscription, "subscription"),
            "status": status,
            "number": number,
            "external_id": external_id,
        }
        with engine.work(caller.merchant, caller.actor) as unit:
            return page_of(list_rows(unit, invoices, window, filters), window, InvoiceOut.of)

    @get("/{invoice_id:str}", scope="read", summary="Get an invoice")
    def get_invoice(
        self, invoice_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> InvoiceDetailOut:  # fmt: skip
        """One invoice with its lines, its orders at the gateway, and what settled it."""
        wanted = path_id("invoice", invoice_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return detail_reader(engine)(unit, wanted)

    @get("/{invoice_id:str}/explain", scope="read", summary="Explain an invoice")
    def explain_invoice(
        self, invoice_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> ExplainedOut:  # fmt: skip
        """How every amount came about, as data and in words, computed anew."""
        wanted = path_id("invoice", invoice_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return explain(unit, wanted)

    @get(
        "/{invoice_id:str}/document", scope="read", summary="Show an invoice as a page",
        media_type="text/html",
    )  # fmt: skip
    def invoice_document(
        self, invoice_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> Response[Any]:  # fmt: skip
        """The document as HTML, in the customer's language."""
        return page_answer(_document(engine, caller, invoice_id))

    @get(
        "/{invoice_id:str}/pdf", scope="read", summary="Show an invoice as PDF",
        media_type="application/pdf",
    )  # fmt: skip
    def invoice_pdf(
        self, invoice_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> Response[Any]:  # fmt: skip
        """The document as PDF/A; the same state gives the same bytes."""
        return pdf_answer(_document(engine, caller, invoice_id))

    @post("/{invoice_id:str}/virtual-account", scope="write", summary="Offer a virtual account")
    def offer_virtual_account(
        self, invoice_id: FromPath[str], once: NamedDependency[Once],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> Response[InvoiceDetailOut]:  # fmt: skip
        """Offer a number to pay to, or give the one that is open. Take the number in `orders`."""
        return _pay(once, engine, caller, path_id("invoice", invoice_id), Means())

    @post("/{invoice_id:str}/pay", scope="write", summary="Pay an invoice now")
    def pay_invoice(
        self, invoice_id: FromPath[str], data: JSONBody[PaymentIn], once: NamedDependency[Once],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> Response[InvoiceDetailOut]:  # fmt: skip
        """Charge a saved card or a fresh card token for what is due, or offer a virtual account.

        A virtual account that is open is ended first, so that nothing is paid twice. Where the
        customer was faster, the answer is 409 `invoice_not_open`; while nobody knows, 409
        `instrument_open`: ask again in a moment.

        A decline is an outcome: the answer is 201 and the newest of `orders` is `failed`.
        """
        return _pay(once, engine, caller, path_id("invoice", invoice_id), data.means())

    @post("/{invoice_id:str}/void", scope="write", status=200, summary="Void an invoice")
    def void_invoice(
        self, invoice_id: FromPath[str], data: JSONBody[ReasonIn], once: NamedDependency[Once],
        engine: NamedDependency[Engine],
    ) -> Response[InvoiceDetailOut]:  # fmt: skip
        """Take out an open invoice that was never paid nor credited; its number stays used.

        Where it was for a plan change and nothing was built on that since, the plan goes back to
        what it was, from today, and the customer hears of it.
        """
        wanted = path_id("invoice", invoice_id)
        return once.run(
            lambda unit: take_out(unit, wanted, reason=data.reason).id,
            detail_reader(engine),
            status=200,
        )

    @post(
        "/{invoice_id:str}/mark-uncollectible", scope="write", status=200,
        summary="Write an invoice off",
    )  # fmt: skip
    def mark_uncollectible(
        self, invoice_id: FromPath[str], data: JSONBody[ReasonIn], once: NamedDependency[Once],
        engine: NamedDependency[Engine],
    ) -> Response[InvoiceDetailOut]:  # fmt: skip
        """Write off what is still due; it may be paid all the same, later."""
        wanted = path_id("invoice", invoice_id)
        return once.run(
            lambda unit: mark_uncollectible(unit, wanted, reason=data.reason).id,
            detail_reader(engine),
            status=200,
        )


def _pay(
    once: Once, engine: Engine, caller: Caller, invoice_id: UUID, means: Means
) -> Response[InvoiceDetailOut]:
    def begin(unit: Work) -> UUID:
        pay_invoice(engine, unit, invoice_id, means, key=once.key)
        return invoice_id

    if means.is_pull and not once.is_known():
        make_room(engine, caller.merchant, caller.actor, invoice_id)
    return once.run(
        begin,
        detail_reader(engine),
        call=lambda paid: press(engine, caller.merchant, invoice_id=paid),
    )


def _document(engine: Engine, caller: Caller, invoice_id: str) -> Document:
    wanted = path_id("invoice", invoice_id)
    with engine.work(caller.merchant, caller.actor) as unit:
        return invoice_document(unit, wanted, links=Links.of(engine))
