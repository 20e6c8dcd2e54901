"""A simulator process, accounts in it, a merchant's inbox, and the official client pointed at it."""

from __future__ import annotations

import contextlib
import http.server
import importlib
import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import midtransclient
import pytest
from midtransclient.config import ApiConfig

requests: Any = importlib.import_module("requests")
ROOT = Path(__file__).resolve().parents[3]
START = "2026-01-05T03:00:00Z"  # Monday, 10:00 WIB
Json = dict[str, Any]


class Server:
    """A simulator as a process of its own."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "simulator", "--port", "0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("simulator ready at "), line
        self.url = line.split()[-1]

    def stop(self) -> int:
        self.process.terminate()
        code = self.process.wait(10)
        self._close()
        return code

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self._close()

    def _close(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()


class Inbox:
    """A merchant's notification address. `answers` are given out first, then 200."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, Json, dict[str, str]]] = []
        self.answers: list[int] = []
        inbox = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                inbox.messages.append((self.path, json.loads(body), dict(self.headers.items())))
                code = inbox.answers.pop(0) if inbox.answers else 200
                self.send_response(code)
                if code in (301, 302, 303, 307, 308):
                    self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=lambda: self._server.serve_forever(0.01), daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def statuses(self, path: str = "/notify") -> list[tuple[str, str]]:
        return [(m["order_id"], m["transaction_status"]) for p, m, _ in self.messages if p == path]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class Desk:
    """One account: the official client on one side, the control API on the other."""

    def __init__(self, url: str, server_key: str, client_key: str) -> None:
        self.url, self.server_key, self.client_key = url, server_key, client_key
        self.core = midtransclient.CoreApi()
        config = ApiConfig(server_key=server_key, client_key=client_key)
        config.CORE_SANDBOX_BASE_URL = config.CORE_PRODUCTION_BASE_URL = url
        config.SNAP_SANDBOX_BASE_URL = config.SNAP_PRODUCTION_BASE_URL = url + "/snap/v1"
        self.core.api_config = config
        self.headers: dict[str, str] = {}
        self.session = requests.Session()
        self.session.trust_env = False
        self.timeout = 10.0
        plain = self.session.request

        def request(method: str, address: str, **options: Any) -> Any:
            options.setdefault("timeout", self.timeout)
            options["allow_redirects"] = False
            options["headers"] = {**(options.get("headers") or {}), **self.headers}
            return plain(method, address, **options)

        self.session.request = request
        self.core.http_client.http_client = self.session
        self.http = httpx.Client(base_url=url, auth=(server_key, ""), timeout=20)
        self.numbers = itertools.count(1)

    def sim(self, method: str, what: str, /, **body: Any) -> Json:
        """A control call; asserts that it is followed."""
        answer = self.try_sim(method, what, **body)
        assert answer.status_code == 200, answer.text
        result: Json = answer.json()
        return result

    def try_sim(self, method: str, what: str, /, **body: Any) -> httpx.Response:
        headers = {"X-Sim-Server-Key": self.server_key}
        if method == "GET":
            return self.http.get(f"/_sim/{what}", params=body, headers=headers)
        content = json.dumps(body).encode()
        return self.http.request(method, f"/_sim/{what}", content=content, headers=headers)

    def clock(self, to: str) -> Json:
        return self.sim("POST", "clock", to=to)

    def configure(self, **settings: Any) -> None:
        keys = {"server_key": self.server_key, "client_key": self.client_key}
        self.sim("POST", "accounts", **keys, **settings)

    def token(self, pan: str, *, month: int = 12, year: int = 2027, cvv: str = "123") -> str:
        answer = self.core.card_token(
            {
                "client_key": self.client_key,
                "card_number": pan.replace(" ", ""),
                "card_cvv": cvv,
                "card_exp_month": f"{month:02}",
                "card_exp_year": str(year),
            }
        )
        return str(answer["token_id"])

    def charge_card(self, order_id: str, token: str, amount: int = 99_000, **card: Any) -> Json:
        answer: Json = self.core.charge(card_request(order_id, token, amount, **card))
        return answer

    def charge_va(
        self, order_id: str, amount: int = 109_890, bank: str = "bca", **more: Any
    ) -> Json:
        answer: Json = self.core.charge(va_request(order_id, amount, bank, **more))
        return answer

    def saved_card(self, pan: str = "4811 1111 1111 1114", *, year: int = 2027) -> str:
        """A saved token from a first payment with 3DS."""
        order = f"first-{next(self.numbers)}"
        token = self.token(pan, year=year)
        self.charge_card(order, token, authentication=True, save_token_id=True)
        return str(self.sim("POST", "3ds", order_id=order)["saved_token_id"])

    def captured(self, order_id: str, amount: int = 99_000, **card: Any) -> Json:
        return self.charge_card(order_id, self.token("4811 1111 1111 1114"), amount, **card)

    def settled(self, order_id: str, amount: int = 99_000) -> Json:
        answer = self.captured(order_id, amount)
        self.sim("POST", "settle", order_id=order_id)
        return answer

    def refused(self, call: Callable[[], object]) -> int:
        """The effective code with which the official client refuses this call."""
        try:
            answer = call()
        except midtransclient.MidtransAPIError as error:
            if error.http_status_code >= 400:
                return int(error.http_status_code)
            return int(error.api_response_dict["status_code"])
        raise AssertionError(f"was not refused: {answer}")

    def book(self, order_id: str) -> Json:
        found = [
            entry
            for entry in self.sim("GET", "book", order_id=order_id)["transactions"]
            if entry["order_id"] == order_id
        ]
        latest: Json = found[-1]
        return latest

    def close(self) -> None:
        self.session.close()
        self.http.close()


