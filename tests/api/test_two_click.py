"""A merchant whose saved cards only their holders may charge: with the CVV, in the browser."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from api_house import Counter, open_counter
from database import Database
from lived import pay_open_accounts
from pages.test_browser import served
from simulated import running_simulator
from world import make_world

from api.app import create_app
from billing.flows.documents import Links
from core import ids
from core.settings import Settings
from invoices.tables import invoices
from ops.doctor import examine, render
from payments.tables import payment_methods, payment_orders

pytestmark = pytest.mark.database

MANDATE = {"text_version": "2026-01", "text": "Simpan kartu saya.", "source": "10.0.0.7"}


@pytest.fixture
def shop(database: Database) -> Iterator[Counter]:
    with running_simulator() as url:
        world = make_world(database, url, card_mode="two_click")
        with open_counter(world) as counter:
            yield counter
        world.engine.close()


def one_off(shop: Counter, customer: str, **payment: Any) -> dict[str, Any]:
    made: dict[str, Any] = shop.door.post(
        "/one-off-payments",
        {
            "customer": customer,
            "lines": [{"description": {"id": "Pelatihan"}, "unit_amount": 200_000}],
            "payment": payment,
        },
    )
    return made


def saved(shop: Counter) -> str:
    """A customer who has paid by card once and let it be kept."""
    customer = shop.customer()
    made = one_off(
        shop, customer, card_token=shop.world.desk.card_token(), mandate=MANDATE
    )  # fmt: skip
    shop.confirm(made["orders"][-1]["order_id"])
    assert shop.door.get(f"/invoices/{made['invoice']['id']}")["invoice"]["status"] == "paid"
    return customer


def page_of(shop: Counter, invoice: str) -> str:
    invoice_id: UUID = ids.parse("invoice", invoice)
    links = Links.of(shop.world.engine)
    due_on = shop.world.invoice(invoice_id).due_on
    url: str = links.invoice(shop.world.merchant_id, invoice_id, due_on)
    return url.removeprefix(links.public_url)


def new_token(shop: Counter, card: str) -> str:
    """What the browser does with the CVV."""
    answer = httpx.get(
        f"{shop.world.desk.url}/v2/token",
        params={"client_key": shop.world.desk.client_key, "token_id": card, "card_cvv": "123"},
    )
    assert answer.headers["access-control-allow-origin"] == "*"
    token: str = answer.json()["token_id"]
    return token


def healthy(shop: Counter) -> None:
    report = examine(shop.world.engine.db, shop.world.machine.at)
    assert not report.broken, render(report)


def test_a_saved_card_pays_with_its_cvv_and_is_confirmed_by_its_holder(shop: Counter) -> None:
    customer = saved(shop)
    made = one_off(shop, customer, virtual_account=True)
    at = page_of(shop, made["invoice"]["id"])
    answer = shop.client.get(at)
    [card] = re.findall(r'data-card="([^"]+)"', answer.text)
    assert f'src="{shop.world.desk.url}/v2/assets/js/midtrans-new-3ds.min.js"' in answer.text
    assert shop.world.desk.url in answer.headers["content-security-policy"]
    assert 'name="card_cvv"' not in answer.text, "the CVV is in no form"
    assert "kartu •••• 1114" in answer.text
    sent = shop.client.post(
        f"{at}/card", data={"card_token": new_token(shop, card)}, follow_redirects=False
    )
    assert sent.headers["location"] == f"{at}#pay"
    [order] = shop.world.rows(payment_orders, kind="attempt", state="pending")
    assert order.initiated_by == "customer"
    assert "Konfirmasi di halaman bank" in shop.client.get(at).text
    assert 'data-card="' not in shop.client.get(at).text, "while one is under way no other begins"
    shop.confirm(order.order_id)
    assert shop.door.get(f"/invoices/{made['invoice']['id']}")["invoice"]["status"] == "paid"
    [number] = shop.world.rows(payment_orders, kind="instrument")
    assert number.state == "failed", "the number was ended before the card was charged"
    healthy(shop)


@pytest.mark.parametrize("token", ["", "4811111111111114", "x" * 201, "not-a-token-of-midtrans"])
def test_what_is_no_token_charges_nothing(shop: Counter, token: str) -> None:
    customer = saved(shop)
    made = one_off(shop, customer, virtual_account=True)
    shop.client.post(f"{page_of(shop, made['invoice']['id'])}/card", data={"card_token": token})
    shop.work_off()
    assert shop.door.get(f"/invoices/{made['invoice']['id']}")["invoice"]["status"] == "open"
    assert not shop.world.rows(payment_orders, kind="attempt", state="pending")
    healthy(shop)


def test_a_renewal_is_an_invoice_with_a_link_and_is_never_pulled(shop: Counter) -> None:
    customer = saved(shop)
    [method] = shop.world.rows(payment_methods)
    assert method.state == "active"
    refused = shop.door.call(
        "POST", "/subscriptions",
        {
            "customer": customer, "price": shop.price(150_000),
            "payment": {"payment_method": ids.public("payment_method", method.id)},
        },
    )  # fmt: skip
    assert refused.json()["code"] == "no_recurring_cards"
    shop.door.post(
        "/subscriptions",
        {"customer": customer, "price": shop.price(150_000), "collection": "invoice"},
    )
    shop.world.drain()
    pay_open_accounts(shop.world)
    shop.world.advance(shop.world.clock_at() + timedelta(days=32))
    by_card = shop.world.rows(payment_orders, kind="attempt")
    assert [row.initiated_by for row in by_card] == ["customer"]
    [due] = [row for row in shop.world.rows(invoices) if row.status == "open"]
    assert due.period_start is not None, "the renewal"
    at = page_of(shop, ids.public("invoice", due.id))
    assert "kartu •••• 1114" in shop.client.get(at).text
    healthy(shop)


def test_where_cards_may_be_charged_alone_the_page_asks_for_no_cvv(counter: Counter) -> None:
    customer = saved(counter)
    made = one_off(counter, customer, virtual_account=True)
    at = page_of(counter, made["invoice"]["id"])
    assert "midtrans-new-3ds" not in counter.client.get(at).text
    sent = counter.client.post(f"{at}/card", data={"card_token": "abc"}, follow_redirects=False)
    assert "problem=1" in sent.headers["location"]


def test_a_browser_gives_the_cvv_to_midtrans_and_only_a_token_to_us(
    shop: Counter, chromium: str
) -> None:
    customer = saved(shop)
    made = one_off(shop, customer, virtual_account=True)
    at = page_of(shop, made["invoice"]["id"])
    bodies: list[str] = []

    class Typing:
        """Types the CVV into the page, as a person would, and notes what is sent to us."""

        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async def heard() -> Any:
                message = await receive()
                bodies.append(message.get("body", b"").decode("latin-1"))
                return message

            async def typed(message: Any) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [
                        one for one in message["headers"] if one[0] != b"content-length"
                    ]
                body = message.get("body", b"").decode()
                if "form.saved-card" in body:
                    [nonce, *_] = re.findall(r'nonce="([^"]+)"', body)
                    act = (
                        "document.querySelector('input.cvv').value = '123';"
                        "document.querySelector('form.saved-card').requestSubmit();"
                    )
                    body += f'<script nonce="{nonce}">{act}</script>'
                    message["body"] = body.encode()
                await send(message)

            await self.app(scope, heard, typed)

    app = create_app(Settings(), shop.world.engine)
    app.state["engine"] = shop.world.engine
    with served(Typing(app)) as url:  # type: ignore[arg-type]
        shown = subprocess.run(
            [
                chromium, "--headless", "--no-sandbox", "--disable-gpu",
                "--virtual-time-budget=8000", "--dump-dom", f"{url}{at}",
            ],
            capture_output=True, text=True, timeout=120, check=True,
        ).stdout  # fmt: skip
    assert "Konfirmasi di halaman bank" in shown
    [sent] = [body for body in bodies if body]
    assert sent.startswith("card_token=48111111-1114-"), "the token, and not the CVV"
