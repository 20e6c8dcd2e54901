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
    shown = subprocess.run(
        [
            chromium, "--headless=new", "--no-sandbox", "--disable-gpu",
            f"--user-data-dir={tmp_path}", "--virtual-time-budget=15000",
            "--dump-dom", shop.url + "/shop",
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.search(r'<pre id="told">(.*?)</pre>', shown.stdout, re.DOTALL)
    assert found is not None, shown.stdout[-2000:]
    told = json.loads(html.unescape(found[1]) or '["", null]')
    assert told[0] == visit.called, shown.stdout[-3000:]
    known = desk.sim("GET", "book", order_id="B-1")["transactions"]
    assert [one["status"] for one in known] == ([visit.status] if visit.status else [])
    if visit.called == "success":
        assert told[1]["transaction_status"] == visit.status
