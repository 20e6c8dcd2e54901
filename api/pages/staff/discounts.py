"""Discounts and their codes at the staff pages: a list, a form to make one, and stopping one."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from api.pages.staff.forms import Form, require
from api.pages.staff.frame import setting_of, show
from api.pages.staff.problems import refusal
from api.pages.staff.session import SignedIn, check_form, person_of
from api.pages.web import clean, remember_language, see_other
from billing.discounts.queries import list_discounts
from billing.discounts.service import create_discount, stop_discount
from core import ids
from core.errors import Conflict, InvalidRequest
from invoices.wording import percent

_PERCENT = re.compile(r"(\d{1,3})(?:[.,](\d{1,2}))? *%?")
_WHOLE = re.compile(r"(?:Rp)? *(\d{1,3}(?:\.\d{3})+|\d{1,13})")


@get("/staff/{slug:str}/discounts", sync_to_thread=True)
def discounts(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[Any]:
    """All discounts, the newest first, with how often each was given."""
    person = person_of(request, slug)
    done = str(request.query_params.get("done", ""))
    return remember_language(request, _page(person, {}, done=done))


@post("/staff/{slug:str}/discounts", sync_to_thread=True)
def make_discount(
    request: Request[Any, Any, Any], slug: FromPath[str], data: Form
) -> Response[Any]:
    """Make a discount; what is wrong with it is said above the form, which keeps what was typed."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_change_plan)
    try:
        by_percent = data.get("kind") != "amount"
        takes = clean(data.get("takes", ""), 30)
        counted = data.get("duration") in ("periods", "months")
        with person.engine.work(person.merchant_id, person.actor) as unit:
            create_discount(
                unit,
                code=clean(data.get("code", ""), 60),
                name={"id": clean(data.get("name", ""), 200)},
                basis_points=_basis_points(takes) if by_percent else None,
                amount=None if by_percent else _whole(takes, "amount"),
                duration=data.get("duration", "once"),
                count=_whole(data.get("count", ""), "count") if counted else None,
                new_customers=data.get("new_customers") == "yes",
                max_redemptions=_limit(data, "max_redemptions"),
                per_customer=1 if (each := _limit(data, "per_customer")) is None else each,
            )
    except (Conflict, InvalidRequest) as error:
        return _page(person, data, problem=refusal(error, person.language), status=409)
    return see_other(f"{person.root}/discounts?done=done_discount")


@post("/staff/{slug:str}/discounts/{discount:str}/stop", sync_to_thread=True)
def stop(
    request: Request[Any, Any, Any], slug: FromPath[str], discount: FromPath[str], data: Form
) -> Response[Any]:
    """Give a discount to nobody any more."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_change_plan)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        stop_discount(unit, ids.parse("discount", discount))
    return see_other(f"{person.root}/discounts?done=done_stop_discount")


def _page(
    person: SignedIn, asked: dict[str, str], *, problem: str = "", done: str = "", status: int = 200
) -> Response[Any]:
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting, listed = setting_of(unit), list_discounts(unit)
    context = {
        "listed": listed,
        "asked": asked,
        "problem": problem,
        "done": done if done in ("done_discount", "done_stop_discount") else "",
        "percent": lambda points: percent(Fraction(points, 10_000)),
    }
    return show(person, setting, "discounts.html", context, status=status)


def _basis_points(typed: str) -> int:
    found = _PERCENT.fullmatch(typed)
    if found is None:
        raise InvalidRequest("invalid_discount", "Write a percentage.", field="basis_points")
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def _whole(typed: str, field: str) -> int:
    found = _WHOLE.fullmatch(typed.strip())
    if found is None:
        raise InvalidRequest("invalid_discount", "Write a whole number.", field=field)
    return int(found[1].replace(".", ""))


def _limit(data: dict[str, str], field: str) -> int | None:
    typed = data.get(field, "")
    return _whole(typed, field) if typed.strip() else None
