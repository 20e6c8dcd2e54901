"""Lots of a balance: soonest end first, then oldest; what has ended pays nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.credits.lots import (
    MONEY,
    PROMOTIONAL,
    Lot,
    LotKind,
    in_order,
    less,
    of_kind,
    restored_parts,
    spendable,
    take,
)

NOW = datetime(2027, 1, 10, tzinfo=UTC)


def lot(n: int, left: int, *, kind: LotKind = MONEY, day: int = 1, ends: int | None = None) -> Lot:
    """A lot of January; it ends at the beginning of a day."""
    ends_at = None if ends is None else datetime(2027, 1, 1, tzinfo=UTC) + timedelta(days=ends - 1)
    came = datetime(2027, 1, day, tzinfo=UTC)
    return Lot(UUID(int=n), UUID(int=99), UUID(int=100 + n), kind, left, left, came, ends_at)


OLD = lot(1, 100, day=1)
NEW = lot(2, 100, day=5)
SOON = lot(3, 100, kind=PROMOTIONAL, day=6, ends=15)
LATER = lot(4, 100, kind=PROMOTIONAL, day=2, ends=20)
ENDED = lot(5, 100, kind=PROMOTIONAL, day=2, ends=10)


@pytest.mark.parametrize(
    "lots,                          amount, used",
    [
        ([NEW, OLD],                    150, [(1, 100), (2, 50)]),
        ([OLD, LATER, SOON],            150, [(3, 100), (4, 50)]),
        ([OLD, NEW, LATER, SOON],       350, [(3, 100), (4, 100), (1, 100), (2, 50)]),
        ([ENDED, OLD],                  100, [(1, 100)]),
        ([OLD],                           0, []),
    ],
)  # fmt: skip
def test_what_ends_soonest_is_used_first_then_what_is_oldest(
    lots: list[Lot], amount: int, used: list[tuple[int, int]]
) -> None:
    taken = take(in_order(lots, NOW), amount)
    assert [(use.lot.id.int, use.amount) for use in taken] == used


def test_a_lot_pays_up_to_the_instant_it_ends_at_and_not_at_it() -> None:
    assert SOON.expires_at is not None
    assert spendable([SOON], SOON.expires_at - timedelta(microseconds=1)) == 100
    assert spendable([SOON], SOON.expires_at) == 0


def test_a_payment_that_goes_back_takes_its_own_money_first_and_never_credit() -> None:
    ordered = in_order([OLD, NEW, SOON], NOW, kinds=(MONEY,), first=[NEW.entry_id])
    assert [one.id.int for one in ordered] == [2, 1]


def test_more_than_there_is_is_taken_from_nobody() -> None:
    with pytest.raises(ValueError, match="50 of 150 is in no lot"):
        take(in_order([OLD], NOW), 150)


@pytest.mark.parametrize(
    "back, money, parts",
    [
        (100,  100, (100, 0)),
        (100,   60, (60, 40)),
        (100,    0, (0, 100)),
        (100,  -20, (0, 100)),
    ],
)  # fmt: skip
def test_money_comes_back_before_credit(back: int, money: int, parts: tuple[int, int]) -> None:
    assert restored_parts(back, money) == parts


@given(
    st.lists(st.tuples(st.integers(1, 1000), st.booleans(), st.integers(11, 30)), max_size=8),
    st.lists(st.integers(1, 500), max_size=12),
)
def test_used_bit_by_bit_no_lot_goes_below_zero_and_nothing_is_lost(
    drawn: list[tuple[int, bool, int]], bits: list[int]
) -> None:
    lots = [
        lot(n, left, kind=PROMOTIONAL if given_away else MONEY, ends=ends if given_away else None)
        for n, (left, given_away, ends) in enumerate(drawn)
    ]
    whole = spendable(lots, NOW)
    used = 0
    for bit in bits:
        part = min(bit, spendable(lots, NOW))
        uses = take(in_order(lots, NOW), part)
        assert of_kind(uses, MONEY) + of_kind(uses, PROMOTIONAL) == part
        lots = less(lots, uses)
        used += part
        assert all(one.left >= 0 for one in lots)
        assert spendable(lots, NOW) == whole - used
