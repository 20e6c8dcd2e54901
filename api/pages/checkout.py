"""A visitor becomes a customer: by virtual account, or by a test card of the simulator.

For merchants on the simulator only: with a real gateway card numbers never touch a server of ours,
the browser gives them to Midtrans and brings a token back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import requests

from api.pages.checkout_words import MANDATE, MANDATE_VERSION
from billing.engine import Engine
from billing.flows.at_once import orders_of, press_first, subscribe_now
from billing.flows.consents import Mandate
from billing.flows.documents import Links
from billing.flows.means import Means
from billing.records import Customer
from billing.service import create_customer
from core.actor import Actor
from core.errors import Conflict, Unavailable
from core.merchant import Merchant
from core.work import Work
from invoices.document import safe_url
from invoices.queries import get_invoice
from payments.queries import page_for_cards

_TIMEOUT: Final = (3, 10)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who signs up; ``key`` makes a form that is sent twice one customer."""

    name: str
    email: str
    locale: str
    key: str
    company: str | None = None
    external_id: str | None = None
    fields: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class SignedUp:
    """What came of it: the first invoice unless there is a trial, and where a card is confirmed."""

    customer_id: UUID
    subscription_id: UUID
    invoice_id: UUID | None
    redirect_url: str = ""


@dataclass(frozen=True, slots=True)
class TestCard:
    """One card that the simulator knows."""

    number: str
    what: tuple[str, str]
    month: int = 12
    year: int = 2031


TEST_CARDS: Final = (
    TestCard("4811111111111114", ("Kartu yang selalu berhasil", "A card that always works")),
    TestCard("4911111111111113", ("Kartu yang ditolak bank", "A card the bank declines")),
    TestCard("4472429869996670", ("Kartu tanpa dana", "A card without funds")),
)


def require_simulator(merchant: Merchant) -> None:
    """Refuse everything here for a merchant with a real gateway.

    Raises:
        Conflict: ``not_a_test_merchant``.
    """
    if merchant.gateway != "simulator":
        raise Conflict("not_a_test_merchant", "this is for merchants on the simulator only")


def sign_up_by_va(
    engine: Engine, merchant_id: UUID, actor: Actor, visitor: Visitor, *, price_id: UUID
) -> SignedUp:
    """Subscribe with collection by invoice; the first virtual account is asked for at once."""
    with engine.work(merchant_id, actor) as unit:
        require_simulator(unit.merchant)
        made = subscribe_now(
            engine,
            unit,
            customer_id=customer_of(unit, visitor).id,
            price_id=price_id,
            means=Means(),
            key=visitor.key,
            collection="invoice",
            trial_days=0,
        )
    press_first(engine, merchant_id, made.subscription.id)
    return SignedUp(made.subscription.customer_id, made.subscription.id, made.invoice_id)


def sign_up_by_card(
    engine: Engine,
    merchant_id: UUID,
    actor: Actor,
    visitor: Visitor,
    *,
    price_id: UUID,
    card: TestCard,
) -> SignedUp:
    """Subscribe with automatic collection: the first payment, or a small check on a trial, saves
    the card once its holder has confirmed at ``redirect_url``.
    """
    with engine.work(merchant_id, actor) as unit:
        require_simulator(unit.merchant)
        merchant = unit.merchant
        if page_for_cards(unit) is not None:
            raise Conflict("cards_on_page_only", "cards are entered on the gateway's page only")
    token = _card_token(engine, merchant, card)
    mandate = _mandate(merchant, visitor, actor)
    with engine.work(merchant_id, actor) as unit:
        made = subscribe_now(
            engine,
            unit,
            customer_id=customer_of(unit, visitor).id,
            price_id=price_id,
            means=Means(card_token=token, mandate=mandate),
            key=visitor.key,
            collection="automatic",
        )
    press_first(engine, merchant_id, made.subscription.id)
    with engine.work(merchant_id, actor) as unit:
        redirect = confirm_url(unit, made.invoice_id, made.subscription.payment_method_id)
    subscription = made.subscription
    return SignedUp(subscription.customer_id, subscription.id, made.invoice_id, redirect)


