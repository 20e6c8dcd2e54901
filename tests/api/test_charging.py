"""Payments through the API, with a simulated Midtrans behind it."""

from __future__ import annotations

from typing import Any

from api_house import Counter

MANDATE = {
    "text_version": "2026-01", "text": "Saya setuju ditagih.", "source": "10.0.0.7", "locale": "id",
}  # fmt: skip


def subscribed_by_card(counter: Counter, amount: int = 150_000) -> dict[str, Any]:
    made: dict[str, Any] = counter.door.post(
        "/subscriptions",
        {
            "customer": counter.customer(),
            "price": counter.price(amount),
            "payment": {"card_token": counter.world.desk.card_token(), "mandate": MANDATE},
        },
    )
    return made


def test_a_first_payment_by_card_is_confirmed_and_saves_the_card(counter: Counter) -> None:
    made = subscribed_by_card(counter)

    subscription, payment = made["subscription"], made["payment"]
    assert (subscription["status"], payment["state"], payment["kind"]) == (
        "incomplete", "pending", "attempt",
    )  # fmt: skip
    assert payment["redirect_url"].startswith("http")

    counter.confirm(payment["order_id"])
    after = counter.door.get(f"/subscriptions/{subscription['id']}")
    assert (after["subscription"]["status"], after["invoice_status"], after["due"]) == (
        "active", "paid", 0,
    )  # fmt: skip
    [method] = counter.door.get(f"/customers/{subscription['customer']}/payment-methods")["data"]
    assert (method["state"], method["id"]) == ("active", payment["payment_method"])

    ended = counter.door.post(
        f"/payment-methods/{method['id']}/end", {"reason": "lost"}, status=200
    )
    assert (ended["state"], ended["ended_because"]) == ("ended", "lost")


def test_a_declined_card_is_an_outcome(counter: Counter) -> None:
    desk = counter.world.desk
    made = counter.door.post(
        "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Impor data"}, "unit_amount": 250_000}],
            "payment": {"card_token": desk.card_token("4911 1111 1111 1113")},
        },
    )
    [order] = made["orders"]
    assert order["state"] == "pending"

    counter.confirm(order["order_id"])
    [failed] = counter.door.get(f"/invoices/{made['invoice']['id']}")["orders"]
    assert failed["state"] == "failed"

    again = counter.door.post(
        f"/invoices/{made['invoice']['id']}/pay", {"card_token": desk.card_token()}
    )
    counter.confirm(again["orders"][-1]["order_id"])
    assert counter.door.get(f"/invoices/{made['invoice']['id']}")["invoice"]["status"] == "paid"


def test_what_is_paid_is_not_paid_again(counter: Counter) -> None:
    made = counter.door.post(
        "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Impor data"}, "unit_amount": 250_000}],
            "payment": {"card_token": counter.world.desk.card_token("4911 1111 1111 1113")},
        },
    )
    counter.confirm(made["orders"][0]["order_id"])
    at, token = f"/invoices/{made['invoice']['id']}", counter.world.desk.card_token()
    again = counter.door.post(f"{at}/pay", {"card_token": token}, once="pay-it")
    counter.confirm(again["orders"][-1]["order_id"])

    for path, body in (("pay", {"virtual_account": True}), ("virtual-account", None)):
        refused = counter.door.call("POST", f"{at}/{path}", body)
        assert (refused.status_code, refused.json()["code"]) == (409, "invoice_not_open")
    assert counter.door.post(f"{at}/pay", {"card_token": token}, once="pay-it") == again


def test_a_virtual_account_comes_with_the_answer(counter: Counter) -> None:
    made = counter.door.post(
        "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Pelatihan"}, "unit_amount": 100_000, "quantity": 2}],
            "payment": {"virtual_account": True},
        },
    )
    invoice, [order] = made["invoice"], made["orders"]
    assert (invoice["subtotal"], invoice["tax"], invoice["total"]) == (200_000, 0, 200_000)
    assert (order["state"], order["bank"], len(order["va_number"]) >= 10) == (
        "pending",
        "bca",
        True,
    )

    counter.world.desk.pay(va_number=order["va_number"])
    counter.work_off()
    paid = counter.door.get(f"/invoices/{invoice['id']}")
    [allocation] = paid["allocations"]
    payment = counter.door.get(f"/payments/{allocation['payment']}")
    assert (paid["invoice"]["status"], payment["payment"]["amount"]) == ("paid", 200_000)
    assert payment["allocations"][0]["invoice"] == invoice["id"]


def test_a_saved_card_is_charged_in_the_request(counter: Counter) -> None:
    first = subscribed_by_card(counter)
    counter.confirm(first["payment"]["order_id"])

    made = counter.door.post(
        "/one-off-payments",
        {
            "customer": first["subscription"]["customer"],
            "lines": [{"description": {"id": "Tambahan"}, "unit_amount": 50_000}],
            "payment": {"payment_method": first["payment"]["payment_method"]},
        },
    )

    assert (made["invoice"]["status"], made["orders"][0]["state"]) == ("paid", "paid")


