"""Moves at the staff pages: looked at first, started, watched, undone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath

from api.pages.staff.catalogue import show_plan
from api.pages.staff.forms import Form, fingerprint, require
from api.pages.staff.frame import setting_of, show
from api.pages.staff.labels import LABELS
from api.pages.staff.problems import problem_words
from api.pages.staff.session import SignedIn, check_form, person_of
from api.pages.web import remember_language, see_other
from billing.catalogue.document import Catalogue, write
from billing.flows.catalogues import standing
from billing.flows.move_rows import Moved, count_concerned, progress_of
from billing.flows.moves import preview_move, start_move, undo_move
from billing.moves.queries import get_move
from billing.moves.rules import earliest
from core import ids
from core.errors import Conflict, InvalidRequest
from core.work import Work
from invoices.wording import long_date, rupiah
from plans.queries import get_plan, get_price

SHOWN = 50


@post("/staff/{slug:str}/plans/{plan:str}/move", sync_to_thread=True)
def look(
    request: Request[Any, Any, Any], slug: FromPath[str], plan: FromPath[str], data: Form
) -> Response[Any]:
    """Show each customer's next invoice before and after; nothing is done yet."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_change_plan)
    try:
        return _look(person, ids.parse("plan", plan), data)
    except (Conflict, InvalidRequest) as error:
        return _refused(person, ids.parse("plan", plan), data, error)


@post("/staff/{slug:str}/plans/{plan:str}/move/start", sync_to_thread=True)
def start(
    request: Request[Any, Any, Any], slug: FromPath[str], plan: FromPath[str], data: Form
) -> Response[Any]:
    """Start the move that was looked at; sent twice it is one."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_change_plan)
    try:
        old, new, day, notice = _wish(data)
        with person.engine.work(person.merchant_id, person.actor) as unit:
            key = fingerprint(old, new, day, notice, data.get("print", ""))
            made = start_move(unit, old, new, not_before=day, notice_days=notice, key=key)
    except (Conflict, InvalidRequest) as error:
        return _refused(person, ids.parse("plan", plan), data, error)
    return see_other(f"{person.root}/moves/{ids.public('price_move', made.id)}")


@get("/staff/{slug:str}/moves/{move:str}", sync_to_thread=True)
def move_page(
    request: Request[Any, Any, Any], slug: FromPath[str], move: FromPath[str]
) -> Response[Any]:
    """One move: how far it is, and who was left out."""
    person = person_of(request, slug)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        row = get_move(unit, ids.parse("price_move", move))
        old, new = get_price(unit, row.from_price_id), get_price(unit, row.to_price_id)
        setting, done = setting_of(unit), progress_of(unit, row)
    context = {"move": row, "old": old, "new": new, "done": done}
    return remember_language(request, show(person, setting, "move.html", context))


@post("/staff/{slug:str}/moves/{move:str}/undo", sync_to_thread=True)
def undo_moving(
    request: Request[Any, Any, Any], slug: FromPath[str], move: FromPath[str], data: Form
) -> Response[Any]:
    """Take back what has not happened yet."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_change_plan)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        undo_move(unit, ids.parse("price_move", move))
    return see_other(f"{person.root}/moves/{move}")


def _look(person: SignedIn, plan_id: UUID, data: Mapping[str, str]) -> Response[Any]:
    old, new, day, notice = _wish(data)
    with person.engine.work(person.merchant_id, person.actor) as unit:
        found = preview_move(unit, old, new, not_before=day, notice_days=notice, limit=SHOWN)
        days = unit.merchant.renewal_notice_days if notice is None else notice
        context = {
            "plan": get_plan(unit, plan_id), "old": get_price(unit, old),
            "new": get_price(unit, new), "found": found, "asked": dict(data),
            "print": unit.now.isoformat(),
            **_sums(unit, person, old, found, earliest(day, unit.today, days)),
        }  # fmt: skip
        setting = setting_of(unit)
    return show(person, setting, "move_preview.html", context)


def _sums(unit: Work, person: SignedIn, old: UUID, found: list[Moved], day: date) -> dict[str, str]:
    words = LABELS[person.language]
    before = sum(one.old.total.amount for one in found if one.old)
    after = sum(one.new.total.amount for one in found if one.new)
    return {
        "concerned": words["move_concerned"].format(n=count_concerned(unit, old), shown=len(found)),
        "sums": words["move_sum"].format(old=rupiah(before), new=rupiah(after)),
        "ends": words["move_notice_ends"].format(day=long_date(day, person.language)),
    }


def _wish(data: Mapping[str, str]) -> tuple[UUID, UUID, date | None, int | None]:
    day, notice = data.get("not_before", "").strip(), data.get("notice_days", "").strip()
    try:
        asked = date.fromisoformat(day) if day else None
    except ValueError:
        raise InvalidRequest("invalid_not_before", "a day", field="not_before") from None
    if notice and not (notice.isdecimal() and len(notice) < 5):
        raise InvalidRequest("invalid_notice_days", "0 to 365", field="notice_days")
    old, new = (ids.parse("price", data.get(name, "")) for name in ("from_price", "to_price"))
    return old, new, asked, int(notice) if notice else None


def _refused(
    person: SignedIn, plan_id: UUID, data: Mapping[str, str], error: Conflict | InvalidRequest
) -> Response[Any]:
    with person.engine.work(person.merchant_id, person.actor) as unit:
        row = get_plan(unit, plan_id)
        plans = {row.code: standing(unit).catalogue.plans[row.code]}
    text = write(Catalogue(meters={}, plans=plans, discounts={}))
    words = LABELS[person.language]["refused"] + problem_words(error, person.language)
    return show_plan(person, row, text, asked=data, refused=words)
