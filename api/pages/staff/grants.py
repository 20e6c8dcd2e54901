"""Giving a customer credit: first what it would pay and until when it lasts, then the deed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath

from api.pages.staff.forms import Form, back, day_in, fingerprint, require, require_same
from api.pages.staff.frame import setting_of, show
from api.pages.staff.giving_back import amount_in
from api.pages.staff.problems import StaleError, refusal
from api.pages.staff.rehearsal import rehearse
from api.pages.staff.session import SignedIn, check_form, person_of
from api.pages.web import clean, remember_language
from billing import queries
from billing.flows.granting import REASON_MAX, get_lot, grant, last_day_of
from core import ids
from core.errors import Conflict, EngineError, InvalidRequest
from core.work import Work

_PATH: Final = "/staff/{slug:str}/customers/{customer:str}/credit"


@dataclass(frozen=True, slots=True)
class Given:
    """Credit as it was just written, in whole rupiah; ``used`` is what open invoices took of it."""

    amount: int
    used: int
    last_day: date | None
    reason: str
    balance_after: int

    @property
    def print(self) -> str:
        """What was shown of it, in short; the rest of the balance may have moved by itself."""
        return fingerprint(self.amount, self.used, self.last_day, self.reason)


@get(_PATH, sync_to_thread=True)
def grant_form(
    request: Request[Any, Any, Any], slug: FromPath[str], customer: FromPath[str]
) -> Response[Any]:
    """How much, why and until when; with an answer, what would happen."""
    person = person_of(request, slug)
    require(person.may_give_back)
    asked = {name: str(value) for name, value in request.query_params.items()}
    return remember_language(request, _page(person, customer, asked))


@post(_PATH, sync_to_thread=True)
def give(
    request: Request[Any, Any, Any], slug: FromPath[str], customer: FromPath[str], data: Form
) -> Response[Any]:
    """Give the credit that was shown."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_give_back)
    customer_id = ids.parse("customer", customer)
    try:
        with person.engine.work(person.merchant_id, person.actor) as unit:
            require_same(data, _give(unit, customer_id, data).print)
    except (StaleError, Conflict, InvalidRequest) as error:
        told = refusal(error, person.language)
        return _page(person, customer, data, problem=told, status=409)
    return back(person, customer_id, "done_grant")


def _give(unit: Work, customer_id: UUID, form: dict[str, str]) -> Given:
    """Write credit as a form asks for it; sent again it is the credit it was before."""
    amount = amount_in(form)
    if amount is None:
        raise InvalidRequest("invalid_amount", "whole rupiah", field="amount")
    lot_id = grant(
        unit,
        customer_id,
        amount,
        reason=clean(form.get("reason", ""), REASON_MAX),
        last_day=day_in(form, "expires_on", "invalid_expires_on"),
        key=f"staff:{form.get('once') or secrets.token_hex(8)}",
    )
    lot = get_lot(unit, customer_id, lot_id)
    return Given(
        amount=lot.amount,
        used=lot.amount - lot.left,
        last_day=last_day_of(unit, lot),
        reason=lot.reason or "",
        balance_after=queries.balance(unit, customer_id),
    )


def _page(
    person: SignedIn, customer: str, asked: dict[str, str], *, problem: str = "", status: int = 200
) -> Response[Any]:
    customer_id = ids.parse("customer", customer)
    form = {**asked, "once": asked.get("once") or secrets.token_hex(8)}
    shown = None
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting = setting_of(unit)
        who, balance = queries.get_customer(unit, customer_id), queries.balance(unit, customer_id)
    if "amount" in asked and not problem:
        try:
            shown = rehearse(person, lambda unit: _give(unit, customer_id, form))
        except EngineError as error:
            problem = refusal(error, person.language)
    context = {
        "customer": who,
        "balance": balance,
        "asked": form,
        "shown": shown,
        "problem": problem,
        "longest": REASON_MAX,
    }
    return show(person, setting, "grant.html", context, status=status)
