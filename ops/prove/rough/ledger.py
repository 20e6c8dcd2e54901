"""The second book: every call over the wire, and what the gateway really answered to it.

Which fault the n-th call of a kind meets follows from the seed alone.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]

# How many of a thousand calls meet a fault. What is lost before its effect stops a test clock for
# half a minute (the engine asks after that long), so it is rarer than what is lost after it.
FAULTS: Mapping[str, Mapping[str, int]] = {
    "charge": {
        "lost_before": 8, "reset_before": 6, "502_before": 8, "late": 8, "lost_after": 50,
        "reset_after": 60, "502_after": 40, "garbled": 20, "slow": 120,
    },
    "status": {"lost_before": 15, "reset_before": 20, "502_before": 30, "slow": 60},
    "refund": {"502_before": 20, "lost_after": 80, "reset_after": 80, "502_after": 60, "slow": 80},
    "cancel": {"502_before": 30, "reset_after": 80, "502_after": 40},
    "expire": {"502_before": 30, "reset_after": 80, "502_after": 40},
    "news": {"lost": 80, "refused": 50, "doubled": 200, "late_news": 100},
}  # fmt: skip
KINDS = tuple(
    sorted({"news lost_too"} | {f"{op} {kind}" for op, kinds in FAULTS.items() for kind in kinds})
)


@dataclass
class Call:
    """One call: what was asked, what became of it on the wire, what the gateway really answered."""

    n: int
    op: str
    order_id: str
    at: float
    body: Json
    key: str | None
    fault: str | None = None
    http: int | None = None
    answer: Json | None = None  # None: it never reached the gateway, or is still there
    answered_at: int | None = None  # its place in the order of answers
    was_told: bool = False


@dataclass
class Ledger:
    """The second book: every call in the order it came in, kept in memory and in a file."""

    file: Path
    calls: list[Call] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _answers: int = 0

    def asked(self, op: str, order_id: str, body: Json, key: str | None) -> Call:
        """A call has come in."""
        with self._lock:
            one = Call(len(self.calls), op, order_id, time.monotonic(), body, key)
            self.calls.append(one)
        return one

    def answered(self, call: Call, status: int, answer: Json) -> None:
        """The gateway has answered it."""
        with self._lock:
            self._answers += 1
            call.http, call.answer, call.answered_at = status, answer, self._answers

    def write(self, call: Call) -> None:
        """What became of it, as a line of the file."""
        told = {
            "n": call.n, "op": call.op, "order_id": call.order_id, "key": call.key,
            "amount": amount_of(call.body), "fault": call.fault, "http": call.http,
            "answer": call.answer, "told": call.was_told,
        }  # fmt: skip
        with self._lock, self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")

    def is_lost(self, order_id: str) -> bool:
        """Whether the gateway has answered a charge of that order and we were not told."""
        with self._lock:
            return any(
                one.op == "charge" and one.order_id == order_id and one.fault and not one.was_told
                for one in self.calls
            )

    def strike(self, op: str, kind: str) -> None:
        """A fault has struck."""
        with self._lock:
            self.struck[f"{op} {kind}"] += 1


def amount_of(body: Json) -> int | None:
    """The amount that a charge or refund asks for."""
    told = (body.get("transaction_details") or {}).get("gross_amount", body.get("amount"))
    return None if told is None else int(told)


def dice(seed: str) -> random.Random:
    """Chance that comes out the same for the same seed; it guards nothing."""
    return random.Random(seed)  # noqa: S311


class Dice:
    """Which fault the n-th call of a kind meets: the same for the same seed."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.trouble = False
        self._met: dict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def draw(self, op: str) -> tuple[str | None, random.Random]:
        """The fault, and dice for its details."""
        with self._lock:
            self._met[op] += 1
            mine = dice(f"{self.seed}:{op}:{self._met[op]}")
        luck = mine.randrange(1000)
        if not self.trouble:
            return None, mine
        for kind, share in FAULTS.get(op, {}).items():
            if luck < share:
                return kind, mine
            luck -= share
        return None, mine
