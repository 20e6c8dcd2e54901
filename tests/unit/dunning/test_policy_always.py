"""What holds of every case of dunning, whatever happens to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from dunning.policy import (
    Case,
    End,
    Notify,
    Policy,
    Retry,
    decide,
    end_on,
    next_step_at,
    planned_tries,
)

moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)
zones = st.sampled_from(["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"])
policies = st.builds(
    Policy,
    retry_days=st.sets(st.integers(1, 20), max_size=5).map(lambda days: tuple(sorted(days))),
    payday_from=st.integers(20, 28),
    payday_to=st.integers(1, 3),
    warning_days=st.integers(0, 5),
    reminder_days=st.sets(st.integers(0, 20), max_size=4).map(lambda days: tuple(sorted(days))),
)


@given(
    first=moments,
    zone=zones,
    policy=policies,
    dark_after=st.integers(0, 40 * 24),
    dark_hours=st.integers(0, 60 * 24),
    klass=st.sampled_from(["soft", "technical", "configuration", "hard"]),
)
def test_every_case_ends_within_its_limits(
    *, first: datetime, zone: str, policy: Policy, dark_after: int, dark_hours: int, klass: str
) -> None:
    case = Case(
        opened_at=first,
        first_failed_at=first,
        last_attempt_at=first,
        failures=1,
        decline_class=klass,
    )
    lights_out = first + timedelta(hours=dark_after)
    dark = (lights_out, lights_out + timedelta(hours=dark_hours))
    now, tries, warned, told = first, [first], None, 0
    while True:
        step = decide(case, now, zone, policy)
        assert step.at >= now
        assert next_step_at(case, now, zone, policy) == step.at
        now = step.at
        if dark[0] <= now < dark[1]:
            now = dark[1]
            continue
        hour = now.astimezone(ZoneInfo(zone)).hour
        assert policy.open_hour <= hour < policy.close_hour
        if isinstance(step, End):
            break
        if isinstance(step, Notify):
            told += 1
            assert step.key not in case.notices, "no notice is sent twice"
            warned = now if step.kind == "last_warning" else warned
            case = replace(case, notices={**case.notices, step.key: now})
        if isinstance(step, Retry):
            tries.append(now)
            assert tries[-1] - tries[-2] >= timedelta(hours=policy.gap_hours)
            case = replace(case, last_attempt_at=now, failures=case.failures + 1)

    assert len(tries) - 1 <= len(policy.retry_days) + 1
    if klass == "hard":
        assert len(tries) == 1
    if policy.warning_days:
        assert warned is not None
        assert now - warned >= timedelta(days=policy.warning_days)
    if dark_hours == 0:
        # the end's own hour may be one day further on, and a night's shift another
        assert now - first <= timedelta(days=policy.end_days_max + 1)
    assert told <= 3 + len(policy.reminder_days)


@given(first=moments, zone=zones)
def test_the_default_always_tries_one_payday_within_a_month(first: datetime, zone: str) -> None:
    case = Case(opened_at=first, first_failed_at=first, last_attempt_at=first, failures=1)
    days = [moment.astimezone(ZoneInfo(zone)).date() for moment in planned_tries(case, zone)]

    assert any(day.day >= 25 or day.day == 1 for day in days)
    assert len(days) in {3, 4}
    began = first.astimezone(ZoneInfo(zone)).date()
    assert end_on(case, zone) - began <= timedelta(days=30)
    assert end_on(case, zone) > max(days)
