"""What goes wrong on request: time-outs before and after the effect, 5xx, odd bodies, lost news."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

from simulator import derive
from simulator.model import Json, Latency, Notice

OPS = frozenset(
    {
        *("any", "charge", "status", "cancel", "expire", "approve", "deny", "capture"),
        *("refund", "token", "register", "points", "link", "account", "unbind", "snap"),
        *("subscription", "payment_link", "invoice", "bin"),
    }
)
_FIXED_KINDS = frozenset(
    {
        *("timeout_before", "timeout_after", "drop_before", "drop_after"),
        *("html_502", "html_502_after", "json_list", "not_json", "empty", "slow", "slow_after"),
        *("wrong_amount", "429", "404_on_status", "decline"),
    }
)
_HTTP_KIND = re.compile(r"(5\d\d|429|40[13])_(before|after)")
_BODY_KIND = re.compile(r"body_(\d{3})")
DEFAULT_SECONDS = {"slow": 1.0, "slow_after": 1.0}
HANG_SECONDS = 60.0


def known_kind(kind: str) -> bool:
    """Is this a fault we can play?"""
    return bool(kind in _FIXED_KINDS or _HTTP_KIND.fullmatch(kind) or _BODY_KIND.fullmatch(kind))


class Fault(Struct, kw_only=True):
    """One instruction. `times` None means until taken back."""

    fault_id: str
    op: str
    kind: str
    times: Annotated[int, Meta(ge=0)] | None = 1
    order_id: str = ""  # prefix; empty for all
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    seconds: Annotated[float, Meta(ge=0, le=3600)] | None = None
    code: str = "05"  # for decline
    amount: int | None = None  # for wrong_amount
    retry_after: Annotated[int, Meta(ge=0, le=86_400)] | None = None  # header of a 429 or 5xx
    seen: int = 0
    played: int = 0

    def http_before(self) -> int | None:
        """The HTTP code to answer without doing anything."""
        if self.kind == "429":
            return 429
        return self._http("before")

    def http_after(self) -> int | None:
        """The HTTP code to answer although it was done."""
        return self._http("after")

    def _http(self, when: str) -> int | None:
        match = _HTTP_KIND.fullmatch(self.kind)
        return int(match[1]) if match and match[2] == when else None

    def body_code(self) -> str | None:
        """A refusal in the body, nothing done."""
        match = _BODY_KIND.fullmatch(self.kind)
        return match[1] if match else None

    def wait(self) -> float:
        """Real seconds to hold the line."""
        if self.seconds is not None:
            return self.seconds
        return DEFAULT_SECONDS.get(self.kind, HANG_SECONDS)


class NewsRule(Struct, kw_only=True):
    """What happens to the next notifications of an order (or pay account, or subscription).

    `action` is lose_next, delay, alter, duplicate, or reorder: it leaves after the one behind it.
    """

    order_id: str  # prefix
    action: str
    times: Annotated[int, Meta(ge=1)] | None = 1  # None: until taken back
    seconds: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    seen: int = 0
    changes: Json = field(default_factory=dict)

    def apply(self, notice: Notice, now: datetime) -> None:
        """Change one fresh notice accordingly."""
        if self.action == "lose_next":
            notice.state = "lost"
        elif self.action == "delay":
            notice.state = "waiting"
            notice.due_at = now + timedelta(seconds=self.seconds)
        elif self.action == "reorder":
            notice.state = "held"
        elif self.action == "alter":
            notice.payload.update(self.changes)


class Chaos:
    """The instructions of one account. They live in memory: a restart forgets them."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._made = 0
        self.faults: list[Fault] = []
        self.news: list[NewsRule] = []
        self._answered = 0

    def add(self, fault: Fault) -> Fault:
        self._made += 1
        fault.fault_id = f"fault-{self._made}"
        self.faults.append(fault)
        return fault

    def clear(self) -> int:
        """Take all instructions back; how many there were."""
        count = len(self.faults) + len(self.news)
        self.faults.clear()
        self.news.clear()
        return count

    def pick(self, op: str, order_id: str) -> Fault | None:
        """The first instruction that fits this call; counts it as played.

        Chance is derived from seed, order id and how often the instruction saw this kind of call,
        so a lone driver gets the same brown-out twice.
        """
        for fault in self.faults:
            fits = fault.op in ("any", op) and order_id.startswith(fault.order_id)
            if not fits or fault.times == 0:
                continue
            if fault.kind == "404_on_status" and op != "status":
                continue
            fault.seen += 1
            if fault.probability < 1.0:
                chance = derive.fraction_of(self._seed, fault.fault_id, order_id, fault.seen)
                if chance >= fault.probability:
                    continue
            fault.played += 1
            if fault.times is not None:
                fault.times -= 1
            return fault
        return None

    def delay(self, latency: Latency) -> float:
        """Seconds the next answer takes; the same again for the same calls."""
        self._answered += 1
        milliseconds = latency.milliseconds
        if latency.sigma:
            # A normal deviate from two uniform ones (Box and Muller).
            one = derive.fraction_of(self._seed, "latency", self._answered, 1)
            two = derive.fraction_of(self._seed, "latency", self._answered, 2)
            normal = math.sqrt(-2 * math.log(1 - one)) * math.cos(2 * math.pi * two)
            milliseconds *= math.exp(latency.sigma * normal)
        return min(milliseconds, latency.longest) / 1000

    def news_rule(self, order_id: str) -> NewsRule | None:
        """The instruction for this order's next message, used up by being taken."""
        for rule in self.news:
            if not order_id.startswith(rule.order_id):
                continue
            rule.seen += 1
            chance = derive.fraction_of(self._seed, "news", rule.action, order_id, rule.seen)
            if chance >= rule.probability:
                continue
            if rule.times is not None:
                rule.times -= 1
                if rule.times <= 0:
                    self.news.remove(rule)
            return rule
        return None
