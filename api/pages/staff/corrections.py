"""Putting an invoice right: credit it, void it, or mail it once more."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath

from api.pages.staff.forms import Form, fingerprint, require, require_same
from api.pages.staff.frame import setting_of, show
from api.pages.staff.giving_back import credit_of
from api.pages.staff.labels_money import GIVE_BACK_REASONS, VOID_REASONS
from api.pages.staff.problems import StaleError, refusal
from api.pages.staff.rehearsal import rehearse
from api.pages.staff.session import SignedIn, check_form, person_of
from api.pages.web import clean, remember_language, see_other
from billing.flows.credit import creditable_amount
from billing.flows.document_parts import REASONS
from billing.flows.send_again import send_again
from billing.flows.take_out import take_out
from billing.queries import lock_customers, lock_subscription
from core import ids
from core.errors import Conflict, EngineError, InvalidRequest
from core.work import Work
from invoices.queries import get_invoice

_REFUSED = (StaleError, Conflict, InvalidRequest)


@get("/staff/{slug:str}/invoices/{invoice:str}/credit", sync_to_thread=True)
def credit_form(
    request: Request[Any, Any, Any], slug: FromPath[str], invoice: FromPath[str]
) -> Response[Any]:
    """How much to give back of an invoice; with an answer, where it would go."""
    person = person_of(request, slug)
    require(person.may_give_back)
    asked = {name: str(value) for name, value in request.query_params.items()}
    return remember_language(request, _credit_page(person, invoice, asked))


@post("/staff/{slug:str}/invoices/{invoice:str}/credit", sync_to_thread=True)
def credit(
    request: Request[Any, Any, Any], slug: FromPath[str], invoice: FromPath[str], data: Form
) -> Response[Any]:
    """Write the credit note that was shown."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_give_back)
    try:
        _require_reason(data, GIVE_BACK_REASONS)
        with person.engine.work(person.merchant_id, person.actor) as unit:
            made = credit_of(unit, ids.parse("invoice", invoice), data)
            require_same(data, made.print)
    except _REFUSED as error:
        told = refusal(error, person.language)
        return _credit_page(person, invoice, data, problem=told, status=409)
    return see_other(f"{person.root}/invoices/{invoice}?done=done_credit")


@get("/staff/{slug:str}/invoices/{invoice:str}/void", sync_to_thread=True)
def void_form(
    request: Request[Any, Any, Any], slug: FromPath[str], invoice: FromPath[str]
) -> Response[Any]:
    """What taking the invoice out means, and why it is done."""
    person = person_of(request, slug)
    require(person.may_void)
    return remember_language(request, _void_page(person, invoice, {}))


@post("/staff/{slug:str}/invoices/{invoice:str}/void", sync_to_thread=True)
def void(
    request: Request[Any, Any, Any], slug: FromPath[str], invoice: FromPath[str], data: Form
) -> Response[Any]:
    """Take the invoice out, with a reason."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_void)
    note = clean(data.get("note", ""), 400)
    try:
        _require_reason(data, VOID_REASONS)
        with person.engine.work(person.merchant_id, person.actor) as unit:
            invoice_id = ids.parse("invoice", invoice)
            _lock(unit, invoice_id)
            require_same(data, _void_print(unit, invoice))
            take_out(
                unit, invoice_id, reason=f"{data['reason']}: {note}" if note else data["reason"]
            )
    except _REFUSED as error:
        return _void_page(
            person, invoice, data, problem=refusal(error, person.language), status=409
        )
    return see_other(f"{person.root}/invoices/{invoice}?done=done_void")


@post("/staff/{slug:str}/invoices/{invoice:str}/send", sync_to_thread=True)
def send(
    request: Request[Any, Any, Any], slug: FromPath[str], invoice: FromPath[str], data: Form
) -> Response[Any]:
    """Mail the invoice or a reminder once more."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_send)
    reminds = data.get("what") == "reminder"
    done = "done_reminded" if reminds else "done_sent"
    try:
        with person.engine.work(person.merchant_id, person.actor) as unit:
            send_again(
                unit,
                ids.parse("invoice", invoice),
                "reminder" if reminds else "document",
                key=f"staff:{secrets.token_hex(8)}",
            )
    except Conflict as error:
        done = "done_sent_before" if error.code == "mail_on_its_way" else "done_nothing"
    return see_other(f"{person.root}/invoices/{invoice}?done={done}")


def _credit_page(
    person: SignedIn, invoice: str, asked: dict[str, str], *, problem: str = "", status: int = 200
) -> Response[Any]:
    invoice_id = ids.parse("invoice", invoice)
    form = {**asked, "once": asked.get("once") or secrets.token_hex(8)}
    shown = None
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting, row = setting_of(unit), get_invoice(unit, invoice_id)
        left = creditable_amount(unit, invoice_id)
    if "amount" in asked and not problem:
        try:
            _require_reason(form, GIVE_BACK_REASONS)
            shown = rehearse(person, lambda unit: credit_of(unit, invoice_id, form))
        except EngineError as error:
            problem = refusal(error, person.language)
    context = {
        "what": "credit",
        "row": row,
        "left": left,
        "asked": form,
        "shown": shown,
        "choices": GIVE_BACK_REASONS,
        # As they will stand on the document.
        "because": REASONS[person.language],
        "problem": problem,
        "invoice": invoice,
    }
    return show(person, setting, "correct.html", context, status=status)


def _void_page(
    person: SignedIn, invoice: str, asked: dict[str, str], *, problem: str = "", status: int = 200
) -> Response[Any]:
    invoice_id, possible = ids.parse("invoice", invoice), True
    try:
        rehearse(person, lambda unit: take_out(unit, invoice_id, reason="preview"))
    except Conflict as error:
        possible, problem = False, problem or refusal(error, person.language)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting, row = setting_of(unit), get_invoice(unit, invoice_id)
        printed = _void_print(unit, invoice)
    context = {
        "what": "void",
        "row": row,
        "asked": asked,
        "possible": possible,
        "print": printed,
        "choices": VOID_REASONS,
        "problem": problem,
        "invoice": invoice,
    }
    return show(person, setting, "correct.html", context, status=status)


def _lock(unit: Work, invoice_id: UUID) -> None:
    """Nothing changes between what was shown and what is done; in the order everybody locks."""
    seen = get_invoice(unit, invoice_id)
    lock_customers(unit, [seen.customer_id])
    if seen.subscription_id is not None:
        lock_subscription(unit, seen.subscription_id)
    get_invoice(unit, invoice_id, lock=True)


def _void_print(unit: Work, invoice: str) -> str:
    row = get_invoice(unit, ids.parse("invoice", invoice))
    return fingerprint(row.status, row.due_amount, row.paid_amount, row.credited_amount)


def _require_reason(form: dict[str, str], choices: tuple[str, ...]) -> None:
    if form.get("reason") not in choices:
        raise InvalidRequest("reason_needed", "a reason is needed", field="reason")
