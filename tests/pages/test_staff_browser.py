"""A real browser lays the staff pages out: nothing is cut off from a telephone to a desk."""

from __future__ import annotations

import json
import re
import subprocess
from html import unescape
from pathlib import Path
from typing import Any, Final

import pytest
from builders import make_price, make_subscription
from litestar import Litestar
from pages.desk import Desk
from pages.house import House
from pages.test_browser import served
from pages.test_staff_money import confirm, paid_by_va

from api.pages import routes
from billing.queries import get_customer
from core import ids

WIDTHS: Final = (390, 768, 1000, 1280)
# Same origin as the pages it frames: it may measure them.
_RULER: Final = """<!doctype html><body><pre id="cut"></pre><script>
const wanted = %s, cut = [];
let left = wanted.length;
for (const [path, width] of wanted) {
  const frame = document.createElement("iframe");
  frame.width = width;
  frame.height = 900;
  frame.onload = () => {
    const page = frame.contentDocument;
    if (!page.querySelector("main h1, main h2")) cut.push(`${path}: no page`);
    for (const box of [page.documentElement, ...page.querySelectorAll(".scroll, .panel, main")])
      if (box.scrollWidth > box.clientWidth)
        cut.push(`${path} at ${width}: ${box.className || box.tagName} ` +
          `needs ${box.scrollWidth} of ${box.clientWidth}`);
    if (!--left) document.getElementById("cut").textContent = ["measured", ...cut].join("\\n");
  };
  frame.src = path;
  document.body.append(frame);
}
</script></body>"""


def measured_by(app: Litestar, cookie: str, paths: list[str]) -> Any:
    """The pages as they are served, but framed by a page of ours that measures them."""
    ruler = (_RULER % json.dumps([[path, width] for path in paths for width in WIDTHS])).encode()

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/ruler":
            headers = [(b"content-type", b"text/html")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": ruler})
            return

        async def framed(message: Any) -> None:
            if message["type"] == "http.response.start":
                kept = [
                    (name, value.replace(b"frame-ancestors 'none'", b"frame-ancestors 'self'"))
                    for name, value in message["headers"]
                    if name.lower() != b"x-frame-options"
                ]
                message = {**message, "headers": kept}
            await send(message)

        if scope["type"] == "http":
            others = [one for one in scope["headers"] if one[0] != b"cookie"]
            scope = {**scope, "headers": [*others, (b"cookie", cookie.encode())]}
        await app(scope, receive, framed)

    return asgi


@pytest.mark.parametrize("language", ["id", "en"])
def test_nothing_is_cut_off_at_any_width(
    house: House, chromium: str, tmp_path: Path, language: str
) -> None:
    desk = Desk(house, email="sari.wulandari.penagihan@larasa.example")
    desk.enter()
    customer, _, refund = paid_by_va(house)
    with house.work() as unit:
        buyer = get_customer(unit, customer)
        dear = [make_price(unit, 123_456_789 * n) for n in (1, 2)]
        made = [make_subscription(unit, price=one, customer=buyer) for one in dear]
    page = desk.get(f"{refund}?amount=100000&reason=mistake&bank=BCA"
                    "&account_number=1234567890&account_name=Dewi").text  # fmt: skip
    assert confirm(desk, refund, page).status_code == 303
    assert made[1].invoice_id is not None
    invoice = ids.public("invoice", made[1].invoice_id)
    paths = [
        desk.root + at
        for at in (
            "",
            f"/customers/{ids.public('customer', customer)}",
            f"/invoices/{invoice}",
            f"/invoices/{invoice}/credit?amount=&reason=mistake",
            f"/invoices/{invoice}/void",
            f"{refund}?amount=1000&reason=mistake",
            "/refunds",
        )
    ]
    jar = house.client.cookies.jar
    cookie = "; ".join([*(f"{one.name}={one.value}" for one in jar), f"tagihan_lang={language}"])
    app = Litestar(routes())
    app.state["engine"] = house.engine
    with served(measured_by(app, cookie, paths)) as url:
        shown = subprocess.run(
            [
                chromium, "--headless=new", "--no-sandbox", "--disable-gpu",
                f"--user-data-dir={tmp_path}", "--window-size=1400,1000",
                "--virtual-time-budget=20000", "--dump-dom", f"{url}/ruler",
            ],
            capture_output=True, text=True, timeout=90, check=True,
        ).stdout  # fmt: skip

    found = re.search(r'<pre id="cut">(.*?)</pre>', shown, re.DOTALL)
    assert found is not None
    assert unescape(found.group(1)).split("\n") == ["measured"]
