"""Settlement reports: read with a preview of all that booking would do, then booked or dropped.

The preview is the booking itself, undone: what it shows is what happens. Nothing is booked twice,
whichever file tells of it: a row is known by the money it is about.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, update

from billing.engine import Engine
from billing.flows.found import one_at_a_time, open_matters
from billing.flows.report_gaps import find_missing
from billing.flows.report_late import heal_agreeing
from billing.flows.report_rows import Importer
from billing.ledger.service import Subject, post
from billing.reconciliation.tables import settlement_files
from core.bulk import insert_rows
from core.errors import Conflict, InvalidRequest, NotFound
from core.work import Work
from payments.settlement_report import NotAReportError, Report, open_report

NAME_MAX: Final = 120
# What nobody booked is forgotten: it may name customers.
KEPT: Final = timedelta(days=7)


class _Undone(Exception):  # noqa: N818 - not an error: the end of a preview
    """Raised inside the savepoint of a preview, so that nothing of it stays."""


def read_file(engine: Engine, unit: Work, name: str, data: bytes) -> UUID:
    """Take a report in and work out what booking it would do; nothing is booked yet.

    The same bytes again are the same file: one that is booked stays booked.

    Raises:
        InvalidRequest: the codes of `payments.settlement_report.NotAReportError`.
    """
    one_at_a_time(unit)
    _forget_old(unit)
    digest = hashlib.sha256(data).digest()
    file_id = unit.derive("settlement_file", digest.hex())
    known = _find(unit, file_id)
    if known is not None and known.state == "booked":
        return file_id
    report = _open(data)
    values = {
        "state": "read", "content_sealed": engine.vault.seal(data, _context(file_id)),
        "read_at": unit.now, "read_by": str(unit.actor), "closed_at": None, "closed_by": None,
    }  # fmt: skip
    if known is None:
        fixed = {
            "merchant_id": unit.merchant_id, "id": file_id, "name": _clean(name),
            "sha256": digest, "size": len(data), "summary": {},
        }  # fmt: skip
        insert_rows(unit.session, settlement_files, [{**fixed, **values}])
    else:
        _set(unit, file_id, **values)
    summary = _preview(engine, unit, file_id, report)
    _set(unit, file_id, summary=summary)
    unit.audit(
        "settlement_file.create", "settlement_file", file_id,
        after={"sha256": digest.hex(), "rows": summary["counts"].get("rows", 0)},
    )  # fmt: skip
    return file_id


def book_file(engine: Engine, unit: Work, file_id: UUID) -> UUID:
    """Book a report that was read; its content is then forgotten, its rows are kept.

    Raises:
        NotFound: ``settlement_file_not_found``. Conflict: ``settlement_file_closed``.
    """
    one_at_a_time(unit)
    row = _waiting(unit, file_id)
    report = _open(engine.vault.open(row.content_sealed, _context(file_id)))
    summary = _take(engine, unit, file_id, report)
    _set(
        unit, file_id, state="booked", content_sealed=None, summary=summary, closed_at=unit.now,
        closed_by=str(unit.actor),
    )  # fmt: skip
    unit.audit(
        "settlement_file.book", "settlement_file", file_id,
        before={"state": "read"},
        after={"state": "booked", "sums": summary["sums"], "differences": summary["differences"]},
    )  # fmt: skip
    return file_id


def drop_file(unit: Work, file_id: UUID) -> UUID:
    """Decide against a report that was read; its content is forgotten.

    Raises:
        NotFound: ``settlement_file_not_found``. Conflict: ``settlement_file_closed``.
    """
    _waiting(unit, file_id)
    _set(
        unit, file_id, state="dropped", content_sealed=None, closed_at=unit.now,
        closed_by=str(unit.actor),
    )  # fmt: skip
    unit.audit(
        "settlement_file.drop", "settlement_file", file_id,
        before={"state": "read"}, after={"state": "dropped"},
    )  # fmt: skip
    return file_id


def _preview(engine: Engine, unit: Work, file_id: UUID, report: Report) -> dict[str, Any]:
    try:
        with unit.savepoint():
            _undo(_take(engine, unit, file_id, report))
    except _Undone as undone:
        summary: dict[str, Any] = undone.args[0]
        return summary
    raise AssertionError("a preview is always undone")


def _undo(summary: dict[str, Any]) -> None:
    raise _Undone(summary)


def _take(engine: Engine, unit: Work, file_id: UUID, report: Report) -> dict[str, Any]:
    """Book all of a report: rows, fees, payouts, gaps; the summary of it."""
    importer = Importer(unit, file_id)
    try:
        importer.take(report.entries())
    except NotAReportError as wrong:
        raise InvalidRequest(wrong.code, str(wrong), field="content") from None
    tally = importer.tally
    post(unit, tally.journals(unit, file_id), Subject("settlement_file", file_id))
    _set(unit, file_id, from_day=tally.first, to_day=tally.last)
    healed = heal_agreeing(unit)
    for page in find_missing(unit, file_id, engine.settings.reconcile_days):
        for one in importer.keep(page).values():
            tally.found(0, one.order_id, one.finding)
    open_matters(unit, file_id, importer.opened)
    columns = report.columns
    named = {str(role): columns.headers[place] for role, place in columns.places.items()}
    fees = [columns.headers[place] for place in columns.fees]
    return {
        "counts": {**tally.counts, "healed": healed},
        "sums": dict(tally.sums),
        "differences": dict(tally.kinds),
        "shown": tally.shown,
        "first": tally.first.isoformat() if tally.first else None,
        "last": tally.last.isoformat() if tally.last else None,
        "dialect": {"encoding": report.encoding, "delimiter": report.delimiter,
                    "header_line": report.header_line},
        "columns": {**named, **({"fee": " + ".join(fees)} if fees else {})},
        "unknown_columns": list(columns.unknown)[:30],
    }  # fmt: skip


def _open(data: bytes) -> Report:
    try:
        return open_report(data)
    except NotAReportError as wrong:
        raise InvalidRequest(wrong.code, str(wrong), field="content") from None


def _forget_old(unit: Work) -> None:
    c = settlement_files.c
    unit.session.execute(
        update(settlement_files)
        .where(c.merchant_id == unit.merchant_id, c.state == "read", c.read_at < unit.now - KEPT)
        .values(state="dropped", content_sealed=None, closed_at=unit.now, closed_by=str(unit.actor))
    )


def _find(unit: Work, file_id: UUID) -> Row[Any] | None:
    c = settlement_files.c
    return unit.session.execute(
        select(settlement_files)
        .where(c.merchant_id == unit.merchant_id, c.id == file_id)
        .with_for_update()
    ).one_or_none()


def _waiting(unit: Work, file_id: UUID) -> Row[Any]:
    row = _find(unit, file_id)
    if row is None:
        raise NotFound("settlement_file_not_found", "there is no such report")
    if row.state != "read":
        raise Conflict("settlement_file_closed", f"this report is {row.state}")
    return row


def _set(unit: Work, file_id: UUID, **values: Any) -> None:
    c = settlement_files.c
    unit.session.execute(
        update(settlement_files)
        .where(c.merchant_id == unit.merchant_id, c.id == file_id)
        .values(**values)
    )


def _context(file_id: UUID) -> str:
    return f"settlement_file:{file_id}"


def _clean(name: str) -> str:
    """A file's name without its folders and without what can not be printed."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(letter for letter in last if letter.isprintable()).strip()
    return kept[:NAME_MAX] or "report.csv"
