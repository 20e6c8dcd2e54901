"""The form of the customer's page that charges a saved card, its CVV given to Midtrans alone."""

from __future__ import annotations

import re
from typing import Any, Final

from litestar import Request, Response, post
from litestar.params import FromPath

from api.pages.portal import Form, actor_of
from api.pages.portal_gopay import invoice_of_form
from api.pages.web import clean, see_other
from billing.flows import limits
from billing.flows.at_once import pay_invoice, press
from billing.flows.make_room import make_room
from billing.flows.means import Means
from core.errors import Conflict, InvalidRequest

# As the API takes it: a card number in its place is refused.
_TOKEN: Final = re.compile(r"(?![0-9 -]+$)[\x21-\x7e]{1,200}")


@post("/i/{token:str}/card", sync_to_thread=True)
def pay_by_card(request: Request[Any, Any, Any], token: FromPath[str], data: Form) -> Response[Any]:
    """Charge the one-time token that the holder's browser got; he confirms by 3DS."""
    engine, link = invoice_of_form(request, token)
    actor = actor_of(request, link)
    card_token = clean(data.get("card_token", ""), 200)
    try:
        limits.count_now(engine, link.merchant_id, {"offer_invoice": link.subject_id})
        with engine.work(link.merchant_id, actor) as unit:
            takes = unit.merchant.card_mode == "two_click" and _TOKEN.fullmatch(card_token)
        if not takes:
            return see_other(f"/i/{token}?problem=1#pay")
        make_room(engine, link.merchant_id, actor, link.subject_id)
        with engine.work(link.merchant_id, actor) as unit:
            means = Means(card_token=card_token)
            pay_invoice(engine, unit, link.subject_id, means, key=f"page:{card_token}")
    except (Conflict, InvalidRequest):
        return see_other(f"/i/{token}?problem=1#pay")
    press(engine, link.merchant_id, invoice_id=link.subject_id)
    return see_other(f"/i/{token}#pay")
