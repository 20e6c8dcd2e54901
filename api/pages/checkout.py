"""A visitor becomes a customer: by virtual account, or by a test card of the simulator.

For merchants on the simulator only: with a real gateway card numbers never touch a server of ours,
the browser gives them to Midtrans and brings a token back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import requests

from api.pages.checkout_words import MANDATE, MANDATE_VERSION
from billing.engine import Engine
from billing.flows.card_requests import CardRequest, seal_card_request
from billing.flows.cards import check_card, new_card
from billing.flows.charge import send_one
from billing.flows.collect import offer_va
from billing.flows.documents import Links
from billing.flows.orders import open_attempt
from billing.flows.subscribe import Subscribed, subscribe
from billing.records import Customer
from billing.service import create_customer, record_mandate
from core.actor import Actor
from core.errors import Conflict, Unavailable
from core.merchant import Merchant
from core.work import Work
from invoices.queries import get_invoice
from payments.tables import payment_orders

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
        customer = _customer(unit, visitor)
        made = subscribe(
            unit,
            customer_id=customer.id,
            price_id=price_id,
            collection="invoice",
            trial_days=0,
            key=visitor.key,
        )
        order = _va_order(unit, made)
    if order is not None:
        send_one(engine, merchant_id, order)
    return SignedUp(customer.id, made.subscription.id, made.invoice_id)


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
        token = _card_token(engine, unit.merchant, card)
    with engine.work(merchant_id, actor) as unit:
        customer = _customer(unit, visitor)
        method = new_card(unit, customer.id, visitor.key)
        record_mandate(
            unit,
            customer.id,
            method,
            text_version=MANDATE_VERSION,
            text=MANDATE[customer.locale].format(merchant=unit.merchant.display_name),
            locale=customer.locale,
            amount_rule="invoice_total",
            cadence="per_period",
            source=actor.source,
        )
        made = subscribe(
            unit,
            customer_id=customer.id,
            price_id=price_id,
            collection="automatic",
            payment_method_id=method,
            interactive=True,
            key=visitor.key,
        )
        order = _card_order(engine, unit, made, method, token)
    if order is not None:
        send_one(engine, merchant_id, order)
    with engine.work(merchant_id, actor) as unit:
        redirect = _redirect_of(unit, order) if order is not None else ""
    return SignedUp(customer.id, made.subscription.id, made.invoice_id, redirect)


def invoice_link(engine: Engine, merchant_id: UUID, actor: Actor, invoice_id: UUID) -> str:
    """The signed address of an invoice."""
    with engine.work(merchant_id, actor) as unit:
        due_on = get_invoice(unit, invoice_id).due_on
    if due_on is None:
        raise Conflict("invoice_not_issued", "this invoice is no document yet")
    return Links.of(engine).invoice(merchant_id, invoice_id, due_on)


def _customer(unit: Work, visitor: Visitor) -> Customer:
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


def _va_order(unit: Work, made: Subscribed) -> UUID | None:
    if made.invoice_id is None or get_invoice(unit, made.invoice_id).status != "open":
        return None
    return offer_va(unit, made.invoice_id)


def _card_order(
    engine: Engine, unit: Work, made: Subscribed, method: UUID, token: str
) -> UUID | None:
    if made.invoice_id is None:
        return check_card(engine, unit, made.subscription.customer_id, method, token)
    if get_invoice(unit, made.invoice_id).status != "open":
        return None
    request = seal_card_request(engine, unit, made.invoice_id, CardRequest(token))
    return open_attempt(
        unit,
        made.invoice_id,
        initiated_by="customer",
        payment_method_id=method,
        request_sealed=request,
    )


def _redirect_of(unit: Work, order_id: UUID) -> str:
    row = unit.session.execute(
        payment_orders.select().where(
            payment_orders.c.merchant_id == unit.merchant_id, payment_orders.c.id == order_id
        )
    ).one()
    return str(row.instructions.get("redirect_url", ""))


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
