"""What a run came to: figures for people, JSON for machines."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ops.prove import census
from ops.prove.checks import Violation
from ops.prove.faults import GROUPS, KILLS, KINDS
from ops.prove.plan import Told


@dataclass
class Totals:
    """All histories of one run together."""

    seed: str
    digests: list[str] = field(default_factory=list)
    histories: int = 0
    subscription_days: int = 0
    invoices: int = 0
    charges: int = 0
    calls: int = 0
    steps: int = 0
    waits: int = 0
    deadlocks: int = 0
    kills: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)
    killed_at: Counter[str] = field(default_factory=Counter)
    struck_in: Counter[tuple[str, str]] = field(default_factory=Counter)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    violations: list[tuple[int, Violation]] = field(default_factory=list)
    seconds: int = 0

    def add(self, told: Told) -> None:
        """One more history."""
        self.digests += [] if told.cut else [told.digest]
        self.histories += 1
        for name in (
            "subscription_days", "invoices", "charges", "calls", "steps", "waits", "deadlocks",
        ):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(told, name))
        for name in ("faults", "deeds", "sites", "killed_at", "struck_in"):
            getattr(self, name).update(getattr(told, name))
        self.pairs |= told.pairs
        self.kills = sum(self.faults[kind] for kind in KILLS)
        self.violations += [(told.plan.index, one) for one in told.violations]

    @property
    def digest(self) -> str:
        """One digest over all histories, in their order."""
        return hashlib.sha256("".join(self.digests).encode()).hexdigest()

    @property
    def never(self) -> list[str]:
        """Faults that never struck."""
        return [kind for kind in KINDS if not self.faults[kind]]

    @property
    def covered(self) -> tuple[int, int, int]:
        """Crash sites at which a process died, those that were passed, those that exist."""
        passed = set(self.sites)
        asking = census.lines_that_ask() - {site.partition(" ")[0] for site in passed}
        return len(set(self.killed_at) & passed), len(passed), len(passed) + len(asking)

    @property
    def coverage(self) -> census.Coverage:
        """Every passed site in every way that it can be struck."""
        return census.coverage(self.sites, self.struck_in)

    @property
    def pairs_of(self) -> int:
        """How many pairs of fault kinds there are."""
        return len(KINDS) * (len(KINDS) - 1) // 2


def years(days: int) -> str:
    """Subscription-years with one decimal, without a float: ``12.3``."""
    tenths = days * 10 // 365
    return f"{tenths // 10}.{tenths % 10}"


def lines(totals: Totals) -> list[str]:
    """The report."""
    died, passed, exist = totals.covered
    cover, met, of = totals.coverage, len(totals.pairs), totals.pairs_of
    often = f"{census.ENOUGH} times or more {cover.enough}"
    told = [
        f"seed                 {totals.seed}",
        f"digest               {totals.digest}",
        f"histories            {totals.histories}",
        f"subscription-years   {years(totals.subscription_days)}",
        f"invoices             {totals.invoices}",
        f"charges              {totals.charges} (of {totals.calls} gateway calls)",
        f"statements, turns    {totals.steps}",
        f"waits for a lock     {totals.waits} ({totals.deadlocks} deadlocks)",
        f"kills                {totals.kills}",
        f"crash sites          died at {died} of {passed} passed; {exist} exist",
        f"each in every way    {often} of {cover.cells}; {cover.struck} at all",
        f"pairs of faults      {met} of {of} ({100 * met // of} %)",
        "",
    ]
    for name, group in GROUPS.items():
        struck = "  ".join(f"{kind} {totals.faults[kind]}" for kind in group)
        told.append(f"{name:<10} {struck}")
    if totals.never:
        told.append("never      " + "  ".join(totals.never))
    told += ["", "people     " + "  ".join(f"{k} {n}" for k, n in sorted(totals.deeds.items()))]
    told += ["", f"violations           {len(totals.violations)}"]
    told += [f"  history {index}: {one}" for index, one in totals.violations[:20]]
    told.append(f"time                 {totals.seconds} s")
    return told


def as_json(totals: Totals, extra: dict[str, Any]) -> str:
    """All of it for machines."""
    died, passed, exist = totals.covered
    cover = totals.coverage
    return json.dumps(
        {
            "seed": totals.seed,
            "digest": totals.digest,
            "digests": totals.digests,
            "histories": totals.histories,
            "subscription_days": totals.subscription_days,
            "invoices": totals.invoices,
            "charges": totals.charges,
            "calls": totals.calls,
            "steps": totals.steps,
            "waits": totals.waits,
            "deadlocks": totals.deadlocks,
            "kills": totals.kills,
            "crash_sites": {"died": died, "passed": passed, "exist": exist},
            "site_x_way": {
                "times": census.ENOUGH,
                "enough": cover.enough,
                "struck": cover.struck,
                "of": cover.cells,
                "not_enough": cover.thin,
            },
            "never_passed": census.never_passed(totals.sites),
            "killed_at": dict(sorted(totals.killed_at.items())),
            "never_struck": totals.never,
            "faults": {kind: totals.faults[kind] for kind in KINDS},
            "pairs": {"covered": len(totals.pairs), "of": totals.pairs_of},
            "deeds": dict(sorted(totals.deeds.items())),
            "violations": [
                {"history": index, "rule": one.rule, "what": one.what, "why": one.why}
                for index, one in totals.violations
            ],
            "seconds": totals.seconds,
            **extra,
        },
        ensure_ascii=False,
        indent=1,
    )


def names(violations: Sequence[Violation]) -> set[str]:
    """Which rules are broken."""
    return {one.rule for one in violations}
