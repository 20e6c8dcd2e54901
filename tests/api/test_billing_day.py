"""A day of the month that periods begin on, asked for at sign-up."""

from __future__ import annotations

import pytest
from api_house import Counter


def test_the_days_before_the_first_billing_day_are_prorated(counter: Counter) -> None:
    """From the 5th to the 1st: 27 of the 31 days of January, of 310,000 a month."""
    made = counter.door.post(
        "/subscriptions",
        {"customer": counter.customer(), "price": counter.price(310_000), "billing_day": 1},
    )["subscription"]
    [invoice] = counter.door.get(f"/invoices?subscription={made['id']}")["data"]

    assert (made["current_start"], made["current_end"]) == ("2026-01-05", "2026-02-01")
    assert invoice["subtotal"] == 270_000


@pytest.mark.parametrize(("day", "unit"), [(0, "month"), (32, "month"), (1, "week")])
def test_a_day_that_no_period_can_begin_on_is_refused(
    counter: Counter, day: int, unit: str
) -> None:
    plan = counter.door.post("/plans", {"code": "p", "name": {"id": "P"}})
    price = counter.door.post(
        f"/plans/{plan['id']}/prices", {"unit_amount": 1_000, "interval_unit": unit}
    )
    body = {"customer": counter.customer(), "price": price["id"], "billing_day": day}
    answer = counter.door.call("POST", "/subscriptions", body)
    assert (answer.status_code, answer.json()["field"]) == (422, "billing_day")
