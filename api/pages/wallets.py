"""Linking GoPay on the customer's page, coming back from it, and paying with what is linked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from api.pages.ways import app_url
from billing.engine import Engine
from billing.flows import limits
from billing.flows.accounts import ask_now, link_of, new_wallet, press_link
from billing.flows.consents import Mandate, consent
from billing.flows.wallet_pay import wallets_of
from core import ids
from core.actor import Actor
from core.errors import InvalidRequest
from core.links import Link
from core.work import Work
from invoices.document import safe_url
from invoices.queries import get_invoice
from payments.method_kinds import KINDS
from payments.phones import gopay_phone
from payments.queries import chargeable_kinds

CONSENT_VERSION: Final = "gopay-2026-11"
# What a payer agrees to; kept word for word with the consent.
CONSENT: Final = {
    "id": "Saya setuju {merchant} menagih GoPay ini secara otomatis sebesar total setiap invoice "
    "langganan, pada awal setiap periode, sampai saya berhenti berlangganan atau memutusnya.",
    "en": "I agree that {merchant} charges this GoPay automatically with the total of each invoice "
    "of the subscription, at the start of each period, until I cancel or unlink it.",
}


@dataclass(frozen=True, slots=True)
class Linked:
    """A wallet that can be paid with."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Wallets:
    """What the page shows: wallets to pay with, one that waits at ``agree``, or a form to link."""

    linked: tuple[Linked, ...] = ()
    agree: str = ""
    app: str = ""
    consent: str = ""
    phone: str = ""

    @property
    def any(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.linked or self.agree or self.consent)


def show_wallets(
    engine: Engine, unit: Work, invoice_id: UUID, language: str, phone: str | None
) -> Wallets:
    """Read what an open invoice's page offers of wallets.

    A wallet is linked for what is charged by itself: who pays each invoice has a link to GoPay.
    """
    invoice = get_invoice(unit, invoice_id)
    if invoice.status != "open" or invoice.due_amount <= 0:
        return Wallets()
    if not any(KINDS[kind].linked for kind in chargeable_kinds(unit)):
        return Wallets()
    found = wallets_of(unit, invoice.customer_id)
    linked = tuple(
        Linked(ids.public("payment_method", row.id), KINDS[row.kind].words(row.masked)[language])
        for row in found
        if row.state == "active"
    )
    waiting = [row.id for row in found if row.state == "pending" and row.link_sealed]
    at = link_of(engine, unit, waiting[-1]) if waiting and not linked else None
    if at is not None:
        return Wallets(agree=safe_url(at.url), app=app_url(at.app_url))
    may_link = not linked and invoice.collection == "automatic"
    return Wallets(
        linked=linked,
        consent=CONSENT[language].format(merchant=unit.merchant.display_name) if may_link else "",
        phone=phone or "",
    )


def link_wallet(
    engine: Engine,
    merchant_id: UUID,
    actor: Actor,
    invoice_id: UUID,
    *,
    phone: str,
    agreed: bool,
    language: str,
    page: Callable[[], str],
) -> None:
    """Ask GoPay for the link of a wallet, with the consent that was given on the page.

    Raises:
        InvalidRequest: ``invalid_phone``, ``consent_needed``. Conflict, Unavailable, TooMany.
    """
    digits = gopay_phone(phone)
    if digits is None:
        raise InvalidRequest("invalid_phone", "an Indonesian mobile number is needed")
    if not agreed:
        raise InvalidRequest("consent_needed", "the holder has to agree")
    limits.count_now(engine, merchant_id, {"offer_invoice": invoice_id})
    with engine.work(merchant_id, actor) as unit:
        customer_id = get_invoice(unit, invoice_id).customer_id
        asked = len([row for row in wallets_of(unit, customer_id) if row.state == "pending"])
        key = f"page:{invoice_id}:{unit.real_now.isoformat()}:{asked}"
        method = new_wallet(unit, customer_id, key, phone=digits)
        text = CONSENT[language].format(merchant=unit.merchant.display_name)
        mandate = Mandate(CONSENT_VERSION, text, language, actor.source)
        consent(unit, customer_id, method, mandate)
    press_link(engine, merchant_id, method, phone=digits, return_url=page())


def came_back(engine: Engine, link: Link, actor: Actor) -> None:
    """The holder comes back from GoPay: what that means is asked, never read from the address."""
    if link.purpose != "invoice":
        return
    with engine.work(link.merchant_id, actor) as unit:
        link.require_current(unit.today)
        customer_id = get_invoice(unit, link.subject_id).customer_id
        waiting = [row.id for row in wallets_of(unit, customer_id) if row.state == "pending"]
    if waiting:
        limits.count_now(engine, link.merchant_id, {"offer_invoice": link.subject_id})
        ask_now(engine, link.merchant_id, waiting[-1])
