"""Crash sites: where a process may die, in which ways each was struck, and where nobody came.

A site is a line of the engine that asks for a statement, ends a transaction, calls the gateway or
sends a mail. A history that hunts strikes at each of them by itself, in a way that turns with the
history's index, at its first pass or one of the next, and then after ever more passes: what is
rarely done is struck as surely as what is done all day. Which pass it is follows from the seed.

One history hunts a third of the sites, or whoever was struck at every line on the way would never
arrive anywhere. A sweep looks back after each round of histories and aims the next: a site that was
struck often enough is left alone, another is struck at its first pass, in the ways that it lacks
most; one that is rarely struck is hunted by every history.
"""

from __future__ import annotations

import ast
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

WAYS: Final = {
    "statement": (
        "kill", "kill_after_statement", "connection_lost", "disk_full", "pause_at_statement",
    ),
    "commit": ("kill_before", "kill_after", "commit_unheard", "pause_after_commit"),
    "call": (
        "kill_before_call", "kill_after_effect", "timeout_before", "timeout_after",
        "pause_before_call", "pause_after_call",
    ),
    "mail": ("kill_before_mail", "kill_after_mail", "mail_refused_for_now", "mail_answer_lost"),
}  # fmt: skip
ENOUGH: Final = 20
# Every other hunt lets people sign up in peace for so long: none would come to what follows.
PEACE: Final = timedelta(days=2)
# After a strike a site is left alone until it was passed so many times as often.
_APART: Final = 3
_FIRST: Final = (1, 1, 1, 1, 2, 2, 3, 4)
# So many histories share the sites among them: each site is hunted by one of them.
_SHARE: Final = 3
# Each site passed so far with the ways in which it is to be struck, the rarest first, and how many
# histories share it.
Aims = tuple[tuple[str, tuple[str, ...], int], ...]

_ROOT = Path(__file__).resolve().parents[2]
_FOLDERS: Final = ("billing", "core", "dunning", "invoices", "payments", "plans")
# They carry what a flow asks for: the line of the flow is the site.
CARRIERS: Final = (
    "core/db.py", "core/work.py", "core/bulk.py", "core/merchant.py", "billing/engine.py",
    "ops/prove/",
)  # fmt: skip
_ASKS: Final = frozenset({"execute", "scalar", "scalars", "begin_nested", "savepoint"})
_BEGINS: Final = frozenset({"work", "begin", "lookup", "reader"})


@dataclass
class Hunt:
    """Where one history strikes by itself; every answer follows from its seed and index."""

    seed: str
    index: int
    aims: Aims = ()
    passes: Counter[str] = field(default_factory=Counter)
    _due: dict[str, int] = field(default_factory=dict)
    _turn: Counter[str] = field(default_factory=Counter)
    _wanted: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _shares: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for site, ways, share in self.aims:
            self._wanted[site], self._shares[site] = ways, share

    def at(self, group: str, site: str) -> str | None:
        """What strikes at this pass of a site, if anything."""
        ways = self._wanted.get(site, WAYS[group])
        if not ways:
            return None
        luck = zlib.crc32(f"{self.seed}:{site}".encode())
        if (luck + self.index) % self._shares.get(site, _SHARE):
            return None
        self.passes[site] += 1
        number = self.passes[site]
        if site not in self._due:
            luck = zlib.crc32(f"{self.seed}:{self.index}:{site}".encode())
            self._due[site] = 1 if self.aims else _FIRST[luck % len(_FIRST)]
        if number < self._due[site]:
            return None
        self._due[site] = number * _APART
        self._turn[site] += 1
        if site in self._wanted:
            return ways[(self.index + self._turn[site]) % len(ways)]
        return ways[(self.index + zlib.crc32(site.encode()) + self._turn[site]) % len(ways)]


def group_of(site: str) -> str:
    """``commit``, ``call``, ``mail`` or ``statement``, by the name of the site."""
    tail = site.partition(" ")[2]
    if tail.endswith("COMMIT"):
        return "commit"
    if " call " in site:
        return "call"
    return "mail" if tail.endswith("mail") else "statement"


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the pairs of site and way were struck often enough."""

    sites: int  # passed at least once
    cells: int  # pairs of a passed site and a way it can be struck in
    enough: int  # of them struck at least `ENOUGH` times
    struck: int  # of them struck at all
    thin: dict[str, dict[str, int]]  # site → way → how often, where that was not enough


def aims(passed: Counter[str], struck: Counter[tuple[str, str]], histories: int) -> Aims:
    """Where the next round strikes, so many having been lived: what is not enough yet."""
    return tuple(
        (
            site,
            tuple(sorted(
                (way for way in WAYS[group_of(site)] if struck[site, way] < ENOUGH),
                key=lambda way: struck[site, way],
            )),
            # Rarely struck is rarely passed: such a site is every history's.
            1 if sum(struck[site, way] for way in WAYS[group_of(site)]) < histories else _SHARE,
        )
        for site in sorted(passed)
    )  # fmt: skip


def coverage(passed: Counter[str], struck: Counter[tuple[str, str]]) -> Coverage:
    """Judge a set of histories: ``passed`` by site, ``struck`` by site and way."""
    cells = enough = some = 0
    thin: dict[str, dict[str, int]] = {}
    for site in sorted(passed):
        for way in WAYS[group_of(site)]:
            often = struck[site, way]
            cells += 1
            some += often > 0
            if often >= ENOUGH:
                enough += 1
            else:
                thin.setdefault(site, {})[way] = often
    return Coverage(len(passed), cells, enough, some, thin)


def lines_that_ask() -> set[str]:
    """Every line of the engine's source that asks for a statement or begins a transaction."""
    found: set[str] = set()
    for folder in _FOLDERS:
        for path in sorted((_ROOT / folder).rglob("*.py")):
            name = path.relative_to(_ROOT).as_posix()
            if not name.startswith(CARRIERS):
                found.update(f"{name}:{line}" for line in _asking(path))
    return found


def _asking(path: Path) -> Iterator[int]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id == "insert_rows":
            yield node.lineno
        elif isinstance(called, ast.Attribute):
            whose = ast.unparse(called.value)
            asks = called.attr in _ASKS and whose.endswith(("session", "unit"))
            if asks or (called.attr in _BEGINS and whose.endswith(("engine", "db"))):
                yield node.lineno


def never_passed(passed: Counter[str]) -> dict[str, int]:
    """By file: how many lines that ask nobody came by."""
    came = {site.partition(" ")[0] for site in passed}
    return dict(sorted(Counter(
        line.rpartition(":")[0] for line in lines_that_ask() if line not in came
    ).items()))  # fmt: skip
