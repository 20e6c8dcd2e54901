"""An amount opened up step by step."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from core.money import Money
from invoices.derivation import recompute
from invoices.discounts import Discount, Item, net_prices
from invoices.explanation import Step, explained
from plans.price_models import Graduated, PerUnit
from plans.tiers import Tier

F = Fraction
SEATS = Graduated((Tier(F(10), F(10_000)), Tier(None, F(8_000), F(5_000))))


def flat(step: Step, depth: int = 0) -> list[tuple[int, str, int]]:
    """Depth, rule and amount of every step."""
    found = [(depth, step.rule, step.amount)]
    for part in step.parts:
        found += flat(part, depth + 1)
    return found


@pytest.mark.parametrize(
    ("derivation", "steps"),
    [
        pytest.param(
            {"rule": "product", "unit_amount": 45_000, "quantity": 3},
            [(0, "product", 135_000)], id="three-seats",
        ),
        pytest.param(
            {"rule": "share", "of": SEATS.price(F(11)).derivation, "numerator": 20, "denominator": 31},
            # 10 × 10,000 and 8,000 + 5,000; 113,000 × 20/31 = 72,903.2
            [(0, "share", 72_903), (1, "graduated", 113_000), (2, "tier", 100_000), (2, "tier", 13_000)],
            id="a-part-of-tiers",
        ),
        pytest.param(
            net_prices([Item("a", Money(99_999))], [Discount(basis_points=1_500)])[0].derivation,
            [(0, "minus", 84_999), (1, "percent", 15_000)], id="a-discount",
        ),
        pytest.param(
            {"rule": "sum", "parts": [1_000, {"rule": "product", "unit_amount": 5, "quantity": 2}]},
            [(0, "sum", 1_010), (1, "product", 10)], id="a-sum",
        ),
    ],
)  # fmt: skip
def test_every_step_is_told(derivation: dict[str, Any], steps: list[tuple[int, str, int]]) -> None:
    found = explained(derivation)
    assert flat(found) == steps
    assert found.amount == recompute(derivation)


def test_a_tier_reads_alike_in_both_languages() -> None:
    tiers = explained(SEATS.price(F(12)).derivation).parts
    assert [step.text["id"] for step in tiers] == [
        "10 × Rp10.000 = Rp100.000",
        "2 × Rp8.000 + Rp5.000 = Rp21.000",
    ]
    assert all(step.text["id"] == step.text["en"] for step in tiers)


def test_what_was_rounded_is_shown_before_and_after() -> None:
    told = explained(PerUnit(F(1, 2)).price(F(3)).derivation).to_json()
    assert (told["exact"], told["amount"], told["parts"]) == ("1.5", 2, [])
    assert told["text"]["en"] == "3 × Rp0,5 = Rp1,50, rounded Rp2"
