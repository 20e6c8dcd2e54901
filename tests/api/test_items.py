"""Items beside the first over HTTP: subscribed to, previewed, changed, listed; own prices."""

from __future__ import annotations

from typing import Any

from api_house import Counter


def lines_of(counter: Counter, invoice: str) -> list[tuple[str, int]]:
    return [
        (one["kind"], one["amount"]) for one in counter.door.get(f"/invoices/{invoice}")["lines"]
    ]


def test_a_preview_of_an_item_is_what_is_invoiced(counter: Counter) -> None:
    door = counter.door
    seats, storage = counter.price(45_000), counter.price(20_000)
    made = door.post(
        "/subscriptions",
        {
            "customer": counter.customer(),
            "price": counter.price(150_000),
            "items": [{"price": seats, "quantity": 3}],
        },
    )
    assert sorted(lines_of(counter, made["invoice"])) == [
        ("recurring", 135_000), ("recurring", 150_000),
    ]  # fmt: skip
    subscription = made["subscription"]
    [item] = subscription["items"]
    assert (item["price"], item["quantity"], item["ended_on"]) == (seats, 3, None)

    path = f"/subscriptions/{subscription['id']}"
    wishes: list[dict[str, Any]] = [
        {"price": storage, "quantity": 2},
        {"item": item["id"], "quantity": 5},
        {"item": item["id"], "quantity": 0},
    ]
    for wish in wishes:
        shown = door.call("POST", f"{path}/item-change-preview", wish).json()
        done = door.post(f"{path}/item-change", wish)
        assert done["preview"] == shown
        if done["invoice"] is not None:
            invoice = door.get(f"/invoices/{done['invoice']}")
            for name in ("subtotal", "tax", "total"):
                assert invoice["invoice"][name] == shown[name]
            told = [(one["kind"], one["description"], one["amount"]) for one in invoice["lines"]]
            assert told == [
                (one["kind"], one["description"], one["amount"]) for one in shown["lines"]
            ]
    left = door.get(f"{path}/items")["data"]
    assert [(one["price"], one["quantity"], one["ended_on"]) for one in left if one["price"] == seats] == [
        (seats, 5, "2026-02-05")
    ]  # fmt: skip
    assert door.get(path)["subscription"]["items"] == left


def test_setup_fees_and_parts_of_a_plan_are_published(counter: Counter) -> None:
    plan = counter.door.post("/plans", {"code": "suite", "name": {"id": "Suite", "en": "Suite"}})
    price = counter.door.post(
        f"/plans/{plan['id']}/prices",
        {
            "unit_amount": 45_000, "interval_unit": "month", "setup_amount": 250_000,
            "component": {"id": "Kursi", "en": "Seats"},
        },
    )  # fmt: skip
    assert (price["setup_amount"], price["component"]["en"]) == (250_000, "Seats")
    made = counter.door.post(
        "/subscriptions", {"customer": counter.customer(), "price": price["id"]}
    )
    assert lines_of(counter, made["invoice"]) == [("recurring", 45_000), ("setup", 250_000)]
    wrong = counter.door.call(
        "POST", f"/plans/{plan['id']}/prices",
        {"unit_amount": 1, "interval_unit": "month", "component": {}},
    )  # fmt: skip
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_component")


def test_a_customer_asks_for_a_price_and_gets_his_own(counter: Counter) -> None:
    door, customer, price = counter.door, counter.customer(), counter.price(150_000)
    own = door.post(
        f"/customers/{customer}/prices",
        {"price": price, "name": "Mitra 2026", "unit_amount": 99_000},
    )
    assert own["made_by"].startswith("key_")
    made = door.post("/subscriptions", {"customer": customer, "price": price})
    assert made["subscription"]["item"]["price"] == own["own_price"]
    assert lines_of(counter, made["invoice"]) == [("recurring", 99_000)]
    assert door.get(f"/customers/{customer}/prices")["data"] == [own]

    ended = door.post(f"/customers/{customer}/prices/{own['id']}/end", {}, status=200)
    assert ended["ended_by"] == own["made_by"]
    made = door.post("/subscriptions", {"customer": customer, "price": price})
    assert lines_of(counter, made["invoice"]) == [("recurring", 150_000)]
    refused = door.call("POST", f"/customers/{customer}/prices/{customer}/end", {})
    assert refused.status_code == 404
