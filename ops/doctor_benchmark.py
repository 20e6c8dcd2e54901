"""How long the doctor takes beside a floor: `python -m ops.doctor_benchmark --invoices 1000000`.

A small business is lived by the simulation's own people, without faults, and then multiplied
(`ops.multiply`); its audit is sealed by the sealer. Every rule is timed; all must hold. The floor
is one sequential scan over the rows of every table, by the same server in the same run, because
the speed of a machine drifts; that of the audit is each of its rows written out and hashed once,
that of `tagihan doctor --replay` each line fetched and its derivation read.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from core.db import Sessions, connect
from core.sealing import DIGEST, seal_waiting
from core.seals import SealKeys
from ops.audit_walk import verify_all
from ops.doctor import LANES, Report, examine, render
from ops.multiply import multiply
from ops.prove.faults import KINDS
from ops.prove.history import History
from ops.prove.place import throwaway
from ops.prove.plan import Plan
from ops.replay.command import run


@dataclass(frozen=True, slots=True)
class Figures:
    """Rows and seconds; ``client_mb`` is the most memory this process had."""

    invoices: int
    rows: int
    megabytes: int
    making: float
    floor: float
    doctor: float
    sealed: int
    sealing: float
    verifying: float
    hashing: float  # the floor of verifying
    lines: int
    replaying: float
    fetching: float
    client_mb: int
    broken: tuple[str, ...]
    rules: dict[str, int]  # milliseconds


class _EnoughError(Exception):
    """The figures are there; a digest of all rows would take longer than everything else."""


def measure(invoices: int, subscriptions: int, days: int) -> tuple[Figures, Report]:
    """Live, multiply, seal, and ask; on a server of its own that is thrown away."""
    with throwaway() as place, place.room("benchmark") as room:
        plan = Plan("doctor", 0, subscriptions, days, frozenset(KINDS))
        history = History(plan, room)
        figures: list[tuple[Figures, Report]] = []

        def examined() -> None:
            if history.violations:
                raise RuntimeError(f"the business is not healthy: {history.violations[:3]}")
            keys = SealKeys.of(history.engine.vault)
            copies = max(0, -(-invoices // _count(history.look, "invoices")) - 1)
            began = time.perf_counter()
            multiply(history.control, history.merchant_id, copies)
            history.control.execute("VACUUM ANALYZE")
            making = time.perf_counter() - began
            # Those of the engine belong to the harness, which is over.
            db = connect(room.app_url, role_prefix=room.role_prefix, pool_size=2)
            try:
                figures.append(_figures(history.look, db, keys, history.stage.now, making))
            finally:
                db.close()
            raise _EnoughError

        history.ending = examined
        with suppress(_EnoughError):
            history.live()
        return figures[0]


def _figures(
    look: psycopg.Connection[tuple[object, ...]],
    db: Sessions,
    keys: SealKeys,
    now: datetime,
    making: float,
) -> tuple[Figures, Report]:
    began = time.perf_counter()
    sealed = 0
    while done := seal_waiting(db, keys, now):
        sealed += done
    sealing = time.perf_counter() - began
    look.execute("VACUUM ANALYZE")
    floor, rows = _floor(look)
    hashing = _hashing(look)
    began = time.perf_counter()
    report = examine(db, now, lanes=LANES)
    doctor = time.perf_counter() - began
    began = time.perf_counter()
    verdicts = verify_all(db, keys)
    verifying = time.perf_counter() - began
    if any(one.count for one in verdicts) or sealed == 0:
        raise RuntimeError("the audit is not as it was sealed")
    fetching = _fetched(look)
    replayed = run(db, lambda _: None)
    if replayed.differences:
        raise RuntimeError("a line of a healthy business does not come to the same rupiah")
    size = look.execute("SELECT pg_database_size(current_database()) / 1048576").fetchone()
    figures = Figures(
        _count(look, "invoices"), rows, int(str(size[0])) if size else 0, making, floor, doctor,
        sealed, sealing, verifying, hashing, replayed.lines, replayed.seconds, fetching,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        tuple(one.name for one in (*report.broken, *report.warnings)),
        {one.name: one.milliseconds for one in report.results},
    )  # fmt: skip
    return figures, report


def _count(look: psycopg.Connection[tuple[object, ...]], table: str) -> int:
    row = look.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    return int(str(row[0])) if row else 0


def _floor(look: psycopg.Connection[tuple[object, ...]]) -> tuple[float, int]:
    """Seconds for one sequential scan of every table, and how many rows there are."""
    tables = look.execute(
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' "
        "AND relnamespace = 'public'::regnamespace ORDER BY 1"
    ).fetchall()
    look.execute("SET enable_indexonlyscan = off")
    began = time.perf_counter()
    rows = sum(_count(look, str(name)) for (name,) in tables)
    return time.perf_counter() - began, rows


def _hashing(look: psycopg.Connection[tuple[object, ...]]) -> float:
    """Seconds for the digest of every row of the audit, by one process and beside nothing."""
    look.execute("SET max_parallel_workers_per_gather = 0")
    began = time.perf_counter()
    look.execute(sql.SQL("SELECT count({}) FROM audit a").format(sql.SQL(DIGEST)))
    return time.perf_counter() - began


def _fetched(look: psycopg.Connection[tuple[object, ...]]) -> float:
    """Seconds for every line to come here, and for its derivation to be read."""
    began = time.perf_counter()
    with look.cursor() as cursor:
        for row in cursor.stream(
            "SELECT id, amount, derivation::text FROM invoice_lines", size=2000
        ):
            json.loads(str(row[2]))
    return time.perf_counter() - began


def told(figures: Figures, report: Report) -> str:
    """The figures for people: the slowest rules first."""
    slow = sorted(figures.rules.items(), key=lambda one: -one[1])
    lines = [f"{name:<34}{milliseconds / 1000:8.2f} s" for name, milliseconds in slow[:15]]
    size = f"{figures.invoices:,} invoices, {figures.rows:,} rows, {figures.megabytes:,} MB"
    times = f"{figures.doctor / figures.floor:.1f} times the floor"
    sealing, verifying = figures.sealed / figures.sealing, figures.sealed / figures.verifying
    rate = f"{figures.lines / figures.replaying:,.0f} lines/s"
    replay = f"{rate}, {figures.replaying / figures.fetching:.1f} times the fetching of them"
    lines += [
        "",
        f"{size} (made in {figures.making:.0f} s)",
        f"doctor: {len(figures.rules)} rules in {figures.doctor:.1f} s, {times}",
        f"floor: every row read once, {figures.floor:.1f} s",
        f"replay: {figures.lines:,} lines in {figures.replaying:.1f} s, {replay}",
        f"this process had {figures.client_mb} MB at most",
        f"audit: {figures.sealed:,} rows, {sealing:,.0f}/s sealed, {verifying:,.0f}/s verified",
        f"floor: each row hashed once by the server, {figures.sealed / figures.hashing:,.0f}/s",
    ]
    return "\n".join(lines if not figures.broken else [*lines, "", render(report)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and tell; 1 where a rule does not hold on a healthy business, a false alarm."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--invoices", type=int, default=100_000)
    parser.add_argument("--subscriptions", type=int, default=24)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    figures, report = measure(given.invoices, given.subscriptions, given.days)
    print(json.dumps(asdict(figures), indent=1) if given.json else told(figures, report))
    return 1 if figures.broken else 0


if __name__ == "__main__":
    sys.exit(main())
