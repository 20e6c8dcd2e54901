"""Who talks to the instance: a merchant's program over the API, and people at the simulator."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import requests

Json = dict[str, Any]

_TIMEOUT = (5, 60)
_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.02
_PAUSE_SECONDS_MAX = 0.2


class StoryError(Exception):
    """The story can not go on: something answered otherwise than it must."""


class Http:
    """One address with the same headers on every call; anything but success ends the story."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy stands between us and ourselves
        self._session.headers.update(headers)

    def call(self, method: str, path: str, body: Json | None = None, **headers: str) -> Any:
        """Call and read JSON."""
        answer = self._raw(method, path, body, headers)
        return answer.json() if answer.content else {}

    def download(self, path: str) -> bytes:
        """Call and take the bytes."""
        return self._raw("GET", path, None, {}).content

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def _raw(
        self, method: str, path: str, body: Json | None, headers: dict[str, str]
    ) -> requests.Response:
        answer = self._session.request(
            method, f"{self._url}{path}", json=body, headers=headers, timeout=_TIMEOUT
        )
        if answer.status_code >= 300:
            raise StoryError(f"{method} {path}: {answer.status_code} {answer.text[:400]}")
        return answer


class Api:
    """The merchant's own program. Idempotency keys are counted, so ids are the same every time."""

    def __init__(self, url: str, key: str) -> None:
        self._http = Http(f"{url}/api/v1", {"Authorization": f"Bearer {key}"})
        self._made = 0

    def get(self, path: str, **query: str) -> Any:
        """Read."""
        return self._http.call("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: Json | None = None) -> Any:
        """Write, under the next key."""
        self._made += 1
        return self._http.call(
            "POST", path, body or {}, **{"Idempotency-Key": f"demo-{self._made:04d}"}
        )

    def every(self, path: str, **query: str) -> list[Json]:
        """All rows of a list, newest first, page by page."""
        rows: list[Json] = []
        while True:
            page = self.get(path, limit="100", **query)
            rows += page["data"]
            if page["next_after"] is None:
                return rows
            query["after"] = page["next_after"]

    def pdf(self, path: str) -> bytes:
        """A document as the payer gets it."""
        return self._http.download(path)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()


class People:
    """Payers, cardholders and banks, at the simulator's control side."""

    def __init__(self, url: str, server_key: str, client_key: str) -> None:
        self._http = Http(url, {"X-Sim-Server-Key": server_key})
        self._client_key = client_key

    def control(self, method: str, path: str, body: Json | None = None) -> Any:
        """Call the control API of the merchant's account."""
        return self._http.call(method, f"/_sim/{path}", body)

    def card_token(self, number: str) -> str:
        """Turn a card into a one-time token, as the payer's browser does."""
        query = {
            "client_key": self._client_key, "card_number": number, "card_cvv": "123",
            "card_exp_month": "12", "card_exp_year": "2031",
        }  # fmt: skip
        return str(self._http.call("GET", f"/v2/token?{urlencode(query)}")["token_id"])

    def confirm(self, order_id: str) -> None:
        """The cardholder passes 3DS."""
        self.control("POST", "3ds", {"order_id": order_id, "result": "accept"})

    def pay(self, order_id: str) -> None:
        """Somebody pays to the virtual account of an order."""
        self.control("POST", "pay", {"order_id": order_id})

    def card_behaves(
        self, pan: str, behaviour: str, since: datetime, until: datetime | None = None
    ) -> None:
        """From ``since`` on the bank says this of a card."""
        rule = {"pan": pan, "behaviour": behaviour, "since": since.isoformat()}
        self.control(
            "POST", "cards", rule if until is None else {**rule, "until": until.isoformat()}
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()


def wait_for(what: str, happens: Callable[[], Any], *, seconds: float = _PATIENCE_SECONDS) -> Any:
    """Ask until it is so; the answer that was.

    Raises:
        StoryError: it did not come about in time.
    """
    deadline = time.monotonic() + seconds
    pause = _PAUSE_SECONDS
    while not (found := happens()):
        if time.monotonic() > deadline:
            raise StoryError(f"waited in vain for {what}")
        time.sleep(pause)
        pause = min(_PAUSE_SECONDS_MAX, pause * 1.5)
    return found
