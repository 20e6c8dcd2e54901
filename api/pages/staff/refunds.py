"""Giving money back: first where it would go and by which road, then the deed; and what waits."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath
from sqlalchemy import select

from api.pages.staff.forms import Form, back, require, require_same
from api.pages.staff.frame import setting_of, show
from api.pages.staff.giving_back import refund_of
from api.pages.staff.labels import LABELS
from api.pages.staff.labels_money import GIVE_BACK_REASONS
from api.pages.staff.problems import StaleError, refusal
from api.pages.staff.rehearsal import rehearse
from api.pages.staff.session import SignedIn, check_form, person_of
from api.pages.web import clean, remember_language, see_other
from billing import queries
from billing.flows import refund as refunding
from billing.flows.document_parts import REASONS
from billing.flows.refund_rows import get_payment
from billing.tables import customers
from core import ids
from core.errors import Conflict, EngineError, Forbidden, InvalidRequest
from core.work import Work
from invoices.queries import get_invoice
from payments.tables import allocations, payments, refunds

WAITING = ("awaiting_approval", "awaiting_transfer")
WAITING_MAX = 100
_PAYEE = ("bank", "account_number", "account_name")


@get("/staff/{slug:str}/payments/{payment:str}/refund", sync_to_thread=True)
def refund_form(
    request: Request[Any, Any, Any], slug: FromPath[str], payment: FromPath[str]
) -> Response[Any]:
    """How much of a payment to give back; with an answer, what would happen."""
    person = person_of(request, slug)
    require(person.may_give_back)
    asked = {name: str(value) for name, value in request.query_params.items()}
    return remember_language(request, _refund_page(person, payment, asked))


@post("/staff/{slug:str}/payments/{payment:str}/refund", sync_to_thread=True)
def refund(
    request: Request[Any, Any, Any], slug: FromPath[str], payment: FromPath[str], data: Form
) -> Response[Any]:
    """Write the refund that was shown; a worker sends it."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_give_back)
    payment_id = ids.parse("payment", payment)
    try:
        _require_reason(data)
        with person.engine.work(person.merchant_id, person.actor) as unit:
            made = refund_of(unit, payment_id, get_payment(unit, payment_id).customer_id, data)
            require_same(data, made.print)
    except (StaleError, Conflict, InvalidRequest) as error:
        told = refusal(error, person.language)
        return _refund_page(person, payment, data, problem=told, status=409)
    return back(person, made.customer_id, f"done_refund_{made.route}")


@get("/staff/{slug:str}/refunds", sync_to_thread=True)
def waiting(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[Any]:
    """Refunds that wait for a person: agreement, or a transfer by hand."""
    return remember_language(request, _waiting_page(person_of(request, slug), request))


@post("/staff/{slug:str}/refunds/{refund_id:str}/{act:str}", sync_to_thread=True)
def decide(
    request: Request[Any, Any, Any],
    slug: FromPath[str],
    refund_id: FromPath[str],
    act: FromPath[str],
    data: Form,
) -> Response[Any]:
    """Agree to a transfer, record it, or decide against it."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_approve if act == "approve" else person.may_give_back)
    wanted = ids.parse("refund", refund_id)
    try:
        with person.engine.work(person.merchant_id, person.actor) as unit:
            _decide(unit, wanted, act, data)
    except (Conflict, InvalidRequest, Forbidden) as error:
        told = refusal(error, person.language)
        return _waiting_page(person, request, problem=told, status=409)
    return see_other(f"{person.root}/refunds?done=done_refund_{act}")


def _decide(unit: Work, refund_id: UUID, act: str, form: dict[str, str]) -> None:
    if act == "approve":
        refunding.approve(unit, refund_id)
    elif act == "complete":
        refunding.complete_manual(
            unit, refund_id, proof=clean(form.get("proof", ""), 200), payee=_payee(form)
        )
    elif act == "reject":
        because = clean(form.get("because", ""), 400)
        if not because:
            raise InvalidRequest("reason_needed", "a reason is needed", field="because")
        refunding.reject(unit, refund_id, because=because)
    else:
        raise InvalidRequest("invalid_id", "there is no such deed")


def _payee(form: dict[str, str]) -> dict[str, str] | None:
    told = {name: clean(form.get(name, ""), 100) for name in _PAYEE}
    return told if any(told.values()) else None


def _refund_page(
    person: SignedIn, payment: str, asked: dict[str, str], *, problem: str = "", status: int = 200
) -> Response[Any]:
    payment_id = ids.parse("payment", payment)
    form = {**asked, "once": asked.get("once") or secrets.token_hex(8)}
    shown = None
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting = setting_of(unit)
        row = get_payment(unit, payment_id)
        customer = queries.get_customer(unit, row.customer_id)
        left = refunding.refundable_amount(unit, payment_id)
        settled = _settled(unit, payment_id)
    if "amount" in asked and not problem:
        try:
            _require_reason(form)
            shown = rehearse(person, lambda unit: refund_of(unit, payment_id, customer.id, form))
        except EngineError as error:
            problem = refusal(error, person.language)
    context = {
        "row": row,
        "customer": customer,
        "left": left,
        "settled": settled,
        "asked": form,
        "shown": shown,
        "choices": GIVE_BACK_REASONS,
        # As they will stand on the document.
        "because": REASONS[person.language],
        "problem": problem,
        "payment": payment,
        "limit": setting.merchant.refund_approval_above,
    }
    return show(person, setting, "refund.html", context, status=status)


def _waiting_page(
    person: SignedIn, request: Request[Any, Any, Any], *, problem: str = "", status: int = 200
) -> Response[Any]:
    done = str(request.query_params.get("done", ""))
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting, listed = setting_of(unit), waiting_refunds(unit)
    labels = LABELS[person.language]
    context = {
        "listed": listed,
        "problem": problem,
        "done": labels.get(done, "") if done.startswith("done_") else "",
    }
    return show(person, setting, "waiting.html", context, status=status)


def waiting_refunds(unit: Work) -> list[Mapping[str, Any]]:
    """Read the refunds that wait for a person, oldest first."""
    rows = unit.session.execute(
        select(refunds, payments.c.customer_id, payments.c.channel, customers.c.name)
        .join(
            payments,
            (payments.c.merchant_id == refunds.c.merchant_id)
            & (payments.c.id == refunds.c.payment_id),
        )
        .join(
            customers,
            (customers.c.merchant_id == payments.c.merchant_id)
            & (customers.c.id == payments.c.customer_id),
        )
        .where(refunds.c.merchant_id == unit.merchant_id, refunds.c.state.in_(WAITING))
        .order_by(refunds.c.created_at)
        .limit(WAITING_MAX)
    )
    return [dict(row) for row in rows.mappings()]


def _settled(unit: Work, payment_id: UUID) -> list[dict[str, Any]]:
    """The invoices that a payment settled, with how much of it each got."""
    rows = unit.session.execute(
        select(allocations.c.invoice_id, allocations.c.amount).where(
            allocations.c.merchant_id == unit.merchant_id,
            allocations.c.payment_id == payment_id,
        )
    ).all()
    sums: dict[UUID, int] = {}
    for row in rows:
        sums[row.invoice_id] = sums.get(row.invoice_id, 0) + row.amount
    return [
        {"id": str(invoice), "number": get_invoice(unit, invoice).number, "amount": amount}
        for invoice, amount in sums.items()
        if amount > 0
    ]


def _require_reason(form: dict[str, str]) -> None:
    if form.get("reason") not in GIVE_BACK_REASONS:
        raise InvalidRequest("reason_needed", "a reason is needed", field="reason")
