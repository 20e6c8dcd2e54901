"""Plans at the staff pages: their versions, edited as a file, with what changes shown first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from api.pages.price_words import price_words
from api.pages.staff.forms import Form, require
from api.pages.staff.frame import setting_of, show
from api.pages.staff.session import SignedIn, check_form, person_of
from api.pages.web import remember_language, see_other
from billing.catalogue.comparing import Comparison, Standing
from billing.catalogue.document import Catalogue, write
from billing.catalogue.reading import CHARACTERS_MAX, CatalogueError
from billing.catalogue.sentences import problem_text, step_text
from billing.flows.catalogues import apply_catalogue, plan_catalogue, prices_having, standing
from billing.flows.overrides import own_versions
from billing.moves.queries import list_moves
from core import ids
from core.errors import Conflict
from plans.queries import Plan, get_plan, list_plans, prices_of

_WHOLE = re.compile(r"(?:Rp)? *(\d{1,3}(?:\.\d{3})+|\d{1,13})")
# A form writes a character with up to three of its own, of four bytes.
FORM_MAX = CHARACTERS_MAX * 12


@get("/staff/{slug:str}/plans", sync_to_thread=True)
def plans(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[Any]:
    """All plans, the newest first."""
    person = person_of(request, slug)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting, listed = setting_of(unit), list_plans(unit, limit=200)
    return remember_language(request, show(person, setting, "plans.html", {"listed": listed}))


@get("/staff/{slug:str}/plans/{plan:str}", sync_to_thread=True)
def plan_page(
    request: Request[Any, Any, Any], slug: FromPath[str], plan: FromPath[str]
) -> Response[Any]:
    """One plan: its versions with who has them, the plan as a file, moves."""
    person = person_of(request, slug)
    done = "done_catalogue" if request.query_params.get("done") == "done_catalogue" else ""
    with person.engine.work(person.merchant_id, person.actor) as unit:
        row = get_plan(unit, ids.parse("plan", plan))
        text = _file(standing(unit), row)
    return remember_language(request, show_plan(person, row, text, done=done))


@post("/staff/{slug:str}/plans/{plan:str}/check", sync_to_thread=True,
      request_max_body_size=FORM_MAX)  # fmt: skip
def check_plan(
    request: Request[Any, Any, Any], slug: FromPath[str], plan: FromPath[str], data: Form
) -> Response[Any]:
    """Say what a new amount, or the plan as it was edited, would change; nothing is done yet."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_change_plan)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        row = get_plan(unit, ids.parse("plan", plan))
        text = _asked(standing(unit), row, data)
    return _checked(person, row, text)


@post("/staff/{slug:str}/plans/{plan:str}/apply", sync_to_thread=True,
      request_max_body_size=FORM_MAX)  # fmt: skip
def apply_plan(
    request: Request[Any, Any, Any], slug: FromPath[str], plan: FromPath[str], data: Form
) -> Response[Any]:
    """Do what was shown, or show what it would be by now."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_change_plan)
    text = _lines(data.get("file", ""))
    with person.engine.work(person.merchant_id, person.actor) as unit:
        row = get_plan(unit, ids.parse("plan", plan))
    try:
        with person.engine.work(person.merchant_id, person.actor) as unit:
            apply_catalogue(unit, text, data.get("steps", "").splitlines())
    except CatalogueError as wrong:
        return _wrong(person, row, text, wrong)
    except Conflict:
        return _checked(person, row, text, moved=True)
    return see_other(f"{person.root}/plans/{plan}?done=done_catalogue")


def show_plan(
    person: SignedIn, row: Plan, text: str, *, done: str = "", problems: tuple[str, ...] = (),
    asked: Mapping[str, str] | None = None, refused: str = "",
) -> Response[Any]:  # fmt: skip
    """Answer a plan's page; with what was typed and what is wrong with it."""
    with person.engine.work(person.merchant_id, person.actor) as unit:
        setting, versions, having = setting_of(unit), prices_of(unit, row.id), prices_having(unit)
        mine = {one.id for one in versions}
        own = own_versions(unit, mine)
        moves = [one for one in list_moves(unit) if one.from_price_id in mine]
    numbers = {one.id: one.version for one in versions}
    context = {
        "plan": row, "versions": versions, "having": having, "file": text, "moves": moves,
        "numbers": numbers, "done": done, "problems": problems, "refused": refused,
        "asked": asked or {}, "told": lambda price: price_words(price, person.language),
        "own": lambda one: one.id in own,
        "notice": setting.merchant.renewal_notice_days,
    }  # fmt: skip
    status = 409 if problems or refused else 200
    return show(person, setting, "plan.html", context, status=status)


def _checked(person: SignedIn, row: Plan, text: str, *, moved: bool = False) -> Response[Any]:
    try:
        with person.engine.work(person.merchant_id, person.actor) as unit:
            found = plan_catalogue(unit, text)
            setting = setting_of(unit)
    except CatalogueError as wrong:
        return _wrong(person, row, text, wrong)
    context = {
        "plan": row, "file": text, "moved": moved, "told": _told(found, person.language),
        "steps": "\n".join(step.key for step in found.steps),
    }  # fmt: skip
    return show(person, setting, "plan_change.html", context, status=409 if moved else 200)


def _wrong(person: SignedIn, row: Plan, text: str, wrong: CatalogueError) -> Response[Any]:
    told = tuple(problem_text(one, person.language) for one in wrong.problems)
    return show_plan(person, row, text, problems=told)


def _told(found: Comparison, language: str) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(step.act, *step_text(step, language)) for step in found.steps]


def _asked(now: Standing, row: Plan, data: Mapping[str, str]) -> str:
    """The plan as a file as it was typed, or with one amount that is new."""
    found = _WHOLE.fullmatch(data.get("amount", "").strip())
    if "file" in data or found is None:
        return _lines(data.get("file", "")) or _file(now, row)
    amount = int(found[1].replace(".", ""))
    listed = [
        replace(one, content={**one.content, "unit_amount": amount})
        if ids.public("price", one.id) == data.get("price") and one.content["model"] == "flat"
        else one
        for one in now.prices[row.code]
    ]
    return _file(replace(now, prices={**now.prices, row.code: listed}), row)


def _file(now: Standing, row: Plan) -> str:
    return write(
        Catalogue(meters={}, plans={row.code: now.catalogue.plans[row.code]}, discounts={})
    )


def _lines(text: str) -> str:
    """Browsers send lines with two characters at their end."""
    return text.replace("\r\n", "\n")
