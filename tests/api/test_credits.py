"""Balances over HTTP: credit is given, a top-up is paid by its page, the next invoice shows both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from api_house import Door, House, new_key
from builders import make_merchant, set_clock

from billing.flows.renew import renew_due


def test_credit_is_given_listed_and_foreseen_as_far_as_it_lasts(house: House) -> None:
    begins = datetime(2027, 1, 10, 2, tzinfo=UTC)
    merchant = make_merchant(house.engine, at=begins, issue_lead_days=0)
    door = Door(house.client, new_key(house.engine, merchant.merchant_id))
    plan = door.post("/plans", {"code": "pro", "name": {"id": "Pro"}})["id"]
    price = door.post(f"/plans/{plan}/prices", {"interval_unit": "month", "unit_amount": 100_000})[
        "id"
    ]
    who = door.post("/customers", {"name": "Sari", "email": "sari@contoh.example"})["id"]
    made = door.post("/subscriptions", {"customer": who, "price": price})["subscription"]["id"]
    door.post(f"/customers/{who}/credits", {"amount": 111_000, "reason": "Awal"})
    soon = door.post(
        f"/customers/{who}/credits",
        {"amount": 30_000, "reason": "Promo", "expires_on": "2027-01-31"},
    )
    door.post(
        f"/customers/{who}/credits",
        {"amount": 20_000, "reason": "Promo", "expires_on": "2027-02-28"},
    )
    assert (soon["kind"], soon["left"], soon["expires_on"]) == ("promotional", 30_000, "2027-01-31")
    # The first paid the first invoice at once.
    left = [one["left"] for one in door.get(f"/customers/{who}/balance/lots")["data"]]
    assert sorted(left) == [0, 20_000, 30_000]
    balance = door.get(f"/customers/{who}/balance")
    assert (balance["balance"], balance["spendable"]) == (50_000, 50_000)

    # What ends before the invoice pays nothing of it; and it comes as it was shown.
    shown = door.get(f"/subscriptions/{made}/next-invoice")["invoice"]
    assert (shown["total"], shown["from_balance"], shown["due"]) == (111_000, 20_000, 91_000)
    set_clock(house.engine, merchant.merchant_id, begins + timedelta(days=31))
    assert renew_due(house.engine, merchant.merchant_id)
    newest = door.get("/invoices")["data"][0]
    assert (newest["paid"], newest["due"]) == (20_000, 91_000)
    balance = door.get(f"/customers/{who}/balance")
    assert (balance["balance"], balance["spendable"]) == (30_000, 0)


def test_a_top_up_is_an_invoice_with_a_page_and_no_tax(house: House) -> None:
    door = house.ours
    who = door.post("/customers", {"name": "Sari", "email": "sari@contoh.example"})["id"]
    made = door.post(f"/customers/{who}/top-ups", {"amount": 50_000})
    assert (made["invoice"]["kind"], made["invoice"]["total"]) == ("top_up", 50_000)
    assert made["invoice"]["tax"] == 0
    assert made["page_url"]
    assert [line["description"]["en"] for line in made["lines"]] == ["Balance top-up"]
    assert door.get(f"/customers/{who}/balance")["balance"] == 0
    refused = door.post(
        f"/invoices/{made['invoice']['id']}/credit-notes", {"reason": "mistake"}, status=409
    )
    assert refused["code"] == "top_up_is_no_debt"


def test_too_much_and_what_has_passed_are_refused(house: House) -> None:
    door = house.ours
    who = door.post("/customers", {"name": "Sari", "email": "sari@contoh.example"})["id"]
    past = {"amount": 1_000, "reason": "x", "expires_on": "2001-01-01"}
    refused = door.post(f"/customers/{who}/credits", past, status=422)
    assert refused["code"] == "invalid_expires_on"
    door.post(f"/customers/{who}/top-ups", {"amount": 1}, status=422)
    assert door.get(f"/customers/{who}/balance/lots")["data"] == []
