"""Documents as the reader gets them: rows → facts → one view → page or PDF, in a few queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from billing.engine import Engine
from billing.flows.document_parts import (
    REASONS,
    auto_charge_facts,
    buyer_facts,
    day_of,
    in_language,
    line_facts,
    method_name,
    refund_road,
    seller_facts,
    tax_facts,
    way_facts,
)
from billing.flows.document_rows import (
    CreditNoteRows,
    InvoiceRows,
    load_credit_note,
    load_invoice,
)
from core.calendars import civil_date
from core.links import sign_link
from core.merchant import Merchant
from core.work import Work
from invoices.adapters.html import render_page
from invoices.adapters.pdf import render_pdf
from invoices.document import view_of
from invoices.document_facts import (
    CreditFacts,
    CreditUse,
    DocumentFacts,
    LineFacts,
    PaymentFacts,
    SellerFacts,
)
from invoices.document_view import DocumentView
from invoices.status import owed
from invoices.tax_terms import TaxTerms
from invoices.tax_wording import mixed_note, tax_point_notes
from invoices.wording import language_of

# A payer looks for last year's invoice when the books are closed; later the merchant sends anew.
LINK_LIVES = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Links:
    """Signs the addresses under which documents are found without a key of ours."""

    public_url: str
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, engine: Engine) -> Links:
        """The links of this installation."""
        return cls(engine.settings.public_url.rstrip("/"), engine.vault.subkey("links"))

    def invoice(self, merchant_id: UUID, invoice_id: UUID, due_on: date) -> str:
        """The page of an invoice; the same invoice has the same address for ever."""
        token = sign_link(self.key, "invoice", merchant_id, invoice_id, due_on + LINK_LIVES)
        return f"{self.public_url}/i/{token}"

    def credit_note(self, merchant_id: UUID, credit_note_id: UUID, issued_on: date) -> str:
        """The page of a credit note."""
        until = issued_on + LINK_LIVES
        return f"{self.public_url}/i/" + sign_link(
            self.key, "credit_note", merchant_id, credit_note_id, until
        )


@dataclass(frozen=True, slots=True)
class Document:
    """A document read from the database, ready to be rendered outside of any transaction.

    ``view`` is what the reader sees on the day asked for, ``filed`` what stands in the file: the
    document on the day it came into its state, ``state_at``. ``url`` is its signed address.
    """

    view: DocumentView
    filed: DocumentView
    state_at: datetime
    seller: SellerFacts
    url: str

    def pdf(self) -> bytes:
        """The file: the same state gives the same bytes."""
        return render_pdf(self.filed, self.state_at)


def invoice_document(
    unit: Work, invoice_id: UUID, *, links: Links | None = None, as_of: date | None = None
) -> Document:
    """Read an invoice for page, file and mail at once.

    Raises:
        NotFound: ``invoice_not_found``, a draft included: it is no document yet.
    """
    rows = load_invoice(unit, invoice_id)
    zone = rows.invoice["billing_zone"]
    seen = _invoice_facts(unit.merchant, rows, links, as_of or civil_date(unit.now, zone))
    filed = replace(seen, as_of=civil_date(rows.state_at, zone))
    return Document(view_of(seen), view_of(filed), rows.state_at, seen.seller, seen.pay_url)


def credit_note_document(
    unit: Work, credit_note_id: UUID, *, links: Links | None = None
) -> Document:
    """Read a credit note for page, file and mail at once.

    Raises:
        NotFound: ``credit_note_not_found``.
    """
    rows = load_credit_note(unit, credit_note_id)
    facts = _credit_facts(unit.merchant, rows, links)
    view = view_of(facts)
    return Document(view, view, rows.note["issued_at"], facts.seller, facts.pay_url)


def invoice_view(
    unit: Work, invoice_id: UUID, *, links: Links | None = None, as_of: date | None = None
) -> DocumentView:
    """An invoice as somebody sees it on ``as_of`` (today when not said).

    Raises:
        NotFound: ``invoice_not_found``, a draft included: it is no document yet.
    """
    return invoice_document(unit, invoice_id, links=links, as_of=as_of).view


def invoice_page(
    unit: Work, invoice_id: UUID, *, links: Links | None = None, pdf_url: str = "", nonce: str = ""
) -> str:
    """An invoice as an HTML page for a phone."""
    return render_page(invoice_view(unit, invoice_id, links=links), pdf_url=pdf_url, nonce=nonce)


def invoice_pdf(unit: Work, invoice_id: UUID, *, links: Links | None = None) -> bytes:
    """An invoice as PDF: the same state gives the same bytes, whenever it is asked for.

    The file carries the business time at which the invoice came into the state it shows.
    """
    return invoice_document(unit, invoice_id, links=links).pdf()


def credit_note_view(
    unit: Work, credit_note_id: UUID, *, links: Links | None = None
) -> DocumentView:
    """A credit note as a reader sees it.

    Raises:
        NotFound: ``credit_note_not_found``.
    """
    return credit_note_document(unit, credit_note_id, links=links).view


def credit_note_page(
    unit: Work,
    credit_note_id: UUID,
    *,
    links: Links | None = None,
    pdf_url: str = "",
    nonce: str = "",
) -> str:
    """A credit note as an HTML page."""
    view = credit_note_view(unit, credit_note_id, links=links)
    return render_page(view, pdf_url=pdf_url, nonce=nonce)


def credit_note_pdf(unit: Work, credit_note_id: UUID, *, links: Links | None = None) -> bytes:
    """A credit note as PDF, dated by its issue."""
    return credit_note_document(unit, credit_note_id, links=links).pdf()


def _invoice_facts(
    merchant: Merchant, rows: InvoiceRows, links: Links | None, as_of: date
) -> DocumentFacts:
    invoice = rows.invoice
    language = language_of(invoice["locale"])
    pay_url = ""
    if links is not None:
        pay_url = links.invoice(merchant.merchant_id, invoice["id"], invoice["due_on"])
    return DocumentFacts(
        kind="invoice",
        number=invoice["number"],
        status=invoice["status"],
        issued_on=invoice["issued_on"],
        seller=seller_facts(invoice["seller"], merchant),
        buyer=buyer_facts(invoice["buyer"]),
        lines=tuple(shown for line in rows.lines for shown in line_facts(line, language)),
        subtotal=sum(line["amount"] for line in rows.lines),
        total=invoice["total_amount"],
        as_of=as_of,
        due_on=invoice["due_on"],
        paid_at=invoice["paid_at"],
        currency=invoice["currency"],
        locale=invoice["locale"],
        zone=invoice["billing_zone"],
        tax=tax_facts(invoice["tax"], base=None, tax=invoice["tax_amount"]),
        paid=invoice["paid_amount"],
        credited=invoice["credited_amount"],
        due=owed(invoice["status"], invoice["due_amount"]),
        payments=tuple(
            PaymentFacts(paid["at"], method_name(paid, language), paid["amount"])
            for paid in rows.payments
        ),
        how_to_pay=tuple(way_facts(order) for order in rows.instruments),
        auto_charge=auto_charge_facts(rows, language),
        pay_url=pay_url,
        notes=_tax_notes(rows, language),
    )


def _tax_notes(rows: InvoiceRows, language: str) -> tuple[str, ...]:
    """Why the PPN that is owed is not the one the invoice shows, where it is not."""
    invoice = rows.invoice
    if not rows.tax_points:
        return ()
    document = TaxTerms.from_json(invoice["tax"])
    return tax_point_notes(document, invoice["issued_on"], rows.tax_points, language)


def _credit_facts(merchant: Merchant, rows: CreditNoteRows, links: Links | None) -> DocumentFacts:
    note, invoice = rows.note, rows.invoice
    # A refund that did not go through left its money as the customer's balance.
    kept = rows.refund is not None and rows.refund["state"] == "failed"
    language = language_of(invoice["locale"])
    url = ""
    if links is not None:
        url = links.credit_note(merchant.merchant_id, note["id"], note["issued_on"])
    # The lines of a note stand in the mode of their invoice: with the tax in them, or without.
    inside = bool(invoice["tax"]) and TaxTerms.from_json(invoice["tax"]).is_inside
    amounts = [line["net_amount"] + (line["tax_amount"] if inside else 0) for line in rows.lines]
    return DocumentFacts(
        kind="credit_note",
        number=note["number"],
        status="issued",
        issued_on=note["issued_on"],
        seller=seller_facts(invoice["seller"], merchant),
        buyer=buyer_facts(invoice["buyer"]),
        lines=tuple(
            LineFacts(
                description=in_language(line["description"], language),
                amount=amount,
                period_start=day_of(line["derivation"].get("period_start")),
                period_end=day_of(line["derivation"].get("period_end")),
            )
            for line, amount in zip(rows.lines, amounts, strict=True)
        ),
        subtotal=sum(amounts),
        total=note["total_amount"],
        as_of=note["issued_on"],
        currency=note["currency"],
        locale=invoice["locale"],
        zone=invoice["billing_zone"],
        tax=tax_facts(
            note["tax"] or invoice["tax"], base=note["net_amount"], tax=note["tax_amount"]
        ),
        notes=(mixed_note(language),) if note["tax"] and note["tax"].get("mixed") else (),
        pay_url=url,
        credit=CreditFacts(
            invoice_number=invoice["number"],
            invoice_issued_on=invoice["issued_on"],
            reason=note["note"] or REASONS[language].get(note["reason"], note["reason"]),
            use="balance" if kept else _use(note),
            refund_method=refund_road(rows.refund, language) if rows.refund and not kept else "",
        ),
    )


def _use(note: Mapping[str, Any]) -> CreditUse:
    if note["source_kind"] == "refund":
        return "refund"
    return "balance" if note["to_balance_amount"] > note["to_invoice_amount"] else "reduces_invoice"
