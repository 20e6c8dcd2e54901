"""The charge envelope, the ways to pay by pushing, duplicate orders and idempotency keys."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

Desk = Any
Server = Any
Json = dict[str, Any]


def request(**change: Any) -> Json:
    body: Json = {
        "payment_type": "bank_transfer",
        "transaction_details": {"order_id": "A-1", "gross_amount": 10_000},
        "bank_transfer": {"bank": "bca"},
    }
    body.update(change)
    return body


def details(**change: Any) -> Json:
    return {"transaction_details": {"order_id": "A-1", "gross_amount": 10_000, **change}}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"payment_type": None}, "payment_type is required"),
        ({"payment_type": "barter"}, "payment_type is not supported"),
        ({"transaction_details": None}, "transaction_details is required"),
        (details(order_id=""), "order_id is required"),
        (details(order_id=7), "order_id is required"),
        (details(order_id="x" * 51), "between 1 and 50"),
        (details(gross_amount=0), "greater than"),
        (details(gross_amount=-5), "greater than"),
        (details(gross_amount="10000"), "not a number"),
        (details(gross_amount=10000.5), "not a number"),
        (details(gross_amount=True), "not a number"),
        (details(gross_amount=None), "gross_amount is required"),
        (details(gross_amount=10**15), "too large"),
        ({"item_details": [{"name": "a", "price": 9_000, "quantity": 1}]}, "sum of item_details"),
        ({"item_details": [{"price": 10_000, "quantity": 1}]}, "name is required"),
        ({"item_details": [{"name": "a", "price": 10_000, "quantity": 0}]}, "quantity"),
        ({"item_details": [{"name": "a" * 51, "price": 10_000, "quantity": 1}]}, "too long"),
        ({"item_details": "many"}, "item_details is not valid"),
        ({"customer_details": {"first_name": "a" * 256}}, "too long"),
        ({"customer_details": {"billing_address": {"postal_code": "1" * 11}}}, "too long"),
        ({"custom_field1": "a" * 256}, "custom_field1"),
        ({"metadata": []}, "metadata"),
        ({"bank_transfer": {"bank": "bcx"}}, "bank is not supported"),
        ({"bank_transfer": []}, "bank_transfer is not valid"),
        ({"bank_transfer": {"bank": "bca", "va_number": "12ab"}}, "va_number"),
        ({"custom_expiry": {"expiry_duration": 0}}, "expiry_duration"),
        ({"custom_expiry": {"expiry_duration": 5, "unit": "week"}}, "unit"),
        ({"custom_expiry": {"expiry_duration": 10, "unit": "second"}}, "below the minimum"),
        ({"custom_expiry": {"expiry_duration": 181, "unit": "day"}}, "beyond the maximum"),
        ({"custom_expiry": {"expiry_duration": 5, "order_time": "soon"}}, "order_time"),
        ({"payment_type": "credit_card"}, "credit_card is required"),
        ({"payment_type": "credit_card", "credit_card": {}}, "token_id is required"),
        ({"payment_type": "echannel"}, "bill_info1 is required"),
        ({"payment_type": "cstore", "cstore": {"store": "warung"}}, "store is not supported"),
    ],
)
def test_a_bad_request_is_400_with_its_problems_and_no_effect(
    desk: Desk, change: Json, problem: str
) -> None:
    body = {name: value for name, value in request(**change).items() if value is not None}
    answer = desk.http.post("/v2/charge", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["status_code"] == "400"
    assert any(problem in message for message in answer.json()["validation_messages"])
    assert desk.refused(lambda: desk.core.transactions.status("A-1")) == 404


def test_items_that_add_up_and_unknown_fields_are_welcome(desk: Desk) -> None:
    items = [
        {"name": "Paket", "price": 12_000, "quantity": 1},
        {"name": "Diskon", "price": -2_000, "quantity": 1},
    ]
    answer = desk.core.charge(request(item_details=items, colour="blue"))
    assert answer["status_code"] == "201"


@pytest.mark.parametrize(
    ("bank", "length"), [("bca", 16), ("bni", 12), ("bri", 18), ("cimb", 12), ("permata", 12)]
)
def test_each_bank_gives_a_number_that_a_person_can_pay(desk: Desk, bank: str, length: int) -> None:
    answer = desk.charge_va("V-1", 109_890, bank)
    assert (answer["status_code"], answer["transaction_status"]) == ("201", "pending")
    assert answer["expiry_time"] == "2026-01-06 10:00:00"
    permata = bank == "permata"
    number = answer["permata_va_number"] if permata else answer["va_numbers"][0]["va_number"]
    assert len(number) == length
    assert desk.try_sim("POST", "pay", va_number=number, amount=109_889).status_code == 409
    assert desk.sim("POST", "pay", va_number=number, amount=109_890)["status"] == "settlement"
    status = desk.core.transactions.status("V-1")
    assert (status["status_code"], status["settlement_time"]) == ("200", "2026-01-05 10:00:00")
    assert desk.try_sim("POST", "pay", order_id="V-1").status_code == 409
    assert desk.book("V-1")["times_taken"] == 1


def test_without_a_bank_permata_is_taken(desk: Desk) -> None:
    body = request()
    del body["bank_transfer"]
    assert "permata_va_number" in desk.core.charge(body)


def test_other_channels_open_and_can_be_paid(desk: Desk) -> None:
    bodies: list[Json] = [
        {"payment_type": "echannel", "echannel": {"bill_info1": "Bayar", "bill_info2": "Paket"}},
        {"payment_type": "gopay"},
        {"payment_type": "qris", "qris": {"acquirer": "gopay"}},
        {"payment_type": "cstore", "cstore": {"store": "Indomaret"}},
        {"payment_type": "cstore", "cstore": {"store": "alfamart"}},
    ]
    for place, body in enumerate(bodies):
        order = f"C-{place}"
        answer = desk.core.charge({**request(**body), **details(order_id=order)})
        assert answer["status_code"] == "201"
        desk.sim("POST", "pay", order_id=order)
        assert desk.core.transactions.status(order)["transaction_status"] == "settlement"
    bill = desk.core.transactions.status("C-0")
    assert (bill["biller_code"], len(bill["bill_key"])) == ("70012", 12)
    assert "fraud_status" not in desk.core.transactions.status("C-3")


def test_channels_not_activated_are_402(desk: Desk) -> None:
    assert desk.refused(lambda: desk.core.charge(request(payment_type="bri_epay"))) == 402
    desk.configure(disabled_types=["bank_transfer"])
    assert desk.refused(lambda: desk.core.charge(request())) == 402


def test_a_custom_number_is_padded_and_silently_replaced_while_in_use(desk: Desk) -> None:
    first = desk.charge_va("V-1", va_number="1234")["va_numbers"][0]["va_number"]
    second = desk.charge_va("V-2", va_number="1234")["va_numbers"][0]["va_number"]
    assert first == "001234"
    assert second != first
    desk.core.transactions.cancel("V-1")
    assert desk.charge_va("V-3", va_number="1234")["va_numbers"][0]["va_number"] == first


def test_each_bank_numbers_by_itself(desk: Desk) -> None:
    wanted = "081234567890"
    given = {
        bank: desk.charge_va(f"N-{bank}", bank=bank, va_number=wanted)["va_numbers"][0]["va_number"]
        for bank in ("bca", "bni", "cimb")
    }
    assert given == dict.fromkeys(("bca", "bni", "cimb"), wanted)
    unclear = desk.try_sim("POST", "pay", va_number=wanted)
    assert (unclear.status_code, "say which with bank" in unclear.text) == (409, True)
    assert desk.sim("POST", "pay", va_number=wanted, bank="bni")["order_id"] == "N-bni"
    assert desk.try_sim("POST", "pay", va_number=wanted, bank="bni").status_code == 404
    desk.core.transactions.cancel("N-bca")
    assert desk.sim("POST", "pay", va_number=wanted)["order_id"] == "N-cimb"


def test_an_expiry_of_ones_own(desk: Desk) -> None:
    expiry = {"order_time": "2026-01-05 09:30:00 +0700", "expiry_duration": 1, "unit": "hour"}
    assert desk.charge_va("V-1", custom_expiry=expiry)["expiry_time"] == "2026-01-05 10:30:00"
    desk.clock("2026-01-05T03:30:00Z")
    status = desk.core.transactions.status("V-1")
    assert (status["status_code"], status["transaction_status"]) == ("407", "expire")
    assert desk.try_sim("POST", "pay", order_id="V-1").status_code == 409


def test_what_was_sent_along_comes_back(desk: Desk) -> None:
    desk.core.charge(request(custom_field1="satu", metadata={"invoice": "INV-1"}))
    status = desk.core.transactions.status("A-1")
    assert (status["custom_field1"], status["metadata"]) == ("satu", {"invoice": "INV-1"})


def test_status_answers_to_order_and_transaction_id(desk: Desk) -> None:
    answer = desk.charge_va("V-1")
    for ident in ("V-1", answer["transaction_id"]):
        assert desk.core.transactions.status(ident)["transaction_id"] == answer["transaction_id"]
    assert desk.refused(lambda: desk.core.transactions.statusb2b("V-1")) == 404


# --- the same order again -------------------------------------------------------------------------


def test_an_order_id_serves_again_only_after_cancel(desk: Desk) -> None:
    first = desk.charge_va("V-1")
    assert desk.refused(lambda: desk.charge_va("V-1")) == 406
    desk.core.transactions.cancel("V-1")
    second = desk.charge_va("V-1")
    assert second["transaction_id"] != first["transaction_id"]
    status = desk.core.transactions.status("V-1")
    assert status["transaction_id"] == second["transaction_id"]
    assert desk.core.transactions.status(first["transaction_id"])["transaction_status"] == "cancel"
    desk.sim("POST", "pay", order_id="V-1")
    assert desk.refused(lambda: desk.charge_va("V-1")) == 406


def test_after_deny_and_expire_it_is_a_switch(desk: Desk) -> None:
    desk.charge_card("A-1", desk.token("4911 1111 1111 1113"))
    assert desk.refused(lambda: desk.captured("A-1")) == 406
    desk.configure(switches={"reuse_order_after_deny": True})
    assert desk.captured("A-1")["status_code"] == "200"


def test_a_duplicate_order_does_not_use_up_the_token(desk: Desk) -> None:
    desk.captured("A-1")
    token = desk.token("4811 1111 1111 1114")
    assert desk.refused(lambda: desk.charge_card("A-1", token)) == 406
    assert desk.charge_card("A-2", token)["status_code"] == "200"


# --- idempotency keys -----------------------------------------------------------------------------


def test_a_key_replays_its_success_for_five_minutes_whatever_the_body(desk: Desk) -> None:
    desk.headers = {"Idempotency-Key": "key-1"}
    first = desk.charge_va("V-1")
    assert desk.charge_va("V-1") == first
    assert desk.charge_va("V-other") == first
    desk.clock("2026-01-05T03:04:59Z")
    assert desk.charge_va("V-1") == first
    desk.clock("2026-01-05T03:05:00Z")
    assert desk.refused(lambda: desk.charge_va("V-1")) == 406


def test_keys_are_one_space_over_all_endpoints(desk: Desk) -> None:
    desk.headers = {"Idempotency-Key": "key-1"}
    first = desk.charge_va("V-1")
    assert desk.core.transactions.cancel("V-1") == first
    desk.headers = {"Idempotency-Key": "key-2"}
    assert desk.core.transactions.cancel("V-1")["transaction_status"] == "cancel"


def test_a_failure_is_not_remembered(desk: Desk) -> None:
    desk.headers = {"Idempotency-Key": "key-1"}
    assert desk.refused(lambda: desk.core.charge(request(payment_type="bri_epay"))) == 402
    assert desk.charge_va("V-1")["status_code"] == "201"


@pytest.mark.parametrize(("key", "bank"), [("k" * 47, "bca"), ("key-1", "permata")])
def test_overlong_keys_and_some_channels_have_no_protection(
    desk: Desk, key: str, bank: str
) -> None:
    desk.headers = {"Idempotency-Key": key}
    desk.charge_va("V-1", bank=bank)
    assert desk.refused(lambda: desk.charge_va("V-1", bank=bank)) == 406


def test_a_key_of_46_characters_still_works(desk: Desk) -> None:
    desk.headers = {"Idempotency-Key": "k" * 46}
    assert desk.charge_va("V-1") == desk.charge_va("V-1")


def test_a_twin_is_told_202_while_the_first_is_under_way(desk: Desk) -> None:
    desk.sim("POST", "faults", op="charge", kind="slow", seconds=0.6)
    headers = {"Idempotency-Key": "key-1"}
    answers: list[Any] = []

    def first() -> None:
        answers.append(desk.http.post("/v2/charge", json=request(), headers=headers))

    thread = threading.Thread(target=first)
    thread.start()
    while not desk.sim("GET", "faults")["faults"][0]["played"]:
        pass
    twin = desk.http.post("/v2/charge", json=request(), headers=headers)
    thread.join()
    assert twin.status_code == 202
    assert "transaction_id" not in twin.json()
    again = desk.http.post("/v2/charge", json=request(), headers=headers)
    assert again.json() == answers[0].json()


def test_an_unknown_key_is_401_and_an_account_sees_only_itself(
    desk: Desk, server: Server, new_desk: Callable[..., Desk]
) -> None:
    desk.charge_va("V-1")
    other = new_desk(server.url)
    assert other.refused(lambda: other.core.transactions.status("V-1")) == 404
    answer = desk.http.get("/v2/V-1/status", auth=("nobody", ""))
    assert answer.status_code == 401
    assert answer.json()["status_message"] == "Unknown Merchant server_key/id"
