"""Midtrans' own page through the API: offered, paid on, a card kept, and cards there alone."""

from __future__ import annotations

from typing import Any

import pytest
from api_house import Counter, House
from hosted_page import Visitor

pytestmark = pytest.mark.database

MANDATE = {
    "text_version": "2026-11",
    "text": "Saya setuju ditagih.",
    "source": "203.0.113.9",
}


def one_off(counter: Counter, **payment: Any) -> dict[str, Any]:
    made: dict[str, Any] = counter.door.post("/one-off-payments", body_of(counter, **payment))
    return made


def body_of(counter: Counter, **payment: Any) -> dict[str, Any]:
    return {
        "customer": counter.customer(),
        "lines": [{"description": {"id": "Pelatihan"}, "unit_amount": 200_000}],
        "payment": payment,
    }


def offer_page(counter: Counter, **how: Any) -> None:
    for channel in ("qris", "bni_va"):
        counter.door.post(f"/payment-channels/{channel}", {"enabled": True}, status=200)
    counter.door.post("/payment-channels/snap", {"enabled": True, **how}, status=200)


def test_the_page_is_listed_and_switched_like_any_way_to_pay(house: House) -> None:
    listed = house.ours.get("/payment-methods?enabled=false")["data"]
    [page] = [one for one in listed if one["channel"] == "snap"]
    assert (page["enabled"], page["group"], page["takes_cards"]) == (False, "hosted", False)
    assert (page["expires_after"], page["cost"]) == (3_600, None)
    made = house.ours.post("/payment-channels/snap", {"enabled": True}, status=200)
    assert made["enabled"] is True
    assert "snap" in [one["channel"] for one in house.ours.get("/payment-methods")["data"]]


def test_a_one_off_is_paid_on_the_page_and_every_try_is_told(counter: Counter) -> None:
    offer_page(counter)
    made = one_off(counter, channel="snap")
    [order] = made["orders"]
    assert (order["channel"], order["state"]) == ("snap", "pending")
    page = Visitor(order["redirect_url"])
    assert page.url.endswith(order["snap_token"])
    assert order["page_until"] == order["expires_at"]
    # What the merchant offers, and cards; nothing else.
    for shown in ("credit_card", "other_qris", "bni_va", "bca_va"):
        assert f'value="{shown}"' in page.text()
    assert 'value="gopay"' not in page.text()
    page.card("4911111111111113")
    counter.world.desk.confirm(order["order_id"])
    counter.work_off()
    page.card()
    counter.world.desk.confirm(order["order_id"])
    counter.work_off()
    detail = counter.door.get(f"/payment-orders/{order['id']}")
    told = [
        (one["to_state"], (one["answer"] or {}).get("transaction_status"))
        for one in detail["steps"]
    ]
    assert ("pending", "deny") in told
    assert told[-1] == ("paid", "capture")
    tries = {one["answer"]["transaction_id"] for one in detail["steps"] if one["answer"]}
    assert len(tries) == 2
    read = counter.door.get(f"/invoices/{made['invoice']['id']}")
    assert read["invoice"]["status"] == "paid"
    [payment] = counter.door.get("/payments")["data"]
    assert (payment["channel"], payment["status"]) == ("card", "captured")


def test_a_card_is_kept_by_the_page_with_its_holders_consent(counter: Counter) -> None:
    offer_page(counter)
    made = one_off(counter, channel="snap", mandate=MANDATE)
    [order] = made["orders"]
    method = order["payment_method"]
    page = Visitor(order["redirect_url"])
    # Only a card can be kept, so nothing else is shown.
    assert 'name="save_card"' in page.text()
    assert 'value="bni_va"' not in page.text()
    assert counter.door.get(f"/payment-methods/{method}")["state"] == "pending"
    page.card(save_card="1")
    counter.world.desk.confirm(order["order_id"])
    counter.work_off()
    kept = counter.door.get(f"/payment-methods/{method}")
    assert (kept["state"], kept["masked"][-4:]) == ("active", "1114")


def test_a_payer_who_does_not_tick_the_box_keeps_no_card(counter: Counter) -> None:
    offer_page(counter)
    made = one_off(counter, channel="snap", mandate=MANDATE)
    [order] = made["orders"]
    Visitor(order["redirect_url"]).card()
    counter.world.desk.confirm(order["order_id"])
    counter.work_off()
    assert counter.door.get(f"/invoices/{made['invoice']['id']}")["invoice"]["status"] == "paid"
    method = counter.door.get(f"/payment-methods/{order['payment_method']}")
    assert (method["state"], method["ended_because"]) == ("ended", "not_saved")


def test_cards_may_be_left_to_the_page_alone(counter: Counter) -> None:
    offer_page(counter, takes_cards=True)
    token = counter.world.desk.card_token()
    refused = counter.door.call("POST", "/one-off-payments", body_of(counter, card_token=token))
    assert (refused.status_code, refused.json()["code"]) == (409, "cards_on_page_only")
    assert one_off(counter, channel="snap")["orders"][0]["state"] == "pending"
    answer = counter.door.call(
        "POST", "/payment-channels/qris", {"enabled": True, "takes_cards": True}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "no_hosted_page")
