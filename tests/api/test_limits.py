"""Testing stolen cards through the API ends in 429; an ordinary payer never meets a limit."""

from __future__ import annotations

from typing import Any

import httpx
from api_house import Counter

from billing.flows.limits import count_card
from core.actor import system
from core.ids import fresh


def order(customer: str, payment: dict[str, Any]) -> dict[str, Any]:
    return {
        "customer": customer,
        "lines": [{"description": {"id": "Impor"}, "unit_amount": 100_000}],
        "payment": payment,
    }


def one_off(counter: Counter, customer: str, source: str = "10.0.0.7") -> httpx.Response:
    """Try a new card for a new invoice."""
    mandate = {"text_version": "1", "text": "Saya setuju.", "source": source}
    payment = {"card_token": counter.world.desk.card_token(), "mandate": mandate}
    return counter.door.call("POST", "/one-off-payments", order(customer, payment))


def refused(answer: httpx.Response) -> None:
    assert answer.status_code == 429
    assert answer.headers["content-type"].startswith("application/problem+json")
    seconds = int(answer.headers["retry-after"])
    assert 0 < seconds == answer.json()["values"]["retry_after"] <= 86_400
    assert answer.json()["code"] == "too_many_tries"


def test_new_cards_for_one_customer_end_after_fifteen(counter: Counter) -> None:
    customer = counter.customer()
    for _ in range(15):
        assert one_off(counter, customer).status_code == 201
    refused(one_off(counter, customer))

    # nothing was written for the refused one, and others go on
    invoices = counter.door.get(f"/invoices?customer={customer}&limit=100")["data"]
    assert len(invoices) == 15
    assert one_off(counter, counter.customer()).status_code == 201


def test_new_cards_for_one_invoice_end_after_ten(counter: Counter) -> None:
    desk, bad = counter.world.desk, "4911 1111 1111 1113"
    made = counter.door.post(
        "/one-off-payments", order(counter.customer(), {"card_token": desk.card_token(bad)})
    )
    counter.confirm(made["orders"][0]["order_id"])
    at = f"/invoices/{made['invoice']['id']}"
    for _ in range(10):
        again = counter.door.post(f"{at}/pay", {"card_token": desk.card_token(bad)})
        counter.confirm(again["orders"][-1]["order_id"])
    refused(counter.door.call("POST", f"{at}/pay", {"card_token": desk.card_token()}))
    # the payer may still pay by other means
    orders = counter.door.post(f"{at}/virtual-account")["orders"]
    assert [one["state"] for one in orders if one["kind"] == "instrument"] == ["pending"]


def test_one_public_address_with_ever_new_customers_ends_after_sixty(counter: Counter) -> None:
    world = counter.world
    with world.engine.work(world.merchant_id, system("test")) as unit:
        for _ in range(59):
            count_card(world.engine, unit, fresh(), payer_address="36.68.1.1")
    assert one_off(counter, counter.customer(), "36.68.1.1").status_code == 201
    refused(one_off(counter, counter.customer(), "36.68.1.1"))
    assert one_off(counter, counter.customer(), "36.68.1.2").status_code == 201


def test_behind_a_private_address_may_be_everybody(counter: Counter) -> None:
    world = counter.world
    with world.engine.work(world.merchant_id, system("test")) as unit:
        for _ in range(80):
            count_card(world.engine, unit, fresh(), payer_address="10.0.0.7")


def test_a_repetition_is_no_second_try(counter: Counter) -> None:
    customer = counter.customer()
    body = order(customer, {"card_token": counter.world.desk.card_token()})
    first = counter.door.post("/one-off-payments", body, once="the-same")
    for _ in range(20):
        assert counter.door.post("/one-off-payments", body, once="the-same") == first


def test_a_saved_card_is_no_try(counter: Counter) -> None:
    customer = counter.customer()
    made = one_off(counter, customer).json()
    counter.confirm(made["orders"][0]["order_id"])
    [method] = counter.door.get(f"/customers/{customer}/payment-methods")["data"]
    for _ in range(20):
        counter.door.post("/one-off-payments", order(customer, {"payment_method": method["id"]}))
