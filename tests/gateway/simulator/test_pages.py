"""The pages a person uses: pay a bill, confirm 3DS, see what the merchant was told."""

from __future__ import annotations

from typing import Any

import pytest

Desk = Any


@pytest.mark.parametrize(
    ("language", "button", "paid"),
    [("id", "Bayar Rp109.890", "Lunas"), ("en", "Pay Rp109,890", "Settled")],
)
def test_a_person_pays_a_virtual_account(
    told: tuple[Desk, Any], language: str, button: str, paid: str
) -> None:
    desk, inbox = told
    names = {"first_name": "Sari", "last_name": "<Dewi>"}
    answer = desk.charge_va("V-1", customer_details=names)
    path = f"/pay/{answer['transaction_id']}?lang={language}"
    page = desk.http.get(path, auth=None)
    assert button in page.text
    assert "Sari &lt;Dewi&gt;" in page.text
    number = answer["va_numbers"][0]["va_number"]
    assert number[:4] + " " + number[4:8] in page.text
    after = desk.http.post(path, data={"action": "pay"}, auth=None, follow_redirects=True)
    assert paid in after.text
    assert button not in after.text
    desk.sim("POST", "drain")
    assert inbox.statuses()[-1] == ("V-1", "settlement")
    shown = desk.http.get(path, auth=None).text
    assert "<strong>200</strong>" in shown
    assert inbox.url in shown
    again = desk.http.post(path, data={"action": "pay"}, auth=None)
    assert again.status_code == 303
    assert desk.book("V-1")["times_taken"] == 1
    desk.http.post(path, data={"action": "resend"}, auth=None)
    desk.sim("POST", "drain")
    assert len(inbox.messages) == 3


def three_ds(desk: Desk, pan: str = "4811 1111 1111 1114") -> str:
    answer = desk.charge_card("A-1", desk.token(pan), authentication=True)
    return str(answer["redirect_url"])


def test_the_right_code_captures_and_a_wrong_one_may_be_corrected(desk: Desk) -> None:
    url = three_ds(desk)
    assert "112233" in desk.http.get(url, auth=None).text
    wrong = desk.http.post(url, data={"otp": "000000", "action": "confirm"}, auth=None)
    assert "Kode OTP salah" in wrong.text
    assert desk.book("A-1")["status"] == "pending"
    right = desk.http.post(
        url, data={"otp": "112233", "action": "confirm"}, auth=None, follow_redirects=True
    )
    assert "Pembayaran berhasil" in right.text
    assert desk.book("A-1")["status"] == "capture"


def test_refusing_3ds_denies(desk: Desk) -> None:
    url = three_ds(desk)
    page = desk.http.post(url, data={"action": "refuse"}, auth=None, follow_redirects=True)
    assert "Pembayaran ditolak" in page.text
    assert desk.book("A-1")["channel_response_code"] == "Q1"


def test_a_frictionless_card_is_asked_for_nothing(desk: Desk) -> None:
    url = three_ds(desk, "4556 5579 5572 6624")
    assert "112233" not in desk.http.get(url, auth=None).text
    desk.http.post(url, data={"action": "confirm"}, auth=None)
    assert desk.book("A-1")["status"] == "capture"


def test_the_payer_can_be_sent_back_to_the_merchant(desk: Desk) -> None:
    url = three_ds(desk)
    desk.sim("POST", "3ds", order_id="A-1")
    assert (
        "http://shop.test/paid"
        in desk.http.get(url, params={"return_url": "http://shop.test/paid"}).text
    )
    evil = desk.http.get(url, params={"return_url": "javascript:alert(1)"}).text
    assert "javascript:alert" not in evil


def test_an_expired_3ds_page_says_so(desk: Desk) -> None:
    url = three_ds(desk)
    desk.clock("2026-01-05T03:11:00Z")
    assert "sudah tidak berlaku" in desk.http.get(url, auth=None).text
    page = desk.http.post(url, data={"otp": "112233"}, auth=None, follow_redirects=True)
    assert "sudah tidak berlaku" in page.text


def test_the_list_shows_what_waits_per_account(desk: Desk) -> None:
    desk.charge_va("V-open")
    desk.captured("A-done")
    merchant = desk.core.transactions.status("V-open")["merchant_id"]
    page = desk.http.get("/", params={"merchant": merchant}, auth=None).text
    assert "V-open" in page
    assert "A-done" in page
    assert "5 Jan 2026 10.00 WIB" in page


def test_a_qris_has_a_picture_and_every_kind_has_a_page(desk: Desk) -> None:
    bodies: list[dict[str, Any]] = [
        {"payment_type": "qris"},
        {"payment_type": "gopay"},
        {"payment_type": "echannel", "echannel": {"bill_info1": "a", "bill_info2": "b"}},
        {"payment_type": "cstore", "cstore": {"store": "alfamart"}},
        {"payment_type": "bank_transfer", "bank_transfer": {"bank": "permata"}},
    ]
    for place, body in enumerate(bodies):
        details = {"order_id": f"Q-{place}", "gross_amount": 25_000}
        answer = desk.core.charge({**body, "transaction_details": details})
        page = desk.http.get(f"/pay/{answer['transaction_id']}", auth=None)
        assert "Bayar Rp25.000" in page.text
    qris = desk.core.transactions.status("Q-0")["transaction_id"]
    picture = desk.http.get(f"/v2/qris/{qris}/qr-code", auth=None)
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")


def test_card_pages(desk: Desk) -> None:
    answer = desk.captured("A-1")
    assert "48111111-1114" in desk.http.get(f"/pay/{answer['transaction_id']}").text
    assert desk.client_key in desk.http.get("/card", params={"client_key": desk.client_key}).text


@pytest.mark.parametrize(
    "path", ["/nothing", "/pay/none", "/v2/3ds/redirect/none", "/v2/qris/none/qr-code"]
)
def test_unknown_pages_are_404_pages(desk: Desk, path: str) -> None:
    for method in ("GET", "POST"):
        answer = desk.http.request(method, path)
        assert answer.status_code == 404
        assert "tidak ditemukan" in answer.text


def test_the_first_page_lists_orders_without_a_way_to_pay(desk: Desk) -> None:
    order = {"transaction_details": {"order_id": "S-1", "gross_amount": 150_000}}
    url = desk.http.post("/snap/v1/transactions", json=order).json()["redirect_url"]
    accounts = desk.http.get("/_sim/accounts").json()["accounts"]
    merchant = next(a["merchant_id"] for a in accounts if a["server_key"] == desk.server_key)
    path = url.removeprefix(desk.url)
    assert path in desk.http.get(f"/?merchant={merchant}", auth=None).text
    desk.http.post(url, data={"method": "bca_va"}, auth=None)
    assert path not in desk.http.get(f"/?merchant={merchant}", auth=None).text
