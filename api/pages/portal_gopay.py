"""Forms of the customer's page that link GoPay, or pay with one that is linked."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, post
from litestar.params import FromPath

from api.pages.portal import Form, actor_of, read_link, refuse_foreign
from api.pages.wallets import link_wallet
from api.pages.web import Asked, clean, engine_of, see_other
from billing.engine import Engine
from billing.flows import limits
from billing.flows.charge import send_one
from billing.flows.make_room import make_room
from billing.flows.wallet_pay import pay_with_wallet
from billing.queries import get_customer
from core import ids
from core.errors import Conflict, InvalidRequest, NotFound, Unavailable
from core.links import Link
from invoices.queries import get_invoice


@post("/i/{token:str}/gopay", sync_to_thread=True)
def link_gopay(request: Request[Any, Any, Any], token: FromPath[str], data: Form) -> Response[Any]:
    """Ask GoPay for a link; the page that follows leads there, and GoPay leads back to it."""
    engine, link = invoice_of_form(request, token)
    with engine.work(link.merchant_id, actor_of(request, link)) as unit:
        customer = get_customer(unit, get_invoice(unit, link.subject_id).customer_id)
    try:
        link_wallet(
            engine, link.merchant_id, actor_of(request, link), link.subject_id,
            phone=clean(data.get("phone", ""), 40), agreed=data.get("agree") == "1",
            language=customer.locale,
            page=lambda: f"{engine.settings.public_url.rstrip('/')}/i/{token}?gopay=1",
        )  # fmt: skip
    except (Conflict, InvalidRequest, Unavailable):
        return see_other(f"/i/{token}?problem=1#pay")
    return see_other(f"/i/{token}#gopay")


@post("/i/{token:str}/gopay/pay", sync_to_thread=True)
def pay_by_gopay(
    request: Request[Any, Any, Any], token: FromPath[str], data: Form
) -> Response[Any]:
    """Pay with a linked GoPay now; where it asks for a PIN, the page that follows leads there."""
    engine, link = invoice_of_form(request, token)
    actor = actor_of(request, link)
    try:
        method = ids.parse("payment_method", clean(data.get("method", ""), 40))
        limits.count_now(engine, link.merchant_id, {"offer_invoice": link.subject_id})
        make_room(engine, link.merchant_id, actor, link.subject_id)
        with engine.work(link.merchant_id, actor) as unit:
            order = pay_with_wallet(unit, link.subject_id, method)
    except (Conflict, InvalidRequest):
        return see_other(f"/i/{token}?problem=1#pay")
    send_one(engine, link.merchant_id, order)
    return see_other(f"/i/{token}#pay")


def invoice_of_form(request: Asked, token: str) -> tuple[Engine, Link]:
    """The invoice of a form that a page of ours sent."""
    refuse_foreign(request)
    engine, link = engine_of(request), read_link(request, token)
    if link.purpose != "invoice":
        raise NotFound("invoice_not_found", "there is no such invoice")
    with engine.work(link.merchant_id, actor_of(request, link)) as unit:
        link.require_current(unit.today)
    return engine, link
