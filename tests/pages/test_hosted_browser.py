"""A payer with a telephone: from his invoice to the gateway's page, through two tries, and back."""

from __future__ import annotations

import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import anyio.to_thread
import httpx
import pytest
from database import Database
from hosted_page import DENIED
from litestar import Litestar
from pages.test_browser import served
from payers import va_customer
from simulated import running_simulator
from world import World, make_world

from api.pages import routes
from billing.flows.documents import Links
from payments.service import set_channel
from payments.tables import payment_orders, payments

pytestmark = pytest.mark.database

_OURS: Final = ("/i/", "/assets/", "/bayar/")
# A frame as wide as a phone and a hand that fills in and clicks; between two pages the workers work.
_PHONE: Final = """<!doctype html><title>Phone</title><pre id="told"></pre>
<iframe id="phone" src="%s" style="border:0;width:390px;height:844px"></iframe>
<script>
const steps = %s, frame = document.getElementById("phone"), widest = [];
let seen = null, busy = false;
setInterval(async () => {
  const inside = frame.contentDocument;
  if (busy || !inside || inside.readyState !== "complete" || inside === seen) return;
  const step = steps[0];
  for (const details of inside.querySelectorAll("details")) details.open = true;
  if (step && !inside.querySelector(step.click)) return;
  widest.push(inside.documentElement.scrollWidth);
  if (!step) {
    document.getElementById("told").textContent =
      JSON.stringify([inside.querySelector("main").textContent, Math.max(...widest)]);
    return;
  }
  busy = true;
  await fetch(step.pay ? "/pay-it" : "/work", {method: "POST"});
  for (const [name, value] of Object.entries(step.fill || {}))
    inside.querySelector(`[name=${name}]`).value = value;
  steps.shift();
  seen = inside;
  const wanted = inside.querySelector(step.click);
  wanted.removeAttribute("target");
  wanted.click();
  busy = false;
}, 150);
</script>"""


class Street:
    """Our pages and the gateway's behind one address, so that one hand may click on both."""

    def __init__(self, world: World, app: Litestar) -> None:
        self.world, self.app = world, app
        self.phone = b""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        host = dict(scope["headers"])[b"host"].decode()
        path = scope["path"]
        if path == "/phone":
            await _give(send, 200, self.phone, [(b"content-type", b"text/html")])
        elif path in ("/work", "/pay-it"):
            await anyio.to_thread.run_sync(self._work if path == "/work" else self._pay)
            await _give(send, 204, b"", [])
        elif path.startswith(_OURS):
            await self._ours(scope, receive, send, host)
        else:
            await self._theirs(scope, receive, send, host)

    def _work(self) -> None:
        self.world.wait(hours=25)
        self.world.drain()

    def _pay(self) -> None:
        [order] = self.world.rows(payment_orders, channel="snap")
        self.world.desk.pay(order_id=order.order_id)

    def _moved(self, what: bytes, host: str) -> bytes:
        for address in (self.world.desk.url, self.world.engine.settings.public_url):
            what = what.replace(address.encode(), f"http://{host}".encode())
            what = what.replace(
                address.replace(":", "%3A").replace("/", "%2F").encode(),
                f"http%3A%2F%2F{host.replace(':', '%3A')}".encode(),
            )
        return what  # fmt: skip

    async def _ours(self, scope: Any, receive: Any, send: Any, host: str) -> None:
        start: dict[str, Any] = {}
        body = b""

        async def keep(message: Any) -> None:
            nonlocal body
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                body += message.get("body", b"")

        await self.app(scope, receive, keep)
        body = self._moved(body, host)
        dropped = (b"content-length", b"x-frame-options", b"content-security-policy")
        headers = [
            (name, self._moved(value, host))
            for name, value in start["headers"]
            if name.lower() not in dropped
        ]
        await _give(send, start["status"], body, headers)  # fmt: skip

    async def _theirs(self, scope: Any, receive: Any, send: Any, host: str) -> None:
        sent = (await receive()).get("body", b"")
        query = scope["query_string"].decode()
        url = f"{self.world.desk.url}{scope['path']}{'?' + query if query else ''}"
        kind = dict(scope["headers"]).get(b"content-type", b"text/html").decode()
        async with httpx.AsyncClient() as client:
            answer = await client.request(
                scope["method"], url, content=sent, headers={"content-type": kind}
            )
        headers = [
            (name.encode(), self._moved(value.encode(), host))
            for name, value in answer.headers.items()
            if name in ("content-type", "location")
        ]
        await _give(send, answer.status_code, self._moved(answer.content, host), headers)


async def _give(send: Any, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body})


def click(selector: str, **fill: str) -> dict[str, Any]:
    return {"click": selector, "fill": fill}


CARD: Final = "details.method input[value=credit_card] ~ button"
WALK: Final = [
    click("button[value=snap]"),
    click("a.button[href*='/snap/']"),
    click(CARD, card_number=DENIED),
    click("button[value=confirm]", otp="112233"),
    click("button[value=bni_va]"),
    {"click": "dd.number", "pay": True},
    click("#finish"),
]


def test_a_payer_tries_twice_on_the_page_and_finds_his_invoice_paid(
    database: Database, chromium: str, tmp_path: Path
) -> None:
    with running_simulator() as simulator:
        world = make_world(database, simulator)
        try:
            told, widest = _walk(world, chromium, tmp_path)
        finally:
            world.engine.close()
    assert widest <= 390
    assert "LUNAS" in told


def _walk(world: World, chromium: str, tmp_path: Path) -> tuple[str, int]:
    invoice = va_customer(world)
    with world.work() as unit:
        for rank, channel in enumerate(("bca_va", "bni_va", "qris", "snap")):
            set_channel(unit, channel, enabled=True, rank=rank)
    links = Links.of(world.engine)
    at = urlsplit(links.invoice(world.merchant_id, invoice, world.invoice(invoice).due_on)).path
    app = Litestar(routes())
    app.state["engine"] = world.engine
    street = Street(world, app)
    street.phone = (_PHONE % (at, json.dumps(WALK))).encode()
    with served(street) as url:  # type: ignore[arg-type]
        shown = subprocess.run(
            [
                chromium, "--headless=new", "--no-sandbox", "--disable-gpu",
                f"--user-data-dir={tmp_path}", "--virtual-time-budget=40000", "--dump-dom",
                f"{url}/phone",
            ],
            capture_output=True, text=True, timeout=180, check=True,
        ).stdout  # fmt: skip
    found = re.search(r'<pre id="told">(.*?)</pre>', shown, re.DOTALL)
    assert found is not None, shown[-3000:]
    assert found[1], shown[-3000:]
    [order] = world.rows(payment_orders, channel="snap")
    assert order.state == "paid"
    [payment] = world.rows(payments)
    assert payment.channel == "bni_va"
    assert world.invoice(invoice).status == "paid"
    told, widest = json.loads(html.unescape(found[1]))
    return str(told), int(widest)
