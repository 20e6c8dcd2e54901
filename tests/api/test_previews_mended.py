"""What the random lives of previews found, each by its own name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from api_house import Door, House, new_key
from builders import make_merchant, set_clock

from billing.flows.renew import renew_due
from core.merchant import Merchant

BEGINS = datetime(2027, 1, 10, 2, tzinfo=UTC)


def shop(house: House, **terms: Any) -> tuple[Merchant, Door]:
    merchant = make_merchant(house.engine, at=BEGINS, **terms)
    return merchant, Door(house.client, new_key(house.engine, merchant.merchant_id))


def price(door: Door, code: str, **terms: Any) -> str:
    plan = door.post("/plans", {"code": code, "name": {"id": code}})["id"]
    body = {"interval_unit": "month", "unit_amount": 310_000, **terms}
    made: str = door.post(f"/plans/{plan}/prices", body)["id"]
    return made


def signed_up(door: Door, wanted: str, **terms: Any) -> str:
    who = door.post("/customers", {"name": "Sari", "email": "sari@contoh.example"})["id"]
    made = door.post("/subscriptions", {"customer": who, "price": wanted, **terms})
    return str(made["subscription"]["id"])


def test_a_change_that_cuts_the_period_shows_what_was_used_in_it(house: House) -> None:
    """It was billed on an invoice of its own that no preview spoke of."""
    merchant, door = shop(house, issue_lead_days=0)
    meter = {"code": "m", "name": {"id": "m"}, "event_name": "call", "aggregation": "count"}
    part = {"name": {"id": "panggilan"}, "meter": door.post("/meters", meter)["id"],
            "model": "per_unit", "terms": {"unit_amount": 500}}  # fmt: skip
    wanted = price(door, "pro", usage=[part])
    one = signed_up(door, wanted)
    event = {"key": "1", "subscription": one, "name": "call", "at": BEGINS.isoformat()}
    door.post("/usage-events", event, status=200)
    set_clock(house.engine, merchant.merchant_id, BEGINS + timedelta(days=9))
    asked = {"quantity": 2, "mode": "restart"}
    shown = door.post(f"/subscriptions/{one}/change-preview", asked, status=200)
    before = {row["id"] for row in door.get("/invoices")["data"]}
    made = door.post(f"/subscriptions/{one}/change", asked)
    [used] = {row["id"] for row in door.get("/invoices")["data"]} - before - {made["invoice"]}
    lines = door.get(f"/invoices/{used}")["lines"]
    assert [(line["kind"], line["amount"]) for line in lines] == [("usage", 500)]
    assert [(line["kind"], line["amount"]) for line in shown["usage"]] == [("usage", 500)]


def test_a_trial_that_is_ended_shows_the_setup_fee_of_the_invoice_sent_ahead(house: House) -> None:
    """That invoice is voided, and its setup fee stands on the new one."""
    merchant, door = shop(house, issue_lead_days=7)
    one = signed_up(door, price(door, "pro", setup_amount=25_000), trial_days=5)
    assert renew_due(house.engine, merchant.merchant_id)  # sent ahead
    shown = door.post(f"/subscriptions/{one}/trial-preview", {}, status=200)
    assert [(line["kind"], line["amount"]) for line in shown["lines"]] == [
        ("recurring", 310_000), ("setup", 25_000),
    ]  # fmt: skip
    assert len(shown["voids"]) == 1
    door.post(f"/subscriptions/{one}/trial", {}, status=200)
    invoice = door.get(f"/subscriptions/{one}")["invoice"]
    assert door.get(f"/invoices/{invoice}")["invoice"]["total"] == shown["total"]


def test_resuming_shows_late_usage_of_the_time_before_the_pause(house: House) -> None:
    """It was billed with the first period after the pause, and not shown."""
    merchant, door = shop(house, issue_lead_days=0)
    meter = {"code": "m", "name": {"id": "m"}, "event_name": "call", "aggregation": "count"}
    part = {"name": {"id": "panggilan"}, "meter": door.post("/meters", meter)["id"],
            "model": "per_unit", "terms": {"unit_amount": 500}}  # fmt: skip
    one = signed_up(door, price(door, "pro", usage=[part]))
    set_clock(house.engine, merchant.merchant_id, BEGINS + timedelta(days=9))
    door.post(f"/subscriptions/{one}/pause", {"policy": "give_back"}, status=200)
    set_clock(house.engine, merchant.merchant_id, BEGINS + timedelta(days=12))
    event = {"key": "1", "subscription": one, "name": "call", "at": BEGINS.isoformat()}
    assert door.post("/usage-events", event, status=200)["state"] == "accepted"
    shown = door.post(f"/subscriptions/{one}/resume-preview", {}, status=200)
    door.post(f"/subscriptions/{one}/resume", {}, status=200)
    invoice = door.get(f"/invoices/{door.get(f'/subscriptions/{one}')['invoice']}")
    told = [("recurring", 310_000, "2027-01-22"), ("usage", 500, "2027-01-10")]
    for lines in (shown["lines"], invoice["lines"]):
        assert [(one["kind"], one["amount"], one["period_start"]) for one in lines] == told
    assert invoice["invoice"]["total"] == shown["total"]
