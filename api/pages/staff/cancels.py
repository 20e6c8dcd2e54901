"""Cancelling: first when service would end and what would be given back, then the deed."""

from __future__ import annotations

from datetime import date
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from api.pages.staff.forms import (
    Form,
    back,
    fingerprint,
    require,
    require_same,
    subject,
    undo,
)
from api.pages.staff.frame import show
from api.pages.staff.problems import StaleError, refusal
from api.pages.staff.session import SignedIn, check_form, person_of
from api.pages.staff.words import CANCEL_REASONS
from api.pages.web import remember_language
from billing import queries
from billing.flows import cancel as cancelling
from billing.flows.cancel_quote import PlannedCancel, When
from core import ids
from core.errors import Conflict, EngineError, InvalidRequest
from invoices.queries import get_invoice


@get("/staff/{slug:str}/subscriptions/{subscription:str}/cancel", sync_to_thread=True)
def cancel_form(
    request: Request[Any, Any, Any], slug: FromPath[str], subscription: FromPath[str]
) -> Response[Any]:
    """When service would end and what would be given back."""
    person = person_of(request, slug)
    require(person.may_cancel)
    asked = {name: str(value) for name, value in request.query_params.items()}
    return remember_language(request, _cancel_page(person, subscription, asked))


@post("/staff/{slug:str}/subscriptions/{subscription:str}/cancel", sync_to_thread=True)
def cancel(
    request: Request[Any, Any, Any],
    slug: FromPath[str],
    subscription: FromPath[str],
    data: Form,
) -> Response[Any]:
    """Cancel as shown, with a reason."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_cancel)
    when = _when(data)
    subscription_id = ids.parse("subscription", subscription)
    try:
        reason, to = _reason(data), _day(data, when)
        with person.engine.work(person.merchant_id, person.actor) as unit:
            before = queries.lock_subscription(unit, subscription_id)
            planned = cancelling.preview_cancel(unit, subscription_id, when=when, to=to)
            require_same(data, cancel_print(planned, before.version))
            after = cancelling.cancel(unit, subscription_id, when=when, to=to, reason=reason)
    except (StaleError, Conflict, InvalidRequest) as error:
        told = refusal(error, person.language)
        return _cancel_page(person, subscription, data, problem=told, status=409)
    ended = after.status == "canceled"
    return back(person, after.customer_id, "done_cancel" if ended else "done_cancel_later")


@post("/staff/{slug:str}/subscriptions/{subscription:str}/resume", sync_to_thread=True)
def resume(
    request: Request[Any, Any, Any],
    slug: FromPath[str],
    subscription: FromPath[str],
    data: Form,
) -> Response[Any]:
    """Let a subscription go on that was to end."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_cancel)
    return undo(person, subscription, "done_resume", cancelling.undo_cancel)


def cancel_print(planned: PlannedCancel, version: int) -> str:
    """What was shown of a cancellation, in short."""
    credits_ = [(one.invoice_id, one.amount) for one in (*planned.credits, *planned.on_end)]
    return fingerprint(version, planned.quote.mode, planned.quote.end_on, planned.voided, credits_)


def _cancel_page(
    person: SignedIn,
    subscription: str,
    asked: dict[str, str],
    *,
    problem: str = "",
    status: int = 200,
) -> Response[Any]:
    subscription_id, when = ids.parse("subscription", subscription), _when(asked)
    planned, given_back, printed = None, [], ""
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting, held, customer = subject(unit, subscription_id)
        try:
            if when != "date" or "on" in asked:  # the day is asked for first
                to = _day(asked, when)
                planned = cancelling.preview_cancel(unit, subscription_id, when=when, to=to)
                printed = cancel_print(planned, held.row.version)
                given_back = [
                    (get_invoice(unit, credit.invoice_id), credit.amount)
                    for credit in (*planned.credits, *planned.on_end)
                ]
        except EngineError as error:
            problem = problem or refusal(error, person.language)
    context = {
        "held": held,
        "customer": customer,
        "when": when,
        "asked": asked,
        "planned": planned,
        "given_back": given_back,
        "print": printed,
        "choices": CANCEL_REASONS,
        "problem": problem,
        "sub": subscription,
    }
    return show(person, setting, "cancel.html", context, status=status)


def _when(form: dict[str, str]) -> When:
    said = form.get("when")
    return "now" if said == "now" else "date" if said == "date" else "period_end"


def _day(form: dict[str, str], when: When) -> date | None:
    if when != "date":
        return None
    try:
        return date.fromisoformat(form.get("on", "").strip())
    except ValueError:
        raise InvalidRequest("invalid_cancel_on", "a date", field="on") from None


def _reason(form: dict[str, str]) -> str:
    if form.get("reason") not in CANCEL_REASONS:
        raise InvalidRequest("reason_needed", "a reason is needed", field="reason")
    return form["reason"]
