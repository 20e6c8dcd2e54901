"""Order ids, refund keys and idempotency keys: derived, short, never shared."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from payments.order_ids import idempotency_key, is_order_id, order_id, refund_key

NAMESPACE = bytes(range(16))
OTHER_NAMESPACE = bytes(range(1, 17))
SUBSCRIPTION = "0b6f7a4e-1f5d-5a59-8a44-2f2b1c0b9b10"

keys = st.tuples(
    st.binary(min_size=16, max_size=16),
    st.text(max_size=40),
    st.text(max_size=12),
    st.text(max_size=12),
    st.integers(1, 999),
)


def test_the_same_business_key_gives_the_same_order_id_for_ever() -> None:
    # A changed derivation would charge everybody again after a restore: this value is a promise.
    derived = order_id(NAMESPACE, SUBSCRIPTION, "2026-11-21", "recurring", 1)

    assert derived == "3wuufpqiriugbtzrkiyponupi2mm-1"


@pytest.mark.parametrize(
    "other",
    [
        (OTHER_NAMESPACE, SUBSCRIPTION, "2026-11-21", "recurring", 1),
        (NAMESPACE, SUBSCRIPTION[:-1], "2026-11-21", "recurring", 1),
        (NAMESPACE, SUBSCRIPTION, "2026-12-21", "recurring", 1),
        (NAMESPACE, SUBSCRIPTION, "2026-11-21", "change", 1),
        (NAMESPACE, SUBSCRIPTION, "2026-11-21", "recurring", 2),
        (NAMESPACE, SUBSCRIPTION + "2", "026-11-21", "recurring", 1),
    ],
)
def test_any_other_business_key_gives_another_order_id(
    other: tuple[bytes, str, str, str, int],
) -> None:
    assert order_id(*other) != order_id(NAMESPACE, SUBSCRIPTION, "2026-11-21", "recurring", 1)


@given(keys)
def test_midtrans_accepts_every_order_id(key: tuple[bytes, str, str, str, int]) -> None:
    derived = order_id(*key)

    assert len(derived) <= 36
    assert re.fullmatch(r"[A-Za-z0-9-]+", derived)
    assert is_order_id(derived)


@given(keys, keys)
def test_two_business_keys_never_share_an_order_id(
    a: tuple[bytes, str, str, str, int], b: tuple[bytes, str, str, str, int]
) -> None:
    assert (order_id(*a) == order_id(*b)) == (a == b)


@pytest.mark.parametrize("n", [0, -1, 1000])
def test_an_impossible_attempt_number_is_refused(n: int) -> None:
    with pytest.raises(InvalidRequest):
        order_id(NAMESPACE, SUBSCRIPTION, "2026-11-21", "recurring", n)


def test_a_refund_key_changes_with_the_number_and_the_amount() -> None:
    derived = order_id(NAMESPACE, SUBSCRIPTION, "2026-11-21", "recurring", 1)

    assert refund_key(derived, 1, 50_000) == f"{derived}-r1-50000"
    assert len({refund_key(derived, n, a) for n in (1, 2) for a in (50_000, 50_001)}) == 4
    assert re.fullmatch(r"[A-Za-z0-9_-]+", refund_key(derived, 1, 50_000))


@pytest.mark.parametrize(("n", "amount"), [(0, 1), (1, 0), (1, -5)])
def test_a_refund_of_nothing_has_no_key(n: int, amount: int) -> None:
    with pytest.raises(InvalidRequest):
        refund_key("order-1", n, amount)


def test_an_idempotency_key_is_a_uuid_of_order_operation_and_send() -> None:
    keys = {idempotency_key("a-1", op, send) for op in ("charge", "refund") for send in (1, 2)}

    assert len(keys) == 4
    assert {UUID(key).version for key in keys} == {5}
    assert idempotency_key("a-1", "charge", 1) == idempotency_key("a-1", "charge", 1)
