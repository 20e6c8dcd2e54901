"""Ways to pay beside the number on the invoice: what is open now, and what may be chosen."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import segno
from sqlalchemy import select

from billing.flows.offers import first_choice
from billing.flows.page_news import leads_nowhere
from core.work import Work
from invoices.document import safe_url
from invoices.queries import get_invoice
from invoices.wording import until_text
from payments.channels import CHANNELS, STANDING, Channel, Group
from payments.phones import wallet_phone
from payments.queries import offered_channels, troubled_channels
from payments.tables import payment_orders

# Wallets open by addresses of their own; any other scheme than these and https opens nothing.
_APPS: Final = frozenset({"gojek", "gopay", "shopeeid", "dana", "ovo"})
_ORDER: Final = (Group.QR, Group.WALLET, Group.BANK, Group.STORE, Group.PAYLATER, Group.HOSTED)
_SHORT: Final = timedelta(minutes=2)
# What a hosted page is to a payer who looks for where his card goes.
_CARDS_THERE: Final = {
    "id": "Kartu atau cara lain di halaman Midtrans",
    "en": "Card or another way, on Midtrans' page",
}


@dataclass(frozen=True, slots=True)
class Way:
    """One that is open: a picture to scan, an app or a page to open, or a phone to look at.

    ``at_once``: it lives for about a minute; a time of day without seconds would be past already.
    """

    name: str
    qr: str
    url: str
    is_app: bool
    phone: str
    expires: str
    at_once: bool
    transaction_id: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One that may be asked for."""

    channel: str
    name: str
    group: str


@dataclass(frozen=True, slots=True)
class Ways:
    """What the page shows.

    ``preparing`` names one that the gateway is being asked for, ``standing`` the number that is
    offered first.
    """

    open: tuple[Way, ...] = ()
    choices: tuple[Choice, ...] = ()
    preparing: str = ""
    standing: str = ""

    @property
    def pictures(self) -> str:
        """Where pictures of QRs come from, beside our own: where the gateway sends no text."""
        found = (urlsplit(way.qr) for way in self.open if way.qr.startswith("http"))
        return " ".join(sorted({f"{one.scheme}://{one.netloc}" for one in found}))


def ways_of(unit: Work, invoice_id: UUID, language: str, phone: str | None) -> Ways:
    """Read the ways to pay an open invoice, in a few queries.

    Args:
        phone: the customer's, for wallets that ask there.
    """
    invoice = get_invoice(unit, invoice_id)
    if invoice.status != "open" or invoice.due_amount <= 0:
        return Ways()
    rows = unit.session.execute(
        select(payment_orders)
        .where(
            payment_orders.c.merchant_id == unit.merchant_id,
            payment_orders.c.invoice_id == invoice_id,
            payment_orders.c.kind == "instrument",
            payment_orders.c.abandoning.is_(False),
            payment_orders.c.state.in_(("created", "sent", "unknown", "pending")),
        )
        .order_by(payment_orders.c.n)
    ).all()
    taken = {row.channel for row in rows}
    quick = [row for row in rows if row.channel not in STANDING]
    waiting = [row for row in quick if row.state != "pending"]
    today = unit.merchant.today(unit.now)
    offered = offered_channels(unit)
    first = first_choice(unit, invoice.customer_id, offered, invoice.due_amount)
    troubled = troubled_channels(unit, offered)
    choices = [
        Choice(one.channel.key, _name(unit, one.channel, language), str(one.channel.group))
        for one in offered
        if one.channel.key not in taken
        and (one.channel.key != first or rows)
        and one.takes(invoice.due_amount, today)
        and ("phone" not in one.channel.needs or wallet_phone(phone) is not None)
    ]
    places = {str(group): place for place, group in enumerate(_ORDER)}
    return Ways(
        open=tuple(
            _way(row, invoice.billing_zone, language)
            for row in quick
            if row.state == "pending" and not leads_nowhere(row, unit.now)
        ),
        # What does not answer now stands behind what does.
        choices=tuple(
            sorted(choices, key=lambda one: (one.channel in troubled, places.get(one.group, 99)))
        ),
        preparing=CHANNELS[waiting[0].channel].name(language) if waiting else "",
        standing=CHANNELS[first].name(language) if first is not None else "",
    )


def _name(unit: Work, channel: Channel, language: str) -> str:
    if channel.is_hosted and unit.merchant.card_mode != "none":
        return _CARDS_THERE["en" if language == "en" else "id"]
    return channel.name(language)


def _way(row: Any, zone: str, language: str) -> Way:
    channel: Channel = CHANNELS[row.channel]
    told = row.instructions
    app = app_url(str(told.get("app_url") or ""))
    return Way(
        name=channel.name(language),
        qr=qr_uri(str(told["qr_string"]))
        if told.get("qr_string")
        else safe_url(str(told.get("qr_url") or "")),
        url=app or safe_url(str(told.get("redirect_url") or "")),
        is_app=bool(app),
        phone=str(told.get("phone") or "") if "phone" in channel.needs else "",
        expires=until_text(row.expires_at, zone, language) if row.expires_at else "",
        at_once=channel.expiry is not None and channel.expiry.most < _SHORT,
        transaction_id=str(row.transaction_id or ""),
    )


def app_url(url: str) -> str:
    """An address that opens a page or a wallet's app; empty for anything else."""
    return url if urlsplit(url).scheme.lower() in _APPS else safe_url(url)


def qr_uri(text: str) -> str:
    """A QR as a picture inside the page: it needs no address and shows what the gateway sent."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", scale=4, border=2)
    return f"data:image/svg+xml;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"
