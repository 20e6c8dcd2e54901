"""From a quantity to the amount of one whole interval, by the price's model."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from core.errors import InvalidRequest
from core.money import Money
from plans.price_models import Priced
from plans.price_terms import model_of

QUANTITY_MAX = 1_000_000
FLAT = "flat"
SOLD = (FLAT, "fixed", "per_unit", "graduated", "volume", "package")
"""Models that a quantity prices; a percentage prices what passes through, not metered yet."""

NO_TERMS: Mapping[str, Any] = {}


def priced(
    unit_amount: int,
    quantity: int,
    *,
    model: str = FLAT,
    terms: Mapping[str, Any] = NO_TERMS,
) -> Priced:
    """Price a quantity for one whole interval, exactly, with its derivation.

    Args:
        unit_amount: minor units (whole rupiah) per unit; of ``flat`` alone, others have terms.
        quantity: 1 to 1,000,000.
        model: how the quantity is priced; ``flat`` is unit amount times quantity.
        terms: of the model, as ``price_terms`` reads them.

    Raises:
        InvalidRequest: ``invalid_quantity``, ``unknown_price_model``, ``invalid_price_terms``.
    """
    check_quantity(quantity)
    if model == FLAT:
        derivation = {"rule": "product", "unit_amount": unit_amount, "quantity": quantity}
        return Priced(Fraction(unit_amount * quantity), derivation)
    check_model(model)
    return model_of(model, terms).price(Fraction(quantity))


def price_of(
    unit_amount: int,
    quantity: int,
    currency: str = "IDR",
    *,
    model: str = FLAT,
    terms: Mapping[str, Any] = NO_TERMS,
) -> Money:
    """Price a quantity for one whole interval, rounded once; arguments as of `priced`."""
    return priced(unit_amount, quantity, model=model, terms=terms).amount(currency)


def check_model(model: str) -> None:
    """Refuse a model that no price is sold by.

    Raises:
        InvalidRequest: code ``unknown_price_model``.
    """
    if model not in SOLD:
        raise InvalidRequest(
            "unknown_price_model", f"There is no price model {model!r}.", field="model"
        )


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
