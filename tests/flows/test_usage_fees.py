"""Fees of single events: counted in the database as the rule counts them, event by event."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from builders import make_merchant, working
from metered import JANUARY, begin, day, use

from billing.engine import Engine
from billing.flows.usage_fees import fees_of_span
from billing.queries import items_in_force
from plans.metered import terms_of_events
from plans.percentages import fees_of
from usage.closing import OpenSpan
from usage.queries import Wanted, load_meters, usage_prices_of


@pytest.mark.parametrize(
    "terms",
    [
        {"rate": "0.015", "fixed_amount": 1_000, "minimum": 2_000, "maximum": 25_000},
        {"rate": "1/3", "free_amount": "1000000.25"},
        {"rate": "1/7", "fixed_amount": "0.5", "free_amount": "100000/3", "maximum": "5000/9"},
        {"rate": 0, "minimum": 1},
    ],
)
def test_the_database_counts_fees_as_the_rule_does(engine: Engine, terms: dict[str, Any]) -> None:
    """Amounts below zero, of nothing, of parts of a rupiah, at the limits; corrected ones not."""
    merchant = make_merchant(engine, at=JANUARY, pkp_since=None)
    subscription = begin(engine, merchant, {"model": "percentage", "terms": terms})
    draw = Random(7)
    sizes: list[Any] = [
        draw.choice((draw.randint(-9, 3_000_000), f"{draw.randint(0, 400_000)}.{draw.randint(1, 9)}"))
        for _ in range(60)
    ] + [0, 66_667, 1_600_000, 5_000_000]  # fmt: skip
    use(engine, merchant, subscription, *((f"k{n}", JANUARY, size) for n, size in enumerate(sizes)))
    use(engine, merchant, subscription, ("gone", JANUARY, 1), corrects="k3", void=True)
    use(engine, merchant, subscription, ("new", JANUARY, 777), corrects="k4")
    amounts = [max(Fraction(size), Fraction(0)) for n, size in enumerate(sizes) if n not in (3, 4)]
    with working(engine, merchant) as unit:
        price = items_in_force(unit, [subscription])[subscription].price_id
        [[part]] = usage_prices_of(unit, [price]).values()
        [meter] = load_meters(unit, [part.meter_id]).values()
        span = OpenSpan(subscription, date(2027, 1, 1), day(2, 1).date())
        rule = terms_of_events(part.model, part.model_terms)
        assert rule is not None
        found = fees_of_span(unit, Wanted(subscription, meter.id, "sum", span), rule)

    assert found == fees_of(rule, [*amounts, Fraction(777)])
