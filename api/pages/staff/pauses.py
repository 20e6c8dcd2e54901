"""Pausing and resuming: first what would be given back or billed, then the deed."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath

from api.pages.staff.forms import (
    Form,
    back,
    day_in,
    fingerprint,
    require,
    require_same,
    subject,
    undo,
)
from api.pages.staff.frame import show
from api.pages.staff.problems import StaleError, refusal
from api.pages.staff.session import SignedIn, check_form, person_of
from api.pages.web import remember_language
from billing import queries
from billing.flows import pause as pausing
from billing.flows.pause_quote import POLICIES, PausePolicy, PlannedPause
from core import ids
from core.errors import Conflict, EngineError, InvalidRequest
from core.work import Work
from invoices.queries import get_invoice

_PATH: Final = "/staff/{slug:str}/subscriptions/{subscription:str}"


@get(f"{_PATH}/pause", sync_to_thread=True)
def pause_form(
    request: Request[Any, Any, Any], slug: FromPath[str], subscription: FromPath[str]
) -> Response[Any]:
    """From when nothing would be served, and what would be given back."""
    person = person_of(request, slug)
    require(person.may_cancel)
    asked = {name: str(value) for name, value in request.query_params.items()}
    return remember_language(request, _pause_page(person, subscription, asked))


@post(f"{_PATH}/pause", sync_to_thread=True)
def pause(
    request: Request[Any, Any, Any], slug: FromPath[str], subscription: FromPath[str], data: Form
) -> Response[Any]:
    """Pause as shown."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_cancel)
    subscription_id = ids.parse("subscription", subscription)
    try:
        policy, resume_on = _policy(data), day_in(data, "resume_on", "invalid_resume_on")
        with person.engine.work(person.merchant_id, person.actor) as unit:
            version = queries.lock_subscription(unit, subscription_id).version
            planned = pausing.preview_pause(
                unit, subscription_id, policy=policy, resume_on=resume_on
            )
            require_same(data, _print(planned, version))
            after = pausing.pause(
                unit, subscription_id, policy=policy, resume_on=resume_on,
                keep_anchor="keep_anchor" in data,
            )  # fmt: skip
    except (StaleError, Conflict, InvalidRequest) as error:
        told = refusal(error, person.language)
        return _pause_page(person, subscription, data, problem=told, status=409)
    done = "done_pause" if after.status == "paused" else "done_pause_later"
    return back(person, after.customer_id, done)


@post(f"{_PATH}/undo-pause", sync_to_thread=True)
def undo_pause(
    request: Request[Any, Any, Any], slug: FromPath[str], subscription: FromPath[str], data: Form
) -> Response[Any]:
    """Let a subscription go on that was to pause."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_cancel)
    return undo(person, subscription, "done_resume", pausing.undo_pause)


@get(f"{_PATH}/unpause", sync_to_thread=True)
def unpause_form(
    request: Request[Any, Any, Any], slug: FromPath[str], subscription: FromPath[str]
) -> Response[Any]:
    """What serving it again would bill today."""
    person = person_of(request, slug)
    require(person.may_cancel)
    asked = {name: str(value) for name, value in request.query_params.items()}
    return remember_language(request, _unpause_page(person, subscription, asked))


@post(f"{_PATH}/unpause", sync_to_thread=True)
def unpause(
    request: Request[Any, Any, Any], slug: FromPath[str], subscription: FromPath[str], data: Form
) -> Response[Any]:
    """Serve it again from today, as shown."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_cancel)
    subscription_id = ids.parse("subscription", subscription)
    keeps = "keep_anchor" in data
    try:
        with person.engine.work(person.merchant_id, person.actor) as unit:
            version = queries.lock_subscription(unit, subscription_id).version
            require_same(data, _resume_print(unit, subscription, version, keeps=keeps))
            after = pausing.resume(unit, subscription_id, keep_anchor=keeps)
    except (StaleError, Conflict, InvalidRequest) as error:
        told = refusal(error, person.language)
        return _unpause_page(person, subscription, data, problem=told, status=409)
    return back(person, after.customer_id, "done_unpause")


def _print(planned: PlannedPause, version: int) -> str:
    credits_ = [(credit.invoice_id, credit.amount) for credit in planned.credits]
    return fingerprint(version, planned.version, planned.quote.pause_on, planned.voided, credits_)


def _resume_print(unit: Work, subscription: str, version: int, *, keeps: bool) -> str:
    planned = pausing.preview_resume(
        unit, ids.parse("subscription", subscription), keep_anchor=keeps
    )
    total = planned.document.total.amount if planned.document else 0
    return fingerprint(version, keeps, planned.period.start, planned.period.end, total)


def _pause_page(
    person: SignedIn,
    subscription: str,
    asked: dict[str, str],
    *,
    problem: str = "",
    status: int = 200,
) -> Response[Any]:
    subscription_id = ids.parse("subscription", subscription)
    planned, given_back, printed, policy = None, [], "", "serve_paid"
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting, held, customer = subject(unit, subscription_id)
        try:
            policy = _policy(asked)
            planned = pausing.preview_pause(unit, subscription_id, policy=policy)
            printed = _print(planned, held.row.version)
            given_back = [
                (get_invoice(unit, credit.invoice_id), credit.amount) for credit in planned.credits
            ]
        except EngineError as error:
            problem = problem or refusal(error, person.language)
    context = {
        "held": held,
        "customer": customer,
        "policies": list(POLICIES),
        "policy": policy,
        "asked": asked,
        "planned": planned,
        "given_back": given_back,
        "print": printed,
        "problem": problem,
        "sub": subscription,
    }
    return show(person, setting, "pause.html", context, status=status)


def _unpause_page(
    person: SignedIn,
    subscription: str,
    asked: dict[str, str],
    *,
    problem: str = "",
    status: int = 200,
) -> Response[Any]:
    subscription_id = ids.parse("subscription", subscription)
    keeps = "keep_anchor" in asked
    planned, printed = None, ""
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting, held, customer = subject(unit, subscription_id)
        try:
            planned = pausing.preview_resume(unit, subscription_id, keep_anchor=keeps)
            printed = _resume_print(unit, subscription, held.row.version, keeps=keeps)
        except EngineError as error:
            problem = problem or refusal(error, person.language)
    context = {
        "held": held,
        "customer": customer,
        "keeps": keeps,
        "planned": planned,
        "print": printed,
        "problem": problem,
        "sub": subscription,
    }
    return show(person, setting, "unpause.html", context, status=status)


def _policy(form: dict[str, str]) -> PausePolicy:
    policy = form.get("policy") or "serve_paid"
    if policy not in POLICIES:
        raise InvalidRequest("invalid_policy", "one of the three", field="policy")
    return policy