def sign_up_by_page(
    engine: Engine, merchant_id: UUID, actor: Actor, visitor: Visitor, *, price_id: UUID
) -> SignedUp:
    """Subscribe with automatic collection: the card is entered on the gateway's page, to which
    ``redirect_url`` leads, and kept with the first payment; so there is no trial.

    Raises:
        Conflict: ``channel_not_offered``, where the merchant leaves cards to no such page.
    """
    with engine.work(merchant_id, actor) as unit:
        require_simulator(unit.merchant)
        channel = page_for_cards(unit)
        if channel is None:
            raise Conflict("channel_not_offered", "this merchant leaves cards to no page")
        made = subscribe_now(
            engine,
            unit,
            customer_id=customer_of(unit, visitor).id,
            price_id=price_id,
            means=Means(channel=channel, mandate=_mandate(unit.merchant, visitor, actor)),
            key=visitor.key,
            collection="automatic",
            trial_days=0,
        )
    press_first(engine, merchant_id, made.subscription.id)
    with engine.work(merchant_id, actor) as unit:
        page = page_url(unit, made.invoice_id) if made.invoice_id is not None else ""
    return SignedUp(made.subscription.customer_id, made.subscription.id, made.invoice_id, page)


def _mandate(merchant: Merchant, visitor: Visitor, actor: Actor) -> Mandate:
    return Mandate(
        text_version=MANDATE_VERSION,
        text=MANDATE[visitor.locale].format(merchant=merchant.display_name),
        locale=visitor.locale,
        source=actor.source,
    )


def page_url(unit: Work, invoice_id: UUID) -> str:
    """The gateway's page that is open for an invoice; empty when there is none."""
    for order in reversed(orders_of(unit, invoice_id=invoice_id)):
        if order.state == "pending" and order.page_until is not None:
            return safe_url(str(order.instructions.get("redirect_url", "")))
    return ""


def confirm_url(unit: Work, invoice_id: UUID | None, method_id: UUID | None) -> str:
    """Where the holder of a card confirms what is pending; empty when nothing is."""
    for order in reversed(orders_of(unit, invoice_id=invoice_id, method_id=method_id)):
        if order.state == "pending" and order.kind != "instrument":
            return safe_url(str(order.instructions.get("redirect_url", "")))
    return ""


def with_return(confirm: str, back: str) -> str:
    """The 3DS page of the simulator, told where to lead afterwards."""
    return f"{confirm}{'&' if '?' in confirm else '?'}{urlencode({'return_url': back})}"


def invoice_link(engine: Engine, merchant_id: UUID, actor: Actor, invoice_id: UUID) -> str:
    """The signed address of an invoice."""
    with engine.work(merchant_id, actor) as unit:
        due_on = get_invoice(unit, invoice_id).due_on
    if due_on is None:
        raise Conflict("invoice_not_issued", "this invoice is no document yet")
    return Links.of(engine).invoice(merchant_id, invoice_id, due_on)


def customer_of(unit: Work, visitor: Visitor) -> Customer:
    """Make the customer, or find the one that the same form made before."""
    return create_customer(
        unit,
        name=visitor.name,
        email=visitor.email,
        company=visitor.company or None,
        locale=visitor.locale,
        external_id=visitor.external_id,
        key=visitor.key,
        **(visitor.fields or {}),
    )


def _card_token(engine: Engine, merchant: Merchant, card: TestCard) -> str:
    """Ask the simulator for the token that a browser would bring."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(
                f"{merchant.gateway_url or engine.settings.simulator_url}/v2/token",
                params={
                    "client_key": merchant.client_key or "",
                    "card_number": card.number,
                    "card_cvv": "123",
                    "card_exp_month": f"{card.month:02}",
                    "card_exp_year": str(card.year),
                },
                timeout=_TIMEOUT,
            ).json()
        return str(answer["token_id"])
    except (requests.RequestException, ValueError, KeyError) as error:
        raise Unavailable("simulator_unreachable", "the simulator gave no token") from error
