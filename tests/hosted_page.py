"""A payer in front of the gateway's own page: chooses, changes his mind, pays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from world import World

from billing.flows import charge
from billing.flows.ingest import ingest_due
from billing.flows.offers import offer
from billing.flows.reconcile import resolve_due
from payments.service import set_channel
from payments.tables import payment_orders

GOOD, DENIED, BROKE = "4811111111111114", "4911111111111113", "4472429869996670"


@dataclass
class Visitor:
    """Somebody with the address of a page."""

    url: str

    def post(self, **form: str) -> httpx.Response:
        """Send a form of the page and follow where it leads."""
        answer = httpx.post(self.url, data=form, follow_redirects=True)
        assert answer.status_code < 400, answer.text
        return answer

    def choose(self, method: str, **form: str) -> httpx.Response:
        """Take a way to pay, as the page spells it."""
        return self.post(method=method, **form)

    def card(self, number: str = GOOD, **form: str) -> httpx.Response:
        """Enter a card."""
        return self.choose(
            "credit_card", card_number=number, card_exp_month="12", card_exp_year="2031",
            card_cvv="123", **form,
        )  # fmt: skip

    def change_mind(self) -> httpx.Response:
        """Give up what waits, to choose again."""
        return self.post(action="other")

    def state(self) -> str:
        """What the page says of itself: open, expired or canceled."""
        return str(httpx.get(f"{self.url}/state").json()["state"])

    def text(self) -> str:
        """What the page shows."""
        return httpx.get(self.url).text


def open_page(world: World, invoice_id: UUID, *channels: str) -> Any:
    """The merchant offers a hosted page; a customer asks for one. The order, as it then stands."""
    with world.work() as unit:
        for rank, key in enumerate(("snap", *channels)):
            set_channel(unit, key, enabled=True, rank=rank)
        order_id = offer(unit, invoice_id, "snap")
    charge.send_one(world.engine, world.merchant_id, order_id)
    return order_of(world, order_id)


def order_of(world: World, order_id: UUID) -> Any:
    """An order as it stands."""
    return world.rows(payment_orders, id=order_id)[0]


def visitor(order: Any) -> Visitor:
    """Whoever was sent to the page of an order."""
    return Visitor(order.instructions["redirect_url"])


def ask_around(world: World, **span: float) -> None:
    """Machine time passes; no notification arrives, the reaper asks."""
    world.wait(**(span or {"hours": 25}))
    resolve_due(world.engine, world.merchant_id)


def told(world: World) -> None:
    """What was told is worked off."""
    while ingest_due(world.engine, world.merchant_id):
        pass


def tries_of(world: World, order_id: str) -> list[dict[str, Any]]:
    """Every transaction under one order in the gateway's book, the first one first."""
    listed = world.desk.control("GET", f"book?order_id={order_id}")["transactions"]
    return list(listed)


def clock_to(world: World, at: datetime) -> None:
    """Business time reaches a moment, living all that is due on the way."""
    world.advance(at)
