"""Prices of every model made again from a line's derivation, by code that made none of them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import Money
from invoices.derivation import arithmetic, recompute
from plans.commitments import maximum_line, minimum_line
from plans.percentages import PercentageTerms
from plans.price_models import (
    Fixed,
    Graduated,
    Package,
    Percentage,
    PerUnit,
    PriceModel,
    Volume,
)
from plans.tiers import Tier

F = Fraction
SEATS = (Tier(F(10), F(10_000)), Tier(F(50), F(8_000)), Tier(None, F(5_000)))
STEPS = (Tier(F(100), F(0), F(50_000)), Tier(None, F(0), F(90_000)))
LIMITED = Percentage(PercentageTerms(F(3, 200), F(1_000), minimum=F(2_000), maximum=F(25_000)))


@pytest.mark.parametrize(
    ("derivation", "indonesian", "english"),
    [
        (Fixed(F(50_000)).price(F(3)).derivation, "Rp50.000 = Rp50.000", "Rp50.000 = Rp50.000"),
        (
            PerUnit(F(1, 2)).price(F(2_351)).derivation,
            "2.351 × Rp0,5 = Rp1.175,50, dibulatkan Rp1.176",
            "2.351 × Rp0,5 = Rp1.175,50, rounded Rp1.176",
        ),
        (
            Graduated(SEATS).price(F(60)).derivation,
            "10 × Rp10.000 + 40 × Rp8.000 + 10 × Rp5.000 = Rp470.000",
            "10 × Rp10.000 + 40 × Rp8.000 + 10 × Rp5.000 = Rp470.000",
        ),
        (Graduated(SEATS).price(F(0)).derivation, "Rp0 = Rp0", "Rp0 = Rp0"),
        (Volume(SEATS).price(F(60)).derivation, "60 × Rp5.000 = Rp300.000", "60 × Rp5.000 = Rp300.000"),
        (Volume(STEPS).price(F(101)).derivation, "Rp90.000 = Rp90.000", "Rp90.000 = Rp90.000"),
        (
            Package(F(1_000), F(250_000), F(100)).price(F(2_350)).derivation,
            "3 paket (2.350 − 100 gratis, @ 1.000) × Rp250.000 = Rp750.000",
            "3 packages (2.350 − 100 free, @ 1.000) × Rp250.000 = Rp750.000",
        ),
        (
            LIMITED.price_events([F(50_000), F(1_000_000), F(5_000_000)]).derivation,
            "Rp1.000.000 × 1,5% + 1 transaksi × Rp1.000 + 1 transaksi × Rp2.000 + 1 transaksi × Rp25.000 = Rp43.000",
            "Rp1.000.000 × 1,5% + 1 event × Rp1.000 + 1 event × Rp2.000 + 1 event × Rp25.000 = Rp43.000",
        ),
        (
            minimum_line(Money(500_000), days=16, of_days=31, counted=Money(120_000)).derivation,
            "Rp500.000 × 16/31 hari − Rp120.000 sudah ditagih = Rp138.065",
            "Rp500.000 × 16/31 days − Rp120.000 billed already = Rp138.065",
        ),
        (
            {"rule": "share", "of": Graduated(SEATS).price(F(11)).derivation, "numerator": 20, "denominator": 31},
            "(10 × Rp10.000 + 1 × Rp8.000) × 20/31 hari = Rp69.677,42, dibulatkan Rp69.677",
            "(10 × Rp10.000 + 1 × Rp8.000) × 20/31 days = Rp69.677,42, rounded Rp69.677",
        ),
    ],
)  # fmt: skip
def test_a_price_is_read_aloud(derivation: dict[str, Any], indonesian: str, english: str) -> None:
    assert arithmetic(derivation, "id") == indonesian
    assert arithmetic(derivation, "en") == english


def test_a_part_of_a_fine_price_is_rounded_once() -> None:
    """1 × 0.5 × 15/30 is 0.25, so 0. Rounded first it would be 1 × 15/30 = 0.5, so 1."""
    fine = {
        "rule": "share",
        "of": PerUnit(F(1, 2)).price(F(1)).derivation,
        "numerator": 15,
        "denominator": 30,
    }
    assert recompute(fine) == 0


@pytest.mark.parametrize(
    "derivation",
    [
        {"rule": "fixed"},
        {"rule": "fixed", "amount": 1.5},
        {"rule": "per_unit", "quantity": "1"},
        {"rule": "graduated", "quantity": "1", "tiers": []},
        {"rule": "graduated", "quantity": "1", "tiers": "x"},
        {"rule": "volume", "quantity": "11", "tiers": [{"up_to": "10", "unit_amount": "1", "flat_amount": "0"}]},
        {"rule": "percentage", "amount": "1"},
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_an_error(derivation: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        recompute(derivation)


AMOUNTS = st.fractions(0, 10**6, max_denominator=1000)
QUANTITIES = st.fractions(0, 10**5, max_denominator=100)


@st.composite
def models(draw: st.DrawFn) -> PriceModel:
    """Any model with any terms."""
    kind = draw(st.sampled_from(["fixed", "per_unit", "tiers", "package", "percentage"]))
    if kind == "fixed":
        return Fixed(draw(AMOUNTS))
    if kind == "per_unit":
        return PerUnit(draw(AMOUNTS))
    if kind == "package":
        return Package(draw(AMOUNTS) + 1, draw(AMOUNTS), draw(AMOUNTS))
    if kind == "percentage":
        least, most = sorted((draw(AMOUNTS), draw(AMOUNTS)))
        rate = draw(st.fractions(0, 1, max_denominator=1000))
        return Percentage(PercentageTerms(rate, draw(AMOUNTS), draw(AMOUNTS), least, most))
    bounds = sorted(draw(st.sets(st.integers(1, 10**5), max_size=5)))
    table = tuple(
        Tier(None if bound is None else F(bound), draw(AMOUNTS), draw(AMOUNTS))
        for bound in (*bounds, None)
    )
    return Graduated(table) if draw(st.booleans()) else Volume(table)


@given(models(), QUANTITIES, st.integers(0, 366))
def test_the_two_ways_to_an_amount_agree(model: PriceModel, quantity: Fraction, days: int) -> None:
    """What the model says and what the line's derivation makes of it, whole and in part."""
    priced = model.price(quantity)
    assert Money(recompute(priced.derivation)) == priced.amount()
    part = {"rule": "share", "of": priced.derivation, "numerator": days, "denominator": 366}
    share = priced.exact * days / 366
    assert abs(recompute(part) - share) <= F(1, 2)
    assert arithmetic(part, "id")
    assert arithmetic(part, "en")


@given(st.integers(0, 10**9), st.integers(0, 31), st.integers(0, 10**9), st.sampled_from([28, 31]))
def test_a_commitment_is_made_again(whole: int, days: int, counted: int, of_days: int) -> None:
    for line in (minimum_line, maximum_line):
        found = line(Money(whole), days=min(days, of_days), of_days=of_days, counted=Money(counted))
        assert Money(recompute(found.derivation)) == found.amount
