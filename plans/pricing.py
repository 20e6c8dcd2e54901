"""From a quantity to the amount of one whole interval, by the price's model."""

from __future__ import annotations

from collections.abc import Callable

from core.errors import InvalidRequest
from core.money import Money

QUANTITY_MAX = 1_000_000

PriceModel = Callable[[Money, int], Money]
"""Unit price and quantity in, the amount of one interval out, before discounts and tax."""


def price_of(
    unit_amount: int, quantity: int, currency: str = "IDR", *, model: str = "flat"
) -> Money:
    """Price a quantity for one whole interval.

    Args:
        unit_amount: minor units (whole rupiah) per unit.
        quantity: 1 to 1,000,000.
        currency: of the price.
        model: how the quantity is priced; ``flat`` is unit price times quantity.

    Raises:
        InvalidRequest: code ``invalid_quantity`` or ``unknown_price_model``.
    """
    check_quantity(quantity)
    priced = MODELS.get(model)
    if priced is None:
        raise InvalidRequest(
            "unknown_price_model", f"There is no price model {model!r}.", field="model"
        )
    return priced(Money(unit_amount, currency), quantity)


def check_quantity(quantity: int) -> None:
    """Refuse a quantity that nobody can have meant.

    Raises:
        InvalidRequest: code ``invalid_quantity``.
    """
    is_whole = isinstance(quantity, int) and not isinstance(quantity, bool)
    if not is_whole or not 1 <= quantity <= QUANTITY_MAX:
        raise InvalidRequest(
            "invalid_quantity",
            f"A quantity is a whole number from 1 to {QUANTITY_MAX}.",
            field="quantity",
        )


def _flat(unit_price: Money, quantity: int) -> Money:
    return unit_price.times(quantity)


MODELS: dict[str, PriceModel] = {"flat": _flat}
