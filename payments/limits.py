"""How much one payment may be, by channel and date: dated rows with their source.

What a channel's row says of time (expiry, refund windows) stands in `payments.channels`; amounts
change more often and by contract, so they are dated here and a merchant's own row wins
(decision 16). The limits are the acquirers'. A payer's bank or wallet may allow less, and nobody
tells us.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from payments.channels import CHANNELS

Settles = Literal["at_once", "next_day"]
Refusal = Literal["below_least", "above_most"]


@dataclass(frozen=True, slots=True)
class AmountLimit:
    """From ``valid_from`` on: the least and most of one payment, in whole rupiah.

    Attributes:
        most: None where the acquirer sets none.
        some_payers_most: what some payers may pay at most: an unverified wallet, cash in a shop.
    """

    channel: str
    valid_from: date
    least: int
    most: int | None
    source: str
    some_payers_most: int | None = None


_BEGINNING: Final = date.min
_PAGE: Final = "Midtrans documentation, minimum and maximum amounts, 2026-03-30"

LIMITS: Final[tuple[AmountLimit, ...]] = (
    AmountLimit("card", _BEGINNING, 10_000, 999_999_999, _PAGE),
    AmountLimit("gopay_linked", _BEGINNING, 1, 20_000_000, _PAGE, 2_000_000),
    AmountLimit("bca_va", _BEGINNING, 10_000, 20_000_000_000, _PAGE),
    AmountLimit("bni_va", _BEGINNING, 1, None, _PAGE),
    AmountLimit("bri_va", _BEGINNING, 1, 20_000_000_000, _PAGE),
    AmountLimit("permata_va", _BEGINNING, 1, 9_999_999_999, _PAGE),
    AmountLimit("cimb_va", _BEGINNING, 1, 250_000_000, _PAGE),
    AmountLimit("mandiri_bill", _BEGINNING, 1, 50_000_000_000, _PAGE),
    AmountLimit("gopay", _BEGINNING, 1, 20_000_000, _PAGE, 2_000_000),
    AmountLimit("qris", _BEGINNING, 1, 10_000_000, _PAGE),
    AmountLimit("shopeepay", _BEGINNING, 1, 20_000_000, _PAGE, 2_000_000),
    AmountLimit("dana", _BEGINNING, 1, 20_000_000, _PAGE, 2_000_000),
    AmountLimit("ovo", _BEGINNING, 1, 99_999_999, _PAGE),
    AmountLimit("indomaret", _BEGINNING, 10_000, 5_000_000, _PAGE),
    AmountLimit("alfamart", _BEGINNING, 1, 5_000_000, _PAGE, 2_500_000),
    AmountLimit("akulaku", _BEGINNING, 5_000, None, _PAGE),
    # Paid within 30 days; its instalments begin at Rp500,000 and the payer's credit is the ceiling.
    AmountLimit("kredivo", _BEGINNING, 1, None, _PAGE),
    # The page offers what fits the amount by itself.
    AmountLimit("snap", _BEGINNING, 1, None, "No limit of its own; the chosen channel's holds"),
)


def limit_of(channel: str, on: date, own: Sequence[AmountLimit] = ()) -> AmountLimit:
    """The limit of a channel on a day.

    Args:
        channel: a key of `payments.channels.CHANNELS`.
        own: the merchant's own rows; the newest that has begun wins over the published ones.

    Raises:
        KeyError: no row for the channel.
    """
    for rows in (own, LIMITS):
        begun = [row for row in rows if row.channel == channel and row.valid_from <= on]
        if begun:
            return max(begun, key=lambda row: row.valid_from)
    raise KeyError(channel)


def refusal(amount: int, limit: AmountLimit) -> Refusal | None:
    """Why a channel does not take this amount; None where it does."""
    if amount < limit.least:
        return "below_least"
    if limit.most is not None and amount > limit.most:
        return "above_most"
    return None


def offered(
    amount: int, on: date, channels: Iterable[str], own: Sequence[AmountLimit] = ()
) -> list[str]:
    """Those channels that take the amount, in the order they were given."""
    return [key for key in channels if refusal(amount, limit_of(key, on, own)) is None]


def settles(channel: str) -> Settles:
    """When paid money is on its way to the merchant.

    A card is captured first and settles the next day at 16:00 WIB; everything else settles with
    the payment itself. Paying out to the merchant's bank begins three business days later.

    Source: Midtrans documentation, card charges; when funds can be withdrawn.
    """
    return "next_day" if CHANNELS[channel].captured_first else "at_once"
