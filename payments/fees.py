"""What the gateway keeps of a payment: published prices, dated, with their source.

They are shown to the merchant and never added to a bill: Bank Indonesia forbids surcharges
(PBI 23/6/PBI/2021 art. 52). A contract decides, so a merchant's own row wins (decision 16), and the
gateway's report is what is booked; this is an estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final, Literal

from core.money import round_half_away

Ppn = Literal["added", "included"]


@dataclass(frozen=True, slots=True)
class FeeRow:
    """From ``valid_from`` on: ``rate`` of the amount and ``fixed`` whole rupiah.

    Attributes:
        ppn: whether PPN comes on top of the price or is inside it.
        published: False where only third parties tell it; shown as uncertain.
    """

    channel: str
    valid_from: date
    fixed: int
    rate: Fraction
    ppn: Ppn
    source: str
    published: bool = True


@dataclass(frozen=True, slots=True)
class Fee:
    """What one payment costs the merchant, in whole rupiah: ``deducted`` is ``fee + ppn``."""

    fee: int
    ppn: int
    deducted: int
    published: bool


_BEGINNING: Final = date.min
# 12% of eleven twelfths since 2025, 11% before that: the same share of the price since 2022-04.
PPN: Final = Fraction(11, 100)

_FREE: Final = Fraction(0)
_LIST: Final = "Midtrans pricing page, as reviewed 2026-07-12"
_VA: Final = "Midtrans documentation, price of the payment service, 2025-11: Rp4,000 and PPN"
_GOPAY: Final = "Midtrans documentation, fees of refunds, 2025-11: 2% and PPN"
_QRIS: Final = "Midtrans documentation, QRIS fee, 2025-11: 0.7%; quoted with PPN inside"
_SHOP: Final = "Public integrations; by contract with the shop, no published price"

FEES: Final[tuple[FeeRow, ...]] = (
    FeeRow("card", _BEGINNING, 2_000, Fraction(29, 1000), "added", _LIST),
    FeeRow("bca_va", _BEGINNING, 4_000, _FREE, "added", f"{_VA}; BCA by contract"),
    *(
        FeeRow(key, _BEGINNING, 4_000, _FREE, "added", _VA)
        for key in ("bni_va", "bri_va", "permata_va", "cimb_va", "mandiri_bill")
    ),
    # Another page counts GoPay's PPN as inside; the dearer reading stands.
    FeeRow("gopay", _BEGINNING, 0, Fraction(2, 100), "added", _GOPAY),
    FeeRow("gopay_linked", _BEGINNING, 0, Fraction(2, 100), "added", _GOPAY),
    FeeRow("shopeepay", _BEGINNING, 0, Fraction(2, 100), "included", _LIST),
    FeeRow("qris", _BEGINNING, 0, Fraction(7, 1000), "included", _QRIS),
    FeeRow("indomaret", _BEGINNING, 5_000, _FREE, "added", _SHOP, published=False),
    FeeRow("alfamart", _BEGINNING, 5_000, _FREE, "added", _SHOP, published=False),
)


def fee_row(channel: str, on: date, own: Sequence[FeeRow] = ()) -> FeeRow | None:
    """The price of a channel on a day: the merchant's own before the published one.

    Returns:
        None where nobody publishes a price: DANA, OVO, paylater, and a hosted page, whose price is
        that of what the payer chose.
    """
    for rows in (own, FEES):
        begun = [row for row in rows if row.channel == channel and row.valid_from <= on]
        if begun:
            return max(begun, key=lambda row: row.valid_from)
    return None


def fee_of(amount: int, row: FeeRow, *, ppn: Fraction = PPN) -> Fee:
    """Compute what the gateway keeps of a payment.

    Args:
        amount: whole rupiah paid.
        ppn: the share of the price that PPN is on the day.

    >>> fee_of(109_890, FeeRow("bri_va", date.min, 4_000, Fraction(0), "added", ""))
    Fee(fee=4000, ppn=440, deducted=4440, published=True)
    """
    price = row.fixed + amount * row.rate
    if row.ppn == "added":
        fee = _whole(price)
        tax = _whole(fee * ppn)
        return Fee(fee, tax, fee + tax, row.published)
    deducted = _whole(price)
    tax = _whole(deducted * ppn / (1 + ppn))
    return Fee(deducted - tax, tax, deducted, row.published)


def _whole(exact: Fraction) -> int:
    return round_half_away(exact.numerator, exact.denominator)
