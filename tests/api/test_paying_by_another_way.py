"""A customer with an open virtual account pays by card instead: one of the two, never both."""

from __future__ import annotations

from typing import Any

from api_house import Counter


def invoiced(counter: Counter) -> dict[str, Any]:
    """A one-off invoice with a virtual account to pay to."""
    made: dict[str, Any] = counter.door.post(
        "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Pelatihan"}, "unit_amount": 200_000}],
            "payment": {"virtual_account": True},
        },
    )
    return made


def attempt_of(paying: dict[str, Any]) -> dict[str, Any]:
    attempt: dict[str, Any]
    [attempt] = [one for one in paying["orders"] if one["kind"] == "attempt"]
    return attempt


def test_the_number_is_ended_before_the_card_is_charged(counter: Counter) -> None:
    made, desk = invoiced(counter), counter.world.desk
    at = f"/invoices/{made['invoice']['id']}"

    paying = counter.door.post(f"{at}/pay", {"card_token": desk.card_token()}, once="by-card")

    assert {one["kind"]: one["state"] for one in paying["orders"]} == {
        "instrument": "failed",
        "attempt": "pending",
    }
    [va] = desk.control("GET", f"book?order_id={made['orders'][0]['order_id']}")["transactions"]
    assert va["status"] == "expire"
    counter.confirm(attempt_of(paying)["order_id"])
    assert counter.door.get(at)["invoice"]["status"] == "paid"
    assert counter.door.post(f"{at}/pay", {"card_token": "x"}, once="other", status=409)


def test_a_customer_who_was_faster_is_booked_and_nothing_is_charged(counter: Counter) -> None:
    made, desk = invoiced(counter), counter.world.desk
    at = f"/invoices/{made['invoice']['id']}"
    desk.control(
        "POST",
        "notifications",
        order_id=made["orders"][0]["order_id"],
        action="lose_next",
        times=10,
    )
    desk.pay(va_number=made["orders"][0]["va_number"])

    refused = counter.door.call("POST", f"{at}/pay", {"card_token": desk.card_token()})

    assert (refused.status_code, refused.json()["code"]) == (409, "invoice_not_open")
    after = counter.door.get(at)
    assert (after["invoice"]["status"], len(after["orders"])) == ("paid", 1)


def test_while_the_gateway_says_nothing_no_card_is_charged(counter: Counter) -> None:
    made, desk = invoiced(counter), counter.world.desk
    at = f"/invoices/{made['invoice']['id']}"
    desk.fault("status", "drop_before", times=9)

    refused = counter.door.call("POST", f"{at}/pay", {"card_token": desk.card_token()})

    assert (refused.status_code, refused.json()["code"]) == (409, "instrument_open")
    assert len(counter.door.get(at)["orders"]) == 1


def test_after_a_decline_a_number_is_offered_again(counter: Counter) -> None:
    made, desk = invoiced(counter), counter.world.desk
    at = f"/invoices/{made['invoice']['id']}"
    paying = counter.door.post(f"{at}/pay", {"card_token": desk.card_token("4911 1111 1111 1113")})

    counter.confirm(attempt_of(paying)["order_id"])
    counter.work_off()

    states = sorted((one["kind"], one["state"]) for one in counter.door.get(at)["orders"])
    assert states == [("attempt", "failed"), ("instrument", "failed"), ("instrument", "pending")]
