"""Writes of dunning: policies published; cases opened, planned, stepped, closed, each step kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import update

from core import ids
from core.bulk import insert_rows
from core.errors import Conflict, InvalidRequest
from core.work import Work
from dunning import queries
from dunning.cases import Case, Retry, Step
from dunning.policies import DEFAULT_POLICY, Policy
from dunning.policy import decide, end_on
from dunning.queries import DunningCase
from dunning.tables import dunning_cases, dunning_policies, dunning_steps

StepKind = Literal["opened", "failure", "retry", "notice", "end", "closed"]
Ending = Literal["recovered", "exhausted", "stopped"]


@dataclass(frozen=True, slots=True)
class CaseDraft:
    """An invoice a case is opened for; ``zone`` is the payer's, ``due_on`` a civil date in it."""

    invoice_id: UUID
    customer_id: UUID
    subscription_id: UUID | None
    due_on: date
    zone: str


def open_invoice_cases(unit: Work, drafts: Sequence[CaseDraft]) -> int:
    """Open a case for each invoice the customer pays by himself: reminders before and after.

    Set-based; an invoice has one such case for ever, so a second call does nothing. Returns how
    many are new.
    """
    if not drafts:
        return 0
    policy_id, policy = ensure_policy(unit)
    rows, steps = [], []
    for draft in drafts:
        case = Case(opened_at=unit.now, collection="invoice", due_on=draft.due_on, has_method=False)
        row = _row(unit, draft, policy_id, key="issued")
        step = decide(case, unit.now, draft.zone, policy)
        row |= {
            "end_on": end_on(case, draft.zone, policy),
            "next_at": step.at,
            "next_step": step.to_json(),
        }
        rows.append(row)
        steps.append((row["id"], "opened", {"because": "issued"}))
    opened = insert_rows(unit.session, dunning_cases, rows, skip_existing=True)
    if opened == len(rows):
        record_steps(unit, steps)
    unit.ring("case.step")
    return opened


def open_failed_case(
    unit: Work,
    draft: CaseDraft,
    *,
    last: DunningCase | None,
    because: str = "declined",
) -> DunningCase:
    """Open a case because a charge was declined, or money taken back; planned by the caller.

    ``last`` is the invoice's latest closed case: an invoice that was paid and taken back by the
    bank gets another.
    """
    policy_id, _ = ensure_policy(unit)
    key = "failed" if last is None else f"failed:{last.id}"
    row = _row(unit, draft, policy_id, key=key)
    row |= {"next_at": unit.now, "next_step": None, "end_on": None}
    insert_rows(unit.session, dunning_cases, [row])
    record_steps(unit, [(row["id"], "opened", {"because": because})])
    case = queries.get_case(unit, row["id"], lock=True)
    if case is None:
        raise RuntimeError("a case just written is not there")
    return case


def plan(unit: Work, case: DunningCase, facts: Case, zone: str, policy: Policy) -> Step:
    """Store the one next step of a case and when the case ends if nobody pays."""
    step = decide(facts, unit.now, zone, policy)
    unit.session.execute(
        _this(unit, case.id).values(
            next_at=step.at,
            next_step=step.to_json(),
            end_on=end_on(facts, zone, policy),
            first_failed_at=case.first_failed_at,
            last_attempt_at=case.last_attempt_at,
            failures=case.failures,
            decline_class=case.decline_class,
            decline_code=case.decline_code,
            memory=case.memory,
        )
    )
    if step.at <= unit.now:
        unit.ring("case.step")
    return step


def next_try_at(facts: Case, now: datetime, zone: str, policy: Policy) -> datetime | None:
    """Say when the method is tried next, if it is: what a notice announces."""
    # Told as if every notice had been sent and the end were far: only tries are left.
    quiet = replace(policy, reminder_days=(), warning_days=0, payday_rest_days=0)
    step = decide(
        replace(facts, notices={**facts.notices, "opened": now, "payday": now}), now, zone, quiet
    )
    return step.at if isinstance(step, Retry) else None


def close(unit: Work, case: DunningCase, state: Ending, because: str) -> None:
    """Close a case for good."""
    unit.session.execute(
        _this(unit, case.id).values(
            state=state,
            closed_at=unit.now,
            closed_because=because,
            next_at=None,
            next_step=None,
        )
    )
    record_steps(unit, [(case.id, "closed", {"state": state, "because": because})])
    unit.event(
        "dunning.ended",
        "case",
        case.id,
        {
            "case": ids.public("case", case.id),
            "invoice": ids.public("invoice", case.invoice_id),
            "state": state,
            "because": because,
            "failures": case.failures,
        },
        customer_id=case.customer_id,
    )


def record_steps(
    unit: Work, steps: Sequence[tuple[UUID, StepKind | str, Mapping[str, Any]]]
) -> None:
    """Add (case, kind, detail) to the cases' history."""
    insert_rows(
        unit.session,
        dunning_steps,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": ids.fresh(),
                "case_id": case_id,
                "at": unit.now,
                "kind": kind,
                "detail": dict(detail),
            }
            for case_id, kind, detail in steps
        ],
    )


def ensure_policy(unit: Work) -> tuple[UUID, Policy]:
    """The merchant's policy in force; a merchant without one gets the default as a row."""
    found = queries.current_policy(unit)
    if found is not None:
        return found
    policy_id = unit.derive("dunning_policy", "default", 1)
    _insert_policy(unit, policy_id, DEFAULT_POLICY)
    return policy_id, DEFAULT_POLICY


def publish_policy(unit: Work, changes: Mapping[str, Any]) -> tuple[UUID, Policy]:
    """Put a new version of the merchant's policy in force; what is not said stays as it is.

    Open cases keep the version they were opened with. Changes that change nothing publish nothing.

    Raises:
        InvalidRequest: ``invalid_dunning_policy`` with the field that is wrong.
        Conflict: ``concurrent_change``.
    """
    in_force, before = ensure_policy(unit)
    if "version" in changes:
        raise InvalidRequest(
            "invalid_dunning_policy", "versions are counted by Tagihan", field="version"
        )
    after = Policy.from_dict({**before.to_dict(), **changes})
    if after == before:
        return in_force, before
    after = replace(after, version=before.version + 1)
    policy_id = unit.derive("dunning_policy", "default", after.version)
    if not _insert_policy(unit, policy_id, after):
        raise Conflict("concurrent_change", "the policy was changed meanwhile: read it again")
    unit.audit(
        "dunning_policy.publish", "dunning_policy", policy_id,
        before=before.to_dict(), after=after.to_dict(),
    )  # fmt: skip
    return policy_id, after


def _insert_policy(unit: Work, policy_id: UUID, policy: Policy) -> int:
    return insert_rows(
        unit.session,
        dunning_policies,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": policy_id,
                "code": "default",
                "version": policy.version,
                "rules": policy.to_dict(),
                "created_at": unit.now,
            }
        ],
        skip_existing=True,
    )


def _row(unit: Work, draft: CaseDraft, policy_id: UUID, *, key: str) -> dict[str, Any]:
    return {
        "merchant_id": unit.merchant_id,
        "id": unit.derive("case", draft.invoice_id, key),
        "invoice_id": draft.invoice_id,
        "customer_id": draft.customer_id,
        "subscription_id": draft.subscription_id,
        "policy_id": policy_id,
        "state": "open",
        "opened_at": unit.now,
    }


def _this(unit: Work, case_id: UUID) -> Any:
    return update(dunning_cases).where(
        dunning_cases.c.merchant_id == unit.merchant_id, dunning_cases.c.id == case_id
    )
