"""Notifications on their way from the gateway: lost, late, twice, forged, amended, out of order."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from billing.engine import Engine
from billing.flows.ingest import take_in
from core.actor import Actor as Caller
from core.errors import EngineError
from ops.prove.book import Book, Transaction
from ops.prove.book_words import Json
from ops.prove.faults import Faults
from payments.notifications import signature

# Midtrans tells a thing again when we do not answer 200: so often, so much later.
_AGAIN = (timedelta(minutes=2), timedelta(minutes=10), timedelta(minutes=30), timedelta(hours=2))


@dataclass
class Letter:
    """One body on its way; ``tries`` counts deliveries that we did not confirm."""

    at: datetime
    number: int
    body: Json
    tries: int = 0
    lasting: bool = False  # told until it was heard: of what nobody would ask

    def __lt__(self, other: Letter) -> bool:
        return (self.at, self.number) < (other.at, other.number)


class Post:
    """The gateway's sender."""

    def __init__(self, book: Book, faults: Faults, dice: random.Random) -> None:
        self.book, self.faults, self.dice = book, faults, dice
        self.waiting: list[Letter] = []
        self.sent: list[Json] = []
        self._number = 0
        book.tell = self.about

    def about(self, one: Transaction) -> None:
        """Something happened to a transaction."""
        body = self.book.describe(one)
        self.sent.append(body)
        if one.state == "chargeback":
            self._put(body, timedelta(seconds=self.dice.randrange(1, 90)), lasting=True)
            return
        kind = self.faults.draw("news", one.order_id)
        soon = timedelta(seconds=self.dice.randrange(1, 90))
        match kind:
            case "news_lost":
                return
            case "news_late":
                soon = timedelta(minutes=self.dice.randrange(10, 2 * 24 * 60))
            case "news_twice":
                self._put(body, soon + timedelta(seconds=self.dice.randrange(0, 5)))
            case "news_forged":
                self._put({**self._lie(one, body), "signature_key": "0" * 128}, soon)
            case "news_amended":
                self._put(self._lie(one, body), soon)
            case "news_replayed":
                self._put(self.dice.choice(self.sent), soon)
            case "news_of_unknown_order":
                self._put(self._of_nobody(body), soon)
        self._put(body, soon)

    def _lie(self, one: Transaction, body: Json) -> Json:
        lies = ["settlement", "capture"] if one.state == "pending" else ["expire", "cancel"]
        return {**body, "transaction_status": self.dice.choice(lies)}

    def _of_nobody(self, body: Json) -> Json:
        other = f"x{body['order_id']}"[:36]
        key = signature(other, body["status_code"], body["gross_amount"], self.book.server_key)
        return {**body, "order_id": other, "signature_key": key}

    def _put(self, body: Json, wait: timedelta, *, lasting: bool = False) -> None:
        self._number += 1
        letter = Letter(self.book.now() + wait, self._number, body, lasting=lasting)
        heapq.heappush(self.waiting, letter)

    def next_due(self) -> datetime | None:
        """When the next is delivered."""
        return self.waiting[0].at if self.waiting else None

    def due(self) -> list[Letter]:
        """Those that arrive now."""
        found = []
        while self.waiting and self.waiting[0].at <= self.book.now():
            found.append(heapq.heappop(self.waiting))
        return found

    def again(self, letter: Letter) -> None:
        """We did not confirm it."""
        if letter.tries < len(_AGAIN) or letter.lasting:
            self._number += 1
            at = self.book.now() + _AGAIN[min(letter.tries, len(_AGAIN) - 1)]
            later = replace(letter, at=at, number=self._number, tries=letter.tries + 1)
            heapq.heappush(self.waiting, later)


def deliver(engine: Engine, merchant_id: UUID, letter: Letter) -> None:
    """What the API's handler does with a body; see `api.gateways.midtrans`."""
    caller = Caller("system", "midtrans", "gateway")
    try:
        with engine.work(merchant_id, caller) as unit:
            take_in(engine, unit, letter.body, source="gateway")
    except EngineError:
        pass  # refused in words: 403 or 429
