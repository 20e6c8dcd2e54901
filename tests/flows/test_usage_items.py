"""Usage and items: one meter is billed by one item, and a cut of its period changes no figure."""

from __future__ import annotations

from typing import Any

import pytest
from builders import make_customer, make_merchant, make_price, make_subscription, working
from metered import JANUARY, sold

from billing.engine import Engine
from billing.flows.change_items import change_item
from billing.flows.change_plan import change
from billing.flows.item_quote import ItemWish
from billing.flows.metered_prices import NewPart, publish
from billing.flows.subscribe import subscribe
from core.errors import InvalidRequest
from core.merchant import Merchant
from core.work import Work
from plans.queries import Price
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
