"""Changing a plan: first what it would do, line by line, then the deed.

Preview and deed are one function of billing each. The form carries a fingerprint of the figures
that were shown: if they have moved meanwhile, nothing is done and the new ones are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath

from api.pages.staff.change_views import change_view, offers
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
from api.pages.web import clean, remember_language
from billing.flows import change_plan
from billing.flows.change_quote import PlannedChange
from billing.plan_changes import QuoteMode
from core import ids
from core.errors import Conflict, EngineError, InvalidRequest

_MODES: Final = ("prorate", "at_period_end", "restart", "switch")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the form of a plan change asks for."""

    price_id: UUID | None
    quantity: int | None
    mode: QuoteMode | None


@get("/staff/{slug:str}/subscriptions/{subscription:str}/change", sync_to_thread=True)
def change_form(
    request: Request[Any, Any, Any], slug: FromPath[str], subscription: FromPath[str]
) -> Response[Any]:
    """The form; with a plan chosen, what would happen."""
    person = person_of(request, slug)
    require(person.may_change_plan)
    asked = {name: str(value) for name, value in request.query_params.items()}
    return remember_language(request, _change_page(person, subscription, asked))


@post("/staff/{slug:str}/subscriptions/{subscription:str}/change", sync_to_thread=True)
def change(
    request: Request[Any, Any, Any],
    slug: FromPath[str],
    subscription: FromPath[str],
    data: Form,
) -> Response[Any]:
    """Do what was shown, or show anew what has moved."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_change_plan)
    try:
        wanted = _wanted(data)
        with person.engine.work(person.merchant_id, person.actor) as unit:
            done = change_plan.change(
                unit,
                ids.parse("subscription", subscription),
                price_id=wanted.price_id,
                quantity=wanted.quantity,
                mode=wanted.mode,
                reason=clean(data.get("note", ""), 500) or None,
            )
            require_same(data, change_print(done.planned))
            customer = done.subscription.customer_id
    except (StaleError, Conflict, InvalidRequest) as error:
        told = refusal(error, person.language)
        return _change_page(person, subscription, data, problem=told, status=409)
    waits = "done_change_unpaid" if done.planned.pays_first else "done_change_later"
    return back(person, customer, "done_change" if done.applied else waits)


@post("/staff/{slug:str}/subscriptions/{subscription:str}/drop-change", sync_to_thread=True)
def drop_change(
    request: Request[Any, Any, Any],
    slug: FromPath[str],
    subscription: FromPath[str],
    data: Form,
) -> Response[Any]:
    """Drop a plan change that waits for the period's end, or to be paid."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_change_plan)
    return undo(person, subscription, "done_drop", change_plan.drop_change)


def change_print(planned: PlannedChange) -> str:
    """What was shown of a change, in short: equal only if every figure is."""
    document = planned.document
    return fingerprint(
        planned.change_id,
        planned.quote.mode,
        planned.quote.effective_on,
        planned.new.id,
        planned.quantity,
        document.total.amount if document else 0,
        [line.line.amount.amount for line in document.lines] if document else [],
        [(credit.invoice_id, credit.amount) for credit in planned.credits],
        planned.pays_first,
    )


def _change_page(
    person: SignedIn,
    subscription: str,
    asked: dict[str, str],
    *,
    problem: str = "",
    status: int = 200,
) -> Response[Any]:
    subscription_id = ids.parse("subscription", subscription)
    shown = None
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting, held, customer = subject(unit, subscription_id)
        listed = offers(unit, held, person.language)
        if asked.get("price"):
            try:
                wanted = _wanted(asked)
                planned = change_plan.preview(
                    unit,
                    subscription_id,
                    price_id=wanted.price_id,
                    quantity=wanted.quantity,
                    mode=wanted.mode,
                )
                shown = change_view(unit, planned, customer, person.language)
                shown["print"] = change_print(planned)
            except EngineError as error:
                problem = problem or refusal(error, person.language)
    context = {
        "held": held,
        "customer": customer,
        "offers": listed,
        "asked": asked,
        "shown": shown,
        "problem": problem,
        "sub": subscription,
    }
    return show(person, setting, "change.html", context, status=status)


def _wanted(form: dict[str, str]) -> _Wanted:
    quantity = form.get("quantity", "").strip()
    if quantity and not (quantity.isascii() and quantity.isdigit() and len(quantity) <= 7):
        raise InvalidRequest("invalid_quantity", "a whole number from 1", field="quantity")
    mode = form.get("mode", "") or None
    if mode is not None and mode not in _MODES:
        raise InvalidRequest("invalid_mode", "one of the four", field="mode")
    return _Wanted(
        price_id=ids.parse("price", form["price"]) if form.get("price") else None,
        quantity=int(quantity) if quantity else None,
        mode=cast(QuoteMode | None, mode),
    )
