"""A price by terms, told in one line."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from api.pages.price_words import price_words
from plans.price_terms import model_of, terms_of
from plans.queries import Price


@pytest.mark.parametrize(
    ("model", "terms", "indonesian", "english"),
    [
        (
            "graduated",
            {"tiers": [{"up_to": 10, "unit_amount": 10_000}, {"unit_amount": "4999.5", "flat_amount": 500}]},
            "s.d. 10: Rp10.000, di atasnya: Rp500 + Rp4.999,5",
            "to 10: Rp10.000, above: Rp500 + Rp4.999,5",
        ),
        (
            "volume",
            {"tiers": [{"up_to": 1_000, "flat_amount": 50_000}, {"flat_amount": 90_000}]},
            "s.d. 1.000: Rp50.000, di atasnya: Rp90.000, satu harga untuk semua unit",
            "to 1.000: Rp50.000, above: Rp90.000, one price for all units",
        ),
        (
            "package", {"size": 1_000, "package_amount": 250_000, "free": 100},
            "Rp250.000 per paket 1.000, 100 gratis", "Rp250.000 a package of 1.000, 100 free",
        ),
        ("package", {"size": 5, "package_amount": 7}, "Rp7 per paket 5", "Rp7 a package of 5"),
        ("per_unit", {"unit_amount": "0.5"}, "Rp0,5 per unit", "Rp0,5 a unit"),
        (
            "fixed", {"amount": 50_000}, "Rp50.000, berapa pun jumlahnya",
            "Rp50.000 whatever the quantity",
        ),
    ],
)  # fmt: skip
def test_terms_are_told_in_one_line(
    model: str, terms: dict[str, Any], indonesian: str, english: str
) -> None:
    kept = terms_of(model_of(model, terms))[1]
    price = cast(Price, SimpleNamespace(model=model, model_terms=kept))
    assert price_words(price, "id") == indonesian
    assert price_words(price, "en") == english


def test_a_flat_price_is_told_by_its_amount() -> None:
    assert price_words(cast(Price, SimpleNamespace(model="flat", model_terms={})), "id") == ""
