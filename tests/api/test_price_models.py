"""Prices by tiers over HTTP: published, shown, refused where they can not be, and billed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from api_house import Counter, House

from plans.pricing import price_of

SEATS = [
    {"up_to": 10, "unit_amount": 10_000},
    {"up_to": "50", "unit_amount": "8000", "flat_amount": 5_000},
    {"unit_amount": "4999.5"},
]


def published(house: House, **terms: Any) -> Any:
    plan = house.ours.post("/plans", {"code": "seats", "name": {"id": "Kursi"}})
    return house.ours.call(
        "POST", f"/plans/{plan['id']}/prices", {"interval_unit": "month", **terms}
    )


def test_tiers_are_published_and_shown_as_they_are_kept(house: House) -> None:
    made = published(house, model="graduated", terms={"tiers": SEATS}).json()

    assert (made["model"], made["unit_amount"]) == ("graduated", 10_000)
    assert made["terms"] == {
        "tiers": [
            {"up_to": "10", "unit_amount": "10000", "flat_amount": "0"},
            {"up_to": "50", "unit_amount": "8000", "flat_amount": "5000"},
            {"up_to": None, "unit_amount": "4999.5", "flat_amount": "0"},
        ]
    }
    assert house.ours.get(f"/prices/{made['id']}") == made
    flat = house.ours.post(
        f"/plans/{made['plan']}/prices", {"interval_unit": "month", "unit_amount": 99_000}
    )
    assert (flat["model"], flat["terms"], flat["unit_amount"]) == ("flat", {}, 99_000)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"model": "graduated", "terms": {"tiers": SEATS[:2]}}, "terms.tiers"),
        ({"model": "graduated", "terms": {"tiers": []}}, "terms.tiers"),
        ({"model": "graduated", "terms": {"tiers": [{"unit_amount": "x"}]}}, "terms.tiers[0].unit_amount"),
        ({"model": "graduated", "terms": {"tiers": [{"unit_amount": 0.5}]}}, "terms.tiers[0].unit_amount"),
        ({"model": "graduated", "terms": {"tiers": [{"unit": 1}]}}, "terms.tiers[0].unit"),
        ({"model": "graduated", "unit_amount": 5, "terms": {"tiers": SEATS}}, "unit_amount"),
        ({"model": "graduated"}, "terms.tiers"),
        ({"model": "package", "terms": {"size": 0, "package_amount": 1}}, "terms.size"),
        ({"model": "per_unit", "terms": {"unit_amount": "0.5", "size": 1}}, "terms.size"),
        ({"model": "percentage", "terms": {}}, "model"),
        ({"model": "flat", "unit_amount": 1, "terms": {"amount": 1}}, "terms"),
        ({}, "unit_amount"),
    ],
)  # fmt: skip
def test_terms_that_can_not_be_are_refused_by_name(
    house: House, terms: dict[str, Any], field: str
) -> None:
    answer = published(house, **terms)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_a_tiered_line_tells_its_arithmetic(counter: Counter) -> None:
    """10 × 10,000 + 2 × 8,000 and 5,000 for reaching the second tier."""
    plan = counter.door.post("/plans", {"code": "seats", "name": {"id": "Kursi", "en": "Seats"}})
    price = counter.door.post(
        f"/plans/{plan['id']}/prices",
        {"interval_unit": "month", "model": "graduated", "terms": {"tiers": SEATS}},
    )
    made = counter.door.post(
        "/subscriptions", {"customer": counter.customer(), "price": price["id"], "quantity": 12}
    )
    [invoice] = counter.door.get(f"/invoices?subscription={made['subscription']['id']}")["data"]
    [line] = counter.door.get(f"/invoices/{invoice['id']}")["lines"]

    assert (line["quantity"], line["amount"]) == (12, 121_000)
    told = "10 × Rp10.000 + 2 × Rp8.000 + Rp5.000 = Rp121.000"
    [opened] = counter.door.get(f"/invoices/{invoice['id']}/explain")["lines"]
    assert [step["amount"] for step in opened["steps"]["parts"]] == [100_000, 21_000]
    shown = counter.door.get(f"/invoices/{invoice['id']}/explain")
    assert told in str(shown)


GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "pricing.md").read_text("utf-8")


def test_the_guide_can_be_followed(house: House) -> None:
    """Each price of the guide is published as it stands there, and 60 units come to its figure."""
    bodies = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)]
    figures = re.findall(r"^\| `.*\| Rp([\d.]+) \|$", GUIDE, re.MULTILINE)
    plan = house.ours.post("/plans", {"code": "guide", "name": {"id": "Panduan"}})
    for body, figure in zip(bodies, figures, strict=True):
        made = house.ours.post(f"/plans/{plan['id']}/prices", body)
        amount = price_of(made["unit_amount"], 60, model=made["model"], terms=made["terms"])
        assert amount.amount == int(figure.replace(".", "")), body
