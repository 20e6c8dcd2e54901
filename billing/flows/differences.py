"""Differences between the gateway's book and ours: found, assigned, settled by hand, never lost.

Every step says who took it and why, is added and never edited, and stands in the audit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select, update

from billing.flows.reviews import close_if_open
from billing.flows.second_person import require_second_person
from billing.ledger.chart import Account
from billing.ledger.postings import difference_booked
from billing.ledger.service import Subject, post
from billing.reconciliation.kinds import ACCOUNTS, BY_HAND, KINDS
from billing.reconciliation.matching import Finding
from billing.reconciliation.tables import difference_steps, differences
from core.bulk import insert_rows
from core.errors import Conflict, InvalidRequest, NotFound
from core.money import Money
from core.work import Work

REASON_MAX: Final = 500


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


def write_found(unit: Work, found: Sequence[Found]) -> int:
    """Keep what was found, set-based; returns how many are new or open again.

    What a person has settled stays settled while it is the same; what had healed by itself, or has
    other amounts now, is open again.
    """
    by_id = {unit.derive("difference", one.finding.kind, one.key): one for one in found}
    if not by_id:
        return 0
    c = differences.c
    known = {
        row.id: row
        for row in unit.session.execute(
            select(c.id, c.state, c.resolution, c.ours, c.theirs)
            .where(c.merchant_id == unit.merchant_id, c.id == func.any(sorted(by_id)))
            .with_for_update()
        )
    }
    fresh = [(row_id, one) for row_id, one in by_id.items() if row_id not in known]
    insert_rows(unit.session, differences, [_row(unit, row_id, one) for row_id, one in fresh])
    again = [
        row_id for row_id, row in known.items()
        if row.state == "resolved" and (
            row.resolution == "agrees"
            or (row.ours, row.theirs) != (by_id[row_id].finding.ours, by_id[row_id].finding.theirs)
        )
    ]  # fmt: skip
    for row_id in again:
        one = by_id[row_id].finding
        unit.session.execute(
            update(differences)
            .where(c.merchant_id == unit.merchant_id, c.id == row_id)
            .values(
                state="open", resolution=None, closed_at=None, closed_by=None, account=None,
                amount=None, asked_by=None, ours=one.ours, theirs=one.theirs, detail=one.detail,
            )
        )  # fmt: skip
    _steps(unit, [(row_id, "found", None, {}) for row_id, _ in fresh])
    _steps(unit, [(row_id, "reopened", None, {}) for row_id in again])
    return len(fresh) + len(again)


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


def _steps(unit: Work, taken: Sequence[tuple[UUID, str, str | None, dict[str, Any]]]) -> None:
    """Add steps; at most one for each difference in one call."""
    if not taken:
        return
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
    insert_rows(
        unit.session,
        difference_steps,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": unit.derive("difference_step", row_id, last.get(row_id, 0) + 1),
                "difference_id": row_id,
                "n": last.get(row_id, 0) + 1,
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


def assign(unit: Work, difference_id: UUID, assignee: str | None, reason: str = "") -> UUID:
    """Give a difference to somebody, by name or address; ``None`` gives it back to all.

    Raises:
        NotFound: ``difference_not_found``. Conflict: ``difference_resolved``.
    """
    row = _lock(unit, difference_id)
    _set(unit, difference_id, assignee=assignee)
    _steps(unit, [(difference_id, "assigned", reason or None, {"assignee": assignee})])
    unit.audit(
        "difference.assign", "difference", difference_id,
        before={"assignee": row.assignee}, after={"assignee": assignee},
    )  # fmt: skip
    return difference_id


def note(unit: Work, difference_id: UUID, reason: str) -> UUID:
    """Write down what was found out; it stays open.

    Raises:
        NotFound: ``difference_not_found``. Conflict: ``difference_resolved``.
    """
    row = _lock(unit, difference_id)
    _steps(unit, [(difference_id, "noted", _words(reason), {})])
    unit.audit(
        "difference.note", "difference", difference_id,
        before={"state": row.state}, after={"state": row.state, "reason": reason},
    )  # fmt: skip
    return difference_id


def resolve(
    unit: Work,
    difference_id: UUID,
    resolution: str,
    reason: str,
    *,
    account: str | None = None,
    amount: int | None = None,
) -> UUID:
    """Settle a difference by hand, with the reason; ``booked`` posts a correction.

    Above the merchant's limit for refunds a second person has to agree before it is posted.

    Args:
        account: of `kinds.ACCOUNTS`, for ``booked``: the other side is the gateway's clearing.
        amount: whole rupiah; positive where the gateway owes us less than our books say.

    Raises:
        NotFound: ``difference_not_found``. Conflict: ``difference_resolved``.
        InvalidRequest: ``invalid_value``, ``reason_needed``.
    """
    row = _lock(unit, difference_id)
    reason = _words(reason)
    if resolution not in BY_HAND:
        raise InvalidRequest("invalid_value", f"one of {', '.join(BY_HAND)}", field="resolution")
    if resolution != "booked":
        _close(unit, row, resolution, reason)
        return difference_id
    if account not in ACCOUNTS:
        raise InvalidRequest("invalid_value", f"one of {', '.join(ACCOUNTS)}", field="account")
    if not amount:
        raise InvalidRequest("invalid_value", "whole rupiah, not nothing", field="amount")
    _set(unit, difference_id, account=account, amount=amount, asked_by=str(unit.actor))
    told = {"account": account, "amount": amount}
    if abs(amount) > unit.merchant.refund_approval_above:
        _set(unit, difference_id, state="awaiting_approval")
        _steps(unit, [(difference_id, "proposed", reason, told)])
        unit.audit(
            "difference.propose", "difference", difference_id,
            before={"state": row.state}, after={"state": "awaiting_approval", **told},
        )  # fmt: skip
        return difference_id
    _post(unit, difference_id, account, amount)
    _close(unit, row, "booked", reason, told)
    return difference_id


def approve(unit: Work, difference_id: UUID, reason: str = "") -> UUID:
    """Agree to a correction that somebody else asked for; it is posted now.

    Raises:
        NotFound: ``difference_not_found``. Conflict: ``difference_not_awaiting_approval``.
        Forbidden: ``person_needed``, ``second_person_needed``.
    """
    row = _lock(unit, difference_id, "awaiting_approval")
    require_second_person(unit, row.asked_by, str(unit.actor))
    told = {"account": row.account, "amount": row.amount, "asked_by": row.asked_by}
    _steps(unit, [(difference_id, "approved", reason or None, told)])
    _post(unit, difference_id, row.account, row.amount)
    _close(unit, row, "booked", reason or "approved", told)
    return difference_id


def decline(unit: Work, difference_id: UUID, reason: str) -> UUID:
    """Decide against a correction; the difference is open again.

    Raises:
        NotFound: ``difference_not_found``. Conflict: ``difference_not_awaiting_approval``.
    """
    row = _lock(unit, difference_id, "awaiting_approval")
    _set(unit, difference_id, state="open", account=None, amount=None, asked_by=None)
    _steps(unit, [(difference_id, "declined", _words(reason), {"amount": row.amount})])
    unit.audit(
        "difference.decline", "difference", difference_id,
        before={"state": row.state, "amount": row.amount}, after={"state": "open"},
    )  # fmt: skip
    return difference_id


def heal(unit: Work, difference_id: UUID) -> None:
    """Close a difference over which both books agree by now."""
    _close(unit, _lock(unit, difference_id), "agrees", "both books agree now")


def _post(unit: Work, difference_id: UUID, account: str, amount: int) -> None:
    money = Money(amount, "IDR")
    journal = difference_booked(
        str(difference_id), unit.today, account=Account(account), amount=money
    )
    post(unit, [journal], Subject("difference", difference_id))


def _close(
    unit: Work, row: Row[Any], resolution: str, reason: str, told: dict[str, Any] | None = None
) -> None:
    _set(
        unit, row.id, state="resolved", resolution=resolution, closed_at=unit.now,
        closed_by=str(unit.actor),
    )  # fmt: skip
    _steps(unit, [(row.id, "resolved", reason, {"resolution": resolution, **(told or {})})])
    unit.audit(
        "difference.resolve", "difference", row.id,
        before={"state": row.state},
        after={"state": "resolved", "resolution": resolution, "reason": reason, **(told or {})},
    )  # fmt: skip
    if row.severity == "high":
        _close_matter(unit, row)


def _close_matter(unit: Work, row: Row[Any]) -> None:
    """The matter of a report is over with the last of its severe differences."""
    c = differences.c
    about = row.file_id
    same = c.file_id == about if about else c.key == row.key
    left = unit.session.execute(
        select(c.id)
        .where(c.merchant_id == unit.merchant_id, same, c.severity == "high")
        .where(c.state != "resolved")
        .limit(1)
    ).one_or_none()
    if left is None:
        close_if_open(unit, "books_differ", about or row.id, "all differences are settled")


def _set(unit: Work, difference_id: UUID, **values: Any) -> None:
    c = differences.c
    unit.session.execute(
        update(differences)
        .where(c.merchant_id == unit.merchant_id, c.id == difference_id)
        .values(**values)
    )


def _lock(unit: Work, difference_id: UUID, wanted: str | None = None) -> Row[Any]:
    """Read one that is not settled yet, for writing."""
    c = differences.c
    row = unit.session.execute(
        select(differences)
        .where(c.merchant_id == unit.merchant_id, c.id == difference_id)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound("difference_not_found", "there is no such difference")
    if wanted is not None and row.state != wanted:
        raise Conflict("difference_not_awaiting_approval", f"this difference is {row.state}")
    if row.state == "resolved":
        raise Conflict("difference_resolved", "this difference is settled")
    if wanted is None and row.state == "awaiting_approval" and unit.actor.kind != "system":
        raise Conflict("difference_awaits_approval", "a correction of it waits for a second person")
    return row


def _words(reason: str) -> str:
    text = " ".join(reason.split())[:REASON_MAX]
    if not text:
        raise InvalidRequest("reason_needed", "say why", field="reason")
    return text
