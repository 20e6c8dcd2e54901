"""Schedules of the gateway's own: requests, runs on the clock, tries again."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_schedules import charges, create_schedule, dates, schedule_request, schedule_shown

Desk = Any
Json = dict[str, Any]
Told = tuple[Any, Any]


# --- requests -------------------------------------------------------------------------------------


def test_a_token_is_not_looked_at_when_the_schedule_is_made(desk: Desk) -> None:
    more: Json = {"metadata": {"plan": "pro"}, "customer_details": {"first_name": "Sari"}}
    answer = desk.http.post("/v1/subscriptions", json=schedule_request(**more))
    body = answer.json()
    assert answer.status_code == 200
    assert body["status"] == "active"
    assert body["amount"] == "100000"
    assert body["created_at"] == "2026-01-05 10:00:00"
    assert body["schedule"] == {
        "interval": 1,
        "interval_unit": "month",
        "current_interval": 0,
        "start_time": "2026-02-05 10:00:00",
        "next_execution_at": "2026-02-05 10:00:00",
    }
    assert body["retry_schedule"] == {"interval": 1, "interval_unit": "hour", "max_interval": 3}
    assert (body["metadata"], body["customer_details"]) == tuple(more.values())
    assert schedule_shown(desk, body["id"]) == body


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"name": ""}, "subscription.name is required"),
        ({"name": "x" * 41}, "subscription.name must be"),
        ({"name": "a b"}, "subscription.name must be"),
        ({"amount": None}, "subscription.amount is required"),
        ({"amount": 0}, "subscription.amount must be between 0.01 - 99999999999.00"),
        ({"amount": "-5"}, "subscription.amount must be between"),
        ({"amount": "10.50"}, "subscription.amount is not a number"),
        ({"currency": "USD"}, "subscription.currency is not supported"),
        ({"payment_type": "qris"}, "subscription.payment_type is not supported"),
        ({"payment_type": "gopay"}, "subscription.gopay.account_id is required"),
        ({"token": ""}, "subscription.token is required"),
        ({"schedule": {"interval": 0}}, "subscription.schedule.interval is not valid"),
        ({"schedule": {"interval": None}}, "subscription.schedule.interval is required"),
        ({"schedule": {"interval_unit": "year"}}, "must be day, week or month"),
        ({"schedule": {"max_interval": -1}}, "max_interval is not valid"),
        ({"schedule": {"start_time": "tomorrow"}}, "format is yyyy-MM-dd"),
        ({"schedule": {"start_time": "2026-01-05 10:00:00 +0700"}}, "later than the current"),
        ({"retry_schedule": {"max_interval": 4}}, "between 0 and 3"),
        ({"retry_schedule": {"interval_unit": "week"}}, "must be minute, hour or day"),
        ({"metadata": {"a": "x" * 1100}}, "less than 1 KB"),
        ({"metadata": []}, "subscription.metadata is not valid"),
    ],
)
def test_what_is_wrong_is_said_without_a_status_code(desk: Desk, more: Json, said: str) -> None:
    body = schedule_request()
    schedule = {**body["schedule"], **more.get("schedule", {})}
    answer = desk.http.post("/v1/subscriptions", json={**body, **more, "schedule": schedule})
    assert answer.status_code == 400
    assert set(answer.json()) == {"status_message", "validation_messages"}
    assert answer.json()["status_message"] == "Invalid parameter."
    assert any(said in line for line in answer.json()["validation_messages"]), answer.text


def test_errors_are_real_http_codes(desk: Desk) -> None:
    for method, path, code, said in (
        ("GET", "/v1/subscriptions/none", 404, "Subscription doesn't exist."),
        ("POST", "/v1/subscriptions/none/disable", 404, "Subscription doesn't exist."),
        ("PATCH", "/v1/subscriptions/none", 404, "Subscription doesn't exist."),
        ("GET", "/v1/subscriptions", 405, "Method not allowed"),
        ("POST", "/v1/subscriptions/none/explode", 404, "Resource not found"),
    ):
        answer = desk.http.request(method, path, json={} if method == "PATCH" else None)
        assert (answer.status_code, answer.json()) == (code, {"status_message": said})
    null = desk.http.post("/v1/subscriptions", content=b"null")
    assert (null.status_code, null.json()) == (400, {"status_message": "Bad request"})


def test_the_past_is_refused_unless_the_switch_says_now(desk: Desk) -> None:
    past = {"start_time": "2022-01-01 00:00:00 +0700"}
    assert (
        desk.http.post("/v1/subscriptions", json=schedule_request(schedule=past)).status_code == 400
    )
    desk.configure(switches={"past_start": "now"})
    ident = create_schedule(desk, desk.saved_card(), schedule=past)
    desk.clock("2026-01-05T03:00:00Z")
    assert schedule_shown(desk, ident)["schedule"]["current_interval"] == 1


def test_names_may_repeat_unless_the_switch_forbids_it(desk: Desk) -> None:
    assert create_schedule(desk) != create_schedule(desk)
    desk.configure(switches={"unique_names": True})
    assert desk.http.post("/v1/subscriptions", json=schedule_request()).status_code == 400


def test_a_key_is_remembered_for_three_minutes_after_the_body_was_checked(desk: Desk) -> None:
    key = {"Idempotency-Key": "one"}

    def ask(**more: Any) -> Any:
        return desk.http.post("/v1/subscriptions", json=schedule_request(**more), headers=key)

    first = ask().json()["id"]
    assert ask(amount="5").json()["id"] == first
    assert ask(amount=0).status_code == 400  # the body is looked at before the key
    desk.clock("2026-01-05T03:02:59Z")
    assert ask().json()["id"] == first
    desk.clock("2026-01-05T03:03:00Z")
    assert ask().json()["id"] != first


# --- runs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "until", "days"),
    [
        # Without a start: one interval from now (5 January).
        ({"interval_unit": "day"}, "2026-01-08", ["2026-01-06", "2026-01-07"]),
        ({"interval_unit": "week", "interval": 2}, "2026-02-03", ["2026-01-19", "2026-02-02"]),
        ({}, "2026-04-01", ["2026-02-05", "2026-03-05"]),
        # The 31st: the last day of shorter months, and the 31st again.
        (
            {"start_time": "2026-01-31 10:00:00 +0700"},
            "2026-05-01",
            ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"],
        ),
        # How many: 0 and 1 are once, n is n times, nothing is for ever.
        ({"interval_unit": "day", "max_interval": 0}, "2026-02-01", ["2026-01-06"]),
        ({"interval_unit": "day", "max_interval": 1}, "2026-02-01", ["2026-01-06"]),
        ({"interval_unit": "day", "max_interval": 2}, "2026-02-01", ["2026-01-06", "2026-01-07"]),
    ],
)
def test_runs_follow_the_schedule(desk: Desk, schedule: Json, until: str, days: list[str]) -> None:
    ident = create_schedule(desk, desk.saved_card(), schedule=schedule)
    desk.clock(f"{until}T00:00:00Z")
    assert dates(desk) == days
    known = schedule_shown(desk, ident)
    assert known["schedule"]["current_interval"] == len(days)
    assert len(known["transaction_ids"]) == len(days)
    over = "max_interval" in schedule
    assert known["status"] == ("inactive" if over else "active")
    assert ("next_execution_at" in known["schedule"]) is not over


def test_after_a_short_month_the_day_may_stay_early(desk: Desk) -> None:
    desk.configure(switches={"month_end": "previous"})
    start = {"start_time": "2026-01-31 10:00:00 +0700"}
    create_schedule(desk, desk.saved_card(), schedule=start)
    desk.clock("2026-05-01T00:00:00Z")
    assert dates(desk) == ["2026-01-31", "2026-02-28", "2026-03-28", "2026-04-28"]


def test_a_run_is_an_ordinary_charge_of_the_saved_card(told: Told) -> None:
    desk, inbox = told
    ident = create_schedule(desk, desk.saved_card(), metadata={"plan": "pro"})
    desk.clock("2026-02-05T03:00:00Z")
    order_id = desk.sim("GET", "subscriptions")["subscriptions"][0]["order_ids"][0]
    assert order_id.startswith("SUB-77-")
    assert len(order_id) == len("SUB-77-") + 32
    status = desk.core.transactions.status(order_id)
    assert (status["transaction_status"], status["gross_amount"]) == ("capture", "100000.00")
    assert status["metadata"] == {"plan": "pro"}
    about = [body for _, body, _ in inbox.messages if body.get("order_id") != "first-1"]
    assert [body.get("order_id") for body in about] == [order_id]  # nothing of the schedule itself
    assert schedule_shown(desk, ident)["transaction_ids"] == [status["transaction_id"]]


@pytest.mark.parametrize(
    ("retry", "behaviour", "tries"),
    [
        # The documentation's example: a failure at 10:00, then 11:00, 12:00, 13:00 WIB.
        (None, "51", ["03:00", "04:00", "05:00", "06:00"]),
        ({"interval": 1, "interval_unit": "hour", "max_interval": 3}, "51",
         ["03:00", "04:00", "05:00", "06:00"]),
        ({"interval": 10, "interval_unit": "minute", "max_interval": 2}, "05",
         ["03:00", "03:10", "03:20"]),
        ({"interval": 1, "interval_unit": "hour", "max_interval": 0}, "54", ["03:00"]),
    ],
)  # fmt: skip
def test_a_failed_run_is_tried_again_and_then_it_is_over(
    desk: Desk, retry: Json | None, behaviour: str, tries: list[str]
) -> None:
    saved = desk.saved_card()
    desk.sim("POST", "cards", saved_token_id=saved, behaviour=behaviour)
    ident = create_schedule(desk, saved, retry_schedule=retry)
    desk.clock("2026-06-01T00:00:00Z")
    assert charges(desk) == [(f"2026-02-05T{time}:00Z", "deny") for time in tries]
    known = schedule_shown(desk, ident)
    assert (known["status"], known["schedule"]["current_interval"]) == ("inactive", 0)
    assert known["transaction_ids"] == []


def test_a_try_again_may_succeed_and_the_rhythm_stays(desk: Desk) -> None:
    saved = desk.saved_card()
    until = "2026-02-05T04:30:00Z"
    desk.sim("POST", "cards", saved_token_id=saved, behaviour="51", until=until)
    ident = create_schedule(desk, saved)
    desk.clock("2026-03-06T00:00:00Z")
    assert charges(desk) == [
        ("2026-02-05T03:00:00Z", "deny"),
        ("2026-02-05T04:00:00Z", "deny"),
        ("2026-02-05T05:00:00Z", "settlement"),
        ("2026-03-05T03:00:00Z", "capture"),
    ]
    assert schedule_shown(desk, ident)["schedule"]["current_interval"] == 2


def test_a_bank_that_takes_its_time_is_not_charged_twice(desk: Desk) -> None:
    saved = desk.saved_card()
    desk.sim("POST", "cards", saved_token_id=saved, behaviour="slow_accept")
    ident = create_schedule(desk, saved)
    desk.clock("2026-02-05T08:00:00Z")
    assert charges(desk) == [("2026-02-05T03:00:00Z", "capture")]
    assert schedule_shown(desk, ident)["schedule"]["current_interval"] == 1
