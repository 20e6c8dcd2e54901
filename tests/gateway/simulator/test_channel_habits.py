"""What single channels do and others do not: OVO's phones, scanned GoPay, QR texts, B2B accounts."""

from __future__ import annotations

from typing import Any

import pytest
import simulator_requests as ways
from simulator_requests import DAY, later, refunding, wib

Desk = Any
Json = dict[str, Any]

#  phone (section 11)   after  state        code
OVO = [
    ("+628271939753", 10, "deny", "17"),
    ("+628242014881", 1, "deny", "26"),
    ("08237435829", 10, "deny", "40"),
    ("628215023424", 55, "deny", "68"),
    ("+628242974268", 65, "expire", None),
    ("+6281299887766", 30, "settlement", None),
]


@pytest.mark.parametrize(("phone", "seconds", "state", "code"), OVO)
def test_an_ovo_phone_answers_its_push(
    desk: Desk, phone: str, seconds: int, state: str, code: str | None
) -> None:
    answer = desk.core.charge(ways.request("ovo", ovo={"payer_phone_number": phone}))
    assert (answer["payer_phone_number"], answer["expiry_time"]) == (phone, wib(65))
    assert answer["merchant_invoice"]
    later(desk, seconds - 1)
    assert desk.book("C-1")["status"] == "pending"
    later(desk, seconds)
    status = desk.core.transactions.status("C-1")
    assert (status["transaction_status"], status.get("channel_response_code")) == (state, code)


def test_a_phone_without_ovo_is_404_in_the_body_and_no_transaction(desk: Desk) -> None:
    body = ways.request("ovo", ovo={"payer_phone_number": "+628249134000"})
    answer = desk.http.post("/v2/charge", json=body)
    assert (answer.status_code, answer.json()["status_code"]) == (200, "404")
    assert "requested phone number" in answer.json()["status_message"]
    assert desk.sim("GET", "book")["transactions"] == []


def test_a_gopay_order_scanned_by_another_app_comes_back_as_qris(told: tuple[Desk, Any]) -> None:
    desk, inbox = told
    assert desk.core.charge(ways.request("gopay"))["payment_type"] == "gopay"
    desk.sim("POST", "pay", order_id="C-1", via="qris", issuer="dana")
    desk.sim("POST", "drain")
    last = inbox.messages[-1][1]
    assert (last["payment_type"], last["issuer"]) == ("qris", "dana")
    assert (last["transaction_type"], last["acquirer"]) == ("off-us", "gopay")


@pytest.mark.parametrize(
    ("channel", "said"), [("gopay", "202"), ("qris", "202"), ("bca_va", "407")]
)
def test_the_code_of_an_expiry_message_depends_on_the_channel(
    told: tuple[Desk, Any], channel: str, said: str
) -> None:
    desk, inbox = told
    desk.configure(switches={"expire_webhook": "407"})  # X6
    desk.core.charge(ways.request(channel))
    assert desk.core.transactions.expire("C-1")["status_code"] == "407"
    desk.sim("POST", "drain")
    assert inbox.messages[-1][1]["status_code"] == said


def test_shopeepays_numbers_are_in_the_status_and_not_in_the_message(
    told: tuple[Desk, Any],
) -> None:
    desk, inbox = told
    desk.core.charge(ways.request("shopeepay"))
    desk.sim("POST", "pay", order_id="C-1")
    desk.sim("POST", "drain")
    fields = {"shopeepay_reference_number", "reference_id"}
    assert fields <= set(desk.core.transactions.status("C-1"))
    assert not fields & set(inbox.messages[-1][1])


def test_a_qris_text_is_one_that_a_wallet_could_read(desk: Desk) -> None:
    text = desk.core.charge(ways.request("qris"))["qr_string"]
    assert text.startswith("000201010212")
    assert "5303360540599000" in text
    crc = 0xFFFF
    for byte in text[:-4].encode():
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    assert text[-4:] == f"{crc:04X}"
    assert desk.sim("POST", "pay", qr_string=text)["status"] == "settlement"


def test_only_a_b2b_account_has_a_fixed_permata_number_and_its_status(desk: Desk) -> None:
    transfer = {"bank": "permata", "va_number": "123456789012"}
    plain = desk.core.charge(ways.request("permata_va", "B-1", bank_transfer=transfer))
    assert plain["permata_va_number"] != "123456789012"
    desk.configure(b2b=True)
    fixed = desk.core.charge(ways.request("permata_va", "B-2", bank_transfer=transfer))
    assert fixed["permata_va_number"] == "123456789012"
    answer = desk.core.transactions.statusb2b("B-2")
    assert [one["order_id"] for one in answer["transactions"]] == ["B-2"]
    assert desk.refused(lambda: desk.core.transactions.statusb2b("B-9")) == 404


def test_a_failed_refund_key_may_be_tried_again_for_seven_days(desk: Desk) -> None:
    desk.core.charge(ways.request("gopay"))
    desk.sim("POST", "pay", order_id="C-1")
    desk.configure(refund_balance=50_000)
    refund = refunding(desk, "C-1", "k")
    assert desk.refused(refund) == 414
    desk.configure(refund_balance=99_000)
    later(desk, 7 * DAY + 1)
    assert desk.refused(refund) == 406
    other = desk.core.transactions.refund("C-1", {"refund_key": "k2"})
    assert other["transaction_status"] == "refund"


def test_a_wrong_method_is_405_and_a_wrong_address_404(desk: Desk) -> None:
    assert desk.http.get("/v2/charge").status_code == 405
    assert desk.http.post("/v2/a/status", json={}).status_code == 405
    assert desk.http.get("/v2/nowhere").status_code == 404
