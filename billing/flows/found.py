"""What two books differ by, as machines find it: kept, told anew, and over where both agree.

Every step is added and never edited. Rows are locked in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import OperationalError

from billing.flows.reviews import close_if_open, open_review
from billing.reconciliation.kinds import KINDS
from billing.reconciliation.matching import Finding
from billing.reconciliation.tables import difference_steps, differences, settlement_files
from core.bulk import insert_rows
from core.errors import Conflict
from core.work import Work

AGREE: Final = "both books agree now"
WITHDRAWN: Final = "both books agree now: the correction that waited is not booked"
# How long a person's request waits for an import, which may take minutes.
PATIENCE = "2s"
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")

_WAIT = text("SELECT set_config('lock_timeout', :most, true)")
_WAIT_AS_EVER = text("SET LOCAL lock_timeout TO DEFAULT")


@dataclass(frozen=True, slots=True)
class Found:
    """A finding with what it is about; ``key`` names it among those of its kind."""

    finding: Finding
    key: str
    day: date
    source: str = "report"
    order_id: str | None = None
    payment_id: UUID | None = None
    refund_id: UUID | None = None
    row_id: UUID | None = None
    file_id: UUID | None = None


def one_at_a_time(unit: Work) -> None:
    """Whoever books rows of reports of a merchant takes turns, until his transaction ends.

    Two reports may tell of the same money, and the daily comparison books fees that had to wait.
    Taken before any row of theirs is locked.
    """
    unit.session.execute(_LOCK, {"name": f"tagihan settlement {unit.merchant_id}"})


def my_turn(unit: Work) -> None:
    """Like `one_at_a_time`, for a person who books: a long import sends him away in words.

    Raises:
        Conflict: ``reconciliation_busy``; the transaction is lost.
    """
    unit.session.execute(_WAIT, {"most": PATIENCE})
    try:
        one_at_a_time(unit)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != "55P03":
            raise
        raise Conflict(
            "reconciliation_busy", "rows of reports are being booked right now: try again"
        ) from error
    unit.session.execute(_WAIT_AS_EVER)


def write_found(unit: Work, found: Sequence[Found]) -> dict[UUID, Found]:
    """Keep what was found, set-based; returns those that are new or open again, by id.

    What a person has settled stays settled while it is the same; what had healed by itself, or has
    other amounts now, is open again. One that is open is told with its latest amounts.
    """
    by_id = {unit.derive("difference", one.finding.kind, one.key): one for one in found}
    if not by_id:
        return {}
    c = differences.c
    known = {
        row.id: row
        for row in unit.session.execute(
            select(c.id, c.state, c.resolution, c.ours, c.theirs)
            .where(c.merchant_id == unit.merchant_id, c.id == func.any(sorted(by_id)))
            .order_by(c.id)
            .with_for_update()
        )
    }
    fresh = [(row_id, one) for row_id, one in by_id.items() if row_id not in known]
    insert_rows(unit.session, differences, [_row(unit, row_id, one) for row_id, one in fresh])
    add_steps(unit, [(row_id, "found", None, {}) for row_id, _ in fresh])
    again, changed = [], []
    for row_id, row in known.items():
        one = by_id[row_id].finding
        differs = (row.ours, row.theirs) != (one.ours, one.theirs)
        if row.state == "resolved" and (differs or row.resolution == "agrees"):
            again.append(row_id)
        elif row.state == "open" and differs:
            changed.append(row_id)
    opened = {
        "state": "open", "resolution": None, "closed_at": None, "closed_by": None,
        "account": None, "amount": None, "asked_by": None,
    }  # fmt: skip
    for row_id in (*again, *changed):
        one = by_id[row_id].finding
        unit.session.execute(
            update(differences)
            .where(c.merchant_id == unit.merchant_id, c.id == row_id)
            .values(
                ours=one.ours, theirs=one.theirs, detail=one.detail,
                **(opened if known[row_id].state == "resolved" else {}),
            )
        )  # fmt: skip
    add_steps(unit, [(row_id, "reopened", None, {}) for row_id in again])
    add_steps(unit, [(row_id, "noted", "told otherwise now", _before(known[row_id]))
                     for row_id in changed])  # fmt: skip
    return {**dict(fresh), **{row_id: by_id[row_id] for row_id in again}}


def _before(row: Any) -> dict[str, Any]:
    return {"ours": row.ours, "theirs": row.theirs}


def _row(unit: Work, row_id: UUID, one: Found) -> dict[str, Any]:
    return {
        "merchant_id": unit.merchant_id,
        "id": row_id,
        "kind": one.finding.kind,
        "key": one.key,
        "severity": KINDS[one.finding.kind].severity,
        "source": one.source,
        "order_id": one.order_id,
        "payment_id": one.payment_id,
        "refund_id": one.refund_id,
        "row_id": one.row_id,
        "file_id": one.file_id,
        "day": one.day,
        "ours": one.finding.ours,
        "theirs": one.finding.theirs,
        "detail": one.finding.detail,
        "found_at": unit.now,
        "state": "open",
    }


def add_steps(
    unit: Work, taken: Sequence[tuple[UUID, str, str | None, dict[str, Any]]]
) -> dict[UUID, int]:
    """Add steps, at most one for each difference in one call; returns their numbers."""
    if not taken:
        return {}
    s = difference_steps.c
    last: dict[UUID, int] = {
        row.difference_id: row.n
        for row in unit.session.execute(
            select(s.difference_id, func.max(s.n).label("n"))
            .where(
                s.merchant_id == unit.merchant_id,
                s.difference_id == func.any([row_id for row_id, *_ in taken]),
            )
            .group_by(s.difference_id)
        )
    }
    numbers = {row_id: last.get(row_id, 0) + 1 for row_id, *_ in taken}
    insert_rows(
        unit.session,
        difference_steps,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": unit.derive("difference_step", row_id, numbers[row_id]),
                "difference_id": row_id,
                "n": numbers[row_id],
                "at": unit.real_now,
                "business_at": unit.now,
                "actor": str(unit.actor),
                "step": step,
                "reason": reason,
                "detail": detail,
            }
            for row_id, step, reason, detail in taken
        ],
    )
    return numbers


def heal(unit: Work, ids: Collection[UUID]) -> int:
    """Close those of these differences that are not settled: both books agree by now; how many.

    A correction that waits for a second person is withdrawn: it would be booked besides.
    """
    if not ids:
        return 0
    c = differences.c
    rows = unit.session.execute(
        select(
            c.id, c.key, c.file_id, c.severity, c.state, c.account, c.amount, c.asked_by,
        )
        .where(
            c.merchant_id == unit.merchant_id, c.id == func.any(sorted(ids)), c.state != "resolved"
        )
        .order_by(c.id)
        .with_for_update()
    ).all()  # fmt: skip
    if not rows:
        return 0
    unit.session.execute(
        update(differences)
        .where(c.merchant_id == unit.merchant_id, c.id == func.any([row.id for row in rows]))
        .values(
            state="resolved", resolution="agrees", closed_at=unit.now, closed_by=str(unit.actor),
            account=None, amount=None, asked_by=None,
        )
    )  # fmt: skip
    waited = {row.id: _proposal(row) for row in rows if row.state == "awaiting_approval"}
    steps = []
    for row in rows:
        more = {"withdrawn": waited[row.id]} if row.id in waited else {}
        why = WITHDRAWN if row.id in waited else AGREE
        steps.append((row.id, "resolved", why, {"resolution": "agrees", **more}))
        unit.audit(
            "difference.resolve", "difference", row.id,
            before={"state": row.state, **waited.get(row.id, {})},
            after={"state": "resolved", "resolution": "agrees", "reason": why},
        )  # fmt: skip
    add_steps(unit, steps)
    close_matters(unit, rows)
    return len(rows)


def _proposal(row: Any) -> dict[str, Any]:
    return {"account": row.account, "amount": row.amount, "asked_by": row.asked_by}


def close_matters(unit: Work, closed: Iterable[Any]) -> None:
    """The matter of a report is over with the last of its severe differences."""
    c = differences.c
    severe = [row for row in closed if row.severity == "high"]
    subjects = {row.file_id: c.file_id == row.file_id for row in severe if row.file_id}
    subjects.update({row.id: c.key == row.key for row in severe if not row.file_id})
    for about in sorted(subjects):
        left = unit.session.execute(
            select(c.id)
            .where(c.merchant_id == unit.merchant_id, subjects[about], c.severity == "high")
            .where(c.state != "resolved")
            .limit(1)
        ).one_or_none()
        if left is None:
            close_if_open(unit, "books_differ", about, "all differences are settled")


def open_matters(unit: Work, file_id: UUID | None, opened: Collection[UUID]) -> None:
    """One matter for each report of which these differences, new or open again, are severe."""
    if not opened:
        return
    c, f = differences.c, settlement_files.c
    rows = unit.session.execute(
        select(f.id, f.name, func.count().label("severe"))
        .select_from(differences)
        .join(settlement_files, (f.merchant_id == c.merchant_id) & (f.id == c.file_id))
        .where(
            c.merchant_id == unit.merchant_id, c.id == func.any(sorted(opened)),
            c.severity == "high", c.state == "open",
        )
        .group_by(f.id, f.name)
        .order_by(f.id)
    ).all()  # fmt: skip
    for row in rows:
        detail = {"file": row.name, "severe": row.severe}
        open_review(unit, "books_differ", "settlement_file", row.id, detail, anew=row.id != file_id)
