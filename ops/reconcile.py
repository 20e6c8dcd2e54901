"""`tagihan reconcile`: hold the gateway's book against ours, by its report or by asking it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from sqlalchemy import func, select

from billing.engine import Engine
from billing.flows.compare_status import compare_due, open_day
from billing.flows.report_files import book_file, read_file
from billing.reconciliation.kinds import KINDS
from billing.reconciliation.tables import differences, settlement_files, status_sweeps
from core import ids
from ops.merchant import OPERATOR, an_engine, find_merchant
from payments.report_cells import WIB
from payments.settlement_report import BYTES_MAX

_LABELS = ("rows", "matched", "repeated", "faults", "healed")


@click.command("reconcile")
@click.option("--merchant", metavar="SLUG", help="Whose books; needed where there are several.")
@click.option("--import", "file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="A settlement report (CSV): shown first, booked after you agree.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Book the report without asking.")
@click.option("--day", metavar="YYYY-MM-DD", help="Ask Midtrans now about the days before this one "
              "(Jakarta's; default today), as the scheduler does every morning.")  # fmt: skip
def group(merchant: str | None, file: Path | None, yes: bool, day: str | None) -> None:
    """Hold Midtrans' book against ours; exits 1 while a severe difference is open.

    With --import by its settlement report, with --day by asking about each order. Without either it
    tells what is open.
    """
    asked = _day(day)
    with an_engine() as engine:
        merchant_id = find_merchant(engine, merchant)
        if file is not None:
            _import(engine, merchant_id, file, yes)
        if asked is not None:
            _compare(engine, merchant_id, asked)
        severe = _tell_open(engine, merchant_id)
    if severe:
        raise SystemExit(1)


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no day: YYYY-MM-DD", param_hint="--day") from None


def _import(engine: Engine, merchant_id: UUID, file: Path, yes: bool) -> None:
    if file.stat().st_size > BYTES_MAX:
        raise click.ClickException(f"{file.name} is larger than {BYTES_MAX // 2**20} MiB: split it")
    with engine.work(merchant_id, OPERATOR) as unit:
        file_id = read_file(engine, unit, file.name, file.read_bytes())
    row = _file(engine, merchant_id, file_id)
    _tell_file(row)
    if row.state == "booked":
        click.echo("This report is booked already: nothing to do.")
        return
    if not yes:
        click.confirm("Book it?", abort=True)
    with engine.work(merchant_id, OPERATOR) as unit:
        book_file(engine, unit, file_id)
    click.echo(f"Booked ({ids.public('settlement_file', file_id)}).")


def _file(engine: Engine, merchant_id: UUID, file_id: UUID) -> Any:
    with engine.work(merchant_id, OPERATOR) as unit:
        c = settlement_files.c
        return unit.session.execute(
            select(settlement_files).where(c.merchant_id == merchant_id, c.id == file_id)
        ).one()


def _tell_file(row: Any) -> None:
    summary = row.summary
    counts, sums = summary["counts"], summary["sums"]
    click.echo(f"{row.name}: {summary['first']} to {summary['last']}")
    told = [f"{counts[name]} {name}" for name in _LABELS if counts.get(name)]
    click.echo("  " + (", ".join(told) or "no rows"))
    click.echo(
        f"  gross {_rupiah(sums.get('gross', 0))}, fees {_rupiah(sums.get('fee', 0))}, "
        f"PPN on fees {_rupiah(sums.get('ppn', 0))}, net {_rupiah(sums.get('net', 0))}"
    )
    click.echo(
        f"  to be booked: fees {_rupiah(sums.get('booked_fee', 0))}, PPN "
        f"{_rupiah(sums.get('booked_ppn', 0))}, paid out {_rupiah(sums.get('paid_out', 0))}"
    )
    for kind, count in sorted(summary["differences"].items()):
        click.echo(f"  {count:>5}  {KINDS[kind].title['en']} [{kind}]")
    for one in summary["shown"][:10]:
        click.echo(f"         line {one['line']}: {one['order_id']} {one.get('why', one['kind'])}")


def _compare(engine: Engine, merchant_id: UUID, day: date) -> None:
    if not open_day(engine, merchant_id, day):
        click.echo(f"{day} was asked about before: what is left of it is asked now.")
    while compare_due(engine, merchant_id):
        pass
    with engine.work(merchant_id, OPERATOR) as unit:
        c = status_sweeps.c
        row = unit.session.execute(
            select(status_sweeps).where(c.merchant_id == merchant_id, c.day == day)
        ).one()
    click.echo(
        f"{row.day}: {row.asked} orders asked about, {row.agreed} agree, {row.mended} mended, "
        f"{row.differing} differ, {row.silent} without an answer"
    )
    if row.state == "open":
        click.echo("The gateway's pace leaves no room now: a worker goes on with the rest.")


def _tell_open(engine: Engine, merchant_id: UUID) -> int:
    """Print the open differences by kind, with the oldest; how many are severe."""
    c = differences.c
    with engine.work(merchant_id, OPERATOR) as unit:
        now = unit.now
        rows = unit.session.execute(
            select(c.kind, c.severity, func.count().label("n"), func.min(c.found_at).label("since"))
            .where(c.merchant_id == merchant_id, c.state != "resolved")
            .group_by(c.kind, c.severity)
            .order_by(c.severity, c.kind)
        ).all()
    if not rows:
        click.echo("No difference is open.")
    for row in rows:
        age = (now.astimezone(WIB).date() - row.since.astimezone(WIB).date()).days
        title = KINDS[row.kind].title["en"]
        click.echo(f"{row.n:>5}  {row.severity:<6}  oldest {age} days  {title} [{row.kind}]")
    return sum(row.n for row in rows if row.severity == "high")


def _rupiah(amount: int) -> str:
    sign = "-" if amount < 0 else ""
    return f"{sign}Rp{abs(amount):,}".replace(",", ".")
