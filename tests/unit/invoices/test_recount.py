"""The reader who reckons a line again knows nothing of ours, and is fooled by nothing."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import recount
from recount import WrongError, line_amount, sentence_figure, tax_amounts


def test_it_imports_fractions_and_dates_and_nothing_of_ours() -> None:
    found = set()
    for node in ast.walk(ast.parse(Path(recount.__file__).read_text())):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
    assert found == {"__future__", "datetime", "fractions", "typing"}


SHARE = {"rule": "share", "of": 99_000, "numerator": 20, "denominator": 31,
         "period_start": "2026-12-21", "period_end": "2027-01-10"}  # fmt: skip
TIERS = {"tiers": [{"up_to": "10", "unit_amount": "10000", "flat_amount": "0"},
                   {"up_to": "50", "unit_amount": "8000", "flat_amount": "0"},
                   {"up_to": None, "unit_amount": "5000", "flat_amount": "0"}]}  # fmt: skip


@pytest.mark.parametrize(
    ("derivation", "amount"),
    [
        (SHARE, 63_871),
        ({**SHARE, "rule": "credit", "already_credited": 1_000, "manual_credits": 40_000}, -58_000),
        ({"rule": "percent", "of": 99_999, "basis_points": 1_500}, 15_000),
        ({"rule": "part", "of": 50_000, "weights": [99_000, 45_000, 10_500], "index": 1}, 14_563),
        ({"rule": "part", "of": 100, "weights": [50, 50, 50], "index": 0}, 34),
        *(
            ({"rule": "graduated", "quantity": str(units), **TIERS}, amount)
            for units, amount in ((0, 0), (1, 10_000), (11, 108_000), (50, 420_000), (60, 470_000))
        ),
        *(
            ({"rule": "volume", "quantity": str(units), **TIERS}, amount)
            for units, amount in ((10, 100_000), (11, 88_000), (51, 255_000))
        ),
        ({"rule": "package", "quantity": "2350", "free": "100", "size": "1000",
          "package_amount": "250000"}, 750_000),
        ({"rule": "package", "quantity": "50", "free": "100", "size": "1000",
          "package_amount": "250000"}, 0),
        ({"rule": "minimum", "of": "500000", "numerator": 16, "denominator": 31,
          "counted": "120000"}, 138_065),
        ({"rule": "share", "of": {"rule": "per_unit", "quantity": "3", "unit_amount": "0.5"},
          "numerator": 16, "denominator": 30}, 1),
        ({"rule": "minus", "of": 5, "less": {"rule": "percent", "of": 5, "basis_points": 3_000}}, 3),
    ],
)  # fmt: skip
def test_it_reckons_the_published_examples(derivation: dict[str, Any], amount: int) -> None:
    assert line_amount(derivation) == amount


@pytest.mark.parametrize(
    "derivation",
    [
        {**SHARE, "numerator": 19},
        {**SHARE, "period_end": None},
        {**SHARE, "denominator": 19},
        {**SHARE, "of": 99_000.0},
        {"rule": "guess", "of": 1},
        {"rule": "fixed", "amount": 1.5},
    ],
)
def test_it_refuses_what_explains_nothing(derivation: dict[str, Any]) -> None:
    with pytest.raises(WrongError):
        line_amount(derivation)


def test_it_reads_the_figure_of_a_sentence() -> None:
    assert sentence_figure("x = Rp63.870,97, dibulatkan Rp63.871") == 63_871
    assert sentence_figure("-(Rp1 × 1/2 hari) = -Rp1.000") == -1_000
    for wrong in ("x = 63.871", "x = Rp63871", "x = Rp63.87", ""):
        with pytest.raises(WrongError):
            sentence_figure(wrong)


def test_it_taxes_once() -> None:
    terms = {"statutory": "3/25", "base_factor": "11/12", "collected": True, "rounding": "half_up"}
    assert tax_amounts([33_333] * 3, {**terms, "mode": "exclusive"}) == (99_999, 11_000, 110_999)
    assert tax_amounts([99_000], {**terms, "mode": "inclusive"}) == (89_189, 9_811, 99_000)
