"""Usage over HTTP: meters, metered prices, events single and in batches, usage so far."""

from __future__ import annotations

from typing import Any

import pytest
from api_house import Door, House

CALLS = {
    "code": "calls", "name": {"id": "Panggilan"}, "event_name": "call", "aggregation": "sum",
    "field": "size", "filters": [{"property": "region", "in": ["jkt", 1]}],
}  # fmt: skip
TIERS = {"tiers": [{"up_to": 10, "unit_amount": 1_000}, {"unit_amount": "0.5"}]}


def metered(door: Door, *, model: str = "graduated", terms: Any = TIERS) -> tuple[str, str]:
    """A subscription to a price with a metered part, and the meter."""
    meter = door.post("/meters", CALLS)
    plan = door.post("/plans", {"code": "api", "name": {"id": "API"}})
    part = {"name": {"id": "panggilan"}, "meter": meter["id"], "model": model, "terms": terms}
    price = door.post(
        f"/plans/{plan['id']}/prices",
        {"interval_unit": "month", "unit_amount": 50_000, "usage": [part]},
    )
    customer = door.post("/customers", {"name": "Sari", "email": "sari@contoh.example"})
    made = door.post("/subscriptions", {"customer": customer["id"], "price": price["id"]})
    assert door.get(f"/prices/{price['id']}")["usage"] == price["usage"]
    assert price["usage"][0] | {"terms": None} == part | {"zero": "omit", "terms": None}
    return made["subscription"]["id"], meter["id"]


def event(door: Door, subscription: str, n: int, **more: Any) -> dict[str, Any]:
    at = door.get(f"/subscriptions/{subscription}")["subscription"]["created_at"]
    given = {"key": f"k{n}", "subscription": subscription, "name": "call", "at": at}
    return given | {"properties": {"size": n, "region": "jkt"}} | more


def test_a_batch_is_judged_event_by_event_and_priced_at_once(house: House) -> None:
    door = house.ours
    subscription, meter = metered(door)
    batch = [
        event(door, subscription, 8),
        event(door, subscription, 13),
        event(door, subscription, 8),
        event(door, subscription, 9, name="unheard"),
        event(door, subscription, 10, properties={"size": "x", "region": "jkt"}),
        event(door, subscription, 11, properties={"size": 500, "region": "sby"}),
        {**event(door, subscription, 12), "subscription": "x"},
    ]
    told = door.post("/usage-events/batch", {"events": batch}, status=200)
    assert (told["accepted"], told["duplicate"], told["refused"]) == (3, 1, 3)
    assert [one["code"] for one in told["events"]] == [
        None, None, None, "unknown_event_name", "unusable_value", None, "subscription_not_found",
    ]  # fmt: skip
    used = door.get(f"/subscriptions/{subscription}/usage")
    [part] = used["parts"]
    assert (part["meter"], part["events"], part["quantity"]) == (meter, 2, "21")
    assert part["arithmetic"]["id"] == (
        "10 × Rp1.000 + 11 × Rp0,5 = Rp10.005,50, dibulatkan Rp10.006"
    )
    assert (used["subtotal"], part["amount"], part["billed"]) == (10_006, 10_006, 0)

    wrong = event(door, subscription, 14, corrects="k8", properties={"size": 3, "region": "jkt"})
    assert door.post("/usage-events", wrong, status=200)["state"] == "accepted"
    assert door.post("/usage-events", wrong, status=200)["state"] == "duplicate"
    gone = event(door, subscription, 15, corrects="k14", void=True)
    assert door.post("/usage-events", gone, status=200)["state"] == "accepted"
    assert door.get(f"/subscriptions/{subscription}/usage")["parts"][0]["quantity"] == "13"


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"at": "2027-01-10T02:00:00"}, 422, "invalid_value", "at"),
        ({"at": "9999-12-31T23:59:59-12:00"}, 409, "event_too_old", None),
        ({"properties": {"size": 0.5}}, 422, "invalid_value", "properties.size"),
        ({"properties": {"size": [1]}}, 422, "invalid_value", "properties.size"),
        ({"key": "with space"}, 422, "invalid_value", "key"), ({"amount": 1}, 422, "unknown_field", "amount"),
        ({"void": True}, 409, "event_key_reused", None), ({"subscription": "sub_x"}, 404, "subscription_not_found", None),
        ({"name": "unheard"}, 409, "event_key_reused", None),
    ],
)  # fmt: skip
def test_what_can_not_be_an_event_is_refused(
    house: House, change: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    door = house.ours
    subscription, _ = metered(door)
    good = event(door, subscription, 1)
    if code == "event_key_reused":
        door.post("/usage-events", good, status=200)
    answer = door.call("POST", "/usage-events", good | change)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json().get("field") == field or field is None


def test_a_wrong_type_refuses_a_batch_whole(house: House) -> None:
    door = house.ours
    subscription, _ = metered(door)
    batch = [event(door, subscription, 1), {**event(door, subscription, 2), "at": 5}]
    answer = door.call("POST", "/usage-events/batch", {"events": batch})
    assert (answer.status_code, answer.json()["field"]) == (422, "events[1].at")
    assert door.post("/usage-events", batch[0], status=200)["state"] == "accepted"
    many = [{**batch[0], "key": str(n)} for n in range(1_001)]
    assert door.call("POST", "/usage-events/batch", {"events": many}).status_code == 422


def test_meters_are_versions_and_a_retired_one_is_sold_no_more(house: House) -> None:
    door = house.ours
    _, meter = metered(door)
    second = door.post("/meters", {**CALLS, "late": "refuse"})
    assert (second["version"], second["late"], second["filters"]) == (2, "refuse", CALLS["filters"])
    # Made at one instant, so either may be listed first.
    assert {one["version"] for one in door.get("/meters?code=calls")["data"]} == {1, 2}
    assert door.get(f"/meters/{meter}")["version"] == 1
    assert door.post(f"/meters/{second['id']}/retire", status=200)["retired_at"] is not None
    plan = door.get("/plans?code=api")["data"][0]["id"]
    part = {"name": {"id": "x"}, "meter": second["id"], "model": "per_unit",
            "terms": {"unit_amount": 1}}  # fmt: skip
    body = {"interval_unit": "month", "unit_amount": 1, "usage": [part]}
    answer = door.call("POST", f"/plans/{plan}/prices", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "meter_retired")
    wrong = {**part, "meter": meter, "model": "percentage", "terms": {"rate": "2"}}
    answer = door.call("POST", f"/plans/{plan}/prices", {**body, "usage": [wrong]})
    assert (answer.status_code, answer.json()["field"]) == (422, "usage[0].terms.rate")
    answer = door.call("POST", "/meters", {**CALLS, "aggregation": "count"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_meter")


def test_a_cancellation_is_shown_with_what_was_used(house: House) -> None:
    door = house.ours
    subscription, _ = metered(door)
    door.post("/usage-events", event(door, subscription, 4), status=200)
    path = f"/subscriptions/{subscription}"
    shown = door.post(f"{path}/cancel-preview", {"when": "now", "reason": "x"}, status=200)
    assert [line["amount"] for line in shown["usage"]] == [4_000]
    assert door.post(f"{path}/cancel-preview", {"reason": "x"}, status=200)["usage"] == []
