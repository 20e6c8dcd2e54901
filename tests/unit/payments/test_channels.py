"""The table of channels: what each row says, and that no two rows disagree with the law of the house."""

from __future__ import annotations

from datetime import timedelta

import pytest

from payments.channels import CHANNELS, PULLS, PUSHES, Expiry, channel_of, pulled_by


@pytest.mark.parametrize(
    ("payment_type", "detail", "channel"),
    [
        ("credit_card", None, "card"),
        ("bank_transfer", "bca", "bca_va"),
        ("bank_transfer", "BNI", "bni_va"),
        ("bank_transfer", "bri", "bri_va"),
        ("bank_transfer", "permata", "permata_va"),
        ("bank_transfer", "cimb", "cimb_va"),
        ("bank_transfer", None, None),
        ("bank_transfer", "danamon", None),
        ("echannel", None, "mandiri_bill"),
        ("cstore", "Indomaret", "indomaret"),
        ("cstore", "alfamart", "alfamart"),
        ("cstore", None, None),
        ("gopay", None, "gopay"),
        ("qris", "gopay", "qris"),
        ("shopeepay", None, "shopeepay"),
        ("dana", None, "dana"),
        ("ovo", None, "ovo"),
        ("akulaku", None, "akulaku"),
        ("kredivo", None, "kredivo"),
        ("mandiri_clickpay", None, None),
    ],
)
def test_the_gateways_words_name_one_channel(
    payment_type: str, detail: str | None, channel: str | None
) -> None:
    assert channel_of(payment_type, detail) == channel


def test_only_a_saved_card_and_a_linked_wallet_can_be_pulled() -> None:
    assert {"card", "gopay_linked"} == PULLS
    assert set(CHANNELS) - PULLS == PUSHES


def test_what_the_bank_may_reverse_is_never_refundable_by_the_gateway() -> None:
    for channel in CHANNELS.values():
        assert not (channel.reversible and channel.refund.refundable), channel.key


def test_every_channel_has_a_name_in_both_languages_and_shows_something() -> None:
    for channel in CHANNELS.values():
        assert channel.name("id")
        assert channel.name("en")
        assert channel.shows, channel.key


@pytest.mark.parametrize(
    ("channel", "wanted", "given"),
    [
        ("bca_va", timedelta(days=400), timedelta(days=180)),  # the bank keeps a number half a year
        ("bca_va", timedelta(seconds=1), timedelta(seconds=20)),
        ("qris", timedelta(days=30), timedelta(days=7)),
        ("dana", timedelta(minutes=1), timedelta(minutes=15)),
        ("ovo", timedelta(hours=1), timedelta(seconds=65)),  # OVO takes no wish
    ],
)
def test_a_wish_is_brought_within_what_the_gateway_accepts(
    channel: str, wanted: timedelta, given: timedelta
) -> None:
    expiry = CHANNELS[channel].expiry
    assert isinstance(expiry, Expiry)
    assert expiry.clamp(wanted) == given


@pytest.mark.parametrize(
    ("told", "ours"),
    [("gopay", "gopay_linked"), ("card", "card"), (None, "card"), ("gopay_linked", "gopay_linked"),
     ("bca_va", "card")],
)  # fmt: skip
def test_a_charge_that_we_pulled_is_called_by_the_channel_we_pulled_it_by(
    told: str | None, ours: str
) -> None:
    assert pulled_by(told) == ours
