"""Idempotency-Key: a short memory of successful answers, one key space for all endpoints."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from simulator import channels
from simulator.answers import RefusalError
from simulator.model import Json, Remembered

if TYPE_CHECKING:
    from simulator.book import Book

LIFETIME = timedelta(minutes=5)
SUBSCRIPTION_MEMORY = timedelta(minutes=3)
LONGEST = 46
_SUCCESS = frozenset({"200", "201", "407"})


def supported(body: Json) -> bool:
    """Some channels never learned to honour the header."""
    if str(body.get("payment_type")) not in channels.PAYMENT_TYPES:
        return True
    try:
        return channels.select(body).remembers_keys
    except RefusalError:
        return True


class Memory:
    """Keys of one account, on the account's clock."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._known: dict[str, Remembered] = {}
        self._running: set[str] = set()

    def usable(self, key: str, body: Json) -> bool:
        """An empty or overlong key is ignored without a word."""
        return 0 < len(key) <= LONGEST and supported(body)

    def recall(self, key: str) -> Remembered | None:
        """The answer given before, if it was a success and is not too old."""
        known = self._known.get(key)
        if known is not None and self._book.now() < known.until:
            return known
        return None

    def is_running(self, key: str) -> bool:
        return key in self._running

    def begin(self, key: str) -> None:
        self._running.add(key)

    def end(self, key: str, http: int, body: Json, life: timedelta = LIFETIME) -> None:
        """The effect is done: remember a success, forget a failure. Harmless when done before."""
        if key not in self._running:
            return
        self._running.discard(key)
        # Snap, subscriptions and the like say it by HTTP alone.
        if http < 300 and body.get("status_code", "200") in _SUCCESS:
            now = self._book.now()
            self._forget(now)
            until = now + life
            known = Remembered(key=key, until=until, http=http, body=dict(body))
            self._known[key] = known
            self._book.save("idem", known)

    def _forget(self, now: datetime) -> None:
        """Drop what is too old; the oldest stand first."""
        while self._known:
            key = next(iter(self._known))
            if now < self._known[key].until:
                return
            del self._known[key]

    def give_up(self, key: str) -> None:
        """Nothing happened under this key."""
        self._running.discard(key)

    def restore(self, raw: msgspec.Raw) -> None:
        known = msgspec.json.decode(raw, type=Remembered)
        self._known[known.key] = known

    def records(self) -> Iterable[Remembered]:
        now = self._book.now()
        return [known for known in self._known.values() if now < known.until]
