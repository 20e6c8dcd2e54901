"""Cases lived through day by day: every try, every notice and the end, in local time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.errors import InvalidRequest
from dunning.policy import (
    DEFAULT_POLICY,
    Case,
    End,
    Notify,
    Policy,
    Retry,
    decide,
    end_on,
    planned_tries,
    served_until,
)

JAKARTA = "Asia/Jakarta"
NO_PAYDAY = replace(DEFAULT_POLICY, payday_from=None, payday_to=None)


def at(text: str, zone: str = JAKARTA) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def failed(when: str, klass: str = "soft", **changes: object) -> Case:
    first = at(when)
    case = Case(
        opened_at=first,
        first_failed_at=first,
        last_attempt_at=first,
        failures=1,
        decline_class=klass,
    )
    return replace(case, **changes)  # type: ignore[arg-type]


def live(
    case: Case,
    *,
    zone: str = JAKARTA,
    policy: Policy = DEFAULT_POLICY,
    start: datetime | None = None,
    succeeds: Callable[[datetime], bool] = lambda _: False,
    dark: tuple[datetime, datetime] | None = None,
) -> list[str]:
    """Do every step when it is due, and nothing while the machines are dark; write a diary."""
    now, diary = start or case.opened_at, []
    for _ in range(60):
        step = decide(case, now, zone, policy)
        now = max(now, step.at)
        if dark and dark[0] <= now < dark[1]:
            now = dark[1]
            continue
        local = now.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M")
        match step:
            case Retry(because=because):
                diary.append(f"{local} try {because}")
                if succeeds(now):
                    return [*diary, "paid"]
                case = replace(case, last_attempt_at=now, failures=case.failures + 1)
            case Notify(kind=kind, key=key):
                diary.append(f"{local} {kind}")
                case = replace(case, notices={**case.notices, key: now})
            case End(action=action):
                return [*diary, f"{local} {action}"]
    raise AssertionError(f"no end: {diary}")


def test_no_funds_on_the_fifth_recovers_on_payday() -> None:
    payday = at("2026-11-25T00:00")

    diary = live(failed("2026-11-05T09:12"), succeeds=lambda now: now >= payday)

    assert diary == [
        "11-05 09:12 opened",
        "11-06 10:00 try planned",
        "11-08 10:00 try planned",
        "11-08 11:00 reminder",
        "11-12 10:00 try planned",
        "11-12 11:00 reminder",
        "11-24 11:00 payday",
        "11-25 10:00 try payday",
        "paid",
    ]


def test_a_case_that_never_recovers_ends_after_payday_and_a_warning() -> None:
    assert live(failed("2026-11-05T09:12"))[-4:] == [
        "11-24 11:00 payday",
        "11-25 10:00 try payday",
        "11-25 11:00 last_warning",
        "11-28 11:00 cancel",
    ]


def test_an_expired_card_is_never_pulled_again_but_the_customer_hears_of_it() -> None:
    for klass in ("hard", "customer_action"):
        assert live(failed("2026-11-05T09:12", klass)) == [
            "11-05 09:12 opened",
            "11-08 11:00 reminder",
            "11-12 11:00 reminder",
            "11-25 11:00 last_warning",
            "11-28 11:00 cancel",
        ]


def test_the_day_is_that_of_the_customers_zone() -> None:
    """X27: 2026-11-30T19:05Z is 1 December in Jakarta."""
    case = failed("2026-12-01T02:05")

    tries = [moment.isoformat() for moment in planned_tries(case, JAKARTA, NO_PAYDAY)]

    assert case.first_failed_at == datetime(2026, 11, 30, 19, 5, tzinfo=UTC)
    assert tries == [f"2026-12-{day}T03:00:00+00:00" for day in ("02", "04", "08")]
    assert end_on(case, JAKARTA, NO_PAYDAY) == date(2026, 12, 15)


@pytest.mark.parametrize(
    ("first_failure", "tries", "end"),
    [
        ("2026-11-05T09:00", "11-06 11-08 11-12 11-25", "2026-11-28"),
        ("2026-11-18T09:00", "11-19 11-21 11-25", "2026-12-02"),  # +7 is the 25th already
        ("2026-11-21T09:00", "11-22 11-24 11-28", "2026-12-05"),  # the 28th is a payday too
        ("2026-11-24T09:00", "11-25 11-27 12-01", "2026-12-08"),
        ("2026-11-30T09:00", "12-01 12-03 12-07", "2026-12-14"),
        ("2026-12-01T09:00", "12-02 12-04 12-08 12-25", "2026-12-28"),  # the latest of all
        ("2027-01-31T09:00", "02-01 02-03 02-07", "2027-02-14"),
    ],
)
def test_one_payday_is_tried(first_failure: str, tries: str, end: str) -> None:
    case = failed(first_failure)

    found = [moment.strftime("%m-%d") for moment in planned_tries(case, JAKARTA)]

    assert found == tries.split()
    assert end_on(case, JAKARTA) == date.fromisoformat(end)


@pytest.mark.parametrize(
    ("dark_until", "expected"),
    [
        # the tries of the 6th and 8th were missed: one is made, the later ones stay
        ("2026-11-09T12:00", ["11-09 12:00 try planned", "11-09 12:00 reminder", "11-12 10:00 try planned"]),
        # at night nothing happens: the missed try is made in the morning
        ("2026-11-08T23:30", ["11-09 08:00 try planned", "11-09 08:00 reminder", "11-12 10:00 try planned"]),
        # made up for at 09:00 on the 8th: the planned one an hour later waits for the gap
        ("2026-11-08T09:00", ["11-08 09:00 try planned", "11-08 11:00 reminder", "11-09 08:00 try planned"]),
    ],
)  # fmt: skip
def test_a_late_run_makes_one_try_and_keeps_the_later_ones(
    dark_until: str, expected: list[str]
) -> None:
    diary = live(failed("2026-11-05T09:12"), dark=(at("2026-11-05T10:00"), at(dark_until)))

    assert diary[1:4] == expected


def test_after_a_month_of_darkness_the_customer_is_warned_before_the_end() -> None:
    diary = live(failed("2026-11-05T09:12"), dark=(at("2026-11-05T10:00"), at("2026-12-20T12:00")))

    assert diary == [
        "11-05 09:12 opened",
        "12-20 12:00 try planned",
        "12-20 12:00 last_warning",
        "12-23 12:00 cancel",
    ]


def test_a_failure_late_at_night_is_told_in_the_morning_and_keeps_its_distance() -> None:
    diary = live(failed("2026-11-05T23:50"))

    # 23:50 + 20 hours is 19:50, before the evening's end
    assert diary[:2] == ["11-06 08:00 opened", "11-06 19:50 try planned"]


def test_a_new_method_is_tried_at_once_whatever_the_hour() -> None:
    case = failed("2026-11-05T09:12", "hard")
    changed = replace(case, method_changed_at=at("2026-11-06T23:00"))

    step = decide(changed, at("2026-11-06T23:00"), JAKARTA)

    assert step == Retry(at("2026-11-06T23:00"), "new_method")


def test_a_new_method_that_fails_softly_follows_the_plan_again() -> None:
    case = failed(
        "2026-11-05T09:12",
        method_changed_at=at("2026-11-06T23:00"),
        last_attempt_at=at("2026-11-06T23:01"),
        failures=2,
        notices={"opened": at("2026-11-05T09:12")},
    )

    assert decide(case, at("2026-11-06T23:02"), JAKARTA) == Retry(at("2026-11-08T10:00"), "planned")


@pytest.mark.parametrize("tries_max", [0, 1, 2])
def test_a_reason_may_allow_fewer_tries(tries_max: int) -> None:
    diary = live(failed("2026-11-05T09:12", tries_max=tries_max))

    assert sum(" try " in line for line in diary) == tries_max
    assert not any("payday" in line for line in diary), "no try is announced that is not made"


def test_without_a_method_there_are_only_notices() -> None:
    diary = live(Case(opened_at=at("2026-11-05T09:00"), has_method=False))

    assert [line.split()[2] for line in diary] == [
        "opened",
        "reminder",
        "reminder",
        "last_warning",
        "cancel",
    ]


def test_nobody_is_cut_off_while_an_outcome_is_unknown() -> None:
    now = at("2026-12-20T12:00")
    case = failed(
        "2026-11-05T09:12", attempt_open=True, notices={"last_warning": at("2026-11-25T11:00")}
    )

    assert decide(case, now, JAKARTA) == End(now + timedelta(hours=1), "cancel")
    assert decide(replace(case, attempt_open=False, last_attempt_at=now), now, JAKARTA) == End(
        now, "cancel"
    )


def test_an_invoice_that_its_customer_pays_is_reminded_before_and_after_it_is_due() -> None:
    case = Case(
        opened_at=at("2026-11-01T09:00"),
        collection="invoice",
        due_on=date(2026, 11, 8),
        has_method=False,
    )

    assert live(case) == [
        "11-05 11:00 due_soon",
        "11-09 11:00 overdue",
        "11-15 11:00 overdue",
        "11-22 11:00 overdue",
        "12-05 11:00 last_warning",
        "12-08 11:00 cancel",
    ]
    assert served_until(case, JAKARTA) == date(2026, 11, 15)


def test_service_has_a_grace_of_its_own() -> None:
    assert served_until(failed("2026-11-05T09:12"), JAKARTA) == date(2026, 11, 12)


def test_steps_and_policies_can_be_stored() -> None:
    stored = json.loads(json.dumps(DEFAULT_POLICY.to_dict()))

    assert Policy.from_dict(stored) == DEFAULT_POLICY
    assert Policy.from_dict({}) == DEFAULT_POLICY
    step = decide(failed("2026-11-05T09:12"), at("2026-11-05T09:12"), JAKARTA)
    assert json.loads(json.dumps(step.to_json())) == {
        "step": "notify",
        "at": "2026-11-05T02:12:00+00:00",
        "kind": "opened",
        "key": "opened",
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"retry_days": [3, 1]},
        {"retry_days": [0, 1]},
        {"retry_days": [1, 1]},
        {"retry_days": ["1"]},
        {"retry_days": 3},
        {"retry_hour": 7},
        {"notice_hour": 20},
        {"end_days": 31},
        {"end_action": "sue"},
        {"payday_from": 25, "payday_to": None},
        {"payday_from": 0},
        {"gap_hours": True},
        {"warning_days": 14},
        {"grace": 7},
        {"version": 1.0},
    ],
)
def test_a_policy_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Policy.from_dict(wrong)

    assert caught.value.code == "invalid_dunning_policy"
    assert caught.value.field
