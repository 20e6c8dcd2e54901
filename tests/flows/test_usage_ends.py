"""Usage where a subscription ends: nothing is taken that no invoice will hold, all else is billed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from builders import make_customer, make_merchant, set_clock, working
from fakes import FakeGateway, FakeMailer, MachineTime
from metered import FEBRUARY, JANUARY, begin, bills, day, sold, sound, to, told, use
from stage import Stage, make_stage

from billing.engine import Engine
from billing.flows.cancel import cancel, undo_cancel
from billing.flows.subscribe import subscribe
from billing.tables import subscriptions
from core.merchant import Merchant
from invoices.tables import invoices

ONE_HUNDRED = {"model": "per_unit", "terms": {"unit_amount": 100}}


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=JANUARY, pkp_since=None, issue_lead_days=0)


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-01 10:00", pkp_since=None)


def test_nothing_is_taken_from_the_day_on_that_a_subscription_was_to_end(
    engine: Engine, merchant: Merchant
) -> None:
    """The renewal that ends it has not run yet: what is taken now would never be billed."""
    subscription = begin(engine, merchant, ONE_HUNDRED)
    with working(engine, merchant) as unit:
        cancel(unit, subscription)
    set_clock(engine, merchant.merchant_id, FEBRUARY)

    assert use(
        engine, merchant, subscription, ("last", day(1, 31), 3), ("after", day(2, 1), 9)
    ) == ["accepted", "subscription_ended"]  # fmt: skip
    to(engine, merchant, FEBRUARY)
    [*_, own] = bills(engine, merchant, subscription)
    assert told(own) == [("usage", 300, date(2027, 1, 1), date(2027, 2, 1))]
    sound(engine)


def test_an_end_for_want_of_payment_bills_what_was_used_until_then(stage: Stage) -> None:
    """January is paid for, nothing after it: March ends it, and bills what was used of March."""
    with stage.work() as unit:
        price = sold(unit, dict(ONE_HUNDRED))
        made = subscribe(
            unit, customer_id=make_customer(unit).id, price_id=price.id, collection="invoice"
        )
    stage.drain()
    assert made.invoice_id is not None
    stage.pays(made.invoice_id)
    subscription = made.subscription.id
    use(stage.engine, stage.merchant, subscription, ("a", day(1, 1), 10))
    set_clock(stage.engine, stage.id, FEBRUARY)
    stage.drain()
    use(stage.engine, stage.merchant, subscription, ("b", day(2, 1), 7))
    for days in range(1, 60):
        set_clock(stage.engine, stage.id, FEBRUARY + timedelta(days=days))
        stage.drain()
        if days == 30:
            use(stage.engine, stage.merchant, subscription, ("c", day(3, 2), 5))
        if stage.row(subscriptions, id=subscription).status == "canceled":
            break

    *_, february, own = bills(stage.engine, stage.merchant, subscription)
    assert told(february) == [("usage", 700, date(2027, 2, 1), date(2027, 3, 1))]
    [(kind, amount, start, _)] = told(own)
    assert (kind, amount, start) == ("usage", 500, date(2027, 3, 1))
    # What was chased is written off; the last of it nobody has asked for before.
    status = [stage.row(invoices, id=one[0].invoice_id).status for one in (february, own)]
    assert status == ["uncollectible", "open"]
    sound(stage.engine)


def test_a_cancellation_that_is_undone_lets_usage_in_again(
    engine: Engine, merchant: Merchant
) -> None:
    subscription = begin(engine, merchant, ONE_HUNDRED)
    with working(engine, merchant) as unit:
        cancel(unit, subscription)
        undo_cancel(unit, subscription)
    to(engine, merchant, FEBRUARY)
    assert use(engine, merchant, subscription, ("after", day(2, 1), 9)) == ["accepted"]
