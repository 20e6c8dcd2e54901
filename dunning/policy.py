"""What to do next about an unpaid invoice: one step, from what is known, at any instant.

Tries are planned on days after the first failure and once around payday. A late run makes one
try and keeps the later ones; nothing happens at night; the end waits for its warning.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from core.calendars import civil_date, instant_of
from dunning.cases import Case, End, Notify, Retry, Step
from dunning.notices import NoticeKind, by_day, next_notice, planned_notices
from dunning.policies import DEFAULT_POLICY, Policy

__all__ = [
    "DEFAULT_POLICY",
    "Case",
    "End",
    "Notify",
    "Policy",
    "Retry",
    "Step",
    "decide",
    "end_on",
    "next_step_at",
    "planned_tries",
    "served_until",
]

# After these no further pull of the same method can succeed without the customer.
_STOPPING: Final = frozenset({"hard", "customer_action"})
_LOOK_AGAIN: Final = timedelta(hours=1)


def decide(case: Case, now: datetime, zone: str, policy: Policy = DEFAULT_POLICY) -> Step:
    """Choose the one next step of a case.

    Args:
        case: what is known; only real declines are in it, unknown outcomes are reconciled first.
        now: business time, aware.
        zone: of the customer.
        policy: the case's version of the policy.

    Returns:
        The earliest of the next try, the next notice and the end. It is due when its ``at`` is
        not after ``now``; a try comes before a notice of the same instant, the end last.

    Source: billing rules R63 to R68; decision 19 (one payday, at most 30 days).
    """
    ends = end_on(case, zone, policy)
    steps: list[tuple[datetime, int, Step]] = []

    retry = _next_try(case, now, zone, policy, ends)
    if retry is not None:
        steps.append((retry.at, 0, retry))

    payday_on = _payday_on(civil_date(case.began_at, zone), policy)
    notice = next_notice(
        planned_notices(case, zone, policy, end_on=ends, payday_on=payday_on),
        case,
        now,
        announces_try=_announces_try(case, now, zone, payday_on),
    )
    if notice is not None:
        at = by_day(_when_quiet(case, max(notice.at, now), now), zone, policy)
        steps.append((at, 1, Notify(at, notice.kind.value, notice.key)))

    end = End(_end_at(case, now, zone, policy, ends), policy.end_action)
    steps.append((end.at, 2, end))
    return min(steps, key=lambda step: step[:2])[2]


def next_step_at(case: Case, now: datetime, zone: str, policy: Policy = DEFAULT_POLICY) -> datetime:
    """Say when the case is to be looked at again; never later than its next step."""
    return decide(case, now, zone, policy).at


def served_until(case: Case, zone: str, policy: Policy = DEFAULT_POLICY) -> date:
    """Say on which civil date service pauses: the grace is a number of its own."""
    begins = case.due_on if case.collection == "invoice" else None
    return (begins or civil_date(case.began_at, zone)) + timedelta(days=policy.grace_days)


def end_on(case: Case, zone: str, policy: Policy = DEFAULT_POLICY) -> date:
    """Say on which civil date the case ends if nobody pays.

    For methods we pull: once a payday was tried and some days are left to pay by hand, not
    before ``end_days`` and not after ``end_days_max``. For customers who pay by themselves:
    ``invoice_end_days`` after the due date.
    """
    if case.collection == "invoice":
        due = case.due_on or civil_date(case.opened_at, zone)
        return due + timedelta(days=policy.invoice_end_days)
    began = civil_date(case.began_at, zone)
    earliest = began + timedelta(days=policy.end_days)
    latest = began + timedelta(days=policy.end_days_max)
    payday = _payday_on(began, policy)
    if payday is None:
        return earliest
    return min(max(earliest, payday + timedelta(days=policy.payday_rest_days)), latest)


def planned_tries(case: Case, zone: str, policy: Policy = DEFAULT_POLICY) -> tuple[datetime, ...]:
    """List the instants at which the method is to be tried again, whether past or to come."""
    began = civil_date(case.began_at, zone)
    days = {began + timedelta(days=offset) for offset in policy.retry_days}
    payday = _payday_on(began, policy)
    if payday is not None:
        days.add(payday)
    latest = began + timedelta(days=policy.end_days_max)
    return tuple(instant_of(on, zone, policy.retry_hour) for on in sorted(days) if on <= latest)


def _next_try(case: Case, now: datetime, zone: str, policy: Policy, ends: date) -> Retry | None:
    if case.collection != "automatic" or not case.has_method or case.attempt_open:
        return None
    last = case.last_attempt_at or case.first_failed_at
    changed = case.method_changed_at
    if changed is not None and (last is None or changed > last):
        # The customer sits there and waits: at once, whatever the hour.
        return Retry(max(changed, now), "new_method")
    if last is None or not _may_pull(case):
        return None
    waiting = [at for at in planned_tries(case, zone, policy) if at > last]
    if not waiting:
        return None
    earliest = max(waiting[0], last + timedelta(hours=policy.gap_hours))
    at = by_day(max(earliest, now), zone, policy)
    if civil_date(at, zone) > ends and waiting[0] > now:
        # Pushed past the end by the gap. One that an outage made late is still worth a try.
        return None
    is_payday = _is_payday(civil_date(at, zone), policy)
    return Retry(at, "payday" if is_payday else "planned")


def _may_pull(case: Case) -> bool:
    if case.decline_class in _STOPPING:
        return False
    return case.tries_max is None or case.failures <= case.tries_max


def _end_at(case: Case, now: datetime, zone: str, policy: Policy, ends: date) -> datetime:
    at = instant_of(ends, zone, policy.notice_hour)
    if policy.warning_days:
        # Not yet warned: the warning is among the next notices, and the end cannot overtake it.
        warned = case.notices.get(NoticeKind.LAST_WARNING.value, now)
        at = max(at, warned + timedelta(days=policy.warning_days))
    return by_day(_when_quiet(case, max(at, now), now), zone, policy)


def _when_quiet(case: Case, at: datetime, now: datetime) -> datetime:
    """Hold back while money may be on its way: nobody is warned or cut off on a guess."""
    return max(at, now + _LOOK_AGAIN) if case.attempt_open else at


def _announces_try(case: Case, now: datetime, zone: str, payday_on: date | None) -> bool:
    """Say whether the payday try will really be made and still lies ahead."""
    if payday_on is None or not case.has_method or not _may_pull(case):
        return False
    return civil_date(now, zone) < payday_on


def _payday_on(began: date, policy: Policy) -> date | None:
    """Find the first day of a payday window on which a try is or can be made.

    A planned retry that already falls into the window is the payday try; else one is added.
    """
    if policy.payday_from is None or policy.payday_to is None:
        return None
    for offset in policy.retry_days:
        if _is_payday(began + timedelta(days=offset), policy):
            return began + timedelta(days=offset)
    for offset in range(1, policy.end_days_max + 1):
        if _is_payday(began + timedelta(days=offset), policy):
            return began + timedelta(days=offset)
    return None


def _is_payday(on: date, policy: Policy) -> bool:
    first, last = policy.payday_from, policy.payday_to
    if first is None or last is None:
        return False
    if first <= last:
        return first <= on.day <= last
    return on.day >= first or on.day <= last
