"""Changing a plan and cancelling: first what it would do, line by line, then the deed.

Preview and deed are one function of billing each. The form carries a fingerprint of the figures
that were shown: if they have moved meanwhile, nothing is done and the new ones are shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath

from api.pages.staff import reads
from api.pages.staff.change_views import change_view, offers
from api.pages.staff.frame import Setting, setting_of, show
from api.pages.staff.labels import LABELS
from api.pages.staff.problems import problem_words
from api.pages.staff.session import SignedIn, check_form, person_of
from api.pages.staff.words import CANCEL_REASONS
from api.pages.web import remember_language, see_other
from billing import queries
from billing.flows import cancel as cancelling
from billing.flows import change_plan
from billing.flows.cancel import PlannedCancel, When
from billing.flows.change_quote import PlannedChange
from billing.plan_changes import ChangeMode
from billing.records import Customer
from core import ids
from core.errors import Conflict, EngineError, Forbidden, InvalidRequest
from core.work import Work
from invoices.queries import get_invoice

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
_MODES: Final = ("prorate", "at_period_end")


class _StaleError(Exception):
    """The figures are not those that were shown."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the form of a plan change asks for."""

    price_id: UUID | None
    quantity: int | None
    mode: ChangeMode | None


@get("/staff/{slug:str}/subscriptions/{subscription:str}/change", sync_to_thread=True)
def change_form(
    request: Request[Any, Any, Any], slug: FromPath[str], subscription: FromPath[str]
) -> Response[Any]:
    """The form; with a plan chosen, what would happen."""
    person = person_of(request, slug)
    _require(person.may_change_plan)
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
    _require(person.may_change_plan)
    labels = LABELS[person.language]
    try:
        wanted = _wanted(data)
        with person.engine.work(person.merchant_id, person.actor) as unit:
            done = change_plan.change(
                unit,
                ids.parse("subscription", subscription),
                price_id=wanted.price_id,
                quantity=wanted.quantity,
                mode=wanted.mode,
                reason=data.get("note", "").strip()[:500] or None,
            )
            _require_same(data, change_print(done.planned))
            customer = done.subscription.customer_id
    except _StaleError:
        return _change_page(
            person, subscription, data, problem=labels["changed_meanwhile"], status=409
        )
    except (Conflict, InvalidRequest) as error:
        told = labels["refused"] + problem_words(error, person.language)
        return _change_page(person, subscription, data, problem=told, status=409)
    return _back(person, customer, "done_change" if done.applied else "done_change_later")


@get("/staff/{slug:str}/subscriptions/{subscription:str}/cancel", sync_to_thread=True)
def cancel_form(
    request: Request[Any, Any, Any], slug: FromPath[str], subscription: FromPath[str]
) -> Response[Any]:
    """When service would end and what would be given back."""
    person = person_of(request, slug)
    _require(person.may_cancel)
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
    _require(person.may_cancel)
    labels, when = LABELS[person.language], _when(data)
    subscription_id = ids.parse("subscription", subscription)
    try:
        reason = _reason(data)
        with person.engine.work(person.merchant_id, person.actor) as unit:
            before = queries.lock_subscription(unit, subscription_id)
            planned = cancelling.preview_cancel(unit, subscription_id, when=when)
            _require_same(data, cancel_print(planned, before.version))
            after = cancelling.cancel(unit, subscription_id, when=when, reason=reason)
    except _StaleError:
        return _cancel_page(
            person, subscription, data, problem=labels["changed_meanwhile"], status=409
        )
    except (Conflict, InvalidRequest) as error:
        told = labels["refused"] + problem_words(error, person.language)
        return _cancel_page(person, subscription, data, problem=told, status=409)
    ended = after.status == "canceled"
    return _back(person, after.customer_id, "done_cancel" if ended else "done_cancel_later")


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
    _require(person.may_cancel)
    return _undo(person, subscription, "done_resume", cancelling.undo_cancel)


@post("/staff/{slug:str}/subscriptions/{subscription:str}/drop-change", sync_to_thread=True)
def drop_change(
    request: Request[Any, Any, Any],
    slug: FromPath[str],
    subscription: FromPath[str],
    data: Form,
) -> Response[Any]:
    """Drop a plan change that waits for the period's end."""
    person = person_of(request, slug)
    check_form(person, data)
    _require(person.may_change_plan)
    return _undo(person, subscription, "done_drop", change_plan.drop_change)


