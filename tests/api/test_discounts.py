"""Discounts over HTTP: a code at sign-up, given later, ended, stopped; refused in both languages."""

from __future__ import annotations

from typing import Any

import pytest
from api_house import Counter


def made(counter: Counter, **terms: Any) -> dict[str, Any]:
    given = {"code": "hemat20", "name": {"id": "Hemat"}, "basis_points": 2_000, **terms}
    found: dict[str, Any] = counter.door.post("/discounts", given)
    return found


def test_a_code_lowers_a_sign_up_and_a_preview_says_by_how_much(counter: Counter) -> None:
    door = counter.door
    discount = made(counter, duration="periods", count=3, max_redemptions=1)
    assert (discount["code"], discount["redeemed"]) == ("HEMAT20", 0)
    body = {"price": counter.price(150_000), "codes": ["hemat20"]}
    one = door.post("/subscriptions", {"customer": counter.customer(), **body})
    subscription = one["subscription"]["id"]
    lines = door.get(f"/invoices/{one['invoice']}")["lines"]
    assert [(line["amount"], line["discount"]) for line in lines] == [(120_000, 30_000)]
    assert door.get(f"/discounts/{discount['id']}")["redeemed"] == 1
    [given] = door.get(f"/subscriptions/{subscription}/discounts")["data"]
    assert (given["since"], given["ends_on"]) == ("2026-01-05", "2026-04-05")

    wish = {"price": counter.price(300_000)}
    shown = door.call("POST", f"/subscriptions/{subscription}/change-preview", wish).json()
    done = door.post(f"/subscriptions/{subscription}/change", wish)
    assert done["preview"] == shown
    charges = [line for line in shown["lines"] if line["amount"] > 0]
    assert [(line["amount"], line["discount"]) for line in charges] == [(240_000, 60_000)]
    explained = door.get(f"/invoices/{one['invoice']}/explain")["lines"][0]
    assert explained["adds_up"]
    assert explained["sentence"]["id"] == "Rp150.000 − diskon HEMAT20 (Rp150.000 × 20%) = Rp120.000"
    assert explained["steps"]["rule"] == "minus"

    refused = door.call("POST", "/subscriptions", {"customer": counter.customer(), **body})
    assert (refused.status_code, refused.json()["code"]) == (409, "code_used_up")


def test_a_code_is_given_to_a_subscription_and_ended(counter: Counter) -> None:
    door = counter.door
    discount = made(counter, duration="forever")
    one = door.post(
        "/subscriptions", {"customer": counter.customer(), "price": counter.price(150_000)}
    )
    path = f"/subscriptions/{one['subscription']['id']}/discounts"
    [given] = door.post(path, {"code": "Hemat20 "})["data"]
    assert (given["code"], given["since"], given["ends_on"]) == ("HEMAT20", "2026-02-05", None)
    ended = door.post(f"{path}/{given['id']}/end", {}, status=200)["data"]
    assert [grant["ends_on"] for grant in ended] == ["2026-02-05"]
    stopped = door.post(f"/discounts/{discount['id']}/stop", {}, status=200)
    assert stopped["stopped_by"] == discount["created_by"]
    refused = door.call("POST", path, {"code": "HEMAT20"})
    assert (refused.status_code, refused.json()["code"]) == (409, "code_stopped")
    assert [one["code"] for one in door.get("/discounts")["data"]] == ["HEMAT20"]


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"amount": 5_000}, "amount"),
        ({"basis_points": None}, "amount"),
        ({"code": "ada spasi"}, "code"),
        ({"duration": "periods"}, "count"),
        ({"count": 3}, "count"),
        (
            {"starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"},
            "ends_at",
        ),
    ],
)
def test_what_is_no_discount_is_refused(
    counter: Counter, terms: dict[str, Any], field: str
) -> None:
    body = {"code": "HEMAT20", "name": {"id": "Hemat"}, "basis_points": 2_000, **terms}
    refused = counter.door.call("POST", "/discounts", body)
    assert (refused.status_code, refused.json()["field"]) == (422, field)
