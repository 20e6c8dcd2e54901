"""Usage and items: one meter is billed by one item, and a cut of its period changes no figure."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from builders import (
    make_customer,
    make_merchant,
    make_price,
    make_subscription,
    set_clock,
    working,
)
from metered import FEBRUARY, JANUARY, begin, bills, day, sold, sound, to, use

from billing.engine import Engine
from billing.flows.change_items import change_item
from billing.flows.change_plan import change
from billing.flows.item_quote import ItemWish
from billing.flows.metered_prices import NewPart, publish
from billing.flows.overrides import make_override
from billing.flows.subscribe import subscribe
from billing.flows.usage_lines import plan_usage
from billing.queries import get_subscription, items_in_force
from core.errors import InvalidRequest
from core.merchant import Merchant
from core.work import Work
from invoices.derivation import arithmetic, recompute
from plans.queries import Price, get_price
from plans.service import create_plan
from usage.queries import usage_prices_of
from usage.service import create_meter

ONE_HUNDRED = {"model": "per_unit", "terms": {"unit_amount": 100}}


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=JANUARY, pkp_since=None, issue_lead_days=0)


def next_version(unit: Work, of: Price, base: int) -> Price:
    """A price of the same plan whose part names the meter's second version."""
    meter = create_meter(
        unit, code="m100000-0", name={"id": "m"}, event_name="call", aggregation="count"
    )
    part: dict[str, Any] = {"model": "per_unit", "terms": {"unit_amount": 7}}
    return publish(
        unit, of.plan_id, unit_amount=base, interval_unit="month",
        usage=[NewPart({"id": "panggilan"}, meter.id, **part)],
    )  # fmt: skip


def test_no_two_items_of_a_subscription_bill_what_one_meter_counts(
    engine: Engine, merchant: Merchant
) -> None:
    """By the same price or by another, of the same version of the meter or of the next."""
    with working(engine, merchant) as unit:
        metered, plain = sold(unit, dict(ONE_HUNDRED)), make_price(unit, 5_000)
        other = next_version(unit, metered, 30_000)
        customer = make_customer(unit).id
    for first, second in ((metered, metered), (metered, other)):
        with (
            pytest.raises(InvalidRequest, match="counts") as refused,
            working(engine, merchant) as unit,
        ):
            subscribe(unit, customer_id=customer, price_id=first.id, items=[(second.id, 1)])
        assert refused.value.code == "meter_twice"
    with working(engine, merchant) as unit:
        made = subscribe(unit, customer_id=customer, price_id=plain.id, items=[(metered.id, 1)])
        subscription = made.subscription.id
    with pytest.raises(InvalidRequest, match="counts"), working(engine, merchant) as unit:
        change(unit, subscription, price_id=other.id)
    with pytest.raises(InvalidRequest, match="counts"), working(engine, merchant) as unit:
        change_item(unit, subscription, ItemWish(price_id=other.id, quantity=1))


