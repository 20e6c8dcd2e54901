"""Linked GoPay through the API: linked, charged, ended, and what is said of it meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from api_house import Counter
from api_things import MANDATE

from core import ids
from payments.tables import payment_methods

PHONE = "0821-5023424"
BACK = {"phone": PHONE, "return_url": "https://awan.example/kembali"}


@pytest.fixture
def customer(counter: Counter) -> str:
    counter.door.call("POST", "/payment-channels/gopay_linked", {"enabled": True})
    return counter.customer()


def link(counter: Counter, customer: str, *, status: int = 201, **more: Any) -> Any:
    answer = counter.door.call(
        "POST", f"/customers/{customer}/wallets", {**BACK, **more.pop("body", {})}, **more
    )
    assert answer.status_code == status, answer.text
    return answer.json()


def in_the_app(counter: Counter, action: str) -> None:
    """The owner of the phone agrees, or ends it."""
    counter.world.desk.control("POST", "pay-accounts", phone="628215023424", action=action)


def linked(counter: Counter, customer: str) -> str:
    made = link(counter, customer, body={"mandate": MANDATE})
    in_the_app(counter, "link")
    asked = counter.door.call("POST", f"/payment-methods/{made['id']}/refresh").json()
    assert (asked["state"], asked["account"], asked["link"]) == ("active", "linked", None)
    return str(made["id"])


def test_a_wallet_is_linked_where_its_holder_agrees(counter: Counter, customer: str) -> None:
    made = link(counter, customer)
    assert (made["kind"], made["state"], made["account"]) == ("gopay", "pending", "waiting")
    assert made["link"]["url"].startswith("http")
    assert made["masked"] == "•••• 3424"
    read = counter.door.get(f"/payment-methods/{made['id']}")
    assert read["link"] == made["link"]
    [listed] = counter.door.get(f"/customers/{customer}/payment-methods")["data"]
    assert listed["link"] is None, "a list shows no links"


def test_the_same_request_links_once(counter: Counter, customer: str) -> None:
    first = link(counter, customer, once="link-1")
    again = link(counter, customer, once="link-1")
    assert again == {**first, "link": None}, "a stored answer does not name the account"
    assert counter.door.get(f"/payment-methods/{first['id']}")["link"] == first["link"]
    held = counter.world.desk.control("GET", "pay-accounts")["accounts"]
    assert len(held) == 1


def test_a_lost_answer_is_a_503_and_the_same_request_goes_on(
    counter: Counter, customer: str
) -> None:
    counter.world.desk.fault("link", "drop_after")
    assert link(counter, customer, once="link-1", status=503)["code"] == "gateway_unreachable"
    made = link(counter, customer, once="link-1")
    assert made["state"] == "pending"
    assert len(counter.world.rows(payment_methods)) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"phone": "12345678"}, "invalid_phone"),
        ({"phone": "0812345678901234"}, "invalid_phone"),
        ({"return_url": "javascript:alert(1)"}, "invalid_value"),
    ],
)
def test_what_is_wrong_is_refused(
    counter: Counter, customer: str, body: dict[str, str], code: str
) -> None:
    told = link(counter, customer, body=body, status=422)
    assert told["field"] in ("phone", "return_url")
    if code == "invalid_phone":
        assert told["code"] == code


def test_without_the_merchants_word_no_wallet_is_linked(counter: Counter) -> None:
    told = link(counter, counter.customer(), status=409)
    assert told["code"] == "no_linked_wallets"


def test_a_subscription_is_charged_to_a_linked_wallet(counter: Counter, customer: str) -> None:
    method = linked(counter, customer)
    made = counter.door.post(
        "/subscriptions",
        {
            "customer": customer, "price": counter.price(99_000),
            "payment": {"payment_method": method},
        },
    )  # fmt: skip
    assert made["subscription"]["status"] == "active"
    assert (made["payment"]["channel"], made["payment"]["state"]) == ("gopay_linked", "paid")


def test_a_wallet_without_consent_is_not_charged_by_itself(counter: Counter, customer: str) -> None:
    made = link(counter, customer)
    in_the_app(counter, "link")
    counter.door.call("POST", f"/payment-methods/{made['id']}/refresh")
    answer = counter.door.call(
        "POST",
        "/subscriptions",
        {
            "customer": customer, "price": counter.price(99_000),
            "payment": {"payment_method": made["id"]},
        },
    )  # fmt: skip
    assert answer.json()["code"] == "mandate_needed"


def test_the_end_of_a_wallet_is_told_to_gopay(counter: Counter, customer: str) -> None:
    method = linked(counter, customer)
    ended = counter.door.call("POST", f"/payment-methods/{method}/end", {"reason": "moved"}).json()
    assert (ended["state"], ended["account"], ended["mandate"]) == ("ended", "gone", None)
    [held] = counter.world.desk.control("GET", "pay-accounts")["accounts"]
    assert held["status"] == "DISABLED"
    [row] = counter.world.rows(payment_methods, id=ids.parse("payment_method", method))
    assert row.token_sealed is None


def test_a_merchant_who_may_not_charge_cards_may_charge_wallets(
    counter: Counter, customer: str
) -> None:
    merchant = ids.public("merchant", counter.world.merchant_id)
    told = counter.door.call("PATCH", f"/merchants/{merchant}", {"card_mode": "none"})
    assert told.status_code == 200, told.text
    test_a_subscription_is_charged_to_a_linked_wallet(counter, customer)
