"""Retry timetables, due dates and overdue states of others, answered by our rules."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from fractions import Fraction
from itertools import accumulate

from vectors.cases import Answer, Case, adapter

from billing.drafts import due_date as due_date_of
from core.calendars import civil_date, instant_of
from dunning.ages import Stage, age_of, reached, stage_of
from dunning.policy import Case as Chased
from dunning.policy import Policy, planned_tries

D = date.fromisoformat
ZONE = "UTC"


def tries(first_failure: date, gaps: list[int]) -> list[date]:
    """The dates on which a policy of these gaps tries again; every try fails."""
    policy = Policy(
        retry_days=tuple(accumulate(gaps)), payday_from=None, payday_to=None, end_days_max=90
    )
    failed_at = instant_of(first_failure, ZONE, 2)
    chased = Chased(opened_at=failed_at, first_failed_at=failed_at, last_attempt_at=failed_at)
    return [civil_date(at.astimezone(UTC), ZONE) for at in planned_tries(chased, ZONE, policy)]


@adapter("dunning", "retry_schedule", "kb-retry")
def retry_schedule(case: Case) -> Answer:
    given = case.given
    dates = tries(D(given["first_failure"]), given["gaps_days"])
    return {"attempts": [on for on in dates if on <= D(given["until"])]}


@adapter("dunning", "retry_offsets", "kb-retry", "polar-retry")
def retry_offsets(case: Case) -> Answer:
    first = date(2027, 1, 1)
    dates = tries(first, case.given["gaps_days"])
    return {"offset_days": [(on - first).days for on in dates], "attempts_in_all": len(dates) + 1}


@adapter("dunning", "overdue_state", "kb-overdue")
def overdue_state(case: Case) -> Answer:
    given = case.given
    stages = [Stage(one["state"], one["days"]) for one in given["thresholds"]]
    unpaid = [D(day) for day in given["unpaid_invoice_dates"]]
    found = stage_of(stages, unpaid, D(given["on"]))
    return {"state": found.state if found else "CLEAR"}


@adapter("dunning", "overdue_condition", "kb-overdue")
def overdue_condition(case: Case) -> Answer:
    """One measure against one threshold; money in hundredths."""
    given = case.given
    threshold = Fraction(given["threshold"]) * 100
    value = None if given["value"] is None else int(Fraction(given["value"]) * 100)
    if given["condition"] == "age_days_of_earliest_unpaid" and value is None:
        value = age_of([], date.max)
    return {"matches": reached(int(threshold), value)}


@adapter("dunning", "due_date", "lago-overdue")
def due_date(case: Case) -> Answer:
    due = due_date_of("invoice", D(case.given["invoice_date"]), case.given["net_term_days"])
    return {"due": due, "overdue_from": due + timedelta(days=1)}
