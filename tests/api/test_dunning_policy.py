"""The dunning policy over HTTP: read, published in versions, refused by field."""

from __future__ import annotations

from typing import Any

import pytest
from api_house import House
from builders import working
from sqlalchemy import select

from core.tables import audit
from dunning.policies import DEFAULT_POLICY

pytestmark = pytest.mark.database


def test_the_policy_in_force_is_told_with_all_its_numbers(house: House) -> None:
    assert house.ours.get("/dunning-policy") == DEFAULT_POLICY.to_dict()


def test_a_new_version_changes_what_is_said_and_keeps_the_rest(house: House) -> None:
    body = {"retry_days": [2, 5], "payday_from": None, "payday_to": None, "end_action": "unpaid"}
    made = house.ours.call("POST", "/dunning-policy", body, once="p-1")
    again = house.ours.call("POST", "/dunning-policy", body, once="p-1")
    same = house.ours.post("/dunning-policy", {"retry_days": [2, 5]})
    next_ = house.ours.post("/dunning-policy", {"grace_days": 12})

    assert (made.status_code, made.content) == (201, again.content)
    assert made.json() == {**DEFAULT_POLICY.to_dict(), **body, "version": 2}
    assert same["version"] == 2
    assert next_ == {**made.json(), "grace_days": 12, "version": 3}
    assert house.ours.get("/dunning-policy") == next_
    assert house.theirs.get("/dunning-policy")["version"] == 1
    with working(house.engine, house.merchants[0]) as unit:
        noted = unit.session.execute(
            select(audit).where(audit.c.action == "dunning_policy.publish")
        ).all()
    assert {(row.before["version"], row.after["version"]) for row in noted} == {(1, 2), (2, 3)}


def test_only_an_administrator_changes_it(house: House) -> None:
    answer = house.holding("write").call("POST", "/dunning-policy", {"grace_days": 12})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"retry_days": [3, 1]}, "retry_days"),
        ({"retry_days": [0]}, "retry_days"),
        ({"retry_hour": 23}, "retry_hour"),
        ({"end_days": 40}, "end_days"),
        ({"payday_to": None}, "payday_from"),
        ({"warning_days": 14}, "warning_days"),
        ({"invoice_end_days": 0}, "invoice_end_days"),
        ({"version": 9}, "version"),
        ({"retry": [1]}, "retry"),
        ({"end_action": "sue"}, "end_action"),
    ],
)
def test_a_policy_that_can_not_be_is_refused_by_field(
    house: House, body: dict[str, Any], field: str
) -> None:
    answer = house.ours.call("POST", "/dunning-policy", body)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    assert house.ours.get("/dunning-policy")["version"] == 1
