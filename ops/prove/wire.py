"""The wire to the gateway: the adapter as shipped speaks HTTP to the book, and the wire has faults.

It stands where `requests` would open a connection, so everything above it is what merchants run:
the official client, its time-outs, how answers are read.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from ops.prove.actors import Actor, Killed, Stage
from ops.prove.book import Book, refusal
from ops.prove.book_words import Json
from ops.prove.faults import Faults
from ops.prove.sites import here
from ops.prove.statements import undo

READ_TIMEOUT = timedelta(seconds=30)
_HTML = b"<html><body>502 Bad Gateway</body></html>"
_SOMEBODY_ELSES: Json = {
    "status_code": "200",
    "order_id": "somebody-elses-1",
    "gross_amount": "1.00",
    "currency": "IDR",
    "payment_type": "credit_card",
    "transaction_status": "capture",
    "fraud_status": "accept",
}
_DECLINES = ("51", "05", "61", "91")
_ENDED = ("54", "41", "43")
_UNHEARD = ("timeout_after", "late_effect", "reset", "server_error_after", "kill_after_effect")


@dataclass(frozen=True, slots=True)
class _Ask:
    """One call: who makes it, from which site, and what it says."""

    request: requests.PreparedRequest
    actor: Actor
    path: list[str]
    body: Json
    key: str | None
    site: str

    @property
    def order_id(self) -> str:
        """The order it is about."""
        details = self.body.get("transaction_details") or {}
        return str(details.get("order_id") or self.path[-2])


class Wire(BaseAdapter):
    """One merchant's connection to its book."""

    def __init__(self, stage: Stage, book: Book, faults: Faults, dice: random.Random) -> None:
        super().__init__()
        self.stage, self.book, self.faults, self.dice = stage, book, faults, dice
        self.brown_out_until: datetime | None = None
        self.calls = 0
        self.charges = 0
        # Told of every charge before it is made: the order id and its amount.
        self.witness: Callable[[str, int], None] = lambda *_: None
        self.open_across: Callable[[Actor], None] = lambda _: None

    def send(
        self,
        request: requests.PreparedRequest,
        *args: Any,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> requests.Response:
        """Answer one request, or fail as networks do."""
        path = urlsplit(request.url or "").path.strip("/").split("/")
        body: Json = json.loads(request.body) if request.body else {}
        key = request.headers.get("Idempotency-Key")
        actor = self.stage.me()
        if actor is None:
            return _response(request, 200, self._plain(path, body, key, "good"))
        self.calls += 1
        what = path[-1]
        site = f"{here(actor.process)} call {what}"
        self.stage.step(f"call {what}")
        if actor.open:
            self.open_across(actor)
        if self._is_brown():
            self.stage.sleep(READ_TIMEOUT)
            raise requests.exceptions.ReadTimeout
        self.stage.sleep(timedelta(milliseconds=self.dice.randrange(60, 1500)))
        try:
            answer = self._answer(_Ask(request, actor, path, body, key, site))
        except requests.exceptions.RequestException:
            self.stage.step(f"answer {what}")
            raise
        self.stage.step(f"answer {what}")
        return answer

    def close(self) -> None:
        """Nothing to close."""

    def _answer(self, ask: _Ask) -> requests.Response:
        """What comes back; the hunt for crash sites strikes at any call."""
        hunted = self.faults.hunted("call", ask.site, ask.order_id)
        try:
            if ask.path[-1] == "charge":
                return self._charge(ask, hunted)
            self._before(hunted, ask.actor)
            answer = self._status(ask) if ask.path[-1] == "status" else self._end(ask)
            self._after(hunted, ask.actor)
            return answer
        except _Answer as told:
            return _response(ask.request, told.http, told.body)

    def _is_brown(self) -> bool:
        until = self.brown_out_until
        return until is not None and self.stage.now < until and not self.faults.quiet

    def _plain(self, path: list[str], body: Json, key: str | None, mood: str) -> Json:
        what, ident = path[-1], path[-2]
        if what == "charge":
            return self.book.charge(body, key, mood)
        if what == "status":
            return self.book.status(ident)
        if what == "cancel":
            return self.book.cancel(ident)
        if what == "expire":
            return self.book.expire(ident)
        if what in ("approve", "deny"):
            return self.book.judge(ident, accept=what == "approve")
        if what == "refund":
            return self.book.refund(ident, body)
        return refusal("404", "no such address")

    def _charge(self, ask: _Ask, hunted: str | None) -> requests.Response:
        self.charges += 1
        request, actor, path, body, key = ask.request, ask.actor, ask.path, ask.body, ask.key
        details = body["transaction_details"]
        kind = hunted
        if kind is None:
            kind = self.faults.draw("charge", str(details["order_id"]))
            self.faults.mark("call", ask.site, kind)
        if kind is None and self.faults.challenges():
            kind = "fraud_challenge"
            self.faults.struck(kind, str(details["order_id"]))
        mood = "good"
        if kind == "declined":
            mood = self.dice.choice(_DECLINES)
        elif kind == "card_ended":
            mood = self.dice.choice(_ENDED)
        elif kind in _UNHEARD and self.dice.random() < 0.25:
            mood = self.dice.choice(_DECLINES)  # and nobody hears of it for now
        elif kind == "fraud_challenge":
            mood = "challenge"
        self._before(kind, actor)
        self.witness(str(details["order_id"]), int(details["gross_amount"]))
        if kind == "late_effect":
            late = timedelta(seconds=self.dice.choice([5, 40, 300, 2400, 4 * 3600, 30 * 3600]))
            left_at = self.stage.now
            self.book.at(
                left_at + late, lambda: void(self.book.charge(body, key, mood, left_at=left_at)),
            )  # fmt: skip
            self.stage.sleep(READ_TIMEOUT)
            raise requests.exceptions.ReadTimeout
        if kind == "on_process":
            self.book.at(
                self.stage.now + timedelta(seconds=20), lambda: void(self.book.charge(body, key))
            )
            return _response(request, 202, refusal("202", "the same request is being processed"))
        if kind == "wrong_answer" and self.dice.random() < 0.5:
            # It speaks of somebody else's charge, and ours was never made.
            return _response(request, 200, {**_SOMEBODY_ELSES, "transaction_id": key})
        answer = self._plain(path, body, key, mood)
        if answer.get("status_code") == "406":
            self.faults.struck("duplicate_order", str(details["order_id"]))
        self._after(kind, actor)
        if kind == "html":
            return _response(request, 502, None)
        if kind == "server_error_after":
            return _response(request, 500, refusal("500", "Internal server error"))
        if kind == "wrong_answer":
            answer = {**answer, "gross_amount": "1.00", "order_id": "somebody-elses-1"}
        return _response(request, 200, answer)

    def _before(self, kind: str | None, actor: Actor) -> None:
        match kind:
            case "refused":
                lost = NewConnectionError(None, "refused")  # type: ignore[arg-type]
                raise requests.exceptions.ConnectionError(
                    MaxRetryError(None, "/", lost)  # type: ignore[arg-type]
                )
            case "timeout_before":
                self.stage.sleep(READ_TIMEOUT)
                raise requests.exceptions.ReadTimeout
            case "server_error_before":
                raise _Answer(500, refusal("500", "Internal server error"))
            case "unauthorized":
                raise _Answer(401, refusal("401", "Access denied due to unauthorized transaction"))
            case "too_many":
                raise _Answer(429, refusal("429", "Too many requests"))
            case "slow":
                self.stage.sleep(timedelta(seconds=self.dice.randrange(4, 28)))
            case "pause_before_call":
                self.stage.sleep(timedelta(minutes=self.dice.choice([2, 11, 45, 240, 1500])))
            case "kill_before_call":
                self.stage.kill(actor.process, undo)
                raise Killed

    def _after(self, kind: str | None, actor: Actor) -> None:
        match kind:
            case "timeout_after":
                self.stage.sleep(READ_TIMEOUT)
                raise requests.exceptions.ReadTimeout
            case "reset":
                raise requests.exceptions.ConnectionError(ProtocolError("connection reset"))
            case "kill_after_effect":
                self.stage.kill(actor.process, undo)
                raise Killed
            case "pause_after_call":
                self.stage.sleep(timedelta(minutes=self.dice.choice([2, 11, 45, 240, 1500])))

    def _status(self, ask: _Ask) -> requests.Response:
        request, path = ask.request, ask.path
        kind = self.faults.draw("status", path[-2])
        one = self.book.orders.get(path[-2])
        if kind == "status_timeout":
            self.stage.sleep(timedelta(seconds=10))
            raise requests.exceptions.ReadTimeout
        if kind == "status_error":
            return _response(request, 503, refusal("503", "try again"))
        fresh = one is not None and self.stage.now - one.at < timedelta(minutes=5)
        if kind == "status_lag" and fresh:
            return _response(request, 200, refusal("404", "Transaction doesn't exist."))
        recent = (
            one is not None
            and one.changed_at is not None
            and self.stage.now - one.changed_at < timedelta(minutes=5)
        )
        stale = kind == "status_stale" and recent
        return _response(request, 200, self.book.status(path[-2], stale=stale))

    def _end(self, ask: _Ask) -> requests.Response:
        request, path, body, key = ask.request, ask.path, ask.body, ask.key
        kind = self.faults.draw("end", path[-2])
        if kind == "end_timeout_before":
            self.stage.sleep(READ_TIMEOUT)
            raise requests.exceptions.ReadTimeout
        if kind == "end_error":
            return _response(request, 500, refusal("500", "Internal server error"))
        if path[-1] == "refund" and self.faults.refuses(path[-2]):
            return _response(request, 200, refusal("418", "Refund is rejected by the bank"))
        answer = self._plain(path, body, key, "good")
        if kind == "end_timeout_after":
            self.stage.sleep(READ_TIMEOUT)
            raise requests.exceptions.ReadTimeout
        return _response(request, 200, answer)


class _Answer(Exception):  # noqa: N818 - an answer on its way out
    def __init__(self, http: int, body: Json) -> None:
        super().__init__(http)
        self.http, self.body = http, body


def void(_: object) -> None:
    """Nobody hears this answer."""


def _response(request: Any, http: int, body: Json | None) -> requests.Response:
    made = requests.Response()
    made.status_code = http
    made.request = request
    made.url = request.url or ""
    made.encoding = "utf-8"
    made._content = _HTML if body is None else json.dumps(body).encode()
    return made
