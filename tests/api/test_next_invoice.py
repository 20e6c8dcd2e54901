"""The next invoice over HTTP: shown before it is issued, and issued as shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from api_house import Door, House, new_key
from builders import make_merchant, set_clock

from billing.flows.renew import renew_due


def test_the_next_invoice_is_shown_with_change_discount_usage_and_balance(house: House) -> None:
    begins = datetime(2027, 1, 10, 2, tzinfo=UTC)
    merchant = make_merchant(house.engine, at=begins, issue_lead_days=0)
    door = Door(house.client, new_key(house.engine, merchant.merchant_id))
    meter = door.post(
        "/meters",
        {"code": "m", "name": {"id": "m"}, "event_name": "call", "aggregation": "count"},
    )["id"]
    plan = door.post("/plans", {"code": "pro", "name": {"id": "Pro"}})["id"]
    part = {"name": {"id": "panggilan"}, "meter": meter, "model": "per_unit",
            "terms": {"unit_amount": "0.5"}}  # fmt: skip
    small, large = (
        door.post(
            f"/plans/{plan}/prices",
            {"interval_unit": "month", "unit_amount": amount, "usage": [part]},
        )["id"]
        for amount in (300_000, 200_001)
    )
    door.post("/discounts", {"code": "HEMAT", "name": {"id": "Hemat"}, "basis_points": 1_000,
                             "duration": "forever"})  # fmt: skip
    who = door.post("/customers", {"name": "Sari", "email": "sari@contoh.example"})["id"]
    made = door.post("/subscriptions", {"customer": who, "price": small, "codes": ["HEMAT"]})
    path = f"/subscriptions/{made['subscription']['id']}"
    door.post(f"{path}/change", {"price": large})
    event = {"key": "1", "subscription": made["subscription"]["id"], "name": "call"}
    door.post("/usage-events", event | {"at": begins.isoformat()}, status=200)
    shown = door.get(f"{path}/next-invoice")["invoice"]
    assert shown["issued_at"] == "2027-02-09T17:00:00Z"
    assert [(one["kind"], one["amount"], one["discount"]) for one in shown["lines"]] == [
        ("recurring", 180_001, 20_000), ("usage", 1, 0),
    ]  # fmt: skip
    assert shown["lines"][1]["sentence"] == {
        "id": "1 × Rp0,5 = Rp0,50, dibulatkan Rp1",
        "en": "1 × Rp0,5 = Rp0,50, rounded Rp1",
    }
    assert (shown["subtotal"], shown["tax"], shown["total"]) == (180_002, 19_800, 199_802)
    set_clock(house.engine, merchant.merchant_id, begins + timedelta(days=31))
    assert renew_due(house.engine, merchant.merchant_id)
    invoice = door.get(f"/invoices/{door.get(path)['invoice']}")["invoice"]
    assert {name: invoice[name] for name in ("total", "due_on", "period_start", "period_end")} == {
        name: shown[name] for name in ("total", "due_on", "period_start", "period_end")
    }


def test_what_ends_with_its_period_has_no_next_invoice(house: House) -> None:
    door = house.ours
    plan = door.post("/plans", {"code": "pro", "name": {"id": "Pro"}})["id"]
    price = door.post(f"/plans/{plan}/prices", {"interval_unit": "month", "unit_amount": 1})["id"]
    who = door.post("/customers", {"name": "Sari", "email": "sari@contoh.example"})["id"]
    made = door.post("/subscriptions", {"customer": who, "price": price})["subscription"]
    path = f"/subscriptions/{made['id']}"
    assert door.get(f"{path}/next-invoice")["invoice"]["period_start"] == made["current_end"]
    door.post(f"{path}/cancel", {"reason": "x"}, status=200)
    assert door.get(f"{path}/next-invoice")["invoice"] is None
