"""A merchant's program that never gives up: every request again under its key until it is answered.

It also throws away answers that it has got, as a client does whose own machine fails, and sends
some requests twice at the same time. Whatever it is answered is kept and compared at the end.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import requests

from ops.prove.rough.ledger import Json, dice

_TIMEOUT = (3, 20)
_PAUSE_SECONDS = 0.3
FORGETS, TWINS = 0.15, 0.2
# Refusals that say "again" and not "no".
_AGAIN = frozenset({"in_progress", "concurrent_change", "gateway_busy", "gateway_unavailable"})


@dataclass
class Deed:
    """One request under its key, and every answer that came."""

    key: str
    path: str
    body: Json
    headers: dict[str, str] = field(repr=False)
    answers: list[tuple[int, Json]] = field(default_factory=list)
    tries: int = 0
    lost: int = 0

    @property
    def status(self) -> int:
        """What it came to; 0 where nobody ever answered."""
        return self.answers[0][0] if self.answers else 0

    @property
    def answer(self) -> Json:
        return self.answers[0][1] if self.answers else {}

    @property
    def is_done(self) -> bool:
        return 200 <= self.status < 300


class GaveUpError(Exception):
    """The run is over and nobody has answered."""


class Client:
    """One merchant's program; the seed decides what it forgets and sends twice."""

    def __init__(self, url: str, bearer: str, name: str, seed: str) -> None:
        self.url, self.name = url, name
        self.trouble = False
        self.deeds: list[Deed] = []
        self.met: Counter[str] = Counter()
        self.give_up_at = float("inf")
        self._bearer = bearer
        self._dice = dice(f"{seed}:client:{name}")
        self._lock = threading.Lock()
        self._local = threading.local()

    def post(
        self, path: str, body: Json | None = None, *, once: bool = True, merchant: str = ""
    ) -> Deed:
        """Ask for something until it is answered; a refusal is an answer.

        Raises:
            GaveUpError: the run ended before.
        """
        with self._lock:
            key = f"{self.name}-{len(self.deeds) + 1:05d}"
            forgets = [self._dice.random() < FORGETS for _ in range(4)]
            has_twin = once and self._dice.random() < TWINS
            deed = Deed(key, path, body or {}, {"Tagihan-Merchant": merchant} if merchant else {})
            self.deeds.append(deed)
        twin = None
        if has_twin and self.trouble:
            self.met["twins"] += 1
            twin = threading.Thread(target=self._quietly, args=(deed, []), daemon=True)
            twin.start()
        self._until_answered(deed, forgets if self.trouble and once else [])
        if twin is not None:
            twin.join(60)
        return deed

    def get(self, path: str) -> Json:
        """Read something, until it is answered; what is not found is empty."""
        while True:
            status, found = self._try("GET", path, None, {})
            if status and status < 500 and status != 429:
                return found if status < 300 else {}
            self._rest()

    def repeat(self, deed: Deed) -> tuple[int, Json]:
        """The same request under the same key once more."""
        again = Deed(deed.key, deed.path, deed.body, deed.headers)
        self._until_answered(again, [])
        return again.answers[0]

    def _quietly(self, deed: Deed, forgets: list[bool]) -> None:
        try:
            self._until_answered(deed, forgets)
        except GaveUpError:
            return

    def _until_answered(self, deed: Deed, forgets: list[bool]) -> None:
        forgets = list(forgets)
        while True:
            deed.tries += 1
            status, told = self._try(
                "POST", deed.path, deed.body, {"Idempotency-Key": deed.key, **deed.headers}
            )
            if _is_final(status, told):
                with self._lock:
                    deed.answers.append((status, told))
                if not (forgets and forgets.pop()):
                    return
                self.met["answers forgotten"] += 1
            else:
                deed.lost += 1
                self.met["no answer" if not status else f"answer {status}"] += 1
                self._rest()

    def _rest(self) -> None:
        if time.monotonic() > self.give_up_at:
            raise GaveUpError
        time.sleep(_PAUSE_SECONDS)

    def _try(
        self, method: str, path: str, body: Json | None, headers: dict[str, str]
    ) -> tuple[int, Json]:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False
            session.headers["Authorization"] = f"Bearer {self._bearer}"
        try:
            answer = session.request(
                method, f"{self.url}/api/v1{path}", json=body, headers=headers, timeout=_TIMEOUT
            )
            return answer.status_code, json.loads(answer.content or b"{}")
        except (requests.RequestException, ValueError):
            return 0, {}


def _is_final(status: int, told: Json) -> bool:
    if status in (0, 429) or status >= 500:
        return False
    return not (status == 409 and told.get("code") in _AGAIN)
