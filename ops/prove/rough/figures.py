"""What a rough run came to: figures for people, JSON for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ops.prove.checks import Violation
from ops.prove.rough.books import TheirBook, Witness
from ops.prove.rough.ledger import KINDS, Ledger
from ops.prove.rough.life import Life
from ops.prove.rough.trouble import Trouble

_COUNTS = {
    "subscriptions": "SELECT count(*) FROM subscriptions",
    "renewals": "SELECT count(*) FROM invoices WHERE kind = 'period' AND period_start > "
    "(SELECT s.started_on FROM subscriptions s WHERE s.merchant_id = invoices.merchant_id "
    "AND s.id = invoices.subscription_id)",
    "invoices": "SELECT count(*) FROM invoices",
    "payments": "SELECT count(*) FROM payments",
    "refunds": "SELECT count(*) FROM refunds WHERE state = 'succeeded'",
    "dunning cases": "SELECT count(*) FROM dunning_cases",
    "sends again": "SELECT coalesce(sum(sends - 1), 0) FROM payment_orders WHERE sends > 1",
}


@dataclass
class Figures:
    """One run: who was harmed, what was lost, what came of it."""

    seed: str
    bug: str | None = None
    trouble: Trouble | None = None
    ledger: Ledger | None = None
    witness: Witness | None = None
    book: TheirBook | None = None
    lives: Sequence[Life] = ()
    counts: dict[str, int] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    quiet_seconds: int = 0
    seconds: int = 0
    until: datetime | None = None
    folder: str | None = None

    def count(self, connection: Any) -> None:
        """Count in the database what came of it."""
        for name, query in _COUNTS.items():
            self.counts[name] = int(connection.execute(query).fetchone()[0])

    @property
    def harmed(self) -> Counter[str]:
        return self.trouble.struck if self.trouble else Counter()

    @property
    def wire(self) -> Counter[str]:
        return self.ledger.struck if self.ledger else Counter()

    @property
    def met(self) -> Counter[str]:
        """What the merchants' programs met."""
        return sum((life.client.met for life in self.lives), Counter[str]())

    @property
    def done(self) -> Counter[str]:
        return sum((life.done for life in self.lives), Counter[str]())

    @property
    def lost(self) -> int:
        """Answers that the gateway gave and nobody was told."""
        calls = self.ledger.calls if self.ledger else []
        return sum(call.answer is not None and not call.was_told for call in calls)

    @property
    def charges(self) -> int:
        """Calls to charge, of which some were the same charge again."""
        return sum(call.op == "charge" for call in (self.ledger.calls if self.ledger else []))

    def brief(self) -> str:
        """One line while it runs."""
        kills = sum(n for what, n in self.harmed.items() if what.startswith("kill"))
        pauses = sum(n for what, n in self.harmed.items() if what.startswith("pause"))
        return (
            f"kills {kills}  pauses {pauses}  restarts {self.harmed['restart server']}  "
            f"charges {self.charges}  answers lost {self.lost}  requests {sum(self.done.values())}"
        )

    def as_json(self) -> dict[str, Any]:
        """All of it for machines."""
        return {
            "tier": "rough",
            "seed": self.seed,
            "bug": self.bug,
            "harmed": dict(sorted(self.harmed.items())),
            "wire": {kind: self.wire[kind] for kind in KINDS},
            "answers_lost": self.lost,
            "charge_calls": self.charges,
            "charges": self.book.charges if self.book else 0,
            "written_ahead": {
                "seen": self.witness.seen if self.witness else 0,
                "server_away": self.witness.blind if self.witness else 0,
            },
            "requests": dict(sorted(self.done.items())),
            "client": dict(sorted(self.met.items())),
            **{name.replace(" ", "_"): number for name, number in self.counts.items()},
            "violations": [
                {"rule": one.rule, "what": one.what, "why": one.why} for one in self.violations
            ],
            "quiet_seconds": self.quiet_seconds,
            "seconds": self.seconds,
            "business_time": None if self.until is None else self.until.isoformat(),
            "folder": self.folder,
        }


def lines(figures: Figures) -> list[str]:
    """The report."""
    told = [
        f"seed                 {figures.seed} (what is done; when it meets what, nobody decides)",
        f"harm                 {_listed(figures.harmed)}",
        f"on the wire          {_listed(figures.wire)}",
        f"answers lost         {figures.lost}",
        f"client               {_listed(figures.met)}",
        f"requests             {_listed(figures.done)}",
    ]
    if figures.book is not None and figures.witness is not None:
        told += [
            f"charges              {figures.book.charges} orders, by {figures.charges} calls",
            f"written ahead        {figures.witness.seen} seen, {figures.witness.blind} not",
        ]
    told += [f"{name:<20} {number}" for name, number in figures.counts.items()]
    told += ["", f"violations           {len(figures.violations)}"]
    told += _grouped(figures.violations)
    told.append(
        f"time                 {figures.seconds} s, of which quiet {figures.quiet_seconds} s"
    )
    if figures.folder:
        told += [
            f"kept                 {figures.folder}: logs/, and wire.jsonl, every call and answer;",
            f"                     TAGIHAN_HOME={figures.folder}/home tagihan up: the rest",
        ]
    return told


def _grouped(violations: Sequence[Violation]) -> list[str]:
    """Rule by rule, each with its number and the first of its kind."""
    counted = Counter(one.rule for one in violations)
    told = []
    for rule, number in counted.most_common():
        first = next(one for one in violations if one.rule == rule)
        told.append(f"  {rule}: {number}, such as {first.what}: {first.why}"[:600])
    return told


def _listed(counted: Counter[str]) -> str:
    return "  ".join(f"{what} {n}" for what, n in sorted(counted.items())) or "none"
