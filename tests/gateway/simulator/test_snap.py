"""Snap: what opens a hosted page, what a person does there, and what the merchant sees of it."""

from __future__ import annotations

import re
from typing import Any

import pytest

Desk = Any
Json = dict[str, Any]
Told = tuple[Any, Any]


def order(order_id: str = "S-1", amount: int = 150_000, **more: Any) -> Json:
    return {"transaction_details": {"order_id": order_id, "gross_amount": amount}, **more}


def ask(desk: Desk, body: Any, **options: Any) -> Any:
    return desk.http.post("/snap/v1/transactions", json=body, **options)


def opened(desk: Desk, order_id: str = "S-1", amount: int = 150_000, **more: Any) -> str:
    answer = ask(desk, order(order_id, amount, **more))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["redirect_url"])


def choose(desk: Desk, url: str, method: str, **form: str) -> Any:
    return desk.http.post(url, data={"method": method, **form}, auth=None, follow_redirects=True)


CARD = {
    "card_number": "4811111111111114",
    "card_exp_month": "12",
    "card_exp_year": "2027",
    "card_cvv": "123",
}


def test_a_token_and_an_address_are_answered_with_201(desk: Desk) -> None:
    answer = ask(desk, order())
    assert answer.status_code == 201
    assert set(answer.json()) == {"token", "redirect_url"}
    assert len(answer.json()["token"]) == 36
    assert answer.json()["redirect_url"].endswith("/snap/v4/redirection/" + answer.json()["token"])


