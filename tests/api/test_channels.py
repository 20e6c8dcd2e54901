"""Ways to pay over HTTP: listed with limits and prices, switched, and used to pay an invoice."""

from __future__ import annotations

from typing import Any

import pytest
from api_house import Counter, Door, House

pytestmark = pytest.mark.database


def keys(door: Door, query: str = "") -> list[str]:
    return [one["channel"] for one in door.get(f"/payment-methods{query}")["data"]]


def test_a_merchant_begins_with_the_virtual_account_of_bca_and_cards(house: House) -> None:
    listed = house.ours.get("/payment-methods?country=ID&amount=99000")["data"]
    assert [one["channel"] for one in listed] == ["bca_va", "card"]
    bca = listed[0]
    assert bca["name"] == {"id": "BCA Virtual Account", "en": "BCA virtual account"}
    assert (bca["least"], bca["most"], bca["takes_amount"]) == (10_000, 20_000_000_000, True)
    # Rp4.000 and 11% PPN on it.
    assert bca["cost"] == {"fee": 4_000, "ppn": 440, "deducted": 4_440, "published": True}
    assert bca["health"] == {"state": "unknown", "asked": 0, "answered": 0}
    assert [one["paid_by"] for one in listed] == ["channel", "card_token"]
    assert keys(house.ours, "?country=SG") == []


def test_ways_to_pay_are_switched_and_ordered(house: House) -> None:
    for channel, rank in (("qris", 0), ("bni_va", 3)):
        body = {"enabled": True, "rank": rank}
        made = house.ours.post(f"/payment-channels/{channel}", body, status=200)
        assert (made["enabled"], made["rank"]) == (True, rank)
    assert keys(house.ours) == ["bca_va", "qris", "bni_va", "card"]
    house.ours.post("/payment-channels/bca_va", {"enabled": False}, status=200)
    assert keys(house.ours) == ["qris", "bni_va", "card"]
    assert set(keys(house.ours, "?enabled=false")) >= {"bca_va", "ovo", "kredivo", "qris"}
    assert keys(house.theirs) == ["bca_va", "card"]


def test_a_merchants_own_contract_goes_before_the_published_price(house: House) -> None:
    """Rp99.000 at 0,65% + Rp500 with PPN inside: 1.143,5 -> Rp1.144, of which PPN 113."""
    house.ours.post(
        "/payment-channels/qris",
        {
            "enabled": True,
            "fee": {"fixed": 500, "basis_points": 65, "ppn": "included"},
            "limits": {"least": 20_000, "most": 50_000},
        },
        status=200,
    )
    found = {one["channel"]: one for one in house.ours.get("/payment-methods?amount=99000")["data"]}
    qris = found["qris"]
    assert (qris["least"], qris["most"], qris["takes_amount"]) == (20_000, 50_000, False)
    assert (qris["cost"]["deducted"], qris["cost"]["ppn"]) == (1_144, 113)


REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("nonsense", {"enabled": True}, 404, "channel_not_found"),
    ("card", {"enabled": True}, 404, "channel_not_found"),
    ("qris", {"enabled": True, "rank": 1000}, 422, "invalid_value"),
    ("qris", {"enabled": True, "limits": {"least": 9, "most": 8}}, 422, "invalid_limits"),
]


@pytest.mark.parametrize("channel, body, status, code", REFUSED)
def test_nonsense_is_refused(
    house: House, channel: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = house.ours.call("POST", f"/payment-channels/{channel}", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_only_an_admin_switches_ways_to_pay(house: House) -> None:
    answer = house.holding("read", "write").call(
        "POST", "/payment-channels/qris", {"enabled": True}
    )
    assert answer.status_code == 403


def test_an_invoice_is_paid_by_a_qr(counter: Counter) -> None:
    door = counter.door
    door.post("/payment-channels/qris", {"enabled": True}, status=200)
    made = door.post(
        "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Pelatihan"}, "unit_amount": 200_000}],
            "payment": {"channel": "qris"},
        },
    )
    [order] = made["orders"]
    assert (order["channel"], order["state"]) == ("qris", "pending")
    assert order["qr_string"]
    assert order["qr_url"]
    assert order["va_number"] is None
    counter.world.desk.pay(order_id=order["order_id"])
    counter.work_off()
    at = f"/invoices/{made['invoice']['id']}"
    assert door.get(at)["invoice"]["status"] == "paid"
    health = {one["channel"]: one["health"] for one in door.get("/payment-methods")["data"]}
    assert health["qris"]["answered"] == health["qris"]["asked"] == 1


def test_an_ovo_push_tells_the_end_of_the_number_it_asks(counter: Counter) -> None:
    door = counter.door
    door.post("/payment-channels/ovo", {"enabled": True}, status=200)
    made = door.post(
        "/one-off-payments",
        {
            "customer": counter.customer(phone="0812-3456-7890"),
            "lines": [{"description": {"id": "Pelatihan"}, "unit_amount": 200_000}],
            "payment": {"channel": "ovo"},
        },
    )
    [order] = made["orders"]
    assert (order["state"], order["phone"]) == ("pending", "•••• 7890")


def test_two_ways_at_once_are_no_way(counter: Counter) -> None:
    answer = counter.door.call(
        "POST",
        "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Pelatihan"}, "unit_amount": 200_000}],
            "payment": {"channel": "qris", "virtual_account": True},
        },
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "one_means_needed")
