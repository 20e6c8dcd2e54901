"""Extending or ending a trial: first what would be billed and when, then the deed."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath

from api.pages.staff.forms import Form, back, day_in, fingerprint, require, require_same, subject
from api.pages.staff.frame import show
from api.pages.staff.problems import StaleError, refusal
from api.pages.staff.session import SignedIn, check_form, person_of
from api.pages.web import remember_language
from billing import queries
from billing.flows.trial import PlannedTrial, move_trial, preview_trial
from core import ids
from core.errors import Conflict, EngineError, InvalidRequest

_PATH: Final = "/staff/{slug:str}/subscriptions/{subscription:str}/trial"


@get(_PATH, sync_to_thread=True)
def trial_form(
    request: Request[Any, Any, Any], slug: FromPath[str], subscription: FromPath[str]
) -> Response[Any]:
    """What would be billed first, if the trial ended today or on the day that is asked for."""
    person = person_of(request, slug)
    require(person.may_change_plan)
    asked = {name: str(value) for name, value in request.query_params.items()}
    return remember_language(request, _page(person, subscription, asked))


@post(_PATH, sync_to_thread=True)
def trial(
    request: Request[Any, Any, Any], slug: FromPath[str], subscription: FromPath[str], data: Form
) -> Response[Any]:
    """Move the trial's end as shown."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_change_plan)
    subscription_id = ids.parse("subscription", subscription)
    try:
        to = day_in(data, "ends_on", "invalid_trial_end")
        with person.engine.work(person.merchant_id, person.actor) as unit:
            version = queries.lock_subscription(unit, subscription_id).version
            require_same(data, _print(preview_trial(unit, subscription_id, to=to), version))
            after = move_trial(unit, subscription_id, to=to)
    except (StaleError, Conflict, InvalidRequest) as error:
        told = refusal(error, person.language)
        return _page(person, subscription, data, problem=told, status=409)
    return back(person, after.customer_id, "done_trial")


def _print(planned: PlannedTrial, version: int) -> str:
    total = planned.bill.document.total.amount if planned.bill else 0
    return fingerprint(version, planned.ends_on, planned.voided, total)


def _page(
    person: SignedIn,
    subscription: str,
    asked: dict[str, str],
    *,
    problem: str = "",
    status: int = 200,
) -> Response[Any]:
    subscription_id = ids.parse("subscription", subscription)
    planned, printed = None, ""
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting, held, customer = subject(unit, subscription_id)
        try:
            to = day_in(asked, "ends_on", "invalid_trial_end")
            planned = preview_trial(unit, subscription_id, to=to)
            printed = _print(planned, held.row.version)
        except EngineError as error:
            problem = problem or refusal(error, person.language)
    context = {
        "held": held,
        "customer": customer,
        "asked": asked,
        "planned": planned,
        "print": printed,
        "problem": problem,
        "sub": subscription,
    }
    return show(person, setting, "trial.html", context, status=status)
