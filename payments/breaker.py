"""A circuit breaker: when a gateway that does not answer is left alone, and when it is tried again.

One for each merchant, host and kind of operation. Only silence and server errors count against it:
a decline is an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal

from payments.channels import CHANNELS

# ok: an answer of theirs, whatever it said. slow_down: too many calls. down: a time-out, a server
# error, something unreadable, or no connection.
Heard = Literal["ok", "slow_down", "down"]

# A failure counts one, an answer halves the count: half of all calls failing never opens it
# (the rate is cut instead), nearly all failing does so within a dozen.
OPENS_AT: Final = 6
# Answers in a row, one call at a time, until it is trusted again.
PROBES: Final = 2
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=5)


class Operation(StrEnum):
    """What a call does, and at which host; one kind may be down while another works."""

    CHARGE = "charge"
    STATUS = "status"
    REFUND = "refund"
    PAGE = "page"  # opens a hosted page: Snap, which is not the host of the others


def sending(channel: str) -> Operation:
    """What sending an order of a channel is.

    >>> sending("card").value, sending("snap").value
    ('charge', 'page')
    """
    return Operation.PAGE if CHANNELS[channel].is_hosted else Operation.CHARGE


class State(StrEnum):
    """How a breaker stands at a moment."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is remembered of one kind of operation.

    Attributes:
        failures: the count that opens it.
        opened: how often it opened in a row: each time the pause doubles.
        until: when it may be tried again; None while it is closed.
        probes: answers since then.
        probing_until: a probe is under way at the latest until then.
    """

    failures: int = 0
    opened: int = 0
    until: datetime | None = None
    probes: int = 0
    probing_until: datetime | None = None

    def state(self, now: datetime) -> State:
        """Closed: all may call. Open: nobody. Half open: one at a time."""
        if self.until is None:
            return State.CLOSED
        return State.OPEN if now < self.until else State.HALF_OPEN

    @property
    def is_fresh(self) -> bool:
        """Whether nothing is held against the gateway."""
        return self == Breaker()

    def allowed(self, wanted: int, now: datetime) -> int:
        """How many of the wanted calls may be made now."""
        match self.state(now):
            case State.CLOSED:
                return wanted
            case State.OPEN:
                return 0
            case State.HALF_OPEN:
                busy = self.probing_until is not None and now < self.probing_until
                return 0 if busy else min(wanted, 1)

    def again_at(self, now: datetime) -> datetime:
        """When it is worth asking again, where nothing was allowed."""
        if self.until is not None and now < self.until:
            return self.until
        return self.probing_until or now

    def probing(self, now: datetime, lease: timedelta) -> Breaker:
        """One probe leaves; where its caller dies, another may follow after the lease."""
        if self.state(now) is State.HALF_OPEN:
            return replace(self, probing_until=now + lease)
        return self

    def heard(self, words: list[Heard], now: datetime) -> Breaker:
        """What it is after these answers, in the order they came."""
        found = self
        for word in words:
            found = found._one(word, now)
        return found

    def _one(self, word: Heard, now: datetime) -> Breaker:
        state = self.state(now)
        if state is State.OPEN:
            return self  # answers of calls that left before it opened
        if word != "down":
            if state is State.CLOSED:
                return replace(self, failures=self.failures // 2, opened=0)
            probes = self.probes + 1
            return Breaker() if probes >= PROBES else replace(self, probes=probes,
                                                              probing_until=None)  # fmt: skip
        failures = self.failures + 1
        if state is State.CLOSED and failures < OPENS_AT:
            return replace(self, failures=failures)
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self.opened, 10))
        return Breaker(failures=OPENS_AT, opened=self.opened + 1, until=now + pause)

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "failures": self.failures,
            "opened": self.opened,
            "until": self.until.isoformat() if self.until else None,
            "probes": self.probes,
            "probing_until": self.probing_until.isoformat() if self.probing_until else None,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Breaker:
        """Read what `to_json` wrote."""
        until, probing = stored.get("until"), stored.get("probing_until")
        return cls(
            failures=int(stored.get("failures", 0)),
            opened=int(stored.get("opened", 0)),
            until=datetime.fromisoformat(until) if until else None,
            probes=int(stored.get("probes", 0)),
            probing_until=datetime.fromisoformat(probing) if probing else None,
        )


def heard_of(status: str, code: str | None) -> Heard:
    """What an answer of the port says of the gateway itself, not of the order.

    >>> heard_of("failed", "51"), heard_of("unknown", None), heard_of("refused", "429")
    ('ok', 'down', 'slow_down')
    """
    if code == "429":
        return "slow_down"
    if status == "not_sent":
        return "down"
    if status == "unknown" and (code is None or (len(code) == 3 and code.startswith("5"))):
        return "down"
    return "ok"
