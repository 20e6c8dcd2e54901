"""Which method is charged after which refusal."""

from __future__ import annotations

from uuid import UUID

import pytest

from payments.declines import DeclineClass, decline, decline_of_status
from payments.fallback import Saved, moves_on, next_method

A, B, C = (UUID(int=n) for n in (1, 2, 3))


@pytest.mark.parametrize(
    "code, moves",
    [
        ("14", True), ("54", True), ("R0", True), ("1A", True), ("43", True),
        # no funds, not honoured, the bank is down, the merchant's setting, a code nobody knows
        ("51", False), ("05", False), ("91", False), ("03", False), ("xx", False),
    ],
)  # fmt: skip
def test_only_what_the_holder_must_mend_moves_on(code: str, moves: bool) -> None:
    assert moves_on(decline(code)) is moves


def test_what_was_denied_as_fraud_does_not_move_on() -> None:
    denied = decline_of_status("fraud")
    assert denied.klass is DeclineClass.HARD
    assert not moves_on(denied)


def test_a_card_whose_token_is_gone_moves_on_and_a_busy_gateway_does_not() -> None:
    assert moves_on(decline_of_status("411"))
    assert not moves_on(decline_of_status("429"))
    assert {one for one in DeclineClass if one in ("hard", "customer_action")} == {
        DeclineClass.HARD, DeclineClass.CUSTOMER_ACTION,
    }  # fmt: skip


@pytest.mark.parametrize(
    "in_order, tried, tokens, chosen",
    [
        ([], set(), set(), None),
        ([(A, b"a", True), (B, b"b", True)], {A}, {b"a"}, B),
        ([(B, b"b", True), (A, b"a", True)], set(), set(), B),
        ([(A, b"a", True), (B, b"b", False), (C, b"c", True)], {A}, {b"a"}, C),
        # the same card under a second name
        ([(A, b"a", True), (B, b"a", True), (C, b"c", True)], {A}, {b"a"}, C),
        # two methods whose tokens nobody kept are two methods
        ([(A, None, True), (B, None, True)], {A}, set(), B),
        ([(A, b"a", True), (B, b"b", True)], {A, B}, {b"a", b"b"}, None),
    ],
)
def test_the_next_is_the_first_usable_one_not_tried_under_any_name(
    in_order: list[tuple[UUID, bytes | None, bool]],
    tried: set[UUID],
    tokens: set[bytes],
    chosen: UUID | None,
) -> None:
    assert next_method([Saved(*one) for one in in_order], tried, tokens) == chosen
