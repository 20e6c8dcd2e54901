"""Cases published by others: read, answered by an adapter, and judged; nothing passes in silence."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

OWN = Path(__file__).resolve().parent / "data"
WAITING = "waiting.json"
"""Cases and sections that nothing answers yet, each with its reason; the list only gets shorter."""

Verdict = Literal["passed", "differs", "not applicable", "waiting", "failed"]
VERDICTS: tuple[Verdict, ...] = ("passed", "differs", "not applicable", "waiting", "failed")


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a file: what is given, what its source expects, and what we say to that."""

    file: str
    id: str
    kind: str
    convention: str
    given: Mapping[str, Any]
    expected: Mapping[str, Any]
    recommended: str
    ours: Mapping[str, Any] | None = None
    note: str = ""
    digits: int = 0
    answers: bool = False
    """Whether ``expected`` holds the inputs too, so that only what is answered is compared."""


@dataclass(frozen=True, slots=True)
class Near:
    """A number that its source wrote as a float: equal within ``within``."""

    value: Fraction
    within: Fraction = Fraction(1, 10**9)


@dataclass(frozen=True, slots=True)
class Present:
    """Whether there is one at all, where the source words or counts it in its own way."""

    there: bool


TOLD = object()
"""What a source tells beside its figures and we tell in another way."""

Answer = Mapping[str, Any]
Run = Callable[[Case], Answer]
ADAPTERS: dict[tuple[str, str], tuple[frozenset[str], Run]] = {}


def adapter(file: str, kind: str, *conventions: str) -> Callable[[Run], Run]:
    """Answer a kind of a file, for the conventions named and no others."""

    def register(run: Run) -> Run:
        assert (file, kind) not in ADAPTERS
        ADAPTERS[file, kind] = (frozenset(conventions), run)
        return run

    return register


def folder() -> Path:
    """Where the cases lie: our own, or those of ``VECTORS_DIR``."""
    other = os.environ.get("VECTORS_DIR")
    return Path(other) if other else OWN


def load(where: Path) -> list[Case]:
    """Read every file of a folder; what is no file of cases is an error."""
    found: list[Case] = []
    for path in sorted(where.glob("*.json")):
        if path.name != WAITING:
            content = json.loads(path.read_text(encoding="utf-8"))
            read = _vectors if "vectors" in content else _sections
            found += read(path.stem, content)
    if not found:
        raise LookupError(f"no cases in {where}")
    return found


def waiting(where: Path) -> Mapping[str, str]:
    """Give the reason by id (or ``file/section``) of what nothing answers yet."""
    path = where / WAITING
    if not path.exists():
        return {}
    reasons: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return reasons


def _vectors(file: str, content: Mapping[str, Any]) -> list[Case]:
    return [
        Case(
            file=file,
            id=one["id"],
            kind=one["kind"],
            convention=one["convention"],
            given=one["input"],
            expected=one["expected"],
            recommended=one["recommended"],
            ours=one.get("recommended_expected"),
            note=one.get("recommended_note") or one.get("note", ""),
            digits=(one.get("currency") or {}).get("minor_unit", 0),
        )
        for one in content["vectors"]
    ]


def _sections(file: str, content: Mapping[str, Any]) -> list[Case]:
    """A file of tables: each row of each section is a case, its section the kind."""
    return [
        Case(
            file=file,
            id=row.get("id", f"{section}-{place}"),
            kind=section,
            convention="table",
            given=row,
            expected=row,
            recommended="agrees",
            answers=True,
        )
        for section, rows in content.items()
        if isinstance(rows, list)
        for place, row in enumerate(rows)
    ]


def judge(case: Case, reasons: Mapping[str, str]) -> tuple[Verdict, str]:
    """Answer a case and compare; the text says what was expected and what came."""
    if case.recommended == "n/a":
        return "not applicable", case.note
    if case.recommended not in {"agrees", "differs"}:
        return "failed", f"{case.recommended!r} is no verdict that is known"
    verdict, why = _answered(case)
    reason = reasons.get(case.id) or reasons.get(f"{case.file}/{case.kind}")
    if reason is None:
        return verdict, why
    if verdict == "failed":
        return "waiting", reason
    return "failed", "it is answered now: take it off the list of what waits"


def _answered(case: Case) -> tuple[Verdict, str]:
    conventions, run = ADAPTERS.get((case.file, case.kind), (frozenset(), None))
    if run is None or case.convention not in conventions:
        return "failed", f"nothing answers {case.kind!r} by {case.convention!r}"
    if case.recommended == "differs" and case.ours is None:
        return "differs", case.note
    try:
        answer = run(case)
    except Exception as error:
        return "failed", f"{type(error).__name__}: {error}"
    wanted = case.expected if case.ours is None else case.ours
    if case.answers:
        wanted = {key: wanted[key] for key in answer}
    if not wanted or not same(wanted, answer):
        return "failed", f"wanted {dict(wanted)}, came to {dict(answer)}"
    return ("passed", "") if case.recommended == "agrees" else ("differs", case.note)


def same(wanted: Any, came: Any) -> bool:
    """Compare as the files write: dates and instants as text, exact numbers as text or numbers."""
    if came is TOLD:
        return True
    if isinstance(wanted, Mapping):
        return isinstance(came, Mapping) and all(
            key in came and same(value, came[key]) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(came, (list, tuple))
            and len(wanted) == len(came)
            and all(same(one, other) for one, other in zip(wanted, came, strict=True))
        )
    if isinstance(wanted, bool) or isinstance(came, bool) or wanted is None or came is None:
        return wanted is came
    if isinstance(came, Present):
        return bool(wanted) is came.there
    if isinstance(came, Near):
        return abs(Fraction(wanted) - came.value) <= came.within
    if isinstance(came, (int, Fraction)):
        return _number(wanted) == came
    if isinstance(came, datetime):
        return bool(wanted == came.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    if isinstance(came, date):
        return bool(wanted == came.isoformat())
    return bool(wanted == came)


def _number(wanted: object) -> Fraction | None:
    try:
        return Fraction(str(wanted))
    except ValueError:
        return None


def minor(amount: str, digits: int) -> int:
    """Read ``"249.95"`` as whole minor units; finer amounts are an error."""
    found = Fraction(amount) * Fraction(10) ** digits
    if found.denominator != 1:
        raise ValueError(f"{amount} is finer than its currency")
    return int(found)


def major(amount: int, digits: int) -> Fraction:
    """Write minor units as the files do."""
    return Fraction(amount, 10**digits)


def instant(text: str) -> datetime:
    """Read an instant of the files."""
    return datetime.fromisoformat(text)
