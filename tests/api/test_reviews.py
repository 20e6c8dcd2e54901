"""Matters for a person: listed, read, answered once."""

from __future__ import annotations

from typing import Any

from api_house import Counter, Door, new_key

from billing.flows.charge import send_due
from billing.flows.reviews import open_review
from core.tables import audit, events
from payments.tables import payment_orders, payments


def matters(counter: Counter, count: int = 3) -> list[str]:
    """Some matters that nobody has looked at, the oldest first."""
    customer = counter.customer()
    asked = {
        "customer": customer,
        "lines": [{"description": {"id": "Lisensi"}, "unit_amount": 10_000}],
        "payment": {"virtual_account": True},
    }
    for _ in range(count):
        counter.door.post("/one-off-payments", asked)
    with counter.world.work() as unit:
        for order in counter.world.rows(payment_orders):
            open_review(unit, "unknown_order", "payment_order", order.id, {"order_id": "x"})
    return [one["id"] for one in reversed(counter.door.get("/reviews")["data"])]


def test_open_matters_are_listed_with_what_to_do(counter: Counter) -> None:
    first, second, third = matters(counter)
    counter.door.post(
        f"/reviews/{second}/resolve", {"decision": "done", "reason": "sudah dicek"}, status=200
    )
    still = counter.door.get("/reviews?state=open&kind=unknown_order")["data"]
    assert [one["id"] for one in still] == [third, first]
    assert [one["id"] for one in counter.door.get("/reviews?state=closed")["data"]] == [second]
    assert counter.door.get("/reviews?kind=renewal_failed")["data"] == []
    page = counter.door.get("/reviews?limit=2")
    rest = counter.door.get(f"/reviews?limit=2&after={page['next_after']}")
    assert [one["id"] for one in (*page["data"], *rest["data"])] == [third, second, first]
    one = still[0]
    assert (one["decisions"], one["closed_at"]) == (["done"], None)
    assert one["title"]["en"] == "A notification for an unknown order"
    assert set(one["todo"]) == {"id", "en"}
    assert counter.door.get(f"/reviews/{third}") == one


def test_a_matter_is_answered_once_by_somebody_who_may(counter: Counter) -> None:
    [matter] = matters(counter, 1)
    at, said = f"/reviews/{matter}/resolve", {"decision": "done", "reason": "sudah dicek"}
    for scope in ("read", "write"):
        door = Door(counter.client, new_key(counter.world.engine, counter.world.merchant_id, scope))
        answer = door.call("POST", at, said)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    wrong = counter.door.call("POST", at, {"decision": "paid", "reason": "x"})
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["field"]) == (
        422, "decision_not_possible", "decision",
    )  # fmt: skip

    closed = counter.door.post(at, said, status=200, once="k")
    assert (closed["resolution"], closed["decisions"]) == ("done: sudah dicek", [])
    assert closed["closed_by"]
    assert counter.door.post(at, said, status=200, once="k") == closed
    again = counter.door.call("POST", at, said)
    assert (again.status_code, again.json()["code"]) == (409, "review_closed")
    [noted] = counter.world.rows(audit, action="review.close")
    assert noted.after == {"state": "closed", "resolution": "done: sudah dicek"}
    with counter.world.work() as unit:
        [order] = counter.world.rows(payment_orders)
        open_review(unit, "unknown_order", "payment_order", order.id, {"order_id": "y"})
    assert counter.door.get(f"/reviews/{matter}")["closed_at"] is None, "the cause came back"
    assert len(counter.world.rows(events, type="review.opened")) == 2


def parked(counter: Counter) -> tuple[str, str]:
    """An invoice whose order the gateway told another amount of; and the matter."""
    made = counter.door.post(
        "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Lisensi"}, "unit_amount": 10_000}],
            "payment": {"virtual_account": True},
        },
    )
    from billing.flows.settle import settle
    from payments.gateway import Answer

    order_id = made["orders"][0]["order_id"]
    odd = Answer("paid", order_id=order_id, amount=9_000, transaction_status="settlement")
    settle(counter.world.engine, counter.world.merchant_id, order_id, odd, because="test")
    [matter] = counter.door.get("/reviews?state=open")["data"]
    assert (matter["kind"], matter["decisions"]) == ("answer_differs", ["paid", "failed"])
    return made["invoice"]["id"], matter["id"]


def test_a_parked_order_is_decided_to_be_paid(counter: Counter) -> None:
    invoice, matter = parked(counter)
    body: dict[str, Any] = {"decision": "paid", "reason": "uang ada di mutasi"}
    done = counter.door.post(f"/reviews/{matter}/resolve", body, status=200)
    assert done["resolution"] == "paid: uang ada di mutasi"
    assert counter.door.get(f"/invoices/{invoice}")["invoice"]["status"] == "paid"
    assert len(counter.world.rows(payments)) == 1


def test_a_parked_order_is_decided_to_be_nothing(counter: Counter) -> None:
    invoice, matter = parked(counter)
    counter.door.post(
        f"/reviews/{matter}/resolve", {"decision": "failed", "reason": "tidak ada"}, status=200
    )
    send_due(counter.world.engine, counter.world.merchant_id)
    assert counter.door.get(f"/invoices/{invoice}")["invoice"]["status"] == "open"
    assert counter.world.rows(payments) == []
