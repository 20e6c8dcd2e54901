"""Refunds: how much may go back and by which road, one situation per row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from payments.attempts import Stage
from payments.refunds import (
    CHANNELS,
    Cancel,
    Manual,
    RefundNow,
    Route,
    WaitForSettlement,
    refundable,
    route,
    settles_at,
)

CAPTURED, SETTLED = Stage.CAPTURED, Stage.SETTLED
PAID_AT = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)  # 10:00 WIB on the 21st
SETTLES_AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)  # 16:00 WIB on the 22nd
PAID = 109_890


@pytest.mark.parametrize(
    ("payment_type", "stage", "amount", "already", "after_hours", "expected"),
    [
        ("card", CAPTURED, 109_890, 0, 1, Cancel()),
        ("card", CAPTURED, 50_000, 0, 1, WaitForSettlement(SETTLES_AT)),
        ("card", CAPTURED, 59_890, 50_000, 1, WaitForSettlement(SETTLES_AT)),
        ("card", CAPTURED, 50_000, 0, 31, WaitForSettlement(PAID_AT + timedelta(hours=32))),
        ("card", SETTLED, 50_000, 0, 31, RefundNow()),
        ("card", SETTLED, 109_890, 0, 31, RefundNow()),
        ("card", SETTLED, 59_890, 50_000, 31, RefundNow()),
        ("card", SETTLED, 109_890, 0, 181 * 24, Manual("refund_window_over")),
        ("bca_va", SETTLED, 109_890, 0, 1, Manual("channel_cannot_refund")),
        ("bca_va", SETTLED, 50_000, 0, 1, Manual("channel_cannot_refund")),
        ("mandiri_bill", SETTLED, 50_000, 0, 1, Manual("channel_cannot_refund")),
        ("indomaret", SETTLED, 50_000, 0, 1, Manual("channel_cannot_refund")),
        ("gopay", SETTLED, 50_000, 0, 44 * 24, RefundNow()),
        ("gopay", SETTLED, 50_000, 0, 46 * 24, Manual("refund_window_over")),
        ("ovo", SETTLED, 109_890, 0, 24, RefundNow()),
        ("ovo", SETTLED, 50_000, 0, 24, Manual("channel_refunds_only_whole")),
        ("carrier_pigeon", SETTLED, 50_000, 0, 24, Manual("channel_cannot_refund")),
    ],
)
def test_the_road_back(
    *, payment_type: str, stage: Stage, amount: int, already: int, after_hours: int, expected: Route
) -> None:
    found = route(
        payment_type,
        stage,
        amount,
        paid=PAID,
        already=already,
        paid_at=PAID_AT,
        now=PAID_AT + timedelta(hours=after_hours),
    )

    assert found == expected


@pytest.mark.parametrize(
    ("paid_at", "expected"),
    [
        ("2026-11-21T03:00", "2026-11-22T09:00"),
        ("2026-11-21T16:59", "2026-11-22T09:00"),  # 23:59 WIB, still the 21st
        ("2026-11-21T17:00", "2026-11-23T09:00"),  # 00:00 WIB on the 22nd
    ],
)
def test_a_captured_card_settles_on_the_next_day_of_the_gateway(
    paid_at: str, expected: str
) -> None:
    instant, wanted = (
        datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (paid_at, expected)
    )

    assert settles_at(instant) == wanted


@pytest.mark.parametrize(
    ("amount", "already", "code"),
    [
        (0, 0, "nothing_to_refund"),
        (-1, 0, "nothing_to_refund"),
        (109_891, 0, "refund_exceeds_payment"),
        (59_891, 50_000, "refund_exceeds_payment"),
        (1, 109_890, "refund_exceeds_payment"),
    ],
)
def test_no_more_goes_back_than_came(amount: int, already: int, code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        route("card", SETTLED, amount, paid=PAID, already=already, paid_at=PAID_AT, now=PAID_AT)

    assert caught.value.code == code


@given(
    st.sampled_from(sorted(CHANNELS)),
    st.sampled_from(Stage),
    st.integers(1, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 400),
)
def test_every_refund_has_a_road_and_only_a_whole_one_cancels(
    payment_type: str, stage: Stage, amount: int, already: int, days: int
) -> None:
    paid = already + amount + days
    now = PAID_AT + timedelta(days=days)

    found = route(payment_type, stage, amount, paid=paid, already=already, paid_at=PAID_AT, now=now)

    if isinstance(found, Cancel):
        assert (amount, already, stage) == (paid, 0, CAPTURED)
    if isinstance(found, WaitForSettlement):
        assert found.until > now


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_what_may_go_back_is_never_negative(paid: int, already: int) -> None:
    assert 0 <= refundable(paid, already) <= paid
