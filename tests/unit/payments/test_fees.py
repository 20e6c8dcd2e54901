"""What the gateway keeps: each row with its working, and whose price holds."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.channels import CHANNELS
from payments.fees import FEES, Fee, FeeRow, fee_of, fee_row

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("channel", "amount", "fee", "ppn", "deducted"),
    [
        # 4,000 + 11% of it
        ("bri_va", 109_890, 4_000, 440, 4_440),
        ("mandiri_bill", 50_000_000, 4_000, 440, 4_440),
        # 2.9% of 1,110,000 = 32,190, + 2,000 = 34,190; 11% of that = 3,760.9
        ("card", 1_110_000, 34_190, 3_761, 37_951),
        # 2.9% of 109,890 = 3,186.81, + 2,000 = 5,186.81 → 5,187; 11% = 570.57
        ("card", 109_890, 5_187, 571, 5_758),
        # 0.7% of 109,890 = 769.23 → 769, of which 11/111 = 76.2
        ("qris", 109_890, 693, 76, 769),
        # 2% of 100,000 = 2,000 + 220: Midtrans' own example
        ("gopay", 100_000, 2_000, 220, 2_220),
        # 2% of 99,000 = 1,980, of which 11/111 = 196.2
        ("shopeepay", 99_000, 1_784, 196, 1_980),
        ("indomaret", 99_000, 5_000, 550, 5_550),
        # 0.7% of 1 = 0.007: nothing
        ("qris", 1, 0, 0, 0),
    ],
)
def test_a_fee_is_computed_as_published(
    channel: str, amount: int, fee: int, ppn: int, deducted: int
) -> None:
    row = fee_row(channel, TODAY)
    assert row is not None

    found = fee_of(amount, row)

    assert (found.fee, found.ppn, found.deducted) == (fee, ppn, deducted)


def test_what_nobody_publishes_has_no_price() -> None:
    assert [key for key in CHANNELS if fee_row(key, TODAY) is None] == [
        "dana", "ovo", "akulaku", "kredivo", "snap",
    ]  # fmt: skip


def test_a_price_that_only_others_tell_is_marked() -> None:
    assert sorted(row.channel for row in FEES if not row.published) == ["alfamart", "indomaret"]
    assert all(row.source for row in FEES)
    assert {row.channel for row in FEES} <= set(CHANNELS)


def test_a_merchants_own_price_holds_from_its_day_on() -> None:
    own = (FeeRow("dana", date(2026, 6, 1), 0, Fraction(15, 1000), "added", "contract"),)

    assert fee_row("dana", date(2026, 5, 31), own) is None
    row = fee_row("dana", date(2026, 6, 1), own)
    assert row is not None
    # 1.5% of 200,000 = 3,000; 11% = 330
    assert fee_of(200_000, row) == Fee(3_000, 330, 3_330, published=True)


@given(
    amount=st.integers(1, 10**12),
    fixed=st.integers(0, 10_000),
    thousandths=st.integers(0, 100),
    ppn=st.sampled_from(["added", "included"]),
)
def test_the_parts_add_up_and_a_larger_payment_never_costs_less(
    amount: int, fixed: int, thousandths: int, ppn: str
) -> None:
    row = FeeRow("card", date.min, fixed, Fraction(thousandths, 1000), ppn, "")  # type: ignore[arg-type]

    found, more = fee_of(amount, row), fee_of(amount + 1, row)

    assert found.fee + found.ppn == found.deducted
    assert 0 <= found.ppn <= found.deducted
    assert found.deducted <= more.deducted
