"""A simulator process and an account in it, for tests of everything above the wire."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[1]
_numbers = itertools.count(1)


@dataclass
class Desk:
    """One merchant's account at the simulator, seen from its control side."""

    url: str
    server_key: str
    client_key: str

    def control(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """Call the control API of this account."""
        response = httpx.request(
            method,
            f"{self.url}/_sim/{path}",
            json=body if method != "GET" else None,
            headers={"X-Sim-Server-Key": self.server_key},
            timeout=60,
        )
        assert response.status_code < 300, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def fault(self, op: str, kind: str, *, times: int | None = 1, **more: Any) -> None:
        """Order trouble for the next ``times`` calls."""
        self.control("POST", "faults", op=op, kind=kind, times=times, **more)

    def card_token(
        self, number: str = "4811 1111 1111 1114", month: int = 12, year: int = 2031
    ) -> str:
        """Turn a test card into a one-time token, as a browser would."""
        answer = httpx.get(
            f"{self.url}/v2/token",
            params={
                "client_key": self.client_key,
                "card_number": number.replace(" ", ""),
                "card_cvv": "123",
                "card_exp_month": f"{month:02}",
                "card_exp_year": str(year),
            },
        ).json()
        token: str = answer["token_id"]
        return token

    def confirm(self, order_id: str, result: str = "accept") -> None:
        """The cardholder finishes 3DS."""
        self.control("POST", "3ds", order_id=order_id, result=result)

    def pay(self, **what: Any) -> None:
        """A person pays a virtual account."""
        self.control("POST", "pay", **what)

    def book(self, **filters: Any) -> dict[str, dict[str, Any]]:
        """What was really taken: transactions by order id."""
        listed = self.control("GET", "book")["transactions"]
        return {one["order_id"]: one for one in listed}

    def summary(self) -> dict[str, Any]:
        """Sums over the book."""
        return self.control("GET", "book/summary")


@contextmanager
def running_simulator(*options: str) -> Iterator[str]:
    """Start a simulator on a free port; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "--port", "0", *options],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("simulator ready at "), line
        yield line.split()[-1]
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def open_desk(url: str, **settings: Any) -> Desk:
    """Open an account with keys of its own."""
    n = next(_numbers)
    desk = Desk(url, f"SB-Mid-server-desk-{n}", f"SB-Mid-client-desk-{n}")
    body = {"server_key": desk.server_key, "client_key": desk.client_key, **settings}
    answer = httpx.post(f"{url}/_sim/accounts", json=body)
    assert answer.status_code < 300, answer.text
    return desk
