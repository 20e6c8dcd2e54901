"""`/bayar/{merchant}`: try what a customer sees. Merchants on the simulator only."""

from __future__ import annotations

import re
import secrets
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath

from api.pages.checkout import (
    TEST_CARDS,
    SignedUp,
    TestCard,
    Visitor,
    invoice_link,
    require_simulator,
    sign_up_by_card,
    sign_up_by_page,
    sign_up_by_va,
    with_return,
)
from api.pages.checkout_words import MANDATE, WORDS
from api.pages.portal import refuse_foreign
from api.pages.web import (
    Asked,
    brand_of,
    clean,
    engine_of,
    in_language,
    language_from,
    merchant_by_slug,
    page,
    remember_language,
    see_other,
    visitor,
)
from billing.engine import Engine
from billing.flows import limits
from billing.flows.notices import upcoming
from billing.queries import get_subscription
from core import ids
from core.actor import Actor
from core.calendars import instant_of
from core.errors import Conflict, EngineError, InvalidRequest, NotFound, TooMany
from core.work import Work
from invoices.wording import until_text
from payments.queries import page_for_cards
from plans.queries import Price, list_plans, prices_of

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
# How a visitor says that the card is entered on the gateway's page.
ON_PAGE: Final = "page"
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")


@get("/bayar/{slug:str}", sync_to_thread=True)
def show(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[Any]:
    """The plans, and a form to subscribe to one."""
    return remember_language(request, _page(request, slug, {}, ""))


@post("/bayar/{slug:str}", sync_to_thread=True)
def subscribe(request: Request[Any, Any, Any], slug: FromPath[str], data: Form) -> Response[Any]:
    """Subscribe, then on to the invoice, or to the page where a card is confirmed."""
    refuse_foreign(request)
    engine, language = engine_of(request), language_from(request)
    merchant_id = merchant_by_slug(engine, slug)
    try:
        who, price_id, card = _read(data, language)
        how = data.get("how", "va")
        actor = visitor(request, "sign-up")
        limits.count_now(engine, merchant_id, {"sign_up_address": actor.source})
        if how == ON_PAGE:
            made = sign_up_by_page(engine, merchant_id, actor, who, price_id=price_id)
            if made.redirect_url:
                return see_other(made.redirect_url)
        elif card is None:
            made = sign_up_by_va(engine, merchant_id, actor, who, price_id=price_id)
        else:
            made = sign_up_by_card(engine, merchant_id, actor, who, price_id=price_id, card=card)
    except InvalidRequest as error:
        return _page(request, slug, data, error.code, status=400)
    except TooMany:
        raise
    except EngineError:
        return _page(request, slug, data, "refused", status=409)
    return see_other(_next(engine, merchant_id, slug, made))


@get("/bayar/{slug:str}/masa-coba/{subscription:str}", sync_to_thread=True)
def trial(
    request: Request[Any, Any, Any], slug: FromPath[str], subscription: FromPath[str]
) -> Response[str]:
    """What comes after a trial has begun."""
    engine, language = engine_of(request), language_from(request)
    with engine.work(merchant_by_slug(engine, slug), visitor(request)) as unit:
        found = get_subscription(unit, ids.parse("subscription", subscription))
        ends_on, zone = found.trial_end_on, found.billing_zone
        coming = upcoming(unit, [found]) if ends_on else []
        return page(
            "welcome.html",
            {
                "brand": brand_of(unit.merchant),
                "language": language,
                "words": WORDS[language],
                "slug": slug,
                "until": until_text(instant_of(ends_on, zone), zone, language) if ends_on else "",
                "first": {
                    "date": ends_on,
                    "amount": coming[0].document.total.amount,
                    "is_metered": coming[0].is_metered,
                }
                if coming
                else None,
            },
        )


def _page(
    request: Asked, slug: str, form: dict[str, str], problem: str, *, status: int = 200
) -> Response[Any]:
    engine, language = engine_of(request), language_from(request)
    with engine.work(merchant_by_slug(engine, slug), visitor(request)) as unit:
        _require_test_merchant(unit)
        merchant = unit.merchant
        return page(
            "landing.html",
            {
                "brand": brand_of(merchant),
                "language": language,
                "words": WORDS[language],
                "mandate": MANDATE[language].format(merchant=merchant.display_name),
                "slug": slug,
                "plans": _offers(unit, language),
                # Where cards are left to the gateway's page, none is asked for here.
                "cards": () if page_for_cards(unit) else TEST_CARDS,
                "on_page": ON_PAGE if page_for_cards(unit) else "",
                "form": form,
                "key": form.get("key") or secrets.token_urlsafe(16),
                "problem": problem,
            },
            status=status,
            form_action=engine.settings.simulator_url,
        )


def _require_test_merchant(unit: Work) -> None:
    try:
        require_simulator(unit.merchant)
    except Conflict as error:
        raise NotFound("merchant_not_found", "there is no such page") from error


def _offers(unit: Work, language: str) -> list[dict[str, Any]]:
    """The plans that are sold, cheapest first, with the newest price of each interval."""
    found = []
    for plan in list_plans(unit, state="active"):
        newest: dict[tuple[str, int], Price] = {}
        for price in prices_of(unit, plan.id):
            key = (price.interval_unit, price.interval_count)
            if price.is_sold and (key not in newest or price.version > newest[key].version):
                newest[key] = price
        if newest:
            prices = sorted(newest.values(), key=lambda price: price.unit_amount)
            found.append(
                {
                    "name": in_language(plan.name, language),
                    "description": in_language(plan.description, language),
                    "prices": [
                        {"id": ids.public("price", price.id), "row": price} for price in prices
                    ],
                    "from": prices[0].unit_amount,
                }
            )
    return sorted(found, key=lambda offer: (offer["from"], offer["name"]))


def _read(data: dict[str, str], language: str) -> tuple[Visitor, UUID, TestCard | None]:
    name, email = clean(data.get("name", ""), 201), clean(data.get("email", ""), 255)
    if not 1 <= len(name) <= 200:
        raise InvalidRequest("name_wrong", "a name is needed")
    if _EMAIL.fullmatch(email) is None:
        raise InvalidRequest("email_wrong", "an address is needed")
    try:
        price_id = ids.parse("price", data.get("price", ""))
    except InvalidRequest:
        raise InvalidRequest("plan_wrong", "a plan is needed") from None
    how = data.get("how", "va")
    card = next((card for card in TEST_CARDS if card.number == how), None)
    key = clean(data.get("key", ""), 64)
    who = Visitor(
        name=name,
        email=email,
        locale=language,
        # Bound to what was typed: the same form with another address is another sign-up.
        key=f"sign-up:{key}:{email}:{price_id}:{how}",
        company=clean(data.get("company", ""), 200) or None,
    )
    return who, price_id, card


def _next(engine: Engine, merchant_id: UUID, slug: str, made: SignedUp) -> str:
    """Where a new customer goes: to the 3DS page and back, or to the invoice."""
    public = engine.settings.public_url.rstrip("/")
    if made.invoice_id is not None:
        back = invoice_link(engine, merchant_id, Actor("system", "pages"), made.invoice_id)
    else:
        trial_of = ids.public("subscription", made.subscription_id)
        back = f"{public}/bayar/{slug}/masa-coba/{trial_of}"
    if made.redirect_url:
        return with_return(made.redirect_url, back)
    return back.removeprefix(public)