ITEMS = [{"id": "a", "name": "Paket", "price": 100_000, "quantity": 1}]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "transaction_details is required"),
        ({}, "transaction_details is required"),
        (order(amount=0), "greater than or equal to 0.01"),
        (order(amount=1.5), "is not a number"),  # type: ignore[arg-type]
        (order("x" * 51), "between 1 and 50 characters"),
        (order(item_details=ITEMS), "is not equal to the sum of item_details"),
        (order(enabled_payments="gopay"), "enabled_payments is not valid"),
        (order(credit_card=[]), "credit_card is not valid"),
        (order(credit_card={"secure": "yes"}), "credit_card.secure is not valid"),
        (order(bca_va={"va_number": "12345"}), "between 6 and 11 digits"),
        (order(bni_va={"va_number": "123456789"}), "between 1 and 8 digits"),
        (order(permata_va={"va_number": "12"}), "between 10 and 10 digits"),
        (order(expiry={"duration": 19, "unit": "second"}), "at least 20 seconds"),
        (order(expiry={"duration": 1, "unit": "year"}), "expiry.unit is not valid"),
        (order(expiry={"duration": "1", "unit": "day"}), "expiry.duration is not valid"),
        (
            order(expiry={"duration": 1, "unit": "day", "start_time": "2020-01-01 00:00:00 +0700"}),
            "has already passed",
        ),
        (order(expiry={"duration": 1, "unit": "day", "start_time": "soon"}), "format is"),
        (order(callbacks={"finish": "x" * 256}), "max 255"),
        (order(user_id="u" * 256), "max 255"),
    ],
)
def test_what_is_wrong_is_said_in_error_messages(desk: Desk, body: Any, said: str) -> None:
    answer = ask(desk, body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error_messages"}
    assert any(said in line for line in answer.json()["error_messages"]), answer.text


@pytest.mark.parametrize("content", [b"{", b"[]", b"5"])
def test_malformed_json_is_a_400_of_snaps_own(desk: Desk, content: bytes) -> None:
    answer = desk.http.post("/snap/v1/transactions", content=content)
    assert (answer.status_code, set(answer.json())) == (400, {"error_messages"})


def test_a_wrong_key_is_401_with_two_lines(desk: Desk) -> None:
    answer = ask(desk, order(), auth=("nobody", ""))
    assert answer.status_code == 401
    first, second = answer.json()["error_messages"]
    assert "unauthorized transaction" in first
    assert second.startswith("Visit")


def test_names_nobody_knows_do_not_fail_the_call(desk: Desk) -> None:
    url = opened(desk, enabled_payments=["gopay", "kioson", "mandiri_ecash"])
    page = desk.http.get(url, auth=None).text
    assert 'value="gopay"' in page
    assert 'value="bca_va"' not in page


def test_the_core_api_knows_the_order_only_when_a_way_to_pay_was_chosen(desk: Desk) -> None:
    url = opened(desk)
    assert desk.refused(lambda: desk.core.transactions.status("S-1")) == 404
    choose(desk, url, "bca_va")
    status = desk.core.transactions.status("S-1")
    assert (status["transaction_status"], status["payment_type"]) == ("pending", "bank_transfer")


def test_a_second_token_is_refused_once_a_transaction_exists(desk: Desk) -> None:
    first, second = opened(desk), opened(desk)
    assert first != second
    choose(desk, first, "bca_va")
    assert ask(desk, order()).json()["error_messages"] == [
        "transaction_details.order_id has already been taken"
    ]
    desk.sim("POST", "pay", order_id="S-1")
    assert "paid and utilized" in ask(desk, order()).json()["error_messages"][0]
    assert desk.book("S-1")["times_taken"] == 1
    choose(desk, second, "gopay")  # the other page notices that it is over
    assert len(desk.sim("GET", "book", order_id="S-1")["transactions"]) == 1


@pytest.mark.parametrize(
    ("method", "channel", "extra"),
    [
        ("gopay", "gopay", {}),
        ("other_qris", "qris", {}),
        ("shopeepay", "shopeepay", {}),
        ("dana", "dana", {}),
        ("bca_va", "bca_va", {"bca_va": {"va_number": "12345678911", "sub_company_code": "00001"}}),
        ("bni_va", "bni_va", {"bni_va": {"va_number": "12345678"}}),
        ("bri_va", "bri_va", {}),
        ("permata_va", "permata_va", {"permata_va": {"recipient_name": "SARI"}}),
        ("cimb_va", "cimb_va", {}),
        ("danamon_va", "danamon_va", {}),
        ("bsi_va", "bsi_va", {}),
        ("seabank_va", "seabank_va", {}),
        ("echannel", "echannel", {}),
        ("other_va", "permata_va", {"enabled_payments": ["other_va"]}),
        ("indomaret", "indomaret", {}),
        ("alfamart", "alfamart", {}),
        ("kredivo", "kredivo", {}),
        ("bca_klikpay", "bca_klikpay", {"enabled_payments": ["bca_klikpay"]}),
        (
            "akulaku",
            "akulaku",
            {
                "item_details": [{"id": "a", "name": "Paket", "price": 150_000, "quantity": 1}],
                "customer_details": {"first_name": "Sari"},
            },
        ),
    ],
)
def test_every_way_to_pay_of_the_page_is_paid(
    told: Told, method: str, channel: str, extra: Json
) -> None:
    desk, inbox = told
    url = opened(desk, **extra)
    page = choose(desk, url, method).text
    assert "Menunggu pembayaran Anda" in page
    assert desk.book("S-1")["channel"] == channel
    desk.sim("POST", "pay", transaction_id=desk.book("S-1")["transaction_id"])
    desk.sim("POST", "drain")
    assert "Pembayaran berhasil" in desk.http.get(url, auth=None).text
    assert inbox.statuses() == [("S-1", "pending"), ("S-1", "settlement")]


def test_custom_numbers_of_the_request_reach_the_bank(desk: Desk) -> None:
    choose(desk, opened(desk, bca_va={"va_number": "12345678911"}), "bca_va")
    assert desk.book("S-1")["va_numbers"] == [{"bank": "bca", "va_number": "12345678911"}]


def test_a_card_with_3ds_and_back_to_the_merchant(told: Told) -> None:
    desk, inbox = told
    card = {"secure": True, "save_card": True}
    finish = {"finish": "https://shop.example/done?x=1"}
    url = opened(desk, credit_card=card, callbacks=finish)
    to_bank = desk.http.post(url, data={"method": "credit_card", "save_card": "1", **CARD})
    bank = to_bank.headers["location"]
    assert "/v2/3ds/redirect/" in bank
    assert "return_url=http" in bank
    done = desk.http.post(bank, data={"otp": "112233", "action": "confirm"}, follow_redirects=True)
    assert url in done.text
    page = desk.http.get(url, auth=None).text
    finished = re.search(r'id="finish"[^>]*href="([^"]+)"', page)
    assert finished is not None
    assert finished[1].replace("&amp;", "&") == (
        "https://shop.example/done?x=1&order_id=S-1&status_code=200&transaction_status=capture"
    )
    desk.sim("POST", "drain")
    message = inbox.messages[-1][1]
    assert message["transaction_status"] == "capture"
    assert message["saved_token_id"]


def test_without_secure_the_bank_answers_at_once_and_the_card_is_not_kept(desk: Desk) -> None:
    url = opened(desk, credit_card={"secure": False})
    choose(desk, url, "credit_card", save_card="1", **CARD)
    assert desk.book("S-1")["status"] == "capture"
    assert desk.book("S-1")["saved_token_id"] is None


def test_several_tries_under_one_order_have_several_transactions(told: Told) -> None:
    desk, inbox = told
    url = opened(desk, credit_card={"secure": False})
    denied = choose(desk, url, "credit_card", **{**CARD, "card_number": "4911111111111113"})
    assert "Pembayaran sebelumnya tidak berhasil." in denied.text
    assert "Bank tidak menyetujui (05)" in denied.text
    choose(desk, url, "gopay")
    desk.http.post(url, data={"action": "other"}, auth=None)  # thinks better of it
    choose(desk, url, "credit_card", **CARD)
    tries = desk.sim("GET", "book", order_id="S-1")["transactions"]
    assert [one["status"] for one in tries] == ["deny", "cancel", "capture"]
    assert len({one["transaction_id"] for one in tries}) == 3
    assert desk.core.transactions.status("S-1")["transaction_status"] == "capture"
    desk.sim("POST", "drain")
    assert [word for _, word in inbox.statuses()] == ["deny", "pending", "cancel", "capture"]


def test_a_wrong_card_number_is_told_on_the_page(desk: Desk) -> None:
    url = opened(desk)
    page = choose(desk, url, "credit_card", **{**CARD, "card_number": "4811111111111115"})
    assert "Periksa nomor kartu: ada yang salah ketik." in page.text
    assert desk.sim("GET", "book", order_id="S-1")["transactions"] == []


def test_whitelisted_bins_and_installments_reach_the_charge(desk: Desk) -> None:
    card = {"whitelist_bins": ["5211"], "installment": {"terms": {"bni": [3, 6], "offline": [12]}}}
    url = opened(desk, credit_card=card)
    assert "BNI · 6 bulan" in desk.http.get(url, auth=None).text
    assert "Kartu ini tidak diterima" in choose(desk, url, "credit_card", **CARD).text
    mastercard = {**CARD, "card_number": "5211111111111117", "term": "bni/6"}
    choose(desk, url, "credit_card", **mastercard)
    assert desk.core.transactions.status("S-1")["installment_term"] == "6"


@pytest.mark.parametrize(
    ("more", "at", "state"),
    [
        # Without a word the page lives 24 hours; 03:00Z is 10:00 WIB.
        ({}, "2026-01-06T02:59:59Z", "open"),
        ({}, "2026-01-06T03:00:00Z", "expired"),
        ({"page_expiry": {"duration": 3, "unit": "hours"}}, "2026-01-05T06:00:00Z", "expired"),
        ({"page_expiry": {"duration": 30, "unit": "days"}}, "2026-01-12T02:59:59Z", "open"),
        # The token itself never lives longer than seven days.
        ({"page_expiry": {"duration": 30, "unit": "days"}}, "2026-01-12T03:00:00Z", "expired"),
        ({"expiry": {"duration": 2, "unit": "hour"}}, "2026-01-05T05:00:00Z", "expired"),
    ],
)
def test_how_long_a_page_may_be_used(desk: Desk, more: Json, at: str, state: str) -> None:
    url = opened(desk, **more)
    desk.clock(at)
    assert desk.sim("GET", "snap")["snap"][0]["state"] == state
    choose(desk, url, "bca_va")
    known = desk.sim("GET", "book", order_id="S-1")["transactions"]
    assert len(known) == (state == "open")


def test_expiry_is_the_life_of_the_payment(desk: Desk) -> None:
    start = "2026-01-05 10:30:00 +0700"
    url = opened(desk, expiry={"start_time": start, "duration": 90, "unit": "minutes"})
    choose(desk, url, "bca_va")
    assert desk.book("S-1")["expires_at"] == "2026-01-05T05:00:00Z"
    desk.clock("2026-01-05T05:00:00Z")
    assert desk.book("S-1")["status"] == "expire"
    assert "sudah berakhir" in desk.http.get(url, auth=None).text


@pytest.mark.parametrize(("what", "state"), [("cancel", "canceled"), ("expire", "expired")])
def test_a_page_is_ended_before_anybody_chose(desk: Desk, what: str, state: str) -> None:
    url = opened(desk)
    token = url.rsplit("/", 1)[1]
    assert desk.http.post(f"/snap/v1/transactions/{token}/{what}").status_code == 200
    assert desk.sim("GET", "snap")["snap"][0]["state"] == state
    again = desk.http.post(f"/snap/v1/transactions/{token}/{what}")
    assert (again.status_code, set(again.json())) == (412, {"error_messages"})
    choose(desk, url, "bca_va")
    assert desk.sim("GET", "book", order_id="S-1")["transactions"] == []
    assert desk.http.post(f"/snap/v1/transactions/nothing/{what}").status_code == 404


def test_after_a_way_to_pay_was_chosen_only_the_core_api_cancels(desk: Desk) -> None:
    url = opened(desk)
    choose(desk, url, "bca_va")
    token = url.rsplit("/", 1)[1]
    assert desk.http.post(f"/snap/v1/transactions/{token}/cancel").status_code == 412
    assert desk.core.transactions.cancel("S-1")["transaction_status"] == "cancel"


def test_override_headers_of_the_token_count_for_the_payment(told: Told) -> None:
    desk, inbox = told
    headers = {"X-Override-Notification": inbox.url + "/other"}
    url = ask(desk, order(), headers=headers).json()["redirect_url"]
    choose(desk, url, "bca_va")
    desk.sim("POST", "drain")
    assert [path for path, _, _ in inbox.messages] == ["/other"]


def test_a_repeated_key_gives_the_same_token(desk: Desk) -> None:
    headers = {"Idempotency-Key": "one"}
    answers = [ask(desk, order(), headers=headers).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(desk.sim("GET", "snap")["snap"]) == 1


@pytest.mark.parametrize(
    ("kind", "http", "pages"),
    [("500_before", 500, 0), ("503_after", 503, 1), ("429", 429, 0), ("body_400", 400, 0)],
)
def test_faults_of_snap_have_its_own_shape(desk: Desk, kind: str, http: int, pages: int) -> None:
    desk.sim("POST", "faults", op="snap", kind=kind)
    answer = ask(desk, order())
    assert (answer.status_code, set(answer.json())) == (http, {"error_messages"})
    assert len(desk.sim("GET", "snap")["snap"]) == pages
    assert ask(desk, order("S-2")).status_code == 201


def test_the_control_api_chooses_without_a_browser(desk: Desk) -> None:
    opened(desk)
    made = desk.sim("POST", "snap", order_id="S-1", method="bca_va")
    assert made["channel"] == "bca_va"
    for body, code in (
        ({"order_id": "none", "method": "gopay"}, 404),
        ({"order_id": "S-1", "method": "gopay"}, 409),
        ({"order_id": "S-1"}, 409),
    ):
        assert desk.try_sim("POST", "snap", **body).status_code == code


def test_the_script_and_strange_addresses(desk: Desk) -> None:
    script = desk.http.get("/snap/snap.js", auth=None)
    assert script.headers["content-type"].startswith("text/javascript")
    assert "window.snap" in script.text
    assert desk.http.get("/snap/v4/redirection/none", auth=None).status_code == 404
    assert desk.http.get("/snap/v1/transactions").status_code == 405
    assert desk.http.get("/snap/v1/nothing").json() == {"error_messages": ["Resource not found"]}
