"""Other ways to pay on a customer's page: chosen, shown, ended; never one that can not be used."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pages.house import House

from api.pages.ways import app_url
from payments.gateway import Answer
from payments.service import set_channel

QR = "00020101021226610014COM.GO-JEK.WWW01189360091432"


def opened(house: House, *channels: str, phone: str | None = "0812 3456 7890") -> tuple[UUID, str]:
    _, _, invoice = house.subscribe(phone=phone)
    with house.work() as unit:
        for channel in channels:
            set_channel(unit, channel, enabled=True)
    return invoice, house.link(invoice)


def gateway_gives(house: House, **instructions: str) -> None:
    house.gateway.charges.append(
        Answer(
            "pending",
            transaction_id="tx-9",
            instructions=instructions,
            expires_at=house.machine() + timedelta(minutes=15),
        )
    )


def choose(house: House, path: str, channel: str) -> Any:
    return house.client.post(f"{path}/pay", data={"channel": channel})


def test_without_other_ways_the_page_offers_the_number_alone(house: House) -> None:
    _, path = opened(house)
    text = house.client.get(path).text
    assert "Bayar dengan BCA Virtual Account" in text
    assert "Cara bayar lain" not in text
    assert "Pilih cara membayar" not in text


def test_what_the_merchant_offers_can_be_chosen(house: House) -> None:
    _, path = opened(house, "qris", "gopay", "indomaret")
    text = house.client.get(path).text
    for channel in ("qris", "gopay", "indomaret"):
        assert f'name="channel" value="{channel}"' in text
    assert 'value="bca_va"' not in text  # its button is the big one


def test_a_qr_is_drawn_in_the_page(house: House) -> None:
    _, path = opened(house, "qris")
    gateway_gives(house, qr_string=QR, qr_url="https://api.example/qr.png")
    assert choose(house, path, "qris").status_code == 303
    answer = house.client.get(path)
    assert 'class="qr" src="data:image/svg+xml;base64,' in answer.text
    assert "img-src 'self' data:;" in answer.headers["content-security-policy"]
    assert "http://127.0.0.1:8401/pay/tx-9" in answer.text
    # A QR is no number; until 07.15 means that its last minute is 07.14.
    assert "<dt>Berlaku sampai</dt><dd>1 Januari 2027, 07.14 WIB</dd>" in answer.text
    assert "Nomor berlaku sampai" not in answer.text
    before = house.client.get(f"{path}/status").json()["version"]
    assert f'data-version="{before}"' in answer.text


def test_a_picture_of_the_gateway_may_be_loaded_from_there_alone(house: House) -> None:
    _, path = opened(house, "gopay")
    gateway_gives(house, qr_url="https://api.example/gopay.png", app_url="gojek://gopay/pay?x=1")
    choose(house, path, "gopay")
    answer = house.client.get(path)
    assert 'src="https://api.example/gopay.png"' in answer.text
    policy = answer.headers["content-security-policy"]
    assert "img-src 'self' data: https://api.example;" in policy
    assert 'href="gojek://gopay/pay?x=1"' in answer.text
    assert "Buka GoPay" in answer.text


ADDRESSES = [
    ("gojek://gopay/merchanttransfer", "gojek://gopay/merchanttransfer"),
    ("https://m.dana.id/n/x", "https://m.dana.id/n/x"),
    ("shopeeid://main?x=1", "shopeeid://main?x=1"),
    ("javascript:alert(1)", ""),
    ("data:text/html,x", ""),
    ("JavaScript:alert(1)", ""),
    ("", ""),
]


@pytest.mark.parametrize("given, shown", ADDRESSES)
def test_only_pages_and_wallets_are_opened(given: str, shown: str) -> None:
    assert app_url(given) == shown


def test_a_wallet_that_asks_on_the_phone_needs_one(house: House) -> None:
    _, path = opened(house, "ovo", phone=None)
    assert 'value="ovo"' not in house.client.get(path).text
    answer = choose(house, path, "ovo")
    assert answer.headers["location"].endswith("?problem=1")
    assert house.gateway.count("charge") == 0


def test_ovo_says_to_look_at_the_phone(house: House) -> None:
    _, path = opened(house, "ovo")
    gateway_gives(house, phone="6281234567890")
    choose(house, path, "ovo")
    text = house.client.get(path).text
    assert "Konfirmasi permintaan di ponsel 6281234567890" in text
    # It lives for 65 seconds: a time of day without seconds says nothing, or one that is past.
    assert "Konfirmasi dalam satu menit" in text
    assert "Berlaku sampai" not in text


def test_the_app_is_opened_before_its_picture_is_scanned(house: House) -> None:
    _, path = opened(house, "gopay")
    gateway_gives(house, qr_url="https://api.example/gopay.png", app_url="gojek://gopay/pay?x=1")
    choose(house, path, "gopay")
    text = house.client.get(path).text
    assert text.index("gojek://gopay/pay?x=1") < text.index("https://api.example/gopay.png")


def test_of_several_ways_that_are_open_the_newest_is_shown_and_the_others_are_folded(
    house: House,
) -> None:
    _, path = opened(house, "qris", "gopay", "ovo")
    gateway_gives(house, qr_string=QR)
    choose(house, path, "qris")
    gateway_gives(house, app_url="gojek://gopay/pay?x=1")
    choose(house, path, "gopay")
    gateway_gives(house, phone="6281234567890")
    choose(house, path, "ovo")
    text = house.client.get(path).text
    newest, *older = text.split('<details class="way quick older">')
    assert "Konfirmasi permintaan di ponsel" in newest
    assert [one.split("<summary>")[1].split("<")[0] for one in older] == ["GoPay", "QRIS"]
    assert "gojek://gopay/pay?x=1" in older[0]


@pytest.mark.parametrize("channel", ["card", "kredivo", "nonsense", "", "x" * 500])
def test_what_is_not_offered_is_not_asked_for(house: House, channel: str) -> None:
    _, path = opened(house)
    answer = choose(house, path, channel)
    assert answer.status_code == 303
    assert house.gateway.count("charge") == (1 if channel == "" else 0)


def test_a_payment_code_of_a_shop_is_shown_like_a_number(house: House) -> None:
    _, path = opened(house, "indomaret")
    gateway_gives(house, store="indomaret", payment_code="123456789012")
    choose(house, path, "indomaret")
    text = house.client.get(path).text
    for wanted in ("Indomaret", "Kode pembayaran", "1234 5678 9012", "di kasir"):
        assert wanted in text


def test_while_the_gateway_is_asked_the_page_waits(house: House) -> None:
    _, path = opened(house, "qris")
    house.gateway.charges.append(Answer("unknown"))
    choose(house, path, "qris")
    assert "Sedang menyiapkan QRIS" in house.client.get(path).text


def test_a_form_of_another_site_is_refused(house: House) -> None:
    _, path = opened(house, "qris")
    answer = house.client.post(
        f"{path}/pay", data={"channel": "qris"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403


def test_a_hosted_page_is_the_last_choice_and_says_that_cards_go_there(house: House) -> None:
    _, path = opened(house, "qris", "snap")
    text = house.client.get(path).text
    assert "Kartu atau cara lain di halaman Midtrans" in text
    assert text.index('value="qris"') < text.index('value="snap"')
    address = "https://app.example/snap/v4/redirection/9f"
    house.gateway.charges.append(
        Answer("pending", instructions={"redirect_url": address, "snap_token": "9f"})
    )
    choose(house, path, "snap")
    shown = house.client.get(path).text
    assert f'href="{address}"' in shown
    assert "Lanjutkan ke Halaman pembayaran Midtrans" in shown
    assert 'value="snap"' not in shown


#  what the gateway says, what the page says in Indonesian, and what to do
REFUSED = [
    ("ovo", "17", "Pembayaran dibatalkan di aplikasi", "Anda dapat mencoba lagi"),
    ("ovo", "26", "sedang mengalami gangguan", "Coba lagi beberapa menit lagi"),
    ("gopay", "202", "Pembayaran ditolak", "Anda dapat mencoba lagi"),
    ("ovo", "14", "tidak terdaftar di dompet digital", "memilih cara bayar lain"),
]


@pytest.mark.parametrize(("channel", "code", "why", "todo"), REFUSED)
def test_what_was_refused_is_told_with_what_to_do(
    house: House, channel: str, code: str, why: str, todo: str
) -> None:
    _, path = opened(house, channel)
    house.gateway.charges.append(
        Answer("failed", transaction_id="tx-9", transaction_status="deny", payment_type=channel,
               code=code)
    )  # fmt: skip
    choose(house, path, channel)
    text = house.client.get(path).text
    [told] = [line for line in text.splitlines() if 'class="told"' in line]
    assert why in told
    assert todo in told
    assert "Tidak ada dana yang ditarik" in told
    assert code not in re.sub(r"<[^>]*>", "", told)  # a link may hold any two digits


def test_what_ran_out_is_not_told_as_refused(house: House) -> None:
    _, path = opened(house, "ovo")
    house.gateway.charges.append(
        Answer("failed", transaction_id="tx-9", transaction_status="expire", payment_type="ovo",
               code="407")
    )  # fmt: skip
    choose(house, path, "ovo")
    assert 'class="told"' not in house.client.get(path).text
