"""The order of a customer's saved methods, through the API."""

from __future__ import annotations

from typing import Any

from api_house import Counter
from api_things import MANDATE


def saved(counter: Counter, customer: str, **more: Any) -> str:
    """A saved card that may be charged."""
    made = counter.door.post(
        f"/customers/{customer}/payment-methods",
        {"card_token": counter.world.desk.card_token(), **more},
    )
    counter.confirm(made["check"]["order_id"])
    return str(made["id"])


def order_of(counter: Counter, customer: str) -> list[str]:
    found = counter.door.get(f"/customers/{customer}/payment-methods/order")["data"]
    assert [one["rank"] for one in found] == sorted(one["rank"] for one in found)
    return [one["id"] for one in found]


def reorder(counter: Counter, customer: str, *methods: str) -> Any:
    return counter.door.call(
        "PATCH", f"/customers/{customer}/payment-methods/order", {"payment_methods": list(methods)}
    )


def test_methods_stand_as_they_were_saved_and_one_that_takes_over_goes_first(
    counter: Counter,
) -> None:
    customer = counter.customer()
    first, second = saved(counter, customer), saved(counter, customer)
    assert order_of(counter, customer) == [first, second]

    third = saved(counter, customer, mandate=MANDATE)
    assert order_of(counter, customer) == [third, first, second]


def test_a_subscription_goes_over_to_the_method_that_is_put_first(counter: Counter) -> None:
    customer = counter.customer()
    first = saved(counter, customer, mandate=MANDATE)
    body = {
        "customer": customer, "price": counter.price(),
        "payment": {"payment_method": first},
    }  # fmt: skip
    agreed = counter.door.post("/subscriptions", body)["subscription"]["id"]
    second = saved(counter, customer, mandate=MANDATE)
    told = f"/subscriptions/{agreed}"
    assert counter.door.get(told)["subscription"]["payment_method"] == second

    answer = reorder(counter, customer, first)

    assert answer.status_code == 200
    assert [one["id"] for one in answer.json()["data"]] == [first, second]
    assert order_of(counter, customer) == [first, second]
    assert counter.door.get(told)["subscription"]["payment_method"] == first


def test_what_may_not_be_charged_can_stand_first_but_is_passed_over(counter: Counter) -> None:
    customer = counter.customer()
    first = saved(counter, customer, mandate=MANDATE)
    without = saved(counter, customer)
    body = {
        "customer": customer, "price": counter.price(),
        "payment": {"payment_method": first},
    }  # fmt: skip
    agreed = counter.door.post("/subscriptions", body)["subscription"]["id"]

    assert reorder(counter, customer, without, first).status_code == 200

    assert order_of(counter, customer) == [without, first]
    assert counter.door.get(f"/subscriptions/{agreed}")["subscription"]["payment_method"] == first


def test_only_the_customers_own_methods_that_have_not_ended_are_put_in_order(
    counter: Counter,
) -> None:
    customer, other = counter.customer(), counter.customer()
    own, foreign = saved(counter, customer), saved(counter, other)
    ended = saved(counter, customer)
    counter.door.post(f"/payment-methods/{ended}/end", {"reason": "lost"}, status=200)

    refused = [reorder(counter, customer, own, one) for one in (foreign, ended)]

    assert [(one.status_code, one.json()["code"]) for one in refused] == [
        (404, "payment_method_not_found"),
        (409, "payment_method_not_usable"),
    ]
    assert reorder(counter, customer).status_code == 422
    assert order_of(counter, customer) == [own]
