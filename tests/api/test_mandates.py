"""The consent to be charged, through the API."""

from __future__ import annotations

from typing import Any

from api_house import Counter
from sqlalchemy import select

from core.tables import audit

MANDATE = {
    "text_version": "2026-01", "text": "Saya setuju ditagih.", "source": "10.0.0.7", "locale": "id",
}  # fmt: skip


def refusal(answer: Any) -> tuple[int, str, str]:
    told = answer.json()
    return answer.status_code, told["code"], told["field"]


NEEDED = (422, "mandate_needed", "payment.mandate")


def test_a_subscription_charged_by_itself_needs_a_consent(counter: Counter) -> None:
    body = {
        "customer": counter.customer(), "price": counter.price(),
        "payment": {"card_token": counter.world.desk.card_token()},
    }  # fmt: skip
    refused = counter.door.call("POST", "/subscriptions", body)
    assert refusal(refused) == NEEDED
    assert "POST /api/v1/payment-methods/{id}/mandate" in refused.json()["detail"]
    assert counter.door.get("/subscriptions")["data"] == []


def test_a_card_saved_without_a_consent_waits_for_one(counter: Counter) -> None:
    customer = counter.customer()
    saved = counter.door.post(
        f"/customers/{customer}/payment-methods", {"card_token": counter.world.desk.card_token()}
    )
    counter.confirm(saved["check"]["order_id"])
    at = f"/payment-methods/{saved['id']}"
    assert (counter.door.get(at)["state"], counter.door.get(at)["mandate"]) == ("active", None)

    lines = [{"description": {"id": "Tambahan"}, "unit_amount": 50_000}]
    pulled = {"customer": customer, "lines": lines, "payment": {"payment_method": saved["id"]}}
    assert refusal(counter.door.call("POST", "/one-off-payments", pulled)) == NEEDED
    asked = counter.door.post(
        "/one-off-payments",
        {"customer": customer, "lines": lines, "payment": {"virtual_account": True}},
    )
    pay = f"/invoices/{asked['invoice']['id']}/pay"
    refused = counter.door.call("POST", pay, {"payment_method": saved["id"]})
    assert refusal(refused) == NEEDED

    given = counter.door.post(f"{at}/mandate", MANDATE, status=200)["mandate"]
    assert {name: given[name] for name in MANDATE} == MANDATE
    listed = counter.door.get(f"/customers/{customer}/payment-methods")["data"]
    assert [one["mandate"] for one in listed] == [given]
    made = counter.door.post("/one-off-payments", pulled)
    assert made["invoice"]["status"] == "paid"

    ended = counter.door.post(f"{at}/end", {"reason": "lost"}, status=200)
    assert ended["mandate"] is None
    refused = counter.door.call("POST", f"{at}/mandate", MANDATE)
    assert (refused.status_code, refused.json()["code"]) == (409, "payment_method_not_usable")


def test_a_saved_card_and_its_consent_come_in_one_request(counter: Counter) -> None:
    customer = counter.customer()
    saved = counter.door.post(
        f"/customers/{customer}/payment-methods", {"card_token": counter.world.desk.card_token()}
    )
    counter.confirm(saved["check"]["order_id"])
    made = counter.door.post(
        "/subscriptions",
        {
            "customer": customer, "price": counter.price(),
            "payment": {"payment_method": saved["id"], "mandate": MANDATE},
        },
    )  # fmt: skip
    assert (made["subscription"]["status"], made["invoice_status"]) == ("active", "paid")


def test_a_card_that_pays_once_is_not_kept(counter: Counter) -> None:
    customer = counter.customer()
    made = counter.door.post(
        "/one-off-payments",
        {
            "customer": customer,
            "lines": [{"description": {"id": "Impor data"}, "unit_amount": 250_000}],
            "payment": {"card_token": counter.world.desk.card_token()},
        },
    )
    counter.confirm(made["orders"][0]["order_id"])
    paid = counter.door.get(f"/invoices/{made['invoice']['id']}")
    assert (paid["invoice"]["status"], paid["orders"][0]["payment_method"]) == ("paid", None)
    assert counter.door.get(f"/customers/{customer}/payment-methods")["data"] == []


def test_another_card_at_the_sign_up_needs_its_own_consent(counter: Counter) -> None:
    desk = counter.world.desk
    made = counter.door.post(
        "/subscriptions",
        {
            "customer": counter.customer(), "price": counter.price(),
            "payment": {"card_token": desk.card_token("4911 1111 1111 1113"), "mandate": MANDATE},
        },
    )  # fmt: skip
    counter.confirm(made["payment"]["order_id"])
    pay = f"/invoices/{made['invoice']}/pay"
    assert refusal(counter.door.call("POST", pay, {"card_token": desk.card_token()})) == NEEDED
    again = counter.door.post(pay, {"card_token": desk.card_token(), "mandate": MANDATE})
    counter.confirm(again["orders"][-1]["order_id"])
    found = counter.door.get(f"/subscriptions/{made['subscription']['id']}")["subscription"]
    assert (found["status"], found["payment_method"]) == (
        "active", again["orders"][-1]["payment_method"],
    )  # fmt: skip


def test_a_card_that_nobody_consented_to_is_ended_once_and_by_name(counter: Counter) -> None:
    saved = counter.door.post(
        f"/customers/{counter.customer()}/payment-methods",
        {"card_token": counter.world.desk.card_token()},
    )
    for reason in ("lost", "stolen"):
        at = f"/payment-methods/{saved['id']}/end"
        ended = counter.door.post(at, {"reason": reason}, status=200)
        assert (ended["state"], ended["ended_because"]) == ("ended", "lost")

    with counter.world.work() as unit:
        [line] = unit.session.execute(select(audit).where(audit.c.action == "method.end"))
    assert (line.actor_kind, line.source) == ("key", "testclient")
    assert (line.before, line.after) == (
        {"state": "pending"}, {"state": "ended", "because": "lost"},
    )  # fmt: skip
    assert [one["type"] for one in counter.door.get("/events")["data"]].count("method.ended") == 1
