"""Pauses at the edges of days and periods: nothing is served for free, and nothing billed twice."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from builders import make_merchant, make_price, make_subscription, working
from changes import pay
from metered import FEBRUARY, JANUARY, begin, bills, day, sound, to, told, use

from billing.engine import Engine
from billing.flows.pause import pause, preview_resume, resume
from billing.flows.pause_quote import PausePolicy
from core.merchant import Merchant
from invoices.queries import get_invoice, list_invoices

pytestmark = pytest.mark.database

EACH = {"model": "per_unit", "terms": {"unit_amount": 100}}


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=JANUARY, pkp_since=None, issue_lead_days=0)


def stop(engine: Engine, merchant: Merchant, subscription: UUID, policy: PausePolicy) -> None:
    with working(engine, merchant) as unit:
        pause(unit, subscription, policy=policy)


def go_on(engine: Engine, merchant: Merchant, subscription: UUID) -> None:
    with working(engine, merchant) as unit:
        resume(unit, subscription)


def pay_all(engine: Engine, merchant: Merchant, subscription: UUID) -> None:
    with working(engine, merchant) as unit:
        for one in list_invoices(unit, subscription_id=subscription):
            if one.status == "open":
                pay(unit, one.id, get_invoice(unit, one.id).total_amount)


def test_a_period_given_back_on_its_first_day_is_billed_anew_though_usage_stood_beside_it(
    engine: Engine, merchant: Merchant
) -> None:
    subscription = begin(engine, merchant, EACH)
    assert use(engine, merchant, subscription, ("a", day(1, 1), 10)) == ["accepted"]
    to(engine, merchant, FEBRUARY)
    pay_all(engine, merchant, subscription)
    stop(engine, merchant, subscription, "give_back")
    with working(engine, merchant) as unit:
        shown = preview_resume(unit, subscription).document
    go_on(engine, merchant, subscription)
    made = bills(engine, merchant, subscription)
    assert [told(one) for one in made[1:]] == [
        [
            ("recurring", 100_000, date(2027, 2, 1), date(2027, 3, 1)),
            ("usage", 1_000, date(2027, 1, 1), date(2027, 2, 1)),
        ],
        [("recurring", 100_000, date(2027, 2, 1), date(2027, 3, 1))],
    ]
    assert shown is not None
    assert shown.total.amount == 100_000
    sound(engine)


def test_who_pauses_and_resumes_on_his_first_day_pays_the_period_anew_and_no_setup_fee(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        price = make_price(unit, 100_000, setup_amount=50_000)
        subscription = make_subscription(unit, price=price).subscription.id
    pay_all(engine, merchant, subscription)
    stop(engine, merchant, subscription, "give_back")
    with working(engine, merchant) as unit:
        shown = preview_resume(unit, subscription).document
    go_on(engine, merchant, subscription)
    first, again = bills(engine, merchant, subscription)
    assert [(one.kind, one.amount) for one in first] == [("recurring", 100_000), ("setup", 50_000)]
    assert [(one.kind, one.amount) for one in again] == [("recurring", 100_000)]
    assert shown is not None
    assert shown.total.amount == 100_000
    sound(engine)


def test_what_is_used_once_a_pause_is_over_is_billed_once_though_it_came_before_midnight(
    engine: Engine, merchant: Merchant
) -> None:
    """Events may lie five minutes ahead; a pause at 23:57 must not close the day after it."""
    subscription = begin(engine, merchant, EACH)
    to(engine, merchant, datetime(2027, 1, 5, 16, 57, tzinfo=UTC))  # 23:57 in Jakarta
    assert use(engine, merchant, subscription, ("a", day(1, 5), 3)) == ["accepted"]
    stop(engine, merchant, subscription, "forfeit")
    to(engine, merchant, day(1, 6))
    go_on(engine, merchant, subscription)
    assert use(engine, merchant, subscription, ("b", day(1, 6), 10)) == ["accepted"]
    to(engine, merchant, FEBRUARY)
    used = [
        (one.amount, one.period_start, one.period_end)
        for lines in bills(engine, merchant, subscription)
        for one in lines
        if one.kind == "usage" and one.amount
    ]
    assert used == [
        (300, date(2027, 1, 1), date(2027, 1, 6)),
        # The month's figure, less what the pause billed of it.
        (1_000, date(2027, 1, 1), date(2027, 2, 1)),
    ]
    sound(engine)


def test_what_is_dated_within_a_pause_is_refused_when_the_pause_is_over_too(
    engine: Engine, merchant: Merchant
) -> None:
    subscription = begin(engine, merchant, EACH)
    assert use(engine, merchant, subscription, ("a", day(1, 5), 3)) == ["event_in_future"]
    to(engine, merchant, day(1, 5))
    assert use(engine, merchant, subscription, ("a", day(1, 5), 3)) == ["accepted"]
    stop(engine, merchant, subscription, "forfeit")
    to(engine, merchant, day(1, 7))
    go_on(engine, merchant, subscription)
    assert use(
        engine, merchant, subscription,
        ("before", day(1, 4), 1), ("within", day(1, 6), 10), ("after", day(1, 7), 10),
    ) == ["accepted", "subscription_not_served", "accepted"]  # fmt: skip
    # What was billed with the pause is put right as ever; it is not moved into the pause.
    right = use(engine, merchant, subscription, ("a2", day(1, 5), 2), corrects="a")
    wrong = use(engine, merchant, subscription, ("b2", day(1, 6), 2), corrects="before")
    assert (right, wrong) == (["accepted"], ["subscription_not_served"])
    to(engine, merchant, FEBRUARY)
    sound(engine)


def test_who_resumes_and_pauses_again_on_one_day_is_not_served_in_the_second_pause(
    engine: Engine, merchant: Merchant
) -> None:
    subscription = begin(engine, merchant, EACH)
    to(engine, merchant, day(1, 5))
    stop(engine, merchant, subscription, "forfeit")
    to(engine, merchant, day(1, 7))
    go_on(engine, merchant, subscription)
    assert use(engine, merchant, subscription, ("a", day(1, 7), 5)) == ["accepted"]
    stop(engine, merchant, subscription, "forfeit")
    to(engine, merchant, day(1, 20))
    go_on(engine, merchant, subscription)
    assert use(
        engine, merchant, subscription, ("b", day(1, 15), 10), ("c", day(1, 20), 1)
    ) == ["subscription_not_served", "accepted"]  # fmt: skip
    to(engine, merchant, FEBRUARY)
    used = [
        (one.amount, one.period_start, one.period_end)
        for lines in bills(engine, merchant, subscription)
        for one in lines
        if one.kind == "usage" and one.amount
    ]
    assert used == [
        # The month's figure each time, less what the pauses billed of it.
        (500, date(2027, 1, 1), date(2027, 1, 8)),
        (100, date(2027, 1, 1), date(2027, 2, 1)),
    ]
    sound(engine)
