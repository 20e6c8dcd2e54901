"""Reads of dunning cases and their policies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from core.work import Work
from dunning.policies import Policy
from dunning.tables import dunning_cases, dunning_policies, dunning_steps


@dataclass(frozen=True, slots=True)
class DunningCase:
    """A case's row. Instants in business time.

    ``memory`` holds when which notice was sent (``notices``), when another method was given
    (``method_changed_at``), what the last decline allows (``tries_max``) and its words
    (``reason``), and where the bank took a payment back since when it is due again
    (``due_again_on``).
    """

    id: UUID
    invoice_id: UUID
    customer_id: UUID
    subscription_id: UUID | None
    policy_id: UUID
    state: str
    opened_at: datetime
    first_failed_at: datetime | None
    last_attempt_at: datetime | None
    failures: int
    decline_class: str | None
    decline_code: str | None
    end_on: date | None
    next_at: datetime | None
    next_step: dict[str, Any] | None
    memory: dict[str, Any]
    closed_at: datetime | None
    closed_because: str | None

    @property
    def notices(self) -> dict[str, datetime]:
        """When which notice was sent."""
        stored: Mapping[str, str] = self.memory.get("notices", {})
        return {key: datetime.fromisoformat(at) for key, at in stored.items()}

    @property
    def method_changed_at(self) -> datetime | None:
        """When the customer last gave another method."""
        stored = self.memory.get("method_changed_at")
        return datetime.fromisoformat(stored) if stored else None

    @property
    def due_again_on(self) -> date | None:
        """The civil date since which a payment that was taken back is owed again."""
        stored = self.memory.get("due_again_on")
        return date.fromisoformat(stored) if stored else None

    @property
    def tries_max(self) -> int | None:
        """Further tries the last decline's reason allows; ``None``: the policy decides."""
        stored: int | None = self.memory.get("tries_max")
        return stored


@dataclass(frozen=True, slots=True)
class StepTaken:
    """One line of a case's history."""

    at: datetime
    kind: str
    detail: dict[str, Any]


_CASE = tuple(dunning_cases.c[name] for name in DunningCase.__slots__)


def open_case(unit: Work, invoice_id: UUID, *, lock: bool = False) -> DunningCase | None:
    """The open case of an invoice, if there is one; ``lock`` takes its row."""
    query = _cases(unit).where(
        dunning_cases.c.invoice_id == invoice_id, dunning_cases.c.state == "open"
    )
    return _one(unit, query.with_for_update() if lock else query)


def get_case(unit: Work, case_id: UUID, *, lock: bool = False) -> DunningCase | None:
    """A case by its id; ``lock`` takes its row."""
    query = _cases(unit).where(dunning_cases.c.id == case_id)
    return _one(unit, query.with_for_update() if lock else query)


def cases_of_invoice(unit: Work, invoice_id: UUID) -> list[DunningCase]:
    """All cases an invoice has had, oldest first."""
    query = _cases(unit).where(dunning_cases.c.invoice_id == invoice_id)
    rows = unit.session.execute(query.order_by(dunning_cases.c.opened_at, dunning_cases.c.id))
    return [DunningCase(**row._mapping) for row in rows]


def open_cases_of_customer(unit: Work, customer_id: UUID) -> list[DunningCase]:
    """The open cases of a customer, in id order."""
    query = _cases(unit).where(
        dunning_cases.c.customer_id == customer_id, dunning_cases.c.state == "open"
    )
    rows = unit.session.execute(query.order_by(dunning_cases.c.id))
    return [DunningCase(**row._mapping) for row in rows]


def due_cases(unit: Work, limit: int) -> list[tuple[UUID, UUID, UUID]]:
    """(case, customer, invoice) of cases whose next step has come, the longest waiting first."""
    rows = unit.session.execute(
        select(dunning_cases.c.id, dunning_cases.c.customer_id, dunning_cases.c.invoice_id)
        .where(dunning_cases.c.merchant_id == unit.merchant_id, dunning_cases.c.next_at <= unit.now)
        .order_by(dunning_cases.c.next_at, dunning_cases.c.id)
        .limit(limit)
    )
    return [(row.id, row.customer_id, row.invoice_id) for row in rows]


def steps_of(unit: Work, case_id: UUID) -> list[StepTaken]:
    """What was done about a case, in order."""
    rows = unit.session.execute(
        select(dunning_steps.c.at, dunning_steps.c.kind, dunning_steps.c.detail)
        .where(dunning_steps.c.merchant_id == unit.merchant_id, dunning_steps.c.case_id == case_id)
        .order_by(dunning_steps.c.at, dunning_steps.c.id)
    )
    return [StepTaken(row.at, row.kind, row.detail) for row in rows]


def load_policies(unit: Work, policy_ids: Iterable[UUID]) -> dict[UUID, Policy]:
    """Read policies by their ids; a version is never edited."""
    rows = unit.session.execute(
        select(dunning_policies.c.id, dunning_policies.c.rules).where(
            dunning_policies.c.merchant_id == unit.merchant_id,
            dunning_policies.c.id.in_(sorted(set(policy_ids))),
        )
    )
    return {row.id: Policy.from_dict(row.rules) for row in rows}


def current_policy(unit: Work, code: str = "default") -> tuple[UUID, Policy] | None:
    """The latest version of a policy, with its id."""
    row = unit.session.execute(
        select(dunning_policies.c.id, dunning_policies.c.rules)
        .where(dunning_policies.c.merchant_id == unit.merchant_id, dunning_policies.c.code == code)
        .order_by(dunning_policies.c.version.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else (row.id, Policy.from_dict(row.rules))


def _one(unit: Work, query: Select[Any]) -> DunningCase | None:
    row = unit.session.execute(query).one_or_none()
    return None if row is None else DunningCase(**row._mapping)


def _cases(unit: Work) -> Select[Any]:
    return select(*_CASE).where(dunning_cases.c.merchant_id == unit.merchant_id)
