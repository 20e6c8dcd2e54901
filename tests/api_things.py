"""One of everything a merchant can have, made through the API."""

from __future__ import annotations

import base64
from typing import Any

from api_house import Counter, Door

from billing.flows.reviews import open_review
from core import ids

MANDATE = {"text_version": "2026-01", "text": "Saya setuju ditagih.", "source": "10.0.0.7"}


def things(counter: Counter) -> dict[str, Any]:
    """One of everything, owned by the first merchant."""
    door, desk = counter.door, counter.world.desk
    customer, price = counter.customer(external_id="buyer-7"), counter.price()
    door.call("POST", "/payment-channels/gopay_linked", {"enabled": True})
    made = door.post(
        "/subscriptions",
        {
            "customer": customer,
            "price": price,
            "payment": {"card_token": desk.card_token(), "mandate": MANDATE},
        },
    )
    counter.confirm(made["payment"]["order_id"])
    one_off = door.post(
        "/one-off-payments",
        {
            "customer": customer,
            "lines": [{"description": {"id": "Rahasia"}, "unit_amount": 5_000_000}],
            "payment": {"virtual_account": True},
        },
    )
    desk.pay(va_number=one_off["orders"][0]["va_number"])
    counter.work_off()
    waiting = door.post(
        "/one-off-payments",
        {
            "customer": customer,
            "lines": [{"description": {"id": "Rahasia"}, "unit_amount": 10_000}],
            "payment": {"virtual_account": True},
        },
    )
    paid = one_off["invoice"]["id"]
    [payment] = [
        one["payment"] for one in door.get(f"/invoices/{paid}")["allocations"] if one["payment"]
    ]
    refund = door.post("/refunds", {"payment": payment, "amount": 2_000_000})
    staff = door.post("/staff", {"email": "ani@awan.example", "name": "Ani", "role": "support"})
    with counter.world.work() as unit:
        open_review(unit, "refund_unknown", "payment", ids.parse("payment", payment), {"n": 1})
    [review] = door.get("/reviews")["data"]
    made_of = [_report_file(door, f"RAHASIA-{n}") for n in range(4)]
    for report_file in made_of[1:]:
        door.post(f"/settlement-files/{report_file}/book", status=200)
    difference = door.get("/differences")["data"][0]["id"]
    override = door.post(
        f"/customers/{customer}/prices",
        {"price": counter.price(70_000), "name": "Rahasia", "unit_amount": 60_000},
    )
    discount = door.post(
        "/discounts",
        {"code": "TEMBOK", "name": {"id": "Tembok"}, "basis_points": 100, "duration": "forever"},
    )
    given = door.post(f"/subscriptions/{made['subscription']['id']}/discounts", {"code": "TEMBOK"})
    door.post("/discounts", {"code": "LAIN", "name": {"id": "Lain"}, "amount": 1_000})
    key = door.post("/keys", {"name": "shop", "scopes": ["read"]})["key"]
    meter = door.post(
        "/meters",
        {
            "code": "calls",
            "name": {"id": "Panggilan"},
            "event_name": "call",
            "aggregation": "count",
        },
    )
    old = counter.price(77_000)
    plan = door.get(f"/prices/{old}")["plan"]
    new = door.post(f"/plans/{plan}/prices", {"unit_amount": 88_000, "interval_unit": "month"})
    move = door.post("/price-moves", {"from_price": old, "to_price": new["id"]})
    return {
        "move_id": move["id"],
        "old_version": old,
        "new_version": new["id"],
        "meter_id": meter["id"],
        "merchant_id": ids.public("merchant", counter.world.merchant_id),
        "customer_id": customer,
        "price_id": price,
        "plan_id": door.get(f"/prices/{price}")["plan"],
        "subscription_id": made["subscription"]["id"],
        "method_id": made["payment"]["payment_method"],
        "invoice_id": waiting["invoice"]["id"],
        "payment_order_id": waiting["orders"][0]["id"],
        "payment_id": payment,
        "refund_id": refund["id"],
        "note_id": refund["credit_note"],
        "review_id": review["id"],
        "file_id": made_of[0],
        "difference_id": difference,
        "staff_id": staff["id"],
        "key_id": key["id"],
        "discount_id": discount["id"],
        "grant_id": given["data"][0]["id"],
        "override_id": override["id"],
        "dear_price": counter.price(900_000),
        "payment": payment,
    }


def _report_file(door: Door, order_id: str) -> str:
    """A settlement report about an order of nobody; its id."""
    report = f"Order ID,Amount,Settlement Time\n{order_id},5000,2026-01-05\n"
    content = base64.b64encode(report.encode()).decode()
    made: str = door.post("/settlement-files", {"name": "a.csv", "content": content})["id"]
    return made