def test_a_card_is_saved_without_a_charge(counter: Counter) -> None:
    customer = counter.customer()
    made = counter.door.post(
        f"/customers/{customer}/payment-methods", {"card_token": counter.world.desk.card_token()}
    )
    assert (made["state"], made["check"]["kind"], made["check"]["state"]) == (
        "pending", "check", "pending",
    )  # fmt: skip

    counter.confirm(made["check"]["order_id"])
    assert counter.door.get(f"/payment-methods/{made['id']}")["state"] == "active"
    assert counter.door.get("/payments")["data"] == []


def test_a_trial_saves_the_card_and_bills_nothing(counter: Counter) -> None:
    made = counter.door.post(
        "/subscriptions",
        {
            "customer": counter.customer(),
            "price": counter.price(trial_days=14),
            "payment": {"card_token": counter.world.desk.card_token(), "mandate": MANDATE},
        },
    )

    assert (made["subscription"]["status"], made["invoice"]) == ("trialing", None)
    assert made["payment"]["kind"] == "check"
    assert made["payment"]["redirect_url"]


def test_money_goes_back_with_a_credit_note(counter: Counter) -> None:
    made = subscribed_by_card(counter, 99_000)
    counter.confirm(made["payment"]["order_id"])
    [payment] = counter.door.get("/payments")["data"]

    asked = {
        "payment": payment["id"],
        "amount": 50_000,
        "reason": "mistake",
        "note": "Maaf, keliru.",
    }
    refund = counter.door.post("/refunds", asked)
    assert (refund["reason"], refund["note"]) == ("mistake", "Maaf, keliru.")
    assert counter.door.get(f"/refunds/{refund['id']}") == refund
    assert counter.door.get("/refunds")["data"] == [refund]
    note = counter.door.get(f"/credit-notes/{refund['credit_note']}")
    assert (refund["state"], refund["amount"], note["total"]) == (
        "refund_scheduled", 50_000, 50_000,
    )  # fmt: skip

    whole = counter.door.call("POST", "/refunds", {"payment": payment["id"], "amount": 99_000})
    assert (whole.status_code, whole.json()["code"]) == (422, "refund_exceeds_payment")


def test_money_that_settled_no_invoice_goes_back_out_of_the_balance(counter: Counter) -> None:
    customer = counter.customer()
    made = counter.door.post(
        "/one-off-payments",
        {
            "customer": customer,
            "lines": [{"description": {"id": "Lisensi"}, "unit_amount": 500_000}],
            "payment": {"virtual_account": True},
        },
    )
    number = made["orders"][0]["va_number"]
    counter.door.post(f"/invoices/{made['invoice']['id']}/void", {"reason": "mistake"}, status=200)
    counter.world.desk.pay(va_number=number)
    counter.work_off()
    [payment] = counter.door.get("/payments")["data"]
    asked = {"payment": payment["id"], "amount": 500_000}
    refund = counter.door.post("/refunds", asked)
    assert (refund["source"], refund["invoice"], refund["credit_note"]) == ("balance", None, None)
    assert (refund["state"], refund["note"]) == ("awaiting_transfer", None)
    assert counter.door.get("/refunds")["data"] == [refund]

    again = counter.door.call("POST", "/refunds", asked)
    assert (again.status_code, again.json()["code"]) == (422, "refund_exceeds_payment")
    counter.door.call("POST", f"/refunds/{refund['id']}/reject", {"reason": "tetap di sini"})
    counter.door.post(
        "/one-off-payments",
        {
            "customer": customer,
            "lines": [{"description": {"id": "Pelatihan"}, "unit_amount": 100_000}],
            "payment": {"virtual_account": True},
        },
    )
    spent = counter.door.call("POST", "/refunds", asked)
    assert (spent.status_code, spent.json()["code"]) == (409, "balance_spent")


def test_a_manual_refund_needs_a_second_caller(counter: Counter) -> None:
    made = counter.door.post(
        "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Lisensi"}, "unit_amount": 5_000_000}],
            "payment": {"virtual_account": True},
        },
    )
    counter.world.desk.pay(va_number=made["orders"][0]["va_number"])
    counter.work_off()
    [payment] = counter.door.get("/payments")["data"]
    asked = counter.door.post(
        "/refunds",
        {
            "payment": payment["id"],
            "payee": {"bank": "BCA", "account_number": "1234567890", "account_name": "Sari"},
        },
    )
    assert asked["state"] == "awaiting_approval"

    same = counter.door.call("POST", f"/refunds/{asked['id']}/approve")
    assert (same.status_code, same.json()["code"]) == (403, "second_person_needed")
    second = counter.second()
    assert (
        second.post(f"/refunds/{asked['id']}/approve", status=200)["state"] == "awaiting_transfer"
    )
    done = second.post(f"/refunds/{asked['id']}/complete", {"proof": "TRX-77"}, status=200)
    assert (done["state"], done["proof"]) == ("succeeded", "TRX-77")
