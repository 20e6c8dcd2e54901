"""Notifications: genuine or not, seen or new, about what."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from payments.attempts import News, NewsStatus, Stage
from payments.notifications import (
    NotificationKind,
    classify,
    dedupe_key,
    news_of,
    parse_amount,
    signature,
    verify,
)

KEY = "SB-Mid-server-for-tests"
K = NotificationKind

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
BODY_NAMES = [
    "order_id", "transaction_status", "signature_key", "status_code", "gross_amount", "refunds",
    "va_numbers", "fraud_status", "account_id", "account_status", "additionalInfo",
]  # fmt: skip
bodies = st.dictionaries(
    st.sampled_from(BODY_NAMES) | st.text(max_size=8), json_values, max_size=10
)


def body(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "order_id": "a-1",
        "transaction_id": "9f1c1b1e-0000-4000-8000-000000000001",
        "transaction_status": "settlement",
        "status_code": "200",
        "gross_amount": "109890.00",
        "currency": "IDR",
        "payment_type": "bank_transfer",
        "va_numbers": [{"bank": "bca", "va_number": "12345678901"}],
        **changes,
    }
    signed = signature(fields["order_id"], fields["status_code"], fields["gross_amount"], KEY)
    return {"signature_key": signed, **fields}


def test_the_signature_is_a_sha512_of_the_plain_strings() -> None:
    # printf '%s' 'a-1200109890.00secret' | sha512sum
    assert signature("a-1", "200", "109890.00", "secret") == (
        "a6decbfc7a634c514289827308bf573aecd5875f4403401aac7e6b2c438dec15"
        "e8ae561028b79d6b92a9d120d869ac275d41d24b723187bd4f5c5fc20b94a804"
    )


def test_a_genuine_notification_is_recognised() -> None:
    assert verify(body(), KEY)


@pytest.mark.parametrize(
    "changes",
    [
        {"order_id": "a-2"},
        {"status_code": "201"},
        {"gross_amount": "109890"},
        {"gross_amount": "1.00"},
        {"gross_amount": 109_890},
        {"signature_key": ""},
        {"signature_key": None},
        {"signature_key": "é" * 128},
        {"order_id": "\ud800"},
        {"order_id": None},
    ],
)
def test_an_amended_one_is_not(changes: dict[str, Any]) -> None:
    assert not verify({**body(), **changes}, KEY)


def test_another_key_or_none_is_not_ours() -> None:
    assert not verify(body(), "another key")
    unsigned = {**body(), "signature_key": signature("a-1", "200", "109890.00", "")}
    assert not verify(unsigned, ""), "an empty key would be anybody's key"


def test_the_status_is_outside_the_signature() -> None:
    """Why a notification is only a hint."""
    assert verify({**body(), "transaction_status": "deny"}, KEY)


def test_a_second_copy_has_the_same_key_and_news_has_another() -> None:
    keys = {
        dedupe_key(body()),
        dedupe_key(body(transaction_status="pending", status_code="201")),
        dedupe_key(body(fraud_status="accept")),
        dedupe_key(
            body(transaction_status="partial_refund", refund_amount="50000.00", refunds=[{}])
        ),
        dedupe_key(
            body(
                transaction_status="partial_refund",
                refund_amount="50000.00",
                refunds=[{"bank_confirmed_at": "2026-11-25 10:00:00"}],
            )
        ),
        dedupe_key({**body(), "signature_key": "forged"}),
    }

    assert len(keys) == 6
    assert {len(key) for key in keys} == {32}
    shuffled = dict(reversed(body(status_message="sent again").items()))
    assert dedupe_key(shuffled) == dedupe_key(body())


@pytest.mark.parametrize(
    ("received", "kind"),
    [
        (body(), K.PAYMENT),
        ({"account_id": "x", "account_status": "ENABLED"}, K.PAY_ACCOUNT),
        ({"event_name": "subscription.charge", "transaction": {}}, K.RECURRING_CHARGE),
        ({"schedule": {}, "name": "x"}, K.RECURRING_CREATED),
        ({"originalReferenceNo": "1"}, K.BI_SNAP),
        ({"virtualAccountNo": "1"}, K.BI_SNAP),
        ({"additionalInfo": {"accountStatus": "x"}}, K.BI_SNAP),
        ({"additionalInfo": "x"}, K.UNKNOWN),
        ({}, K.UNKNOWN),
        ({"order_id": "a-1", "transaction_status": "settlement"}, K.UNKNOWN),
    ],
)
def test_what_a_notification_is_about(received: dict[str, Any], kind: NotificationKind) -> None:
    assert classify(received) is kind


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("109890.00", 109_890),
        ("109890", 109_890),
        ("0.00", 0),
        ("1.0", 1),
        ("5000000000.00", 5_000_000_000),
    ],
)
def test_an_amount_is_read(text: str, amount: int) -> None:
    assert parse_amount(text) == amount


@pytest.mark.parametrize(
    "text",
    [
        "109890.50", "109,890.00", "109.890", "1e5", "-1.00", "+1.00", " 1.00", "1.00\n", "", ".00",
        "00001.00", "1.000", "１.00", "9" * 16, None, 109_890, 109_890.0, True, [],
    ],
)  # fmt: skip
def test_anything_else_is_no_amount(text: object) -> None:
    with pytest.raises(InvalidRequest):
        parse_amount(text)


@pytest.mark.parametrize(
    ("changes", "status", "stage", "store"),
    [
        ({}, "paid", "settled", "bca"),
        ({"payment_type": "credit_card", "transaction_status": "capture", "fraud_status": "accept", "va_numbers": None, "bank": "bni"}, "paid", "captured", "bni"),
        ({"transaction_status": "pending", "permata_va_number": "8"}, "pending", None, "permata"),
        ({"payment_type": "cstore", "store": "indomaret", "va_numbers": [], "transaction_status": "deny"}, "failed", None, "indomaret"),
    ],
)  # fmt: skip
def test_a_status_answer_becomes_news(
    changes: dict[str, Any], status: str, stage: str | None, store: str
) -> None:
    found = news_of(body(**changes))

    assert found.status == status
    assert found.stage == (Stage(stage) if stage else None)
    assert found.store == store
    assert (found.order_id, found.amount, found.currency) == ("a-1", 109_890, "IDR")


@pytest.mark.parametrize("changes", [{"gross_amount": "a lot"}, {"transaction_status": None}])
def test_an_unreadable_answer_is_unknown_and_never_a_failure(changes: dict[str, Any]) -> None:
    assert news_of({**body(), **changes}).status is NewsStatus.UNKNOWN
    assert news_of({}) == News("", NewsStatus.UNKNOWN)


@given(bodies)
def test_no_body_makes_it_fail(received: dict[str, Any]) -> None:
    verify(received, KEY)
    classify(received)
    news_of(received)
    assert len(dedupe_key(received)) == 32
