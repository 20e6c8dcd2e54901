"""Why an order was refused, as the API tells it: class, code, and words in both languages."""

from __future__ import annotations

from typing import Any

import pytest
from api_house import Counter

pytestmark = pytest.mark.database


def refused_card(counter: Counter, code: str) -> dict[str, Any]:
    """The order of a card whose bank answers ``code`` when its holder has confirmed."""
    desk = counter.world.desk
    desk.control("POST", "faults", op="charge", kind="decline", code=code, times=1)
    made = counter.door.post(
        "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Impor data"}, "unit_amount": 250_000}],
            "payment": {"card_token": desk.card_token()},
        },
    )
    [order] = made["orders"]
    if order["state"] == "pending":
        counter.confirm(order["order_id"])
    [told] = counter.door.get(f"/invoices/{made['invoice']['id']}")["orders"]
    assert told["state"] == "failed"
    return dict(told)


#  code   class            may it be tried again, and why in English
CARDS = [
    ("05", "soft", True, "Your bank declined the payment without giving a reason."),
    ("51", "soft", True, "There were not enough funds."),
    ("54", "customer_action", False, "The card has expired. Please save your new card."),
    ("91", "technical", True, "The bank or payment provider had a disruption."),
]


@pytest.mark.parametrize(("code", "klass", "may_retry", "reason"), CARDS)
def test_a_declined_card_is_told_with_its_reason(
    counter: Counter, code: str, klass: str, may_retry: bool, reason: str
) -> None:
    told = refused_card(counter, code)
    why = told["decline"]
    assert (why["class"], why["code"], why["may_retry"]) == (klass, code, may_retry)
    assert why["reason"]["en"] == reason
    assert why["reason"]["id"] not in ("", reason)


def test_what_was_paid_or_taken_back_was_not_refused(counter: Counter) -> None:
    made = counter.door.post(
        "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Impor data"}, "unit_amount": 250_000}],
            "payment": {"virtual_account": True},
        },
    )
    [order] = made["orders"]
    assert order["decline"] is None
    ended = counter.door.post(f"/payment-orders/{order['id']}/end", status=200)
    assert ended["payment_order"]["order"]["decline"] is None
