"""Every kind of line, and every rule an amount comes by, can be asked for as a sentence and a tree.

Who adds a kind or a rule gives it an example here, in the words that stand on the invoice.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import recount
from source_tree import ROOT

from billing.flows.document_parts import line_facts
from invoices.derivation import recompute
from invoices.derivation_prices import PRICE_RULES
from invoices.explanation import explained
from invoices.lines import LineKind, describe
from invoices.wording import LANGUAGES

SEATS = {"rule": "product", "unit_amount": 45_000, "quantity": 3}
PRICE = {"rule": "product", "unit_amount": 150_000, "quantity": 1}
TIERS = [{"up_to": "10", "unit_amount": "10000", "flat_amount": "0"},
         {"up_to": None, "unit_amount": "5000", "flat_amount": "2500"}]  # fmt: skip
LESS = {"rule": "percent", "of": PRICE, "basis_points": 2_000, "discount": "d", "code": "HEMAT"}
FIXED = {"rule": "part", "of": 50_000, "weights": [99_000, 45_000], "index": 0, "discount": "e",
         "code": "LEBARAN"}  # fmt: skip
NET = {"rule": "minus", "of": PRICE, "less": LESS}
SPLIT = {"rule": "minus", "of": 99_000, "less": FIXED}


def share(of: Any, days: int, of_days: int, **more: Any) -> dict[str, Any]:
    return {"rule": "share", "of": of, "numerator": days, "denominator": of_days, **more}


# Kind, derivation, and each sentence on the invoice; of a whole price there is nothing to tell.
LINES: list[tuple[LineKind, dict[str, Any], str, str]] = [
    (LineKind.RECURRING, PRICE, "", ""),
    (LineKind.RECURRING, SEATS, "", ""),
    (LineKind.RECURRING, {"rule": "fixed", "amount": "50000"}, "", ""),
    (LineKind.STUB, share(PRICE, 20, 30), "Rp150.000 × 20/30 hari = Rp100.000",
     "Rp150.000 × 20/30 days = Rp100.000"),
    (LineKind.CREDIT, {"rule": "credit", "of": 99_000, "numerator": 20, "denominator": 31},
     "-(Rp99.000 × 20/31 hari) = -Rp63.870,97, dibulatkan -Rp63.871",
     "-(Rp99.000 × 20/31 days) = -Rp63.870,97, rounded -Rp63.871"),
    (LineKind.CREDIT, {"rule": "credit", "of": 90_000, "numerator": 10, "denominator": 30,
                       "already_credited": 10_000, "manual_credits": 5_000},
     "-(Rp90.000 × 10/30 hari (batas karena nota kredit Rp5.000) − Rp10.000 sudah dikembalikan) = -Rp20.000",
     "-(Rp90.000 × 10/30 days (limited by credit notes Rp5.000) − Rp10.000 given back before) = -Rp20.000"),
    (LineKind.CHARGE, share(SEATS, 10, 31), "3 × Rp45.000 × 10/31 hari = Rp43.548,39, dibulatkan Rp43.548",
     "3 × Rp45.000 × 10/31 days = Rp43.548,39, rounded Rp43.548"),
    (LineKind.CHARGE, share({"rule": "per_unit", "quantity": "3", "unit_amount": "0.5"}, 16, 30),
     "(3 × Rp0,5) × 16/30 hari = Rp0,80, dibulatkan Rp1", "(3 × Rp0,5) × 16/30 days = Rp0,80, rounded Rp1"),
    (LineKind.USAGE, {"rule": "graduated", "quantity": "12", "tiers": TIERS},
     "10 × Rp10.000 + 2 × Rp5.000 + Rp2.500 = Rp112.500", "10 × Rp10.000 + 2 × Rp5.000 + Rp2.500 = Rp112.500"),
    (LineKind.USAGE, {"rule": "volume", "quantity": "12", "tiers": TIERS},
     "12 × Rp5.000 + Rp2.500 = Rp62.500", "12 × Rp5.000 + Rp2.500 = Rp62.500"),
    (LineKind.USAGE, {"rule": "package", "quantity": "2350", "free": "100", "size": "1000",
                      "package_amount": "250000"},
     "3 paket (2.350 − 100 gratis, @ 1.000) × Rp250.000 = Rp750.000",
     "3 packages (2.350 − 100 free, @ 1.000) × Rp250.000 = Rp750.000"),
    (LineKind.USAGE, {"rule": "percentage", "amount": "1000000", "rate": "0.015", "free": "50000",
                      "events": 1, "fixed_amount": "1000", "at_minimum": 2, "minimum": "2000"},
     "Rp1.000.000 (gratis Rp50.000) × 1,5% + 1 transaksi × Rp1.000 + 2 transaksi × Rp2.000 = Rp20.000",
     "Rp1.000.000 (free Rp50.000) × 1,5% + 1 event × Rp1.000 + 2 events × Rp2.000 = Rp20.000"),
    (LineKind.USAGE, {"rule": "minus", "of": {"rule": "per_unit", "quantity": "7", "unit_amount": "500"},
                      "less": 2_000},
     "(7 × Rp500) − Rp2.000 = Rp1.500", "(7 × Rp500) − Rp2.000 = Rp1.500"),
    (LineKind.USAGE, {"rule": "minimum", "of": "500000", "numerator": 16, "denominator": 31,
                      "counted": "120000"},
     "Rp500.000 × 16/31 hari − Rp120.000 sudah ditagih = Rp138.065",
     "Rp500.000 × 16/31 days − Rp120.000 billed already = Rp138.065"),
    (LineKind.USAGE, {"rule": "maximum", "of": "300000", "numerator": 31, "denominator": 31,
                      "counted": "320000"},
     "Rp300.000 × 31/31 hari − Rp320.000 sudah ditagih = -Rp20.000",
     "Rp300.000 × 31/31 days − Rp320.000 billed already = -Rp20.000"),
    (LineKind.SETUP, {"rule": "product", "unit_amount": 25_000, "quantity": 1}, "", ""),
    (LineKind.ONE_OFF, {"rule": "product", "unit_amount": 10_000, "quantity": 4}, "", ""),
    (LineKind.TOP_UP, {"rule": "product", "unit_amount": 100_000, "quantity": 1}, "", ""),
    (LineKind.ONE_OFF, {"rule": "sum", "parts": [10_000, PRICE]}, "Rp10.000 + Rp150.000 = Rp160.000",
     "Rp10.000 + Rp150.000 = Rp160.000"),
]  # fmt: skip
# A line that discounts lowered is shown as two: the second says what was taken off, and how.
DISCOUNTED: list[tuple[LineKind, dict[str, Any], str, str]] = [
    (LineKind.RECURRING, NET, "Rp150.000 − diskon HEMAT (Rp150.000 × 20%) = Rp120.000",
     "Rp150.000 − discount HEMAT (Rp150.000 × 20%) = Rp120.000"),
    (LineKind.CHARGE, share(NET, 20, 30),
     "(Rp150.000 − diskon HEMAT (Rp150.000 × 20%)) × 20/30 hari = Rp80.000",
     "(Rp150.000 − discount HEMAT (Rp150.000 × 20%)) × 20/30 days = Rp80.000"),
    (LineKind.RECURRING, SPLIT, "Rp99.000 − diskon LEBARAN (bagian dari Rp50.000) = Rp64.625",
     "Rp99.000 − discount LEBARAN (part of Rp50.000) = Rp64.625"),
]  # fmt: skip
EVERY = [*LINES, *DISCOUNTED]


def told(kind: LineKind, derivation: dict[str, Any], language: str, taken: int = 0) -> list[str]:
    line = {
        "derivation": derivation, "amount": recompute(derivation), "discount_amount": taken,
        "description": describe(kind, "Pro"), "quantity": 1, "unit_amount": 1,
        "period_start": None, "period_end": None,
    }  # fmt: skip
    return [shown.explanation for shown in line_facts(line, language)]


@pytest.mark.parametrize(("kind", "derivation", "indonesian", "english"), LINES)
def test_a_line_tells_its_arithmetic_on_the_invoice(
    kind: LineKind, derivation: dict[str, Any], indonesian: str, english: str
) -> None:
    assert told(kind, derivation, "id") == [indonesian]
    assert told(kind, derivation, "en") == [english]
    assert all(describe(kind, "Pro")[language] for language in LANGUAGES)


@pytest.mark.parametrize(("kind", "derivation", "indonesian", "english"), DISCOUNTED)
def test_a_discount_tells_what_it_took(
    kind: LineKind, derivation: dict[str, Any], indonesian: str, english: str
) -> None:
    assert told(kind, derivation, "id", taken=1)[1] == indonesian
    assert told(kind, derivation, "en", taken=1)[1] == english


@pytest.mark.parametrize(("kind", "derivation", "indonesian", "english"), EVERY)
def test_a_line_opens_up_as_a_tree_that_a_stranger_can_reckon(
    kind: LineKind, derivation: dict[str, Any], indonesian: str, english: str
) -> None:
    tree = explained(derivation).to_json()
    amount = recompute(derivation)
    assert recount.tree_amount(tree) == recount.line_amount(derivation) == amount, kind
    for language, sentence in (("id", indonesian), ("en", english)):
        assert tree["text"][language] == sentence or not sentence
        assert recount.sentence_figure(tree["text"][language]) == amount


def test_every_kind_of_line_has_its_sentence() -> None:
    assert {kind for kind, *_ in EVERY} == set(LineKind)


def test_every_rule_has_its_sentence() -> None:
    """The rules are read from the source: a new one without an example fails here."""
    source = Path(ROOT / "invoices" / "derivation.py").read_text(encoding="utf-8")
    known = set(PRICE_RULES) | set(re.findall(r'rule == "(\w+)"', source))
    assert known >= {"product", "share", "credit", "percent", "minus", "sum", "part"}
    assert {rule for _, derivation, *_ in EVERY for rule in rules_of(derivation)} == known


def rules_of(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(rules_of, node)) if node else set()
    if not isinstance(node, dict):
        return set()
    inner = set().union(*(rules_of(value) for value in node.values()))
    return inner | ({node["rule"]} if "rule" in node else set())
