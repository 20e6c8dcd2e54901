"""Orders at the gateway over HTTP: found, read with their history, asked about, taken back."""

from __future__ import annotations

from typing import Any

import pytest
from api_house import Counter

pytestmark = pytest.mark.database


def invoiced(counter: Counter, **payment: Any) -> dict[str, Any]:
    made: dict[str, Any] = counter.door.post(
        "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Pelatihan"}, "unit_amount": 200_000}],
            "payment": payment or {"virtual_account": True},
        },
    )
    return made


def test_an_order_is_found_by_its_ids_and_tells_its_history(counter: Counter) -> None:
    made = invoiced(counter)
    [order] = made["orders"]
    by_order = counter.door.get(f"/payment-orders?order_id={order['order_id']}")["data"]
    by_invoice = counter.door.get(f"/payment-orders?invoice={made['invoice']['id']}")["data"]
    by_customer = counter.door.get(f"/payment-orders?customer={made['invoice']['customer']}")
    assert [one["order"]["id"] for one in by_order] == [order["id"]]
    assert by_order == by_invoice == by_customer["data"]
    found = counter.door.get(f"/payment-orders/{order['id']}")
    assert [step["to_state"] for step in found["steps"]] == ["created", "sent", "pending"]
    assert found["payment_order"]["transaction_id"]
    assert "signature_key" not in str(found)


def test_asking_takes_in_what_no_notification_told(counter: Counter) -> None:
    [order] = invoiced(counter)["orders"]
    counter.world.desk.pay(order_id=order["order_id"])
    told = counter.door.post(f"/payment-orders/{order['id']}/refresh", status=200)
    assert told["payment_order"]["order"]["state"] == "paid"
    assert told["steps"][-1]["because"] == "status asked"


def test_an_order_that_is_taken_back_is_over_at_the_gateway(counter: Counter) -> None:
    made = invoiced(counter)
    [order] = made["orders"]
    ended = counter.door.post(f"/payment-orders/{order['id']}/end", status=200, once="end-it")
    assert ended["payment_order"]["order"]["state"] == "failed"
    assert ended["payment_order"]["withdrawn"]
    assert counter.world.desk.book()[order["order_id"]]["status"] == "expire"
    again = counter.door.post(f"/payment-orders/{order['id']}/end", status=200, once="end-it")
    assert again == ended
    refused = counter.door.call("POST", f"/payment-orders/{order['id']}/end", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "order_not_open")


def test_a_payer_who_was_faster_is_booked(counter: Counter) -> None:
    made = invoiced(counter)
    [order] = made["orders"]
    counter.world.desk.pay(order_id=order["order_id"])
    told = counter.door.post(f"/payment-orders/{order['id']}/end", status=200)
    assert told["payment_order"]["order"]["state"] == "paid"
    assert counter.door.get(f"/invoices/{made['invoice']['id']}")["invoice"]["status"] == "paid"


def test_while_the_gateway_says_nothing_the_order_stays_open(counter: Counter) -> None:
    [order] = invoiced(counter)["orders"]
    counter.world.desk.fault("status", "drop_before", times=9)
    told = counter.door.post(f"/payment-orders/{order['id']}/end", status=200)
    assert told["payment_order"]["order"]["state"] in ("pending", "unknown")
    assert told["payment_order"]["withdrawn"]


def test_a_card_that_waits_for_its_holder_is_canceled(counter: Counter) -> None:
    token = counter.world.desk.card_token()
    made = invoiced(counter, card_token=token)
    [order] = made["orders"]
    assert order["state"] == "pending"
    ended = counter.door.post(f"/payment-orders/{order['id']}/end", status=200)
    assert ended["payment_order"]["order"]["state"] == "failed"
    assert counter.world.desk.book()[order["order_id"]]["status"] == "cancel"


def test_another_merchant_sees_nothing_of_it(counter: Counter) -> None:
    answer = counter.door.call("GET", "/payment-orders/po_aaaaaaaaaaaaaaaaaaaaaaaaaa")
    assert answer.status_code == 404
