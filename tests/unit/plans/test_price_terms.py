"""Terms of a price as data: what is read, what is refused, and that nothing is lost."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from core.errors import InvalidRequest
from plans.catalogue import new_price
from plans.price_models import PerUnit
from plans.price_terms import MODEL_NAMES, model_of, terms_of
from plans.pricing import QUANTITY_MAX

GOOD: list[tuple[str, dict[str, Any], str]] = [
    ("fixed", {"amount": 50_000}, "50000"),
    ("per_unit", {"unit_amount": "0.5"}, "6"),
    ("graduated", {"tiers": [{"up_to": "10", "unit_amount": "10"}, {"unit_amount": "8"}]}, "116"),
    ("volume", {"tiers": [{"up_to": "10", "flat_amount": 1}, {"flat_amount": 2}]}, "2"),
    ("package", {"size": 10, "package_amount": 7}, "14"),
    ("package", {"size": 10, "package_amount": 7, "free": "2"}, "7"),
    ("percentage", {"rate": "0.015", "fixed_amount": "1", "minimum": "2", "maximum": "25"}, "2"),
]


@pytest.mark.parametrize(("model", "terms", "of_twelve"), GOOD)
def test_terms_become_a_model_and_come_back(
    model: str, terms: dict[str, Any], of_twelve: str
) -> None:
    found = model_of(model, terms)
    assert found.price(Fraction(12)).exact == Fraction(of_twelve)
    assert model_of(*terms_of(found)) == found


def test_every_model_stands_in_the_table_above() -> None:
    assert {row[0] for row in GOOD} == set(MODEL_NAMES)


@pytest.mark.parametrize(
    ("model", "terms", "field"),
    [
        ("fixed", {}, "amount"),
        ("fixed", {"amount": "-1"}, "amount"),
        ("fixed", {"amount": 1.0}, "amount"),
        ("fixed", {"amount": True}, "amount"),
        ("fixed", {"amount": "1000000000001"}, "amount"),
        ("fixed", {"amount": "1", "extra": 1}, "extra"),
        ("per_unit", {"unit_amount": "1e3"}, "unit_amount"),
        ("graduated", {}, "tiers"),
        ("graduated", {"tiers": "x"}, "tiers"),
        ("graduated", {"tiers": []}, "tiers"),
        ("graduated", {"tiers": ["x"]}, "tiers[0]"),
        ("graduated", {"tiers": [{"unit_amount": "x"}]}, "tiers[0].unit_amount"),
        ("graduated", {"tiers": [{"unit": "1"}]}, "tiers[0].unit"),
        ("volume", {"tiers": [{"up_to": 10, "unit_amount": "1"}]}, "tiers"),
        ("volume", {"tiers": [{"up_to": 0}, {}]}, "tiers[0].up_to"),
        ("package", {"size": 0, "package_amount": 1}, "size"),
        ("package", {"size": 1, "package_amount": 1, "free": "-1"}, "free"),
        ("percentage", {"rate": "1.5"}, "rate"),
        ("percentage", {"rate": "0.1", "minimum": 2, "maximum": 1}, "minimum"),
    ],
)
def test_wrong_terms_are_refused_by_name(model: str, terms: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        model_of(model, terms)
    assert (refusal.value.code, refusal.value.field) == ("invalid_price_terms", field)


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        model_of("lottery", {})
    assert refusal.value.code == "unknown_price_model"


def test_what_is_no_model_has_no_terms() -> None:
    class Free:
        price = PerUnit(Fraction(0)).price

    with pytest.raises(TypeError):
        terms_of(Free())


@pytest.mark.parametrize(
    ("model", "terms", "field"),
    [
        # One unit is free; a million would be 10^13 packages of 10^12: more than a column holds.
        ("package", {"size": "0.0000001", "package_amount": 10**12, "free": 10}, "terms"),
        ("per_unit", {"unit_amount": 10**12 + 1}, "terms.unit_amount"),
    ],
)
def test_a_price_that_no_invoice_could_hold_is_refused(
    model: str, terms: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        new_price(
            plan_code="p", version=1, currency="IDR", unit_amount=None, interval_unit="month",
            model=model, terms=terms,
        )  # fmt: skip
    assert refusal.value.field == field


def test_the_dearest_price_fits_into_a_column() -> None:
    for model, terms in (
        ("per_unit", {"unit_amount": 10**12}),
        ("package", {"size": 1, "package_amount": 10**12}),
    ):
        price = new_price(
            plan_code="p", version=1, currency="IDR", unit_amount=None, interval_unit="month",
            model=model, terms=terms,
        )  # fmt: skip
        assert price.priced(QUANTITY_MAX).amount().amount < 2**62