def test_an_item_may_take_the_next_version_of_its_own_meter(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        metered = sold(unit, dict(ONE_HUNDRED))
        other = next_version(unit, metered, 120_000)
        subscription = make_subscription(unit, price=metered).subscription.id
    with working(engine, merchant) as unit:
        assert change(unit, subscription, price_id=other.id).applied


def used(engine: Engine, merchant: Merchant, subscription: UUID) -> list[tuple[int, date, date]]:
    return [
        (line.amount, line.period_start, line.period_end)
        for lines in bills(engine, merchant, subscription)
        for line in lines
        if line.kind == "usage" and line.period_start and line.period_end
    ]


GRADUATED = {"model": "graduated", "terms": {
    "tiers": [{"up_to": 10, "unit_amount": 100}, {"unit_amount": 1}]}}  # fmt: skip


@pytest.mark.parametrize(
    ("part", "amount"),
    [
        ({"aggregation": "max", **ONE_HUNDRED}, 1_000),
        ({"aggregation": "last", **ONE_HUNDRED}, 1_000),
        ({"aggregation": "unique", **ONE_HUNDRED}, 100),
        # Ten from the first on and ten more from the 16th: 10 + 10 × 16/31, at Rp100.
        ({"aggregation": "weighted_sum", **ONE_HUNDRED}, 1_516),
        # Twenty: ten at Rp100 and ten at Rp1.
        ({"aggregation": "sum", **GRADUATED}, 1_010),
    ],
)
def test_another_quantity_in_mid_period_leaves_what_was_used_one_figure(
    engine: Engine, merchant: Merchant, part: dict[str, Any], amount: int
) -> None:
    """Two changes on one day, and the plan that was tried between them, are no cut either."""
    subscription = begin(engine, merchant, part)
    use(engine, merchant, subscription, ("a", day(1, 1), 10))
    set_clock(engine, merchant.merchant_id, day(1, 16))
    with working(engine, merchant) as unit:
        change(unit, subscription, quantity=3)
        change(unit, subscription, quantity=2, mode="prorate")
    use(engine, merchant, subscription, ("b", day(1, 16), 10))
    to(engine, merchant, FEBRUARY)

    [(billed, start, end)] = used(engine, merchant, subscription)
    assert (start, end) == (date(2027, 1, 1), date(2027, 2, 1))
    if part["aggregation"] == "weighted_sum":
        # From 10:00 of either day, not from midnight: a little less than the days say.
        assert amount - 30 < billed < amount
    else:
        assert billed == amount
    use(engine, merchant, subscription, ("late", day(1, 20), 30))
    to(engine, merchant, day(3, 1))
    assert all(
        start == date(2027, 1, 1) for _, start, _ in used(engine, merchant, subscription)[:2]
    )
    sound(engine)


def at_another_price(unit: Work, subscription: UUID) -> Price:
    """A plan that bills what the present one's meter counts, at Rp6.200 each."""
    price = get_price(unit, items_in_force(unit, [subscription])[subscription].price_id)
    [[part]] = usage_prices_of(unit, [price.id]).values()
    plan = create_plan(unit, code="dear", name={"id": "Mahal"})
    return publish(
        unit, plan.id, unit_amount=200_000, interval_unit="month",
        usage=[NewPart({"id": "panggilan"}, part.meter_id, "per_unit", {"unit_amount": 6_200})],
    )  # fmt: skip


@pytest.mark.parametrize("aggregation", ["max", "last", "unique", "weighted_sum"])
def test_two_prices_of_one_period_share_what_says_how_all_of_it_was(
    engine: Engine, merchant: Merchant, aggregation: str
) -> None:
    """At Rp3.100 for 15 days and Rp6.200 for 16 of 31: Rp1.500 and Rp3.200 for each one."""
    part: dict[str, Any] = {"aggregation": aggregation, "model": "per_unit"}
    subscription = begin(engine, merchant, {**part, "terms": {"unit_amount": 3_100}})
    use(engine, merchant, subscription, ("a", day(1, 1), 1))
    set_clock(engine, merchant.merchant_id, day(1, 16))
    with working(engine, merchant) as unit:
        change(unit, subscription, price_id=at_another_price(unit, subscription).id)
        row = get_subscription(unit, subscription)
        so_far = plan_usage(unit, [(row, date(2027, 1, 17))], so_far=True)[subscription]
    assert [part.span.end for part in so_far] == [date(2027, 1, 16), date(2027, 1, 17)]
    if aggregation != "weighted_sum":
        use(engine, merchant, subscription, ("b", day(1, 16), 1))
    to(engine, merchant, FEBRUARY)

    first, second = used(engine, merchant, subscription)
    cut = date(2027, 1, 16)
    assert (first[1:], second[1:]) == ((date(2027, 1, 1), cut), (cut, date(2027, 2, 1)))
    if aggregation == "weighted_sum":
        assert 1_450 < first[0] < 1_500  # since 10:00 of the first
    else:
        assert first[0] == 1_500
    assert second[0] == 3_200
    lines = [
        x for every in bills(engine, merchant, subscription) for x in every if x.kind == "usage"
    ]
    assert [recompute(line.derivation) for line in lines] == [first[0], second[0]]
    assert "15/31 hari" in arithmetic(lines[0].derivation)
    sound(engine)


def test_a_customers_own_price_bills_usage_as_the_price_it_stands_for(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        price, customer = sold(unit, dict(ONE_HUNDRED)), make_customer(unit).id
        make_override(unit, customer, price.id, name="Kawan lama", unit_amount=1_000)
        made = subscribe(unit, customer_id=customer, price_id=price.id)
    use(engine, merchant, made.subscription.id, ("a", day(1, 1), 7))
    to(engine, merchant, FEBRUARY)
    _, second = bills(engine, merchant, made.subscription.id)
    assert [(line.kind, line.amount) for line in second] == [("recurring", 1_000), ("usage", 700)]
    sound(engine)
