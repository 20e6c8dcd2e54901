"""The customer's pages: a signed link opens one document, without a key; pay, PDF, status."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath

from api.pages.checkout import with_return
from api.pages.declined import push_refused, why_declined
from api.pages.paying import Paying, paying_of
from api.pages.portal_balance import Balance, balance_of
from api.pages.portal_reads import CreditLine, Seen, credits_of, state_of
from api.pages.portal_words import WORDS
from api.pages.turns import turns_of
from api.pages.two_click import Cards, saved_cards
from api.pages.wallets import Wallets, came_back, show_wallets
from api.pages.ways import Ways, ways_of
from api.pages.web import (
    Asked,
    clean,
    engine_of,
    page,
    private_headers,
    see_other,
    visitor,
)
from billing.engine import Engine
from billing.flows import limits
from billing.flows.charge import send_one
from billing.flows.documents import (
    Document,
    Links,
    credit_note_document,
    invoice_document,
)
from billing.flows.offers import offer
from billing.queries import get_customer
from core import ids
from core.errors import Conflict, Forbidden, InvalidRequest, NotFound
from core.links import Link, open_link
from core.work import Work
from invoices.adapters.html import logo_uri
from invoices.queries import get_invoice
from invoices.wording import until_text

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]

# A customer whose number never came may ask again, but not for ever.
_OFFERS_MAX = 20


@dataclass(frozen=True, slots=True)
class Opened:
    """A document behind a genuine link, read whole."""

    link: Link
    document: Document
    paying: Paying
    simulator: str
    ways: Ways
    version: str = ""
    credits: tuple[CreditLine, ...] = ()
    wallets: Wallets = field(default_factory=Wallets)
    cards: Cards = field(default_factory=Cards)
    turns: tuple[str, ...] = ()
    balance: Balance = field(default_factory=Balance)
    late: str = ""


@get("/i/{token:str}", sync_to_thread=True)
def show(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[str]:
    """Show the document of a link."""
    if request.query_params.get("gopay") == "1":
        link = read_link(request, token)
        came_back(engine_of(request), link, actor_of(request, link))
    opened = _open(request, token)
    view, paying = opened.document.view, opened.paying
    simulator = ""
    if opened.simulator and paying.transaction_id and view.how_to_pay:
        simulator = f"{opened.simulator}/pay/{paying.transaction_id}"
    return page(
        "document.html",
        {
            "view": view,
            "words": WORDS[view.language],
            "paying": paying,
            "token": token,
            "version": opened.version,
            "watch": view.can_pay,
            "credits": opened.credits,
            "logo_uri": logo_uri(view.logo),
            "simulator": simulator,
            "simulator_origin": opened.simulator,
            "ways": opened.ways,
            "confirm": _confirm(opened),
            "wallets": opened.wallets,
            "cards": opened.cards,
            "turns": opened.turns,
            "balance": opened.balance,
            "late": opened.late,
            "declined": why_declined(paying.code, view.language, channel=paying.channel)
            if paying.state == "declined"
            else "",
            "refused": push_refused(*paying.refused, view.language) if paying.refused else "",
            "problem": request.query_params.get("problem") == "1",
        },
        pictures=opened.ways.pictures,
        scripts=opened.cards.origin,
    )


@get("/i/{token:str}/status", sync_to_thread=True)
def status(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[dict[str, str]]:
    """Tell the page whether something changed since it was loaded."""
    engine, link = engine_of(request), read_link(request, token)
    with engine.work(link.merchant_id, actor_of(request, link)) as unit:
        link.require_current(unit.today)
        # A credit note does not change.
        seen = state_of(unit, link.subject_id) if link.purpose == "invoice" else Seen("issued", "")
    return Response({"status": seen.status, "version": seen.version}, headers=private_headers())


@get("/i/{token:str}/pdf", sync_to_thread=True)
def pdf(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[bytes]:
    """The document as a file."""
    return pdf_answer(_open(request, token).document)


@post("/i/{token:str}/va", sync_to_thread=True)
def ask_for_va(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[Any]:
    """Offer the first number: asked for at the bank now, it is on the page that follows."""
    return _ask(request, token, None)


@post("/i/{token:str}/pay", sync_to_thread=True)
def ask_for_way(
    request: Request[Any, Any, Any],
    token: FromPath[str],
    data: Form,
) -> Response[Any]:
    """Offer the way to pay that was chosen; the page that follows shows it."""
    return _ask(request, token, clean(data.get("channel", ""), 40) or None)


def _ask(request: Asked, token: str, channel: str | None) -> Response[Any]:
    """Who holds the link may pay; a form on a foreign page does not know the link."""
    refuse_foreign(request)
    engine, link = engine_of(request), read_link(request, token)
    if link.purpose != "invoice":
        raise NotFound("invoice_not_found", "there is no such invoice")
    actor = actor_of(request, link)
    limits.count_now(
        engine,
        link.merchant_id,
        {"offer_invoice": link.subject_id, "offer_address": actor.source},
    )
    try:
        with engine.work(link.merchant_id, actor) as unit:
            link.require_current(unit.today)
            order = _offer(unit, link.subject_id, channel)
    except (Conflict, InvalidRequest):
        # Paid in the meantime, or being charged: the page says so.
        return see_other(f"/i/{token}?problem=1")
    send_one(engine, link.merchant_id, order)
    return see_other(f"/i/{token}#pay")


def pdf_answer(document: Document) -> Response[bytes]:
    """A document as a file that opens in the browser, named by its number."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", document.view.number).strip("-.") or "document"
    return Response(
        document.pdf(),
        media_type="application/pdf",
        headers={
            **private_headers(),
            "Content-Disposition": f'inline; filename="{name}.pdf"',
        },
    )


