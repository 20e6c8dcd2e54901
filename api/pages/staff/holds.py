"""What a card holds, or the fraud system questions: shown, what each decision would do, decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath
from sqlalchemy import select

from api.pages.staff.forms import Form, back, fingerprint, require, require_same
from api.pages.staff.frame import setting_of, show
from api.pages.staff.giving_back import amount_in
from api.pages.staff.hold_words import HOLD_WORDS
from api.pages.staff.matters import may_resolve
from api.pages.staff.problems import StaleError, refusal
from api.pages.staff.rehearsal import rehearse
from api.pages.staff.session import SignedIn, check_form, person_of
from api.pages.web import clean, remember_language
from billing import queries
from billing.flows.hold_wishes import Rest, wish_capture, wish_review
from billing.flows.one_order import get_order, withdraw_order
from core import ids
from core.errors import Conflict, EngineError, InvalidRequest
from core.work import Work
from invoices.queries import get_invoice
from payments.tables import payment_orders

RESTS: Final[Mapping[str, Rest]] = {"due": "due", "credit": "credit"}
ACTS: Final = {"authorized": ("capture", "release"), "challenge": ("approve", "deny")}


@get("/staff/{slug:str}/orders/{order:str}", sync_to_thread=True)
def hold(
    request: Request[Any, Any, Any], slug: FromPath[str], order: FromPath[str]
) -> Response[Any]:
    """What is held; with an act chosen, what would happen."""
    person = person_of(request, slug)
    asked = {name: str(value) for name, value in request.query_params.items()}
    return remember_language(request, _page(person, order, asked))


@post("/staff/{slug:str}/orders/{order:str}", sync_to_thread=True)
def decide_hold(
    request: Request[Any, Any, Any], slug: FromPath[str], order: FromPath[str], data: Form
) -> Response[Any]:
    """Write the decision that was shown; workers carry it out at once."""
    person = person_of(request, slug)
    check_form(person, data)
    require(may_resolve(person))
    order_id = ids.parse("payment_order", order)
    try:
        with person.engine.work(person.merchant_id, person.actor) as unit:
            row = _decide(unit, order_id, data)
            require_same(data, _print(data, row))
    except (StaleError, Conflict, InvalidRequest) as error:
        told = refusal(error, person.language)
        return _page(person, order, data, problem=told, status=409)
    return back(person, row.customer_id, f"done_hold_{data['act']}")


def _decide(unit: Work, order_id: UUID, form: dict[str, str]) -> Any:
    """Do what a form asks for; the order as it is then."""
    act, reason = form.get("act", ""), clean(form.get("reason", ""), 400)
    if act == "capture":
        rest = RESTS.get(form.get("rest", ""))
        wish_capture(unit, order_id, amount=amount_in(form), rest=rest)
    elif not reason:
        raise InvalidRequest("reason_needed", "a reason is needed", field="reason")
    elif act == "release":
        withdraw_order(unit, order_id, why=reason)
    elif act in ("approve", "deny"):
        wish_review(unit, order_id, accept=act == "approve", reason=reason)
    else:
        raise InvalidRequest("invalid_id", "there is no such deed")
    return get_order(unit, order_id)


def _print(form: dict[str, str], row: Any) -> str:
    return fingerprint(form.get("act"), row.amount, row.capture_amount, row.capture_rest)


def _page(
    person: SignedIn, order: str, asked: dict[str, str], *, problem: str = "", status: int = 200
) -> Response[Any]:
    order_id = ids.parse("payment_order", order)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting, row = setting_of(unit), get_order(unit, order_id)
        customer = queries.get_customer(unit, row.customer_id)
        invoice = get_invoice(unit, row.invoice_id) if row.invoice_id else None
    acts = ACTS.get(row.held or "", ()) if row.wish is None and not row.abandoning else ()
    shown = None
    if asked.get("act") in acts and not problem and may_resolve(person):
        try:
            shown = rehearse(person, lambda unit: _decide(unit, order_id, asked))
        except EngineError as error:
            problem = refusal(error, person.language)
    context = {
        "row": row, "customer": customer, "invoice": invoice, "order": order, "acts": acts,
        "asked": asked, "shown": shown, "problem": problem, "w": HOLD_WORDS[person.language],
        "print": _print(asked, shown) if shown else "", "may": may_resolve(person),
    }  # fmt: skip
    return show(person, setting, "hold.html", context, status=status)


def held_of(unit: Work, invoice_id: UUID) -> list[Any]:
    """The orders of an invoice that hold something a person may decide about."""
    c = payment_orders.c
    return list(
        unit.session.execute(
            select(c.id, c.held, c.amount, c.expires_at).where(
                c.merchant_id == unit.merchant_id,
                c.invoice_id == invoice_id,
                c.held.is_not(None),
            )
        )
    )
