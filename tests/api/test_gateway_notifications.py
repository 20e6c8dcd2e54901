"""What Midtrans tells us: stored, answered, doubled, forged, too large, with the database away."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from api_house import Counter, House

from payments.tables import notifications


def latest(counter: Counter) -> dict[str, Any]:
    """A genuine notification, as the simulator would send it."""
    made = counter.door.post(
        "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Pelatihan"}, "unit_amount": 100_000}],
            "payment": {"virtual_account": True},
        },
    )
    counter.world.desk.pay(va_number=made["orders"][0]["va_number"])
    status: dict[str, Any] = httpx.get(
        f"{counter.world.desk.url}/v2/{made['orders'][0]['order_id']}/status",
        auth=(counter.world.desk.server_key, ""),
    ).json()
    return status


def tell(counter: Counter, body: Any) -> httpx.Response:
    return counter.client.post("/gateways/midtrans/kasirku", content=json.dumps(body).encode())


def test_a_notification_pays_the_invoice(counter: Counter) -> None:
    body = latest(counter)

    assert tell(counter, body).json() == {"status": "stored"}
    assert tell(counter, body).json() == {"status": "known"}
    counter.world.drain()

    [invoice] = counter.door.get("/invoices?status=paid")["data"]
    assert invoice["total"] == 100_000
    [stored] = counter.world.rows(notifications)
    assert (stored.copies, stored.state) == (2, "done")


def test_a_field_we_do_not_know_is_kept(counter: Counter) -> None:
    body = {**latest(counter), "loyalty": {"points": [1, 2]}, "ratio": 0.5}

    assert tell(counter, body).status_code == 200
    [stored] = counter.world.rows(notifications)
    assert (stored.body["loyalty"], stored.body["ratio"]) == ({"points": [1, 2]}, "0.5")


def test_a_forged_one_has_no_effect(counter: Counter) -> None:
    body = {**latest(counter), "signature_key": "0" * 128}

    answer = tell(counter, body)
    assert (answer.status_code, answer.json()["code"]) == (403, "signature_not_genuine")
    assert counter.world.rows(notifications) == []


def test_news_that_nothing_proves_is_stored_and_has_no_effect(counter: Counter) -> None:
    body = {"account_id": "acc-1", "account_status": "ENABLED", "payment_type": "gopay"}

    answer = counter.client.post(
        "/gateways/midtrans/kasirku",
        content=json.dumps(body).encode(),
        headers={"X-Signature": "abc", "Cookie": "a=b"},
    )
    counter.world.drain()

    assert answer.json() == {"status": "stored"}
    [stored] = counter.world.rows(notifications)
    assert (stored.kind, stored.state) == ("pay_account", "refused")
    assert (stored.headers["x-signature"], "cookie" in stored.headers) == ("abc", False)
    assert stored.raw_sealed


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{", 400),
        (b'{"order_id": "a", "order_id": "b"}', 400),
        (b'{"order_id": "' + b"x" * 70_000 + b'"}', 413),
    ],
)
def test_what_can_not_be_read_is_refused(house: House, body: bytes, status: int) -> None:
    slug = house.merchants[0].slug

    assert house.client.post(f"/gateways/midtrans/{slug}", content=body).status_code == status


def test_nobody_has_this_address(house: House) -> None:
    assert house.client.post("/gateways/midtrans/nobody", content=b"{}").status_code == 404


def test_with_the_database_away_midtrans_is_told_to_come_back(down: House) -> None:
    answer = down.client.post("/gateways/midtrans/toko", content=b'{"order_id": "a"}')

    assert answer.status_code == 503
    assert answer.headers["retry-after"]
