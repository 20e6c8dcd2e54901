"""What a price may be, what a plan may change, and which of two offers is the larger."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from core.calendars import Interval, Unit
from core.errors import Conflict, InvalidRequest
from plans.catalogue import (
    PriceVersion,
    check_plan_code,
    check_plan_edit,
    is_upgrade,
    new_price,
    yearly_value,
)

TERMS: dict[str, Any] = {
    "plan_code": "pro",
    "version": 1,
    "currency": "IDR",
    "unit_amount": 299_000,
    "interval_unit": "month",
}


def price(amount: int, unit: Unit = "month", count: int = 1, currency: str = "IDR") -> PriceVersion:
    return PriceVersion("pro", 1, currency, amount, Interval(unit, count))


def test_a_price_version_carries_its_terms() -> None:
    assert new_price(**TERMS, trial_days=14, tax_mode="inclusive") == PriceVersion(
        plan_code="pro",
        version=1,
        currency="IDR",
        unit_amount=299_000,
        interval=Interval("month", 1),
        trial_days=14,
        tax_mode="inclusive",
    )


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("plan_code", "Pro Plan", "invalid_plan_code"),
        ("plan_code", "", "invalid_plan_code"),
        ("plan_code", "p" * 65, "invalid_plan_code"),
        ("plan_code", "pro\n", "invalid_plan_code"),
        ("plan_code", "_pro", "invalid_plan_code"),
        ("version", 0, "invalid_version"),
        ("currency", "RP", "unknown_currency"),
        ("unit_amount", -1, "invalid_unit_amount"),
        ("unit_amount", 99_000.0, "invalid_unit_amount"),
        ("unit_amount", True, "invalid_unit_amount"),
        ("unit_amount", 10**12 + 1, "invalid_unit_amount"),
        ("interval_unit", "hour", "invalid_interval"),
        ("interval_count", 0, "invalid_interval_count"),
        ("interval_count", 121, "invalid_interval_count"),
        ("trial_days", -1, "invalid_trial_days"),
        ("trial_days", 731, "invalid_trial_days"),
        ("tax_mode", "none", "invalid_tax_mode"),
    ],
)
def test_a_price_with_wrong_terms_is_refused(field: str, value: object, code: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        new_price(**{**TERMS, field: value})

    assert refusal.value.code == code


@pytest.mark.parametrize(
    "terms",
    [
        {"unit_amount": 0},
        {"unit_amount": 10**12},
        {"trial_days": 730},
        {"interval_unit": "year", "interval_count": 10},
        {"interval_unit": "week", "interval_count": 520},
    ],
)
def test_the_limits_themselves_are_allowed(terms: dict[str, Any]) -> None:
    new_price(**{**TERMS, **terms})


@pytest.mark.parametrize("code", ["a", "0", "pro-2026_b", "p" * 64])
def test_plan_codes_are_plain(code: str) -> None:
    check_plan_code(code)


def test_words_are_edited_and_terms_need_a_new_version() -> None:
    check_plan_edit(["name", "description", "metadata"])
    check_plan_edit([])
    for field in ("unit_amount", "interval", "trial_days", "tax_mode", "currency", "code"):
        with pytest.raises(Conflict) as refusal:
            check_plan_edit(["name", field])
        assert (refusal.value.code, refusal.value.field) == ("needs_new_price", field)


@pytest.mark.parametrize(
    ("offer", "quantity", "value"),
    [
        (price(1_000, "day"), 1, Fraction(365_000)),
        (price(10_000, "week", 2), 1, Fraction(260_000)),
        (price(100_000), 3, Fraction(3_600_000)),
        (price(100_000, "month", 5), 1, Fraction(240_000)),
        (price(100_000, "month", 7), 1, Fraction(1_200_000, 7)),
        (price(1_000_000, "year"), 1, Fraction(1_000_000)),
        (price(1_000_000, "year", 3), 1, Fraction(1_000_000, 3)),
    ],
)
def test_a_year_of_an_offer_is_exact(offer: PriceVersion, quantity: int, value: Fraction) -> None:
    assert yearly_value(offer, quantity) == value


@pytest.mark.parametrize(
    ("old", "old_quantity", "new", "new_quantity", "upgrade"),
    [
        pytest.param(price(150_000), 1, price(300_000), 1, True, id="dearer"),
        pytest.param(price(300_000), 1, price(150_000), 1, False, id="cheaper"),
        pytest.param(price(100_000), 1, price(1_000_000, "year"), 1, False, id="year-with-discount"),
        pytest.param(price(100_000), 1, price(1_200_000, "year"), 1, True, id="same-value"),
        pytest.param(price(45_000), 3, price(45_000), 4, True, id="one-seat-more"),
        pytest.param(price(45_000), 4, price(45_000), 3, False, id="one-seat-less"),
        pytest.param(price(0), 1, price(99_000), 1, True, id="from-free"),
    ],
)  # fmt: skip
def test_an_upgrade_is_worth_at_least_as_much_a_year(
    old: PriceVersion, old_quantity: int, new: PriceVersion, new_quantity: int, upgrade: bool
) -> None:
    assert is_upgrade(old, old_quantity, new, new_quantity) is upgrade


def test_offers_in_two_currencies_are_not_compared() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        is_upgrade(price(100_000), 1, price(10, currency="USD"), 1)
    assert refusal.value.code == "currency_mismatch"
