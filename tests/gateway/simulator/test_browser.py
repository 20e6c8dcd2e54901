"""A real browser pays on a merchant's page, with the stand-in for the gateway's script."""

from __future__ import annotations

import contextlib
import html
import http.server
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

Desk = Any

# The merchant's page. What a person would click inside the frame is clicked by this script, which
# may look into it because one address serves both (see Shop).
_SHOP = """<!doctype html><title>Shop</title><pre id="told"></pre>
<script src="{url}/snap/snap.js"></script>
<script>
const told = document.getElementById("told");
const tell = (name) => (result) => {{ told.textContent = JSON.stringify([name, result || null]); }};
snap.pay("{token}", {{onSuccess: tell("success"), onPending: tell("pending"),
  onError: tell("error"), onClose: tell("close")}});
const clicked = new Set();
setInterval(() => {{
  const frame = document.getElementById("snap-midtrans");
  const inside = frame && frame.contentDocument;
  if (!inside || inside.readyState !== "complete") return;
  for (const [name, selector] of {clicks}) {{
    const found = inside.querySelector(selector);
    if (!found || clicked.has(name)) continue;
    clicked.add(name);
    const otp = inside.querySelector("#otp");
    if (otp) otp.value = "112233";
    if (name === "pay") fetch("{url}/_sim/pay", {{method: "POST",
      headers: {{"X-Sim-Server-Key": "{key}"}}, body: JSON.stringify({{order_id: "B-1"}})}});
    else if (name === "close") inside.querySelector("#close").click();
    else found.click();
    return;
  }}
}}, 150);
</script>"""


class Shop:
    """The merchant's page and, behind the same address, the simulator."""

    def __init__(self, simulator: str) -> None:
        shop = self
        self.page = ""

        class Handler(http.server.BaseHTTPRequestHandler):
            def _pass_on(self) -> None:
                if self.path == "/shop":
                    self._give(200, shop.page.encode(), "text/html", "")
                    return
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                names = ("content-type", "x-sim-server-key")
                headers = {name: self.headers[name] for name in names if self.headers[name]}
                url = simulator + self.path
                answer = httpx.request(self.command, url, content=body, headers=headers)
                content = answer.content.replace(simulator.encode(), shop.url.encode())
                to = answer.headers.get("location", "").replace(simulator, shop.url)
                # A quoted return address names the simulator too.
                to = to.replace(quote(simulator, safe=""), quote(shop.url, safe=""))
                self._give(answer.status_code, content, answer.headers["content-type"], to)

            def _give(self, status: int, body: bytes, kind: str, location: str) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                if location:
                    self.send_header("location", location)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self._pass_on()

            def do_POST(self) -> None:
                self._pass_on()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.01))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def shop(desk: Desk) -> Iterator[Shop]:
    with contextlib.closing(Shop(desk.url)) as opened:
        yield opened


# A page of the simulator in a frame as wide as a phone, and a hand that fills in and clicks.
_PHONE = """<!doctype html><title>Phone</title><pre id="told"></pre>
<iframe id="phone" src="{start}" style="border:0;width:390px;height:844px"></iframe>
<script>
const steps = {steps}, frame = document.getElementById("phone"), widest = [];
let seen = null;
setInterval(() => {{
  const inside = frame.contentDocument;
  if (!inside || inside.readyState !== "complete" || inside === seen) return;
  const step = steps[0];
  if (step && !inside.querySelector(step.click)) return;
  widest.push(inside.documentElement.scrollWidth);
  if (!step) {{
    const badge = inside.querySelector("#status");
    document.getElementById("told").textContent =
      JSON.stringify([badge ? badge.textContent : "", Math.max(...widest)]);
    return;
  }}
  for (const [name, value] of Object.entries(step.fill || {{}}))
    inside.querySelector(`[name=${{name}}]`).value = value;
  for (const details of inside.querySelectorAll("details")) details.open = true;
  widest.push(inside.documentElement.scrollWidth);
  steps.shift();
  seen = inside;
  inside.querySelector(step.click).click();
}}, 100);
</script>"""


