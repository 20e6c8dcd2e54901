"""Monthly recurring revenue, worked out by hand."""

from __future__ import annotations

from fractions import Fraction

from builders import make_price, make_subscription
from pages.house import House

from billing.reports.mrr import mrr


def test_a_year_counts_a_twelfth_and_a_trial_nothing(house: House) -> None:
    with house.work() as unit:
        assert mrr(unit).amount == 0
        make_subscription(unit, price=make_price(unit, 149_000))
        make_subscription(unit, price=make_price(unit, 349_000), quantity=3)
        make_subscription(unit, price=make_price(unit, 1_490_000, interval_unit="year"))
        make_subscription(unit, price=make_price(unit, 899_000, trial_days=14))
        make_subscription(unit, price=make_price(unit, 300_001, interval_count=3))
        found = mrr(unit)
    # 149 000 + 3 x 349 000 + 1 490 000/12 (124 166.67) + 300 001/3 (100 000.33) = 1 420 167
    assert found.exact == Fraction(149_000 + 1_047_000) + Fraction(1_490_000, 12) + Fraction(
        300_001, 3
    )
    assert (found.amount, found.subscriptions) == (1_420_167, 4)


def test_tiers_count_what_a_quantity_comes_to(house: House) -> None:
    seats = {"tiers": [{"up_to": 10, "unit_amount": 10_000}, {"unit_amount": 8_000}]}
    with house.work() as unit:
        monthly = make_price(unit, None, model="graduated", model_terms=seats)
        for quantity in (5, 12, 12):
            make_subscription(unit, price=monthly, quantity=quantity)
        fine = {"unit_amount": "0.5"}
        yearly = make_price(unit, None, interval_unit="year", model="per_unit", model_terms=fine)
        make_subscription(unit, price=yearly, quantity=3)
        make_subscription(unit, price=make_price(unit, 10_000), quantity=12)
        found = mrr(unit)
    # 50 000 + 2 x (100 000 + 2 x 8 000) + 12 x 10 000 + 1.5/12
    assert found.exact == 50_000 + 2 * 116_000 + 120_000 + Fraction(1, 8)
    assert found.subscriptions == 5
