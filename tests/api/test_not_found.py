"""The words "no such order" of an order that the gateway has told of: they prove nothing."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from api_house import Counter

from payments.tables import payment_orders

pytestmark = pytest.mark.database

AMOUNT = 200_000  # the seller is no PKP


def one_off(counter: Counter, **payment: Any) -> Any:
    """Something that is bought once, and how its payer wants to pay."""
    return counter.door.post(
        "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Sewa alat"}, "unit_amount": AMOUNT}],
            "payment": payment,
        },
    )


def seen(counter: Counter, order: str) -> Any:
    return counter.door.get(f"/payment-orders/{order}")["payment_order"]["order"]


def test_one_404_does_not_end_a_hold(counter: Counter) -> None:
    made = one_off(counter, card_token=counter.world.desk.card_token(), authorize_only=True)
    [order] = [one["id"] for one in made["orders"]]
    counter.confirm(made["orders"][0]["order_id"])
    assert seen(counter, order)["held"] == "authorized"
    counter.world.desk.fault("status", "404_on_status", times=1)
    counter.world.wait(hours=7)
    counter.world.drain()
    told = seen(counter, order)
    assert (told["state"], told["held"]) == ("pending", "authorized")


def test_one_404_does_not_let_a_payer_be_charged_twice(counter: Counter) -> None:
    """His charge is questioned; the status stumbles once; he pays again; then it is approved."""
    world = counter.world
    made = one_off(counter, card_token=world.desk.card_token("5510 1111 1111 1115"))
    [order] = made["orders"]
    counter.confirm(order["order_id"])
    assert seen(counter, order["id"])["held"] == "challenge"
    world.desk.fault("status", "404_on_status", times=1)
    world.wait(hours=7)
    world.drain()
    again = counter.door.call(
        "POST", f"/invoices/{made['invoice']['id']}/pay", {"card_token": world.desk.card_token()}
    )
    if again.status_code < 300:
        [second] = [o for o in world.rows(payment_orders) if o.state == "pending"]
        counter.confirm(second.order_id)
        httpx.post(
            f"{world.desk.url}/v2/{order['order_id']}/approve", auth=(world.desk.server_key, "")
        )
        world.wait(hours=7)
        world.drain()
    taken = [t for t in world.desk.control("GET", "book")["transactions"] if t["captured"]]
    assert len(taken) <= 1, "taken twice"


def test_one_404_does_not_end_a_qr_that_was_shown(counter: Counter) -> None:
    world = counter.world
    counter.door.call("POST", "/payment-channels/qris", {"enabled": True})
    made = one_off(counter, channel="qris")
    [order] = made["orders"]
    assert order["state"] == "pending"
    world.desk.fault("status", "404_on_status", times=1)
    world.wait(minutes=31)
    world.drain()
    assert seen(counter, order["id"])["state"] == "pending"