def _offer(unit: Work, invoice_id: UUID, channel: str | None) -> UUID:
    if paying_of(unit, invoice_id).offers >= _OFFERS_MAX:
        raise Conflict("too_many_offers", "too many numbers were asked for")
    return offer(unit, invoice_id, channel)


def _confirm(opened: Opened) -> str:
    """Where a card is confirmed; only the simulator needs to be told the way back."""
    url = opened.paying.confirm_url
    if opened.paying.by_wallet:
        return url
    return with_return(url, opened.document.url) if url and opened.simulator else url


def refuse_foreign(request: Asked) -> None:
    """Refuse a form that a page of another site sent.

    Raises:
        Forbidden: ``foreign_form``.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("foreign_form", "this form came from another site")


def _open(request: Asked, token: str) -> Opened:
    engine, link = engine_of(request), read_link(request, token)
    with engine.work(link.merchant_id, actor_of(request, link)) as unit:
        link.require_current(unit.today)
        billed = link.purpose == "invoice"
        # Read first: what changes meanwhile is noticed by the next look.
        version = state_of(unit, link.subject_id).version if billed else ""
        paying = paying_of(unit, link.subject_id) if billed else Paying("none")
        document = _document(engine, unit, link)
        language = document.view.language
        return Opened(
            link=link,
            document=document,
            version=version,
            credits=tuple(credits_of(unit, link.subject_id, Links.of(engine), language))
            if billed
            else (),
            paying=paying,
            simulator=(
                engine.settings.simulator_url if unit.merchant.gateway == "simulator" else ""
            ),
            ways=_ways(unit, link),
            wallets=_wallets(engine, unit, link),
            cards=saved_cards(engine, unit, link.subject_id) if billed else Cards(),
            turns=turns_of(unit, link.subject_id, language) if billed else (),
            balance=balance_of(unit, link.subject_id, language) if billed else Balance(),
            late=_late(unit, link, paying, language) if paying.state == "late" else "",
        )


def _ways(unit: Work, link: Link) -> Ways:
    if link.purpose != "invoice":
        return Ways()
    customer = get_customer(unit, get_invoice(unit, link.subject_id).customer_id)
    return ways_of(unit, link.subject_id, customer.locale, customer.phone)


def _wallets(engine: Engine, unit: Work, link: Link) -> Wallets:
    if link.purpose != "invoice":
        return Wallets()
    customer = get_customer(unit, get_invoice(unit, link.subject_id).customer_id)
    return show_wallets(engine, unit, link.subject_id, customer.locale, customer.phone)


def _late(unit: Work, link: Link, paying: Paying, language: str) -> str:
    """What to do where the address for a PIN is dead: when the charge has ended by itself."""
    words, zone = WORDS[language], get_invoice(unit, link.subject_id).billing_zone
    until = until_text(paying.ends, zone, language) if paying.ends else words["late_soon"]
    return words["late_hint"].format(until=until)


def _document(engine: Engine, unit: Work, link: Link) -> Document:
    if link.purpose == "invoice":
        return invoice_document(unit, link.subject_id, links=Links.of(engine))
    if link.purpose == "credit_note":
        return credit_note_document(unit, link.subject_id, links=Links.of(engine))
    raise NotFound("document_not_found", "this link opens no document")


def read_link(request: Asked, token: str) -> Link:
    """The link that a token is; whether it is current is asked when its merchant is known."""
    return open_link(engine_of(request).vault.subkey("links"), token)


def actor_of(request: Asked, link: Link) -> Any:
    """Whoever holds the link."""
    kind = "invoice" if link.purpose == "invoice" else "credit_note"
    return visitor(request, f"link {ids.public(kind, link.subject_id)}")