def card_request(order_id: str, token: str, amount: int = 99_000, **card: Any) -> Json:
    return {
        "payment_type": "credit_card",
        "transaction_details": {"order_id": order_id, "gross_amount": amount},
        "credit_card": {"token_id": token, **card},
    }


def va_request(order_id: str, amount: int = 109_890, bank: str = "bca", **more: Any) -> Json:
    transfer = {"bank": bank}
    if "va_number" in more:
        transfer["va_number"] = more.pop("va_number")
    return {
        "payment_type": "bank_transfer",
        "transaction_details": {"order_id": order_id, "gross_amount": amount},
        "bank_transfer": transfer,
        **more,
    }


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def start_server() -> Iterator[Callable[..., Server]]:
    """Further servers, for tests that stop and kill them."""
    started: list[Server] = []

    def start(*options: str) -> Server:
        started.append(Server(*options))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.kill()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with contextlib.closing(Inbox()) as box:
        yield box


_accounts = itertools.count(1)


def open_desk(url: str, key: str = "", **settings: Any) -> Desk:
    key = key or f"SB-Mid-server-{next(_accounts)}"
    desk = Desk(url, key, key.replace("server", "client"))
    desk.configure(**settings)
    return desk


@pytest.fixture
def desk(server: Server) -> Iterator[Desk]:
    """A fresh account whose clock stands at Monday, 5 January 2026, 10:00 WIB."""
    fresh = open_desk(server.url)
    fresh.clock(START)
    yield fresh
    fresh.close()


@pytest.fixture
def told(server: Server, inbox: Inbox) -> Iterator[tuple[Desk, Inbox]]:
    """The same, with an inbox for its notifications."""
    fresh = open_desk(server.url, notification_url=inbox.url + "/notify")
    fresh.clock(START)
    yield fresh, inbox
    fresh.close()


@pytest.fixture
def new_desk() -> Iterator[Callable[..., Desk]]:
    """More accounts, on any server."""
    opened: list[Desk] = []

    def make(url: str, key: str = "", **settings: Any) -> Desk:
        opened.append(open_desk(url, key, **settings))
        return opened[-1]

    yield make
    for made in opened:
        made.close()
