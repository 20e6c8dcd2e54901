"""Differences between the gateway's book and ours: found, assigned, settled by hand, never lost.

Every step says who took it and why, is added and never edited, and stands in the audit.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, update

from billing.flows.found import add_steps, close_matters, my_turn
from billing.flows.report_late import heal_one
from billing.flows.second_person import require_second_person
from billing.ledger.chart import Account
from billing.ledger.postings import difference_booked
from billing.ledger.service import Subject, post
from billing.reconciliation.kinds import ACCOUNTS, BY_HAND
from billing.reconciliation.tables import differences
from core.errors import Conflict, InvalidRequest, NotFound
from core.money import Money
from core.work import Work

REASON_MAX: Final = 500


def assign(unit: Work, difference_id: UUID, assignee: str | None, reason: str = "") -> UUID:
    """Give a difference to somebody, by name or address; ``None`` gives it back to all.

    Raises:
        NotFound: ``difference_not_found``. Conflict: ``difference_resolved``.
    """
    row = _lock(unit, difference_id)
    _set(unit, difference_id, assignee=assignee)
    add_steps(unit, [(difference_id, "assigned", reason or None, {"assignee": assignee})])
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
    add_steps(unit, [(difference_id, "noted", _words(reason), {})])
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
        NotFound: ``difference_not_found``. Conflict: ``difference_resolved``,
            ``reconciliation_busy``. InvalidRequest: ``invalid_value``, ``reason_needed``.
    """
    if resolution == "booked":
        my_turn(unit)
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
        add_steps(unit, [(difference_id, "proposed", reason, told)])
        unit.audit(
            "difference.propose", "difference", difference_id,
            before={"state": row.state}, after={"state": "awaiting_approval", **told},
        )  # fmt: skip
        return difference_id
    _close(unit, row, "booked", reason, told)
    return difference_id


def approve(unit: Work, difference_id: UUID, reason: str = "") -> UUID:
    """Agree to a correction that somebody else asked for; it is posted now.

    Where both books agree by now nothing is posted: the correction is withdrawn, and the difference
    is resolved as ``agrees``.

    Raises:
        NotFound: ``difference_not_found``. Conflict: ``difference_not_awaiting_approval``,
            ``reconciliation_busy``. Forbidden: ``person_needed``, ``second_person_needed``.
    """
    my_turn(unit)
    row = _lock(unit, difference_id, "awaiting_approval")
    require_second_person(unit, row.asked_by, str(unit.actor))
    if _over(unit, difference_id):
        return difference_id
    told = {"account": row.account, "amount": row.amount, "asked_by": row.asked_by}
    add_steps(unit, [(difference_id, "approved", reason or None, told)])
    _close(unit, row, "booked", reason or "approved", told)
    return difference_id


def decline(unit: Work, difference_id: UUID, reason: str) -> UUID:
    """Decide against a correction; the difference is open again.

    Raises:
        NotFound: ``difference_not_found``. Conflict: ``difference_not_awaiting_approval``.
    """
    row = _lock(unit, difference_id, "awaiting_approval")
    _set(unit, difference_id, state="open", account=None, amount=None, asked_by=None)
    add_steps(unit, [(difference_id, "declined", _words(reason), {"amount": row.amount})])
    unit.audit(
        "difference.decline", "difference", difference_id,
        before={"state": row.state, "amount": row.amount}, after={"state": "open"},
    )  # fmt: skip
    return difference_id


def _over(unit: Work, difference_id: UUID) -> bool:
    """Whether both books agree by now, which the nightly comparison would find out later."""
    heal_one(unit, difference_id)
    c = differences.c
    mine = (c.merchant_id == unit.merchant_id, c.id == difference_id)
    return bool(unit.session.execute(select(c.state).where(*mine)).scalar_one() == "resolved")


def _post(unit: Work, difference_id: UUID, n: int, account: str, amount: int) -> None:
    """Post a correction under the step that decided it: what is open again has another."""
    journal = difference_booked(
        f"{difference_id}:{n}", unit.today, account=Account(account), amount=Money(amount, "IDR")
    )
    post(unit, [journal], Subject("difference", difference_id))


def _close(
    unit: Work, row: Row[Any], resolution: str, reason: str, told: dict[str, Any] | None = None
) -> None:
    _set(
        unit, row.id, state="resolved", resolution=resolution, closed_at=unit.now,
        closed_by=str(unit.actor),
    )  # fmt: skip
    taken = add_steps(
        unit, [(row.id, "resolved", reason, {"resolution": resolution, **(told or {})})]
    )
    if told:
        _post(unit, row.id, taken[row.id], told["account"], told["amount"])
    unit.audit(
        "difference.resolve", "difference", row.id,
        before={"state": row.state},
        after={"state": "resolved", "resolution": resolution, "reason": reason, **(told or {})},
    )  # fmt: skip
    close_matters(unit, [row])


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
