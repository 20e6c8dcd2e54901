"""How many calls a merchant may make a second: one budget, whoever asks, most urgent first.

Midtrans publishes no number and answers 429 when it is too much; so the merchant's own number is
the ceiling, halved when the gateway complains and raised by one each second it does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, Final

from payments.backoff import rest
from payments.breaker import Breaker, Heard, Operation, State

TENTH: Final = timedelta(milliseconds=100)
# A span of one second touches at most eleven tenths, so that no second, wherever it begins, sees
# more calls than the budget.
WINDOW: Final = 11
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)
# Charges that queued this long show how fast the gateway really is.
_MEASURE_TENTHS: Final = 200
_CUT_AT_MOST_EVERY: Final = timedelta(seconds=1)
# Nobody asks again later than this, however long a pause lasts: somebody may close the breaker.
LONGEST_WAIT: Final = timedelta(seconds=30)


class Lane(IntEnum):
    """Who asks, the most urgent first."""

    PERSON = 0  # somebody waits in front of a page
    WORK = 1  # renewals and refunds
    QUESTION = 2  # finding out what became of something


@dataclass(frozen=True, slots=True)
class Grant:
    """How many pieces of work may be done now, with how many calls taken for them.

    ``again_at`` is when to ask for the rest.
    """

    count: int
    calls: int = 0
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """What is remembered of one merchant's calls.

    Attributes:
        per_second: the merchant's own number; at least 1.
        cut_to, cut_at: the rate after the last complaint, and when that was.
        taken: (tenth of a second since 2020, lane, calls), oldest first.
        breakers: by operation; one that is missing is closed.
        busy_since, busy_calls: since when more charges wait than go out, and those that went out.
        rest_until: the gateway asked to be left alone until then, by anybody.
    """

    per_second: int
    cut_to: int | None = None
    cut_at: datetime | None = None
    taken: tuple[tuple[int, int, int], ...] = ()
    breakers: Mapping[Operation, Breaker] = field(default_factory=dict)
    busy_since: datetime | None = None
    busy_calls: int = 0
    rest_until: datetime | None = None

    def rate(self, now: datetime) -> int:
        """Calls a second at this moment."""
        ceiling = max(1, self.per_second)
        if self.cut_to is None or self.cut_at is None:
            return ceiling
        seconds = max(0, (now - self.cut_at) // timedelta(seconds=1))
        return max(1, min(ceiling, self.cut_to + seconds))

    def breaker(self, operation: Operation) -> Breaker:
        """The breaker of one kind of operation."""
        return self.breakers.get(operation, Breaker())

    def is_calm(self, now: datetime) -> bool:
        """Whether good news would change nothing, so that it need not be written down."""
        return (
            self.rate(now) >= max(1, self.per_second)
            and not self.rests(now)
            and all(one.is_fresh for one in self.breakers.values())
        )

    def rests(self, now: datetime) -> bool:
        """Whether the gateway asked for a pause that is not over."""
        return self.rest_until is not None and now < self.rest_until

    def room(self, lane: Lane, now: datetime) -> int:
        """How many calls the window has left for a lane."""
        rate = self.rate(now)
        taken = self._window(now)
        total = sum(calls for _, _, calls in taken)
        questions = sum(calls for _, of, calls in taken if of == Lane.QUESTION)
        person, question = reserved(rate)
        match lane:
            case Lane.PERSON:
                return max(0, rate - total)
            case Lane.WORK:
                # What questions have not used of their own share stays theirs.
                return max(0, rate - person - max(0, question - questions) - total)
            case Lane.QUESTION:
                free = rate - person - total
                shared = max(1, rate * 6 // 10) - total
                return max(0, min(free, max(question - questions, shared)))

    def take(
        self,
        operation: Operation,
        lane: Lane,
        costs: Sequence[int],
        now: datetime,
        lease: timedelta,
        *,
        more: bool = False,
    ) -> tuple[Budget, Grant]:
        """Take calls for as many pieces of work as fit; commit the result before making them.

        Args:
            costs: calls each piece may need. One that needs more than a whole second has is done
                in an empty one.
            lease: how long one call may be believed to be under way.
            more: there is more of this work than is listed.
        """
        if not costs:
            return self, Grant(0)
        if self.rest_until is not None and now < self.rest_until:
            return self, Grant(0, 0, min(self.rest_until, now + LONGEST_WAIT))
        breaker = self.breaker(operation)
        allowed = breaker.allowed(len(costs), now)
        if allowed == 0:
            return self, Grant(0, 0, min(breaker.again_at(now), now + LONGEST_WAIT))
        room, most = self.room(lane, now), replace(self, taken=()).room(lane, now)
        count = calls = 0
        while count < allowed and calls + min(costs[count], most) <= room:
            calls += min(costs[count], most)
            count += 1
        after = self._used(lane, calls, now) if count else self
        if count:
            breakers = {**self.breakers, operation: breaker.probing(now, lease)}
            after = replace(after, breakers={k: v for k, v in breakers.items() if not v.is_fresh})
        if operation is Operation.CHARGE and lane is Lane.WORK:
            after = after._busy(count, now) if more or count < len(costs) else after._idle()
        return after, Grant(count, calls, None if count == len(costs) else after._next(now))

    def asked_for_rest(self, seconds: int | None, now: datetime) -> Budget:
        """What it is after ``Retry-After``: nobody calls before, within a bound."""
        until = now + rest(seconds)
        if seconds is None or (self.rest_until is not None and until <= self.rest_until):
            return self
        return replace(self._idle(), rest_until=until)

    def heard(self, operation: Operation, words: Sequence[Heard], now: datetime) -> Budget:
        """What it is after these answers."""
        breaker = self.breaker(operation).heard(list(words), now)
        breakers = {**self.breakers, operation: breaker}
        after = replace(self, breakers={k: v for k, v in breakers.items() if not v.is_fresh})
        if breaker.state(now) is not State.CLOSED and operation is not Operation.PAGE:
            after = after._idle()  # the pause is not how fast charges go
        recent = self.cut_at is not None and now - self.cut_at < _CUT_AT_MOST_EVERY
        if recent or not any(word != "ok" for word in words):
            return after
        return replace(after, cut_to=max(1, self.rate(now) // 2), cut_at=now)

    def also_called(self, lane: Lane, calls: int, now: datetime) -> Budget:
        """Calls that were made beyond what was taken; what follows waits for them."""
        return self._used(lane, calls, now) if calls > 0 else self

    def _used(self, lane: Lane, count: int, now: datetime) -> Budget:
        tenth = self._tenth(now)
        kept = dict.fromkeys(((at, of) for at, of, _ in self._window(now)), 0)
        for at, of, n in self._window(now):
            kept[at, of] += n
        kept[tenth, int(lane)] = kept.get((tenth, int(lane)), 0) + count
        taken = tuple(sorted((at, of, n) for (at, of), n in kept.items()))
        return replace(self, taken=taken)

    def _busy(self, count: int, now: datetime) -> Budget:
        since = self.busy_since if self._went_out_lately(now) else None
        calls = count + (self.busy_calls if since else 0)
        return replace(self, busy_since=since or now, busy_calls=calls)

    def _idle(self) -> Budget:
        return replace(self, busy_since=None, busy_calls=0)

    def _went_out_lately(self, now: datetime) -> bool:
        last = self.taken[-1][0] if self.taken else 0
        return (now - _EPOCH) // TENTH - last < 600

    def charges_a_minute(self, now: datetime) -> int:
        """How many charges go through: measured once they have queued for a while, else allowed."""
        person, question = reserved(self.rate(now))
        allowed = (self.rate(now) - person - question) * 600 // WINDOW
        if self.busy_since is None or not self._went_out_lately(now):
            return max(1, allowed)
        tenths = (now - self.busy_since) // TENTH
        if tenths < _MEASURE_TENTHS:
            return max(1, allowed)
        return max(1, min(allowed, self.busy_calls * 600 // tenths))

    def _window(self, now: datetime) -> list[tuple[int, int, int]]:
        oldest = self._tenth(now) - WINDOW + 1
        return [one for one in self.taken if one[0] >= oldest]

    def _tenth(self, now: datetime) -> int:
        """Time never runs backwards here, though the clock of another machine may be behind."""
        last = self.taken[-1][0] if self.taken else 0
        return max((now - _EPOCH) // TENTH, last)

    def _next(self, now: datetime) -> datetime:
        window = self._window(now)
        if not window:
            return now + TENTH
        return max(now + TENTH, _EPOCH + (window[0][0] + WINDOW) * TENTH)

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "cut_to": self.cut_to,
            "cut_at": self.cut_at.isoformat() if self.cut_at else None,
            "taken": [list(one) for one in self.taken],
            "breakers": {str(op): one.to_json() for op, one in self.breakers.items()},
            "busy_since": self.busy_since.isoformat() if self.busy_since else None,
            "busy_calls": self.busy_calls,
            "rest_until": self.rest_until.isoformat() if self.rest_until else None,
        }

    @classmethod
    def from_json(cls, per_second: int, stored: Mapping[str, Any]) -> Budget:
        """Read what `to_json` wrote; ``per_second`` is the merchant's present number."""
        cut_at, busy = stored.get("cut_at"), stored.get("busy_since")
        until = stored.get("rest_until")
        return cls(
            per_second=per_second,
            cut_to=stored.get("cut_to"),
            cut_at=datetime.fromisoformat(cut_at) if cut_at else None,
            taken=tuple((int(a), int(b), int(c)) for a, b, c in stored.get("taken", ())),
            breakers={
                Operation(op): Breaker.from_json(one)
                for op, one in stored.get("breakers", {}).items()
                if op in set(Operation)  # one that a later version may have written is not ours
            },
            busy_since=datetime.fromisoformat(busy) if busy else None,
            busy_calls=int(stored.get("busy_calls", 0)),
            rest_until=datetime.fromisoformat(until) if until else None,
        )


