"""A real browser looks at the invoice page."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from builders import START
from litestar import Litestar, Request
from pages.house import House

from api.pages import routes
from billing.flows.settle import settle
from payments.gateway import Answer


@contextmanager
def served(app: Litestar) -> Iterator[str]:
    """The application on a port of its own."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


def test_the_page_turns_to_lunas_by_itself(house: House, chromium: str, tmp_path: Path) -> None:
    _, _, invoice = house.subscribe()
    path = house.link(invoice)
    house.bank_gives()
    house.client.post(f"{path}/va")
    [order] = house.orders(invoice)
    asked: list[str] = []

    def bank_pays(request: Request) -> None:  # type: ignore[type-arg]
        """The money comes after the page has asked once, before it is answered again.

        Not after the first answer: the browser's time runs ahead, and it asks no more than six times.
        """
        asked.append(request.url.path)
        if asked.count(f"{path}/status") == 2 and asked[-1].endswith("/status"):
            paid = Answer("paid", order_id=order.order_id, amount=order.amount, paid_at=START)
            settle(house.engine, house.merchant.merchant_id, order.order_id, paid, because="test")

    app = Litestar(routes(), before_request=bank_pays)
    app.state["engine"] = house.engine
    with served(app) as url:
        shown = subprocess.run(
            [
                chromium, "--headless=new", "--no-sandbox", "--disable-gpu",
                f"--user-data-dir={tmp_path}", "--virtual-time-budget=12000", "--dump-dom",
                url + path,
            ],
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip
    assert asked.count(path) == 2
    assert "LUNAS" in shown
    assert "Terima kasih" in shown
    assert {one for one in asked if not one.startswith(path)} <= {"/favicon.ico"}
