"""Saved cards that only their holder may charge: what his browser needs to do it in two clicks.

The page gets the saved token, the browser turns it with the CVV into a one-time token, and only
that comes back. A saved token takes no money by itself: a charge needs the merchant's server key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sqlalchemy import select

from billing.engine import Engine
from core.errors import EngineError
from core.work import Work
from invoices.queries import get_invoice
from payments.tables import payment_methods

_SCRIPT: Final = "/v2/assets/js/midtrans-new-3ds.min.js"
_HOSTS: Final = {
    "sandbox": "https://api.sandbox.midtrans.com",
    "production": "https://api.midtrans.com",
}


@dataclass(frozen=True, slots=True)
class SavedCard:
    """One card: its last digits, and the token that its holder's browser needs."""

    end: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cards:
    """What the page needs to let a saved card be charged by its holder."""

    listed: tuple[SavedCard, ...] = ()
    origin: str = ""
    client_key: str = ""
    environment: str = ""

    @property
    def script(self) -> str:
        """Midtrans' own script, which talks to Midtrans only."""
        return f"{self.origin}{_SCRIPT}"


def saved_cards(engine: Engine, unit: Work, invoice_id: UUID) -> Cards:
    """The saved cards with which an open invoice may be paid in two clicks; mostly none.

    Where the merchant may charge saved cards without the payer nothing is asked here.
    """
    merchant = unit.merchant
    if merchant.card_mode != "two_click" or not merchant.client_key:
        return Cards()
    invoice = get_invoice(unit, invoice_id)
    if invoice.status != "open" or invoice.due_amount <= 0:
        return Cards()
    c = payment_methods.c
    rows = unit.session.execute(
        select(c.id, c.masked, c.token_sealed)
        .where(
            c.merchant_id == unit.merchant_id,
            c.customer_id == invoice.customer_id,
            c.kind == "card",
            c.state == "active",
            c.expires_at.is_(None) | (c.expires_at > unit.now),
        )
        .order_by(c.rank, c.created_at.desc(), c.id)
    ).all()
    listed = []
    for row in rows:
        try:
            token = engine.vault.open(row.token_sealed, f"{unit.merchant_id}:{row.id}:token")
        except EngineError:
            continue  # it can not be charged by anybody; a charge of it asks a person to look
        listed.append(SavedCard((row.masked or "")[-4:], token.decode()))
    if not listed:
        return Cards()
    simulator = merchant.gateway_url or engine.settings.simulator_url
    return Cards(
        listed=tuple(listed),
        origin=_HOSTS.get(merchant.gateway, simulator),
        client_key=merchant.client_key,
        environment="production" if merchant.gateway == "production" else "sandbox",
    )
