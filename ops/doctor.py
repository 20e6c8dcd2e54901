"""`tagihan doctor`: the money invariants, asked of a database in use; it reads and mends nothing.

All checks look at one snapshot, in a read-only transaction under a role that sees everything but
secrets. Facts that belong together are committed together, so work under way raises no alarm.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib import import_module

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.clock import utc_now
from core.db import Sessions, connect
from core.settings import Settings
from ops.doctor_checks import ALL
from ops.doctor_checks.check import EXAMPLES_MAX, Broken, Check, Moment
from ops.nightly_alarm import is_late

# A rule looks at all rows there are: joined in memory and not row by row. For this transaction
# only; a million invoices need no more.
_ROOM = ("SET LOCAL work_mem = '256MB'", "SET LOCAL jit = off",
         "SET LOCAL idle_in_transaction_session_timeout = '2h'")  # fmt: skip
# Connections that a whole examination takes.
LANES = 2


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found; ``count`` is 0 where the rule holds."""

    name: str
    meaning: str
    count: int
    examples: tuple[Broken, ...]
    milliseconds: int
    warning: bool = False
    whose: Mapping[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return self.count == 0


@dataclass(frozen=True, slots=True)
class Report:
    """All results, in the order of the checks."""

    results: tuple[Result, ...]

    @property
    def broken(self) -> tuple[Result, ...]:
        """Rules that do not hold."""
        return tuple(one for one in self.results if not one.holds and not one.warning)

    @property
    def warnings(self) -> tuple[Result, ...]:
        """What a person should look at, though no rule is broken."""
        return tuple(one for one in self.results if not one.holds and one.warning)


def examine(
    db: Sessions, real_now: datetime, checks: Sequence[Check] = ALL, *, lanes: int = 1
) -> Report:
    """Run every check on one snapshot of the database; changes nothing.

    Args:
        lanes: connections beside one another, 1 or 2, that see the same snapshot: one begins with
            the rules that this process judges, the other with those that the server does.
    """
    snapshot = Sessions(
        db.engine.execution_options(isolation_level="REPEATABLE READ"), role_prefix=db.role_prefix
    )
    moment = Moment(real_now, db.role_prefix)
    with snapshot.reader() as session:
        _make_room(session)
        if lanes == 1:
            return run(session, moment, checks)
        exported = session.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        waiting = deque(sorted(checks, key=lambda one: one.in_sql))

        def beside() -> list[Result]:
            with snapshot.reader(snapshot=exported) as other:
                _make_room(other)
                return list(_results(other, moment, waiting.pop))

        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(beside)
            results = [*_results(session, moment, waiting.popleft), *second.result()]
    place = {check.name: n for n, check in enumerate(checks)}
    return Report(tuple(sorted(results, key=lambda one: place[one.name])))


def _make_room(session: Session) -> None:
    for setting in _ROOM:
        session.execute(text(setting))


def _results(session: Session, moment: Moment, take: Callable[[], Check]) -> Iterator[Result]:
    """Run one check after the other, as long as there are any to take."""
    while True:
        try:
            check = take()
        except IndexError:
            return
        yield _result(session, moment, check)


def run(session: Session, moment: Moment, checks: Sequence[Check]) -> Report:
    """Run checks in a transaction of the caller."""
    return Report(tuple(_result(session, moment, check) for check in checks))


def _result(session: Session, moment: Moment, check: Check) -> Result:
    began = time.perf_counter()
    found = check.find(session, moment)
    taken = round((time.perf_counter() - began) * 1000)
    return Result(
        check.name, check.meaning, found.count, found.examples, taken, check.warning, found.whose
    )


def render(report: Report) -> str:
    """The report for people: a line for each rule, and under a broken one the rows."""
    width = max(len(result.name) for result in report.results)
    lines = []
    for result in report.results:
        word = "WARNING" if result.warning else "BROKEN"
        verdict = "ok" if result.holds else f"{word} ({result.count})"
        lines.append(f"{result.name:<{width}}  {verdict}")
        if result.holds:
            continue
        lines.append(f"    {result.meaning}")
        shown = result.examples[:EXAMPLES_MAX]
        lines += [f"    - {one.merchant}: {one.what}: {one.why}" for one in shown]
        more = result.count - len(shown)
        if more > 0:
            lines.append(f"    and {more} more")
    broken = report.broken
    taken = sum(result.milliseconds for result in report.results) / 1000
    lines.append("")
    if broken:
        named = ", ".join(result.name for result in broken)
        lines.append(f"{len(broken)} of {len(report.results)} rules are broken: {named}")
    else:
        lines.append(f"All {len(report.results)} rules hold ({taken:.1f} s).")
    if report.warnings:
        named = ", ".join(result.name for result in report.warnings)
        lines.append(f"To be looked at: {named}")
    return "\n".join(lines)


def to_json(report: Report) -> str:
    """The report for machines."""
    return json.dumps(
        {
            "ok": not report.broken,
            "broken": [result.name for result in report.broken],
            "warnings": [result.name for result in report.warnings],
            "checks": [asdict(result) | {"holds": result.holds} for result in report.results],
        },
        ensure_ascii=False,
        indent=1,
    )


def main(settings: Settings, *, as_json: bool = False, last: bool = False) -> int:
    """``tagihan doctor``: 0 when every rule holds, 1 when one is broken; a warning is no fault."""
    if settings.database_url is None:
        raise ValueError("DATABASE_URL is not set")
    db = connect(settings.database_url, role_prefix=settings.role_prefix, pool_size=LANES)
    try:
        if last:
            print(import_module("ops.nightly").last(db))  # it stands on this module
            return int(is_late(db, utc_now()))
        report = examine(db, utc_now(), lanes=LANES)
    finally:
        db.close()
    print(to_json(report) if as_json else render(report))
    return 1 if report.broken else 0
