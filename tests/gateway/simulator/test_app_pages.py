"""The payer's side in the browser: PIN, push, provider, QR, linking and unlinking."""

from __future__ import annotations

from typing import Any

import pytest
import simulator_requests as ways

Desk = Any


def press(desk: Desk, url: str, **form: str) -> str:
    answer = desk.http.post(url, data=form, auth=None, follow_redirects=True)
    assert answer.status_code == 200
    return str(answer.text)


def opened(desk: Desk, channel: str, **change: Any) -> str:
    """The page that the charge leads to."""
    answer = desk.core.charge(ways.request(channel, **change))
    links = {one["name"]: one["url"] for one in answer.get("actions", [])}
    url = links.get("deeplink-redirect") or answer.get("redirect_url")
    return str(url or f"{desk.url}/app/{answer['transaction_id']}")


#  channel       what a person types    title in Indonesian       in English
PAGES: list[tuple[str, dict[str, str], str, str]] = [
    ("gopay", {"pin": "112233"}, "Konfirmasi pembayaran", "Confirm your payment"),
    ("dana", {"pin": "112233"}, "Konfirmasi pembayaran", "Confirm your payment"),
    ("shopeepay", {}, "Bayar pesanan ini?", "Pay for this order?"),
    ("ovo", {}, "Permintaan pembayaran", "Payment request"),
    ("akulaku", {}, "Bayar pesanan ini?", "Pay for this order?"),
    ("kredivo", {}, "Bayar pesanan ini?", "Pay for this order?"),
    ("qris", {"issuer": "bca"}, "Pindai QRIS", "Scan the QRIS"),
    ("qris_airpay", {"issuer": "shopeepay"}, "Pindai QRIS", "Scan the QRIS"),
]


@pytest.mark.parametrize(("channel", "typed", "title", "english"), PAGES)
def test_a_person_pays_in_the_app(
    desk: Desk, channel: str, typed: dict[str, str], title: str, english: str
) -> None:
    url = opened(desk, channel)
    assert title in desk.http.get(url, auth=None).text
    assert english in desk.http.get(url, params={"lang": "en"}, auth=None).text
    assert "Pembayaran berhasil" in press(desk, url, action="confirm", **typed)
    assert desk.book("C-1")["status"] == "settlement"
    assert "Pembayaran berhasil" in press(desk, url, action="refuse")
    assert desk.book("C-1")["times_taken"] == 1


@pytest.mark.parametrize("channel", ["gopay", "dana", "shopeepay", "ovo", "akulaku", "kredivo"])
def test_a_person_refuses_in_the_app(desk: Desk, channel: str) -> None:
    url = opened(desk, channel)
    assert "Pembayaran tidak terjadi" in press(desk, url, action="refuse")
    assert desk.book("C-1")["status"] == "deny"


def test_a_wrong_pin_may_be_corrected(desk: Desk) -> None:
    url = opened(desk, "gopay")
    assert "PIN salah" in press(desk, url, action="confirm", pin="000000")
    assert desk.book("C-1")["status"] == "pending"


def test_a_gopay_code_can_be_scanned_with_another_app(desk: Desk) -> None:
    press(desk, opened(desk, "gopay"), action="confirm", issuer="dana")
    assert desk.core.transactions.status("C-1")["payment_type"] == "qris"


def test_an_ovo_push_is_gone_after_55_seconds(desk: Desk) -> None:
    desk.configure(switches={"ovo_confirm_seconds": 0})
    url = opened(desk, "ovo")
    desk.clock("2026-01-05T03:00:56Z")
    assert "Waktu konfirmasi sudah habis" in press(desk, url, action="confirm")
    desk.clock("2026-01-05T03:01:05Z")
    assert "Pembayaran tidak terjadi" in desk.http.get(url, auth=None).text


def test_the_payer_is_sent_back_with_a_result(desk: Desk) -> None:
    shop = {"enable_callback": True, "callback_url": "https://shop.test/done?a=1"}
    url = opened(desk, "gopay", gopay=shop)
    page = press(desk, url, action="confirm", pin="112233")
    assert "https://shop.test/done?a=1&amp;order_id=C-1&amp;result=success" in page
    evil = {"callback_url": "javascript://x%0aalert(1)"}
    other = desk.core.charge(ways.request("dana", "C-2", dana=evil))["transaction_id"]
    page = press(desk, f"{desk.url}/app/{other}", action="refuse")
    assert "javascript://" not in page


def test_the_language_of_gopays_pages_follows_the_header(desk: Desk) -> None:
    desk.headers = {"X-Payment-Locale": "en-EN"}
    account = ways.linked(desk)
    answer = desk.core.charge(ways.wallet_charge(account, amount=200_000))
    url = answer["actions"][0]["url"]
    assert "Confirm your payment" in desk.http.get(url, auth=None).text
    assert "Payment succeeded" in press(desk, url, action="confirm", pin="112233")


def test_an_account_is_linked_and_unlinked_on_its_page(told: tuple[Desk, Any]) -> None:
    desk, inbox = told
    desk.configure(pay_account_url=inbox.url + "/accounts")
    partner = {"phone_number": "8215023424", "country_code": "62", "redirect_url": "app://shop"}
    made = desk.core.link_payment_account({"payment_type": "gopay", "gopay_partner": partner})
    url = made["actions"][0]["url"]
    assert "Hubungkan GoPay" in desk.http.get(url, auth=None).text
    assert "OTP salah" in press(desk, url, otp="000000", pin="112233")
    assert "PIN salah" in press(desk, url, otp="987654", pin="000000")
    page = press(desk, url, otp="987654", pin="112233")
    assert "GoPay terhubung" in page
    assert "app://shop" in page
    desk.sim("POST", "drain")
    assert "<strong>200</strong>" in press(desk, url, action="unlink")
    assert desk.core.get_payment_account(made["account_id"])["account_status"] == "DISABLED"


def test_a_qr_text_opens_its_payment(desk: Desk) -> None:
    text = desk.core.charge(ways.request("qris"))["qr_string"]
    page = desk.http.get("/scan", params={"qr": text}, auth=None, follow_redirects=True)
    assert "Pindai QRIS" in page.text
    assert "tidak dikenal" in desk.http.get("/scan", params={"qr": "x"}, auth=None).text


@pytest.mark.parametrize("path", ["/app/none", "/gopay/link/none"])
def test_unknown_apps_are_404_pages(desk: Desk, path: str) -> None:
    assert desk.http.get(path, auth=None).status_code == 404
    assert desk.http.post(path, auth=None).status_code == 404


def test_a_virtual_account_has_no_app(desk: Desk) -> None:
    ident = desk.charge_va("V-1")["transaction_id"]
    assert desk.http.get(f"/app/{ident}", auth=None).status_code == 404
