"""Amount limits by channel and date: whose row wins, and where an amount is just too small or big."""

from __future__ import annotations

from datetime import date

import pytest

from payments.channels import CHANNELS
from payments.limits import LIMITS, AmountLimit, limit_of, offered, refusal, settles

TODAY = date(2026, 11, 21)
OWN = (
    AmountLimit("qris", date(2026, 1, 1), 1_000, 5_000_000, "contract"),
    AmountLimit("qris", date(2026, 12, 1), 1_000, 20_000_000, "contract, second schedule"),
)


@pytest.mark.parametrize(
    ("channel", "amount", "verdict"),
    [
        ("card", 9_999, "below_least"),
        ("card", 10_000, None),
        ("card", 1_000_000_000, "above_most"),
        ("bca_va", 9_999, "below_least"),
        ("bni_va", 10**14, None),  # no ceiling
        ("cimb_va", 250_000_000, None),
        ("cimb_va", 250_000_001, "above_most"),
        ("permata_va", 10_000_000_000, "above_most"),
        ("qris", 10_000_000, None),
        ("qris", 10_000_001, "above_most"),
        ("gopay", 20_000_001, "above_most"),
        ("gopay", 2_000_001, None),  # an unverified payer can not, but we do not know who that is
        ("indomaret", 9_999, "below_least"),
        ("indomaret", 5_000_001, "above_most"),
        ("alfamart", 5_000_000, None),
        ("akulaku", 4_999, "below_least"),
        ("ovo", 100_000_000, "above_most"),
        ("snap", 1, None),
    ],
)
def test_an_amount_is_held_against_the_channels_limits(
    channel: str, amount: int, verdict: str | None
) -> None:
    assert refusal(amount, limit_of(channel, TODAY)) == verdict


@pytest.mark.parametrize(
    ("on", "most"),
    [
        (date(2025, 12, 31), 10_000_000),  # before the contract: the published row
        (date(2026, 1, 1), 5_000_000),
        (date(2026, 11, 30), 5_000_000),
        (date(2026, 12, 1), 20_000_000),  # the newest row that has begun
    ],
)
def test_a_merchants_own_row_wins_from_its_day_on(on: date, most: int) -> None:
    assert limit_of("qris", on, OWN).most == most
    assert limit_of("gopay", on, OWN) == limit_of("gopay", on)


def test_only_channels_that_take_the_amount_are_offered() -> None:
    every = ["card", "bca_va", "bni_va", "qris", "indomaret"]

    assert offered(5_000, TODAY, every) == ["bni_va", "qris"]
    assert offered(7_000_000, TODAY, every) == ["card", "bca_va", "bni_va", "qris"]
    assert offered(7_000_000, TODAY, every, OWN) == ["card", "bca_va", "bni_va"]


def test_every_channel_has_a_limit_with_a_source() -> None:
    assert {row.channel for row in LIMITS} == set(CHANNELS)
    for row in LIMITS:
        assert row.source, row.channel
        assert row.least >= 1, row.channel
        assert row.most is None or row.most > row.least, row.channel
        assert row.some_payers_most is None or row.some_payers_most < (row.most or 0), row.channel


def test_only_a_card_settles_a_day_later() -> None:
    assert [key for key in CHANNELS if settles(key) == "next_day"] == ["card"]