def reserved(rate: int) -> tuple[int, int]:
    """What a rate keeps for people, and what it keeps for questions so that they never starve.

    >>> reserved(20), reserved(5), reserved(3)
    ((4, 2), (1, 1), (0, 0))
    """
    return (0, 0) if rate < 4 else (max(1, rate // 5), max(1, rate // 10))


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the waiting charges are through.

    Attributes:
        waiting: charges that are due and not sent.
        per_minute: how many go through a minute, measured where it was.
        done_at: None while the gateway does not answer.
        state: of the breaker for charges.
        retry_at: when it is tried again; None while it is closed.
    """

    waiting: int
    per_minute: int
    done_at: datetime | None
    state: State
    retry_at: datetime | None = None


def forecast(budget: Budget, waiting: int, now: datetime) -> Forecast:
    """Say when ``waiting`` charges will be sent; a gateway may be slower than its budget."""
    breaker = budget.breaker(Operation.CHARGE)
    state = breaker.state(now)
    per_minute = budget.charges_a_minute(now)
    if state is not State.CLOSED:
        return Forecast(waiting, per_minute, None, state, breaker.again_at(now))
    seconds = -(-waiting * 60 // per_minute)
    begins = max(now, budget.rest_until or now)
    return Forecast(waiting, per_minute, begins + timedelta(seconds=seconds), state)
