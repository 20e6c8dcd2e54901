"""The price of a quantity."""

from __future__ import annotations

import pytest

from core.errors import InvalidRequest
from core.money import Money
from plans.pricing import price_of


@pytest.mark.parametrize(
    ("unit_amount", "quantity", "amount"), [(99_000, 1, 99_000), (45_000, 3, 135_000), (0, 5, 0)]
)
def test_a_flat_price_is_unit_price_times_quantity(
    unit_amount: int, quantity: int, amount: int
) -> None:
    assert price_of(unit_amount, quantity, "IDR") == Money(amount)


@pytest.mark.parametrize("quantity", [0, -1, 1_000_001, 1.0, True, "2"])
def test_a_quantity_is_a_whole_number_of_at_least_one(quantity: object) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        price_of(1, quantity)  # type: ignore[arg-type]
    assert refusal.value.code == "invalid_quantity"


def test_a_model_that_is_not_registered_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        price_of(1, 1, model="lottery")
    assert refusal.value.code == "unknown_price_model"