def change_print(planned: PlannedChange) -> str:
    """What was shown of a change, in short: equal only if every figure is."""
    document = planned.document
    return _fingerprint(
        planned.change_id,
        planned.quote.mode,
        planned.quote.effective_on,
        planned.new.id,
        planned.quantity,
        document.total.amount if document else 0,
        [line.line.amount.amount for line in document.lines] if document else [],
        [(credit.invoice_id, credit.amount) for credit in planned.credits],
    )


def cancel_print(planned: PlannedCancel, version: int) -> str:
    """What was shown of a cancellation, in short."""
    credits_ = [(credit.invoice_id, credit.amount) for credit in planned.credits]
    return _fingerprint(version, planned.quote.mode, planned.quote.end_on, credits_)


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
        setting, held, customer = _subject(unit, subscription_id)
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
                words = problem_words(error, person.language)
                problem = problem or LABELS[person.language]["refused"] + words
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


def _cancel_page(
    person: SignedIn,
    subscription: str,
    asked: dict[str, str],
    *,
    problem: str = "",
    status: int = 200,
) -> Response[Any]:
    subscription_id, when = ids.parse("subscription", subscription), _when(asked)
    planned, given_back, fingerprint = None, [], ""
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting, held, customer = _subject(unit, subscription_id)
        try:
            planned = cancelling.preview_cancel(unit, subscription_id, when=when)
            fingerprint = cancel_print(planned, held.row.version)
            given_back = [
                (get_invoice(unit, credit.invoice_id), credit.amount) for credit in planned.credits
            ]
        except EngineError as error:
            words = problem_words(error, person.language)
            problem = problem or LABELS[person.language]["refused"] + words
    context = {
        "held": held,
        "customer": customer,
        "when": when,
        "asked": asked,
        "planned": planned,
        "given_back": given_back,
        "print": fingerprint,
        "choices": CANCEL_REASONS,
        "problem": problem,
        "sub": subscription,
    }
    return show(person, setting, "cancel.html", context, status=status)


def _subject(unit: Work, subscription_id: UUID) -> tuple[Setting, reads.Held, Customer]:
    row = queries.get_subscription(unit, subscription_id)
    [held] = reads.held_by(unit, [row])
    return setting_of(unit), held, queries.get_customer(unit, row.customer_id)


def _undo(
    person: SignedIn, subscription: str, done: str, act: Callable[[Work, UUID], object]
) -> Response[Any]:
    subscription_id = ids.parse("subscription", subscription)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        customer = queries.get_subscription(unit, subscription_id).customer_id
    try:
        with person.engine.work(person.merchant_id, person.actor) as unit:
            act(unit, subscription_id)
    except Conflict:
        done = "done_nothing"
    return _back(person, customer, done)


def _wanted(form: dict[str, str]) -> _Wanted:
    quantity = form.get("quantity", "").strip()
    if quantity and not (quantity.isascii() and quantity.isdigit() and len(quantity) <= 7):
        raise InvalidRequest("invalid_quantity", "a whole number from 1", field="quantity")
    mode = form.get("mode", "") or None
    if mode is not None and mode not in _MODES:
        raise InvalidRequest("invalid_mode", "one of the two", field="mode")
    return _Wanted(
        price_id=ids.parse("price", form["price"]) if form.get("price") else None,
        quantity=int(quantity) if quantity else None,
        mode=cast(ChangeMode | None, mode),
    )


def _when(form: dict[str, str]) -> When:
    return "now" if form.get("when") == "now" else "period_end"


def _reason(form: dict[str, str]) -> str:
    if form.get("reason") not in CANCEL_REASONS:
        raise InvalidRequest("reason_needed", "a reason is needed", field="reason")
    return form["reason"]


def _require(allowed: bool) -> None:
    if not allowed:
        raise Forbidden("no_right", "this role may not do this")


def _require_same(form: dict[str, str], now: str) -> None:
    if form.get("print") != now:
        raise _StaleError


def _fingerprint(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:24]


def _back(person: SignedIn, customer_id: UUID, done: str) -> Response[Any]:
    return see_other(f"{person.root}/customers/{ids.public('customer', customer_id)}?done={done}")
