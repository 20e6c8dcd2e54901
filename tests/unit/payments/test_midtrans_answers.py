"""Midtrans' answers in our words: what the payer is shown, hosted pages, linked wallets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from payments.adapters.midtrans.answers import (
    account_answer,
    charge_answer,
    instructions,
    page_answer,
)
from payments.adapters.midtrans.client import Raw
from payments.gateway import ChargeRequest

PAGE = ChargeRequest(
    order_id="INV-9",
    channel="snap",
    amount=50_000,
    currency="IDR",
    initiated_by="customer",
    customer_name="Budi",
    customer_email="budi@example.com",
    item_name="Tagihan",
    expires_at=datetime(2026, 11, 22, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            {"va_numbers": [{"bank": "bni", "va_number": "8578"}]},
            {"bank": "bni", "va_number": "8578"},
        ),
        ({"permata_va_number": "850"}, {"bank": "permata", "va_number": "850"}),
        (
            {"bill_key": "123", "biller_code": "70012"},
            {"bank": "mandiri", "bill_key": "123", "biller_code": "70012"},
        ),
        (
            {"payment_code": "8101", "store": "indomaret"},
            {"payment_code": "8101", "store": "indomaret"},
        ),
        (
            {
                "qr_string": "000201",
                "actions": [{"name": "generate-qr-code", "url": "https://q/1"}],
            },
            {"qr_string": "000201", "qr_url": "https://q/1"},
        ),
        (
            {
                "actions": [
                    {"name": "generate-qr-code", "url": "https://q/1"},
                    {"name": "generate-qr-code-v2", "url": "https://q/2"},
                    {"name": "deeplink-redirect", "url": "gojek://pay"},
                ]
            },
            {"qr_url": "https://q/2", "app_url": "gojek://pay"},
        ),
        (
            {
                "actions": [
                    {"name": "verification-link-url", "url": "https://pin"},
                    {"name": "verification-link-app", "url": "gojek://pin"},
                ]
            },
            {"redirect_url": "https://pin", "app_url": "gojek://pin"},
        ),
        ({"redirect_url": "https://akulaku"}, {"redirect_url": "https://akulaku"}),
        ({"payer_phone_number": "+628"}, {"phone": "+628"}),
        ({"va_numbers": [], "actions": "none", "redirect_url": ""}, {}),
        ({"va_numbers": ["odd"], "actions": [1, {"name": "x"}]}, {}),
    ],
)
def test_what_the_payer_needs_is_found_wherever_midtrans_put_it(
    body: dict[str, Any], told: dict[str, str]
) -> None:
    assert instructions(body) == told


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (Raw("body", 201, {"token": "t-1", "redirect_url": "https://snap/t-1"}), "pending"),
        (
            Raw("body", 400, {"error_messages": ["transaction_details.order_id has been taken"]}),
            "duplicate",
        ),
        (Raw("body", 400, {"error_messages": ["transaction_details.order_id sudah digunakan"]}),
         "duplicate"),
        (
            Raw(
                "body",
                400,
                {"error_messages": ["transaction_details.gross_amount is not equal to the sum"]},
            ),
            "failed",
        ),
        (Raw("body", 401, {"error_messages": ["Access denied"]}), "refused"),
        (Raw("body", 500, {"error_messages": ["Sorry"]}), "unknown"),
        (Raw("not_sent"), "not_sent"),
        (Raw("unknown", detail="no answer in time"), "unknown"),
        (Raw("body", 200, {}), "unknown"),
    ],
)  # fmt: skip
def test_a_hosted_page_is_open_or_it_is_told_why_not(raw: Raw, status: str) -> None:
    answer = page_answer(raw, PAGE)
    assert answer.status == status
    if status == "pending":
        assert answer.instructions == {"snap_token": "t-1", "redirect_url": "https://snap/t-1"}
        assert answer.order_id == PAGE.order_id
        assert "token" not in answer.raw


WALLET = {
    "name": "GOPAY_WALLET",
    "active": True,
    "balance": {"value": "1000000.00", "currency": "IDR"},
    "token": "secret-token",
}


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (
            Raw("body", 201, {"account_id": "a", "account_status": "PENDING",
                              "actions": [{"name": "activation-link-url", "url": "https://l"}]}),
            "pending",
        ),
        (
            Raw("body", 200, {"account_id": "a", "account_status": "ENABLED",
                              "metadata": {"payment_options": [WALLET]}}),
            "enabled",
        ),
        (Raw("body", 204, {"account_id": "a", "account_status": "DISABLED"}), "ended"),
        (Raw("body", 204, {"account_id": "a", "account_status": "EXPIRED"}), "ended"),
        (Raw("body", 404, {"status_message": "Account doesn't exist."}), "ended"),
        (Raw("body", 202, {"channel_response_code": "105",
                           "channel_response_message": "User Not Found"}), "refused"),
        (Raw("body", 412, {"status_message": "cannot be updated"}), "refused"),
        (Raw("body", 429, {}), "refused"),
        (Raw("body", 503, {}), "unknown"),
        (Raw("unknown"), "unknown"),
        (Raw("not_sent"), "not_sent"),
    ],
)  # fmt: skip
def test_a_linked_wallet_is_ready_or_it_is_told_why_not(raw: Raw, status: str) -> None:
    assert account_answer(raw).status == status


def test_the_token_of_a_purse_is_read_and_never_shown() -> None:
    raw = Raw("body", 200, {"account_status": "ENABLED", "metadata": {"payment_options": [WALLET]}})
    [purse] = account_answer(raw).options
    assert (purse.name, purse.active, purse.balance) == ("GOPAY_WALLET", True, 1_000_000)
    assert purse.token == "secret-token"
    assert "secret-token" not in repr(account_answer(raw))


def test_a_refusal_to_link_keeps_the_wallets_own_words() -> None:
    raw = Raw(
        "body",
        202,
        {"channel_response_code": "112", "channel_response_message": "Wallet is Blocked"},
    )
    answer = account_answer(raw)
    assert (answer.code, answer.message) == ("112", "Wallet is Blocked")


@pytest.mark.parametrize(
    ("body", "channel"),
    [
        ({"payment_type": "bank_transfer", "va_numbers": [{"bank": "bri", "va_number": "1"}]},
         "bri_va"),
        ({"payment_type": "bank_transfer", "permata_va_number": "1"}, "permata_va"),
        ({"payment_type": "echannel", "bill_key": "1"}, "mandiri_bill"),
        ({"payment_type": "cstore", "store": "Alfamart"}, "alfamart"),
        ({"payment_type": "credit_card", "bank": "bni"}, "card"),
        ({"payment_type": "qris"}, "qris"),
        ({"payment_type": "telepathy"}, None),
    ],
)  # fmt: skip
def test_an_answer_says_by_which_channel_money_came(
    body: dict[str, Any], channel: str | None
) -> None:
    told = {"status_code": "200", "transaction_status": "settlement", "gross_amount": "1.00"}
    assert charge_answer(Raw("body", 200, {**told, **body})).channel == channel
