"""What each channel is asked for, word for word: the bodies of charges and of hosted pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from payments.adapters.midtrans.payloads import charge_payload, page_payload
from payments.channels import CHANNELS
from payments.gateway import ChargeRequest

ORDERED = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)  # 10:00 in Jakarta
ASK = ChargeRequest(
    order_id="INV-1",
    channel="bca_va",
    amount=111_000,
    currency="IDR",
    initiated_by="customer",
    customer_name="Sari Dewi",
    customer_email="sari@example.com",
    item_name="Kelas Pintar INV/2026/11/0001",
    ordered_at=ORDERED,
    phone="6281234567890",
)


def asked(channel: str, **changes: Any) -> dict[str, Any]:
    return charge_payload(replace(ASK, channel=channel, **changes))


@pytest.mark.parametrize(
    ("channel", "payment_type", "told"),
    [
        ("bca_va", "bank_transfer", {"bank": "bca"}),
        ("bni_va", "bank_transfer", {"bank": "bni"}),
        ("bri_va", "bank_transfer", {"bank": "bri"}),
        ("cimb_va", "bank_transfer", {"bank": "cimb"}),
        (
            "permata_va",
            "bank_transfer",
            {"bank": "permata", "permata": {"recipient_name": "SARI DEWI"}},
        ),
        (
            "mandiri_bill",
            "echannel",
            {"bill_info1": "Tagihan:", "bill_info2": "Kelas Pintar INV/2026/11/0001"},
        ),
        ("qris", "qris", {"acquirer": "gopay"}),
        ("ovo", "ovo", {"payer_phone_number": "+6281234567890"}),
        ("indomaret", "cstore", {"store": "indomaret", "message": "Kelas Pintar INV/202"}),
        (
            "alfamart",
            "cstore",
            {"store": "alfamart", "alfamart_free_text_1": "Kelas Pintar INV/2026/11/0001"},
        ),
        ("gopay", "gopay", None),
        ("shopeepay", "shopeepay", None),
        ("dana", "dana", None),
        ("akulaku", "akulaku", None),
        ("kredivo", "kredivo", None),
    ],
)
def test_a_push_is_asked_for_in_midtrans_words(
    channel: str, payment_type: str, told: dict[str, Any] | None
) -> None:
    body = asked(channel)
    assert body["payment_type"] == payment_type
    assert body.get(payment_type) == told
    assert body["transaction_details"] == {"order_id": "INV-1", "gross_amount": 111_000}
    [item] = body["item_details"]
    assert item["price"] * item["quantity"] == 111_000


@pytest.mark.parametrize("channel", ["gopay", "shopeepay", "dana"])
def test_a_wallet_is_told_where_the_payer_comes_back_to(channel: str) -> None:
    told = asked(channel, return_url="https://kelas.example/i/1")[channel]
    assert told["callback_url"] == "https://kelas.example/i/1"


@pytest.mark.parametrize(
    ("channel", "wanted", "minutes"),
    [
        ("bca_va", timedelta(days=37), 37 * 24 * 60),
        ("bca_va", timedelta(days=200), 180 * 24 * 60),  # the bank's limit
        ("qris", timedelta(hours=1), 60),
        ("qris", timedelta(days=30), 7 * 24 * 60),
        ("dana", timedelta(minutes=5), 15),  # not shorter than DANA allows
        ("ovo", timedelta(hours=1), None),  # OVO's 65 seconds are not to be wished
    ],
)
def test_the_end_is_a_wish_within_what_the_channel_accepts(
    channel: str, wanted: timedelta, minutes: int | None
) -> None:
    body = asked(channel, expires_at=ORDERED + wanted)
    if minutes is None:
        assert "custom_expiry" not in body
    else:
        assert body["custom_expiry"] == {
            "order_time": "2026-11-21 10:00:00 +0700",
            "expiry_duration": minutes,
            "unit": "minute",
        }


def test_a_renewal_charges_the_saved_card_without_the_payer() -> None:
    body = asked("card", token="saved", initiated_by="merchant")
    assert body["credit_card"] == {"token_id": "saved", "initiated_by": "merchant"}
    assert "custom_expiry" not in body


def test_a_card_in_instalments_is_bound_to_its_bank_and_its_numbers() -> None:
    body = asked(
        "card", token="t", authenticate=True, acquirer="bni", installment_months=6, bins=("4105",)
    )
    assert body["credit_card"] == {
        "token_id": "t",
        "authentication": True,
        "bank": "bni",
        "installment_term": 6,
        "bins": ["4105"],
    }


def test_a_linked_wallet_is_charged_with_the_token_just_read() -> None:
    body = asked("gopay_linked", account_id="acc", token="fresh", initiated_by="merchant")
    assert body["payment_type"] == "gopay"
    assert body["gopay"] == {
        "account_id": "acc",
        "payment_option_token": "fresh",
        "recurring": True,
    }


@pytest.mark.parametrize("channel", ["ovo", "akulaku", "kredivo"])
def test_a_channel_that_needs_a_phone_says_so_before_anything_is_sent(channel: str) -> None:
    with pytest.raises(ValueError, match="phone"):
        asked(channel, phone=None)


def test_an_unknown_channel_is_refused() -> None:
    with pytest.raises(ValueError, match="does not speak"):
        asked("barter")


def test_a_hosted_page_offers_what_is_switched_on() -> None:
    body = page_payload(
        replace(
            ASK,
            channel="snap",
            offer=("card", "bca_va", "qris", "mandiri_bill"),
            return_url="https://kelas.example/i/1",
            expires_at=ORDERED + timedelta(hours=2),
        )
    )
    assert body["enabled_payments"] == ["credit_card", "bca_va", "other_qris", "echannel"]
    assert body["credit_card"] == {"secure": True}
    assert body["callbacks"] == {"finish": "https://kelas.example/i/1"}
    assert body["page_expiry"] == {"duration": 120, "unit": "minute"}
    # What was chosen waits for a day from the order, whenever it was chosen.
    assert body["expiry"] == {
        "start_time": body["expiry"]["start_time"], "duration": 1440, "unit": "minute",
    }  # fmt: skip
    start = datetime.strptime(body["expiry"]["start_time"], "%Y-%m-%d %H:%M:%S %z")
    assert start == ORDERED


def test_a_page_that_keeps_a_card_names_its_holder_by_a_mark() -> None:
    page = replace(ASK, channel="snap", payer_mark="0f5c-9a1e")
    kept = page_payload(replace(page, save_token=True))
    assert (kept["credit_card"], kept["user_id"]) == (
        {"secure": True, "save_card": True}, "0f5c-9a1e",
    )  # fmt: skip
    assert "user_id" not in page_payload(page)


def test_every_channel_can_be_asked_for_one_way_or_the_other() -> None:
    for channel in CHANNELS:
        if channel == "snap":
            assert page_payload(replace(ASK, channel="snap"))
        else:
            assert asked(channel, token="t", account_id="a")["payment_type"]