def _told(chromium: str, profile: Path, address: str) -> Any:
    """What the page says in the end, after so much time of its own."""
    shown = subprocess.run(
        [
            chromium, "--headless=new", "--no-sandbox", "--disable-gpu",
            f"--user-data-dir={profile}", "--virtual-time-budget=15000", "--dump-dom", address,
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.search(r'<pre id="told">(.*?)</pre>', shown.stdout, re.DOTALL)
    assert found is not None, shown.stdout[-2000:]
    return json.loads(html.unescape(found[1]) or '["", null]')


@dataclass(frozen=True)
class Visit:
    """What a person clicks, which callback that means, and what the book then says."""

    clicks: list[tuple[str, str]]
    called: str
    status: str


VISITS = [
    Visit(
        [("choose", "details.method form button"), ("confirm", "button[value=confirm]")],
        "success",
        "capture",
    ),
    Visit([("choose", "button[value=bca_va]"), ("pay", "dd.number")], "success", "settlement"),
    Visit([("choose", "button[value=bca_va]"), ("close", "dd.number")], "pending", "pending"),
    Visit([("close", "#close")], "close", ""),
]


@pytest.mark.parametrize("visit", VISITS, ids=lambda visit: visit.called + visit.status)
def test_a_person_pays_in_the_frame_of_the_merchants_page(
    desk: Desk, shop: Shop, chromium: str, tmp_path: Path, visit: Visit
) -> None:
    order = {"order_id": "B-1", "gross_amount": 150_000}
    body = {"transaction_details": order, "credit_card": {"secure": True}}
    token = desk.http.post("/snap/v1/transactions", json=body).json()["token"]
    clicks = json.dumps(visit.clicks)
    shop.page = _SHOP.format(url=shop.url, token=token, key=desk.server_key, clicks=clicks)
    told = _told(chromium, tmp_path, shop.url + "/shop")
    assert told[0] == visit.called
    known = desk.sim("GET", "book", order_id="B-1")["transactions"]
    assert [one["status"] for one in known] == ([visit.status] if visit.status else [])
    if visit.called == "success":
        assert told[1]["transaction_status"] == visit.status


# --- every page on a phone ------------------------------------------------------------------------

Step = dict[str, Any]
PIN, OTP = {"pin": "112233"}, {"otp": "112233"}


def _click(selector: str, **fill: str) -> Step:
    return {"click": selector, "fill": fill}


def _bill(desk: Desk, **way: Any) -> str:
    body = {**way, "transaction_details": {"order_id": "P-1", "gross_amount": 150_000}}
    return str(desk.http.post("/v2/charge", json=body).json()["transaction_id"])


def _virtual_account(desk: Desk) -> str:
    _bill(desk, payment_type="bank_transfer", bank_transfer={"bank": "bca"})
    merchant = desk.core.transactions.status("P-1")["merchant_id"]
    return f"/?merchant={merchant}"


def _with_3ds(desk: Desk) -> str:
    desk.charge_card("P-1", desk.token("4811 1111 1111 1114"), 150_000, authentication=True)
    return f"/v2/3ds/redirect/{desk.book('P-1')['transaction_id']}"


def _snap(desk: Desk) -> str:
    order = {"order_id": "P-1", "gross_amount": 150_000}
    body = {"transaction_details": order, "credit_card": {"secure": True}}
    token = desk.http.post("/snap/v1/transactions", json=body).json()["token"]
    return f"/snap/v4/redirection/{token}"


def _payment_link(desk: Desk) -> str:
    order = {"order_id": "P-1", "gross_amount": 150_000}
    answer = desk.http.post("/v1/payment-links", json={"transaction_details": order})
    return str(answer.json()["payment_url"]).removeprefix(desk.url)


def _gopay_link(desk: Desk) -> str:
    partner = {"phone_number": "8215023424", "country_code": "62"}
    body = {"payment_type": "gopay", "gopay_partner": partner}
    return f"/gopay/link/{desk.http.post('/v2/pay/account', json=body).json()['account_id']}"


_APP = "a.button[href^='/app/']"
_CONFIRM, _REFUSE = "button[value=confirm]", "button[value=refuse]"
_CARD_FORM = "details.method input[value=credit_card] ~ button"
WALKS: dict[str, tuple[Any, list[Step], str]] = {
    "a bill is found on the first page and paid": (
        _virtual_account,
        [_click("a.card.link[href^='/pay/']"), _click("button[value=pay]")],
        "Lunas",
    ),
    "a QRIS is scanned with another app": (
        lambda desk: f"/pay/{_bill(desk, payment_type='qris')}",
        [_click(_APP), _click(_CONFIRM, issuer="dana")],
        "Lunas",
    ),
    "GoPay asks for the PIN again after a wrong one": (
        lambda desk: f"/app/{_bill(desk, payment_type='gopay')}",
        [_click(_CONFIRM, pin="000000"), _click(_CONFIRM, **PIN)],
        "Lunas",
    ),
    "DANA is refused": (
        lambda desk: f"/app/{_bill(desk, payment_type='dana')}",
        [_click(_REFUSE)],
        "Ditolak",
    ),
    "Kredivo is confirmed": (
        lambda desk: f"/app/{_bill(desk, payment_type='kredivo')}",
        [_click(_CONFIRM)],
        "Lunas",
    ),
    "GoPay is linked": (
        _gopay_link,
        [_click("button[value=link]", otp="987654", **PIN)],
        "Terhubung",
    ),
    "GoPay is linked and unlinked": (
        _gopay_link,
        [_click("button[value=link]", otp="987654", **PIN), _click("button[value=unlink]")],
        "Diputuskan",
    ),
    "3DS is confirmed": (_with_3ds, [_click(_CONFIRM, **OTP)], "Berhasil"),
    "3DS is refused": (_with_3ds, [_click(_REFUSE)], "Ditolak"),
    "a declined card is followed by a good one": (
        _snap,
        [
            _click(_CARD_FORM, card_number="4911111111111113"),
            _click(_CONFIRM, **OTP),
            _click(_CARD_FORM, card_number="4811111111111114"),
            _click(_CONFIRM, **OTP),
        ],
        "Berhasil",
    ),
    "another way is taken after all": (
        _snap,
        [
            _click("button[value=bni_va]"),
            _click("button[value=other]"),
            _click("button[value=shopeepay]"),
            _click(_APP),
            _click(_CONFIRM),
        ],
        "Lunas",
    ),
    "a payment link leads to the ways to pay": (
        _payment_link,
        [
            _click("form button"),
            _click("button[value=gopay]"),
            _click(_APP),
            _click(_CONFIRM, **PIN),
        ],
        "Lunas",
    ),
}


@pytest.mark.parametrize("walk", WALKS)
def test_a_person_clicks_through_the_pages_on_a_phone(
    desk: Desk, shop: Shop, chromium: str, tmp_path: Path, walk: str
) -> None:
    start, steps, status = WALKS[walk]
    shop.page = _PHONE.format(start=shop.url + start(desk), steps=json.dumps(steps))
    told = _told(chromium, tmp_path, shop.url + "/shop")
    assert told[0] == status
    assert told[1] <= 390  # nothing sticks out to the right


def test_time_is_sent_forward_from_the_first_page(
    desk: Desk, shop: Shop, chromium: str, tmp_path: Path
) -> None:
    start = _virtual_account(desk)
    steps = [_click("[data-clock*=weeks]"), _click("[data-clock*=hours]")]
    shop.page = _PHONE.format(start=shop.url + start, steps=json.dumps(steps))
    assert _told(chromium, tmp_path, shop.url + "/shop")[1] <= 390
    assert desk.sim("GET", "clock")["now"] == "2026-01-12T04:00:00Z"
    assert desk.book("P-1")["status"] == "expire"
