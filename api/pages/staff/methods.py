"""Ending a saved card, because its holder asked or it is not theirs any more."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, post
from litestar.params import FromPath
from sqlalchemy import select

from api.pages.staff.forms import Form, back, require
from api.pages.staff.session import check_form, person_of
from billing.flows.cards import end_method
from core import ids
from payments.tables import payment_methods


@post("/staff/{slug:str}/methods/{method:str}/end", sync_to_thread=True)
def end_card(
    request: Request[Any, Any, Any], slug: FromPath[str], method: FromPath[str], data: Form
) -> Response[Any]:
    """Never charge it again; its token is destroyed and its mandate ends."""
    person = person_of(request, slug)
    check_form(person, data)
    require(person.may_end_card)
    wanted, columns = ids.parse("payment_method", method), payment_methods.c
    with person.engine.work(person.merchant_id, person.actor) as unit:
        ended = end_method(unit, wanted, "requested")
        customer_id = unit.session.execute(
            select(columns.customer_id).where(
                columns.merchant_id == unit.merchant_id, columns.id == wanted
            )
        ).scalar_one()
    return back(person, customer_id, "done_end_card" if ended else "done_nothing")
