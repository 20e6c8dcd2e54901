"""Finding a customer and reading everything about one: the pages that change nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response, get
from litestar.params import FromPath

from api.pages.declined import why_declined
from api.pages.portal import pdf_answer
from api.pages.staff import reads
from api.pages.staff.ahead import told_ahead
from api.pages.staff.finding import search
from api.pages.staff.frame import setting_of, show
from api.pages.staff.health import examined
from api.pages.staff.hold_words import HOLD_WORDS
from api.pages.staff.holds import held_of
from api.pages.staff.labels import LABELS
from api.pages.staff.matters import open_matters
from api.pages.staff.reconcile_words import RECONCILE_WORDS
from api.pages.staff.reconciling import open_differences
from api.pages.staff.refunds import waiting_refunds
from api.pages.staff.sentences import TONES, is_told, sentence
from api.pages.staff.session import SignedIn, person_of
from api.pages.staff.words import STEPS
from api.pages.web import brief, clean, moment, remember_language
from api.pagination import read_cursor, write_cursor
from billing.flows.credit import creditable_amount
from billing.flows.documents import Document, Links, credit_note_document, invoice_document
from billing.reports.mrr import mrr
from core import ids
from core.errors import InvalidRequest
from invoices.queries import get_invoice
from invoices.tables import credit_notes


@get("/staff/{slug:str}", sync_to_thread=True)
def home(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[Any]:
    """Search; without a question the newest customers and a few figures."""
    person = person_of(request, slug)
    asked = clean(str(request.query_params.get("q", "")), 100)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting = setting_of(unit)
        after = _cursor(request, "after")
        found, more = search(unit, asked, after)
        figures, ahead = None, []
        if not asked and after is None:
            figures = {**reads.counts(unit), "mrr": mrr(unit).amount}
            ahead = told_ahead(person.engine, unit, person.language)
        context = {
            "found": found,
            "figures": figures,
            "ahead": ahead,
            "older": write_cursor(*more) if more else "",
            "is_first": after is None,
            "waiting": len(waiting_refunds(unit)),
            "differing": open_differences(unit),
            "reconcile": RECONCILE_WORDS[person.language],
            "examined": examined(unit, person.language),
            "matters": open_matters(unit, person, str(request.query_params.get("refused", ""))),
        }
    answer = show(person, setting, "home.html", context, search=asked)
    return remember_language(request, answer)


@get("/staff/{slug:str}/customers/{customer:str}", sync_to_thread=True)
def customer(
    request: Request[Any, Any, Any], slug: FromPath[str], customer: FromPath[str]
) -> Response[Any]:
    """One customer: subscriptions, invoices, payments, what is being chased, what happened."""
    person = person_of(request, slug)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting = setting_of(unit)
        file = reads.customer_file(
            unit,
            ids.parse("customer", customer),
            invoices_after=_cursor(request, "invoices"),
            payments_after=_cursor(request, "payments"),
        )
        names = {**reads.plan_names(unit, person.language), **file.numbers}
    done = str(request.query_params.get("done", ""))
    labels = LABELS[person.language]
    context = {
        "file": file,
        "older": {
            "invoices": write_cursor(*file.invoices_next) if file.invoices_next else "",
            "payments": write_cursor(*file.payments_next) if file.payments_next else "",
        },
        "paged": {name: name in request.query_params for name in ("invoices", "payments")},
        "done": labels.get(done, "") if done.startswith("done_") else "",
        "told": told(file.events, names, person.language, file.customer.billing_zone),
        "chased": [_chased(case, person, file.customer.billing_zone) for case in file.cases],
    }
    return remember_language(request, show(person, setting, "customer.html", context))


@get("/staff/{slug:str}/invoices/{invoice:str}", sync_to_thread=True)
def invoice(
    request: Request[Any, Any, Any], slug: FromPath[str], invoice: FromPath[str]
) -> Response[Any]:
    """One invoice, with the arithmetic of every line."""
    person = person_of(request, slug)
    invoice_id = ids.parse("invoice", invoice)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting = setting_of(unit)
        row = get_invoice(unit, invoice_id)
        document = invoice_document(unit, invoice_id, links=Links.of(person.engine))
        file = reads.subject_events(unit, invoice_id)
        left = creditable_amount(unit, invoice_id) if row.status in ("open", "paid") else 0
        held = held_of(unit, invoice_id)
    done = str(request.query_params.get("done", ""))
    context = {
        "view": document.view,
        "link": document.url,
        "customer_id": row.customer_id,
        "row": row,
        "invoice": invoice,
        "left": left,
        "held": held,
        "hold_words": HOLD_WORDS[person.language],
        "done": LABELS[person.language].get(done, "") if done.startswith("done_") else "",
        "pdf": f"{person.root}/invoices/{invoice}/pdf",
        "told": told(file, {invoice: row.number or ""}, person.language, row.billing_zone),
    }
    return remember_language(request, show(person, setting, "document.html", context))


@get("/staff/{slug:str}/invoices/{invoice:str}/pdf", sync_to_thread=True)
def invoice_pdf(
    request: Request[Any, Any, Any], slug: FromPath[str], invoice: FromPath[str]
) -> Response[bytes]:
    """The invoice as a file."""
    person = person_of(request, slug)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        document = invoice_document(
            unit, ids.parse("invoice", invoice), links=Links.of(person.engine)
        )
    return pdf_answer(document)


@get("/staff/{slug:str}/credit-notes/{note:str}", sync_to_thread=True)
def credit_note(
    request: Request[Any, Any, Any], slug: FromPath[str], note: FromPath[str]
) -> Response[Any]:
    """One credit note."""
    person = person_of(request, slug)
    note_id = ids.parse("credit_note", note)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting = setting_of(unit)
        document = credit_note_document(unit, note_id, links=Links.of(person.engine))
        customer_id = unit.session.execute(
            credit_notes.select().where(
                credit_notes.c.merchant_id == unit.merchant_id, credit_notes.c.id == note_id
            )
        ).one().customer_id  # fmt: skip
    context = {
        "view": document.view,
        "link": document.url,
        "customer_id": customer_id,
        "row": None,
        "held": [],
        "done": "",
        "pdf": f"{person.root}/credit-notes/{note}/pdf",
        "told": [],
    }
    return remember_language(request, show(person, setting, "document.html", context))


@get("/staff/{slug:str}/credit-notes/{note:str}/pdf", sync_to_thread=True)
def credit_note_pdf(
    request: Request[Any, Any, Any], slug: FromPath[str], note: FromPath[str]
) -> Response[bytes]:
    """The credit note as a file."""
    person = person_of(request, slug)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        found: Document = credit_note_document(
            unit, ids.parse("credit_note", note), links=Links.of(person.engine)
        )
    return pdf_answer(found)


def _cursor(request: Request[Any, Any, Any], name: str) -> tuple[datetime, UUID] | None:
    """Where a list goes on; what is no place of ours begins it anew."""
    try:
        return read_cursor(request.query_params.get(name))
    except InvalidRequest:
        return None


def told(
    events: Sequence[Mapping[str, Any]],
    names: Mapping[str, str],
    language: str,
    zone: str,
) -> list[dict[str, str]]:
    """Events as sentences with their moment and the look of their dot."""
    found = []
    for event in events:
        if not is_told(event["type"], event["payload"]):
            continue
        kind = event["subject_kind"]
        subject = ids.public(kind, event["subject_id"]) if kind in ids.PREFIXES else ""
        found.append(
            {
                "when": brief(event["occurred_at"], zone, language),
                "text": sentence(
                    event["type"],
                    event["payload"],
                    language=language,
                    names=names,
                    subject=subject,
                ),
                "tone": TONES.get(event["type"], "plain"),
                "href": f"invoices/{subject}" if kind == "invoice" else "",
            }
        )
    return found


def _chased(case: Mapping[str, Any], person: SignedIn, zone: str) -> dict[str, Any]:
    step = str((case["next_step"] or {}).get("step") or "")
    return {
        "invoice_id": case["invoice_id"],
        "number": case["number"],
        "due": case["due_amount"],
        "failures": case["failures"],
        "reason": why_declined(case["decline_code"], person.language)
        if case["decline_code"]
        else "",
        "step": STEPS[person.language].get(step, step),
        "at": moment(case["next_at"], zone, person.language) if case["next_at"] else "",
    }
