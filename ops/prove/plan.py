"""What is lived, and what came of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ops.prove.census import Aims
from ops.prove.checks import Violation


@dataclass(frozen=True, slots=True)
class Plan:
    """What is lived: everything follows from it."""

    seed: str
    index: int = 0
    subscriptions: int = 12
    days: int = 90
    off: frozenset[str] = frozenset()
    scale: int = 1
    pace: int = 5  # how far moments are drawn together: 0 lives every instant
    # Month and day of 2027 on which it begins, plans by code, deeds by weight: all where not said.
    begins: tuple[int, int] | None = None
    plans: tuple[str, ...] = ()
    deeds: tuple[tuple[str, int], ...] = ()
    rest: int = 24  # days at most between two things that a person does
    hunt: bool = False  # strike at every crash site in every way, see `ops.prove.census`
    aims: Aims = ()  # where the hunt strikes by what was struck before
    hours: int = 0  # the longest between two deeds of a person; 0 is days
    turns: int = 0  # of a hundred deeds so many are followed at once by another, see `turns`
    settings: tuple[tuple[str, int], ...] = ()  # of the merchant, where not the usual ones
    scene: str = ""  # what people do, one after the other, and the weather; see `scenes`


@dataclass
class Told:
    """What came of one history."""

    plan: Plan
    digest: str = ""
    cut: bool = False  # ended by the clock on the wall: its digest says nothing
    trace: str = ""
    violations: list[Violation] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    sites: Counter[str] = field(default_factory=Counter)
    killed_at: Counter[str] = field(default_factory=Counter)
    struck_in: Counter[tuple[str, str]] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    charges: int = 0
    calls: int = 0
    steps: int = 0
    waits: int = 0
    deadlocks: int = 0
    invoices: int = 0
    subscription_days: int = 0
    diary: list[str] = field(default_factory=list)
