"""Usage on invoices: in arrears with the next period, once for each day, corrected afterwards."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from builders import make_merchant, make_subscription, set_clock, working
from metered import (
    CALLS,
    FEBRUARY,
    GRADUATED,
    JANUARY,
    MARCH,
    begin,
    bills,
    day,
    sold,
    sound,
    to,
    told,
    use,
)
from sqlalchemy import func, select

from billing.engine import Engine
from billing.flows.cancel import cancel, preview_cancel
from billing.flows.change_plan import change
from billing.flows.credit import credit_invoice
from billing.flows.metered_prices import publish
from billing.flows.renew import renew_due
from billing.flows.usage_close import bill_usage
from billing.flows.usage_lines import plan_usage, usage_line
from billing.ledger.tables import postings
from billing.queries import get_subscription
from core.merchant import Merchant
from invoices.derivation import arithmetic, recompute
from invoices.tables import credit_notes
from plans.service import create_plan
from usage.tables import usage_closings


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=JANUARY, pkp_since=None, issue_lead_days=0)


def test_usage_is_billed_with_the_next_period_and_explained(
    engine: Engine, merchant: Merchant
) -> None:
    """12 and 9 calls: 10 at Rp1.000 and 11 at Rp0,5 are Rp10.005,50, so Rp10.006."""
    subscription = begin(engine, merchant, GRADUATED, {"aggregation": "count", "model": "package",
        "terms": {"size": 10, "package_amount": 500, "free": 2}})  # fmt: skip
    set_clock(engine, merchant.merchant_id, day(1, 31))
    use(engine, merchant, subscription, ("a", day(1, 2), 12), ("b", day(1, 31), "9"))
    # 23:59 of the last day there, and the first instant of the next.
    set_clock(engine, merchant.merchant_id, FEBRUARY)
    use(engine, merchant, subscription, ("c", day(2, 1), 100))
    with working(engine, merchant) as unit:
        row = get_subscription(unit, subscription)
        parts = plan_usage(unit, [(row, date(2027, 2, 1))])[subscription]
        shown = [usage_line(unit, part) for part in parts]

    renew_due(engine, merchant.merchant_id)

    first, second = bills(engine, merchant, subscription)
    assert told(first) == [("recurring", 100_000, date(2027, 1, 1), date(2027, 2, 1))]
    assert told(second) == [
        ("recurring", 100_000, date(2027, 2, 1), date(2027, 3, 1)),
        ("usage", 10_006, date(2027, 1, 1), date(2027, 2, 1)),
    ]
    assert [line.derivation for line in shown if line] == [second[1].derivation]
    assert arithmetic(second[1].derivation) == (
        "10 × Rp1.000 + 11 × Rp0,5 = Rp10.005,50, dibulatkan Rp10.006"
    )
    facts = second[1].derivation["usage"]
    assert (facts["meter"], facts["events"], facts["quantity"]) == ("m100000-0", 2, "21")
    to(engine, merchant, MARCH)
    [*_, third] = bills(engine, merchant, subscription)
    assert told(third)[1:] == [("usage", 10_045, date(2027, 2, 1), date(2027, 3, 1))]
    renew_due(engine, merchant.merchant_id)
    assert len(bills(engine, merchant, subscription)) == 3
    sound(engine)


def test_nothing_used_is_a_line_where_the_price_says_so(engine: Engine, merchant: Merchant) -> None:
    terms = {"model": "per_unit", "terms": {"unit_amount": 5}}
    subscription = begin(engine, merchant, terms, {**terms, "zero": "show"}, base=0)
    to(engine, merchant, FEBRUARY)
    assert [line.amount for line in bills(engine, merchant, subscription)[1]] == [0, 0]
    use(engine, merchant, subscription, ("a", day(2, 1), -3))
    to(engine, merchant, MARCH)
    # Below zero counts as nothing, and is told.
    [*_, line] = bills(engine, merchant, subscription)[2]
    assert (line.amount, line.derivation["usage"]["below_zero"]) == (0, "-3")
    sound(engine)


def test_what_comes_late_is_billed_next_and_what_was_too_much_given_back(
    engine: Engine, merchant: Merchant
) -> None:
    subscription = begin(engine, merchant, {"model": "per_unit", "terms": {"unit_amount": 100}})
    use(engine, merchant, subscription, ("a", day(1, 1), 10))
    to(engine, merchant, FEBRUARY)
    assert use(engine, merchant, subscription, ("late", day(1, 20), 5)) == ["accepted"]
    to(engine, merchant, MARCH)
    assert told(bills(engine, merchant, subscription)[2])[1:] == [
        ("usage", 500, date(2027, 1, 1), date(2027, 2, 1))
    ]
    line = bills(engine, merchant, subscription)[2][1]
    assert line.description["en"] == "panggilan, used (late)"
    assert recompute(line.derivation) == 500
    # Too old by now for its meter; in time the day after it was billed.
    assert use(engine, merchant, subscription, ("older", day(1, 20), 5)) == ["event_too_old"]
    use(engine, merchant, subscription, ("b", day(2, 27), 40))
    to(engine, merchant, datetime(2027, 4, 1, 3, tzinfo=UTC))
    assert use(
        engine, merchant, subscription, ("fix", day(3, 1), 1), corrects="b", void=False
    ) == ["accepted"]  # fmt: skip
    to(engine, merchant, datetime(2027, 5, 1, 3, tzinfo=UTC))
    with working(engine, merchant) as unit:
        notes = unit.session.execute(credit_notes.select()).all()
    # 40 of February became 1 of March: Rp4.000 back, Rp100 more.
    assert [(note.reason, note.net_amount) for note in notes] == [("usage_corrected", 4_000)]
    assert [line.amount for line in bills(engine, merchant, subscription)[-1]] == [100_000, 100]
    sound(engine)


def test_a_meter_may_refuse_what_comes_late(engine: Engine, merchant: Merchant) -> None:
    subscription = begin(engine, merchant, GRADUATED, late="refuse")
    assert use(engine, merchant, subscription, ("a", day(1, 1), 1)) == ["accepted"]
    to(engine, merchant, FEBRUARY)
    assert use(
        engine, merchant, subscription, ("a", day(1, 1), 1), ("b", day(1, 31), 1)
    ) == ["duplicate", "period_billed"]  # fmt: skip
    assert use(
        engine, merchant, subscription, ("c", day(2, 1), 1), corrects="a"
    ) == ["period_billed"]  # fmt: skip


def test_a_change_of_plan_bills_each_day_by_its_own_prices(
    engine: Engine, merchant: Merchant
) -> None:
    subscription = begin(engine, merchant, {"model": "per_unit", "terms": {"unit_amount": 100}})
    use(engine, merchant, subscription, ("a", day(1, 1), 3))
    set_clock(engine, merchant.merchant_id, day(1, 11))
    with working(engine, merchant) as unit:
        dear = sold(unit, {"model": "per_unit", "terms": {"unit_amount": 7}}, base=200_000)
        change(unit, subscription, price_id=dear.id)
    use(engine, merchant, subscription, ("b", day(1, 10), 4), ("c", day(1, 11), 50))
    to(engine, merchant, FEBRUARY)
    assert told(bills(engine, merchant, subscription)[-1])[1:] == [
        ("usage", 700, date(2027, 1, 1), date(2027, 1, 11)),
        ("usage", 350, date(2027, 1, 11), date(2027, 2, 1)),
    ]
    sound(engine)


def test_a_cut_period_bills_its_usage_at_once(engine: Engine, merchant: Merchant) -> None:
    """From a month to a year on the 11th: the usage does not wait for a year."""
    subscription = begin(engine, merchant, {"model": "per_unit", "terms": {"unit_amount": 100}})
    use(engine, merchant, subscription, ("a", day(1, 1), 3))
    set_clock(engine, merchant.merchant_id, day(1, 11))
    with working(engine, merchant) as unit:
        plan = create_plan(unit, code="year", name={"id": "Tahunan"})
        year = publish(unit, plan.id, unit_amount=5_000_000, interval_unit="year")
        change(unit, subscription, price_id=year.id)
    [*_, own] = bills(engine, merchant, subscription)
    assert told(own) == [("usage", 300, date(2027, 1, 1), date(2027, 1, 11))]
    sound(engine)


def test_a_cancellation_bills_what_was_used_up_to_it_as_it_was_shown(
    engine: Engine, merchant: Merchant
) -> None:
    subscription = begin(engine, merchant, {"model": "per_unit", "terms": {"unit_amount": 100}})
    set_clock(engine, merchant.merchant_id, day(1, 11))
    use(engine, merchant, subscription, ("a", day(1, 1), 3), ("b", day(1, 11), 4))
    with working(engine, merchant) as unit:
        shown = preview_cancel(unit, subscription, when="now")
    with working(engine, merchant) as unit:
        cancel(unit, subscription, when="now")
    [draft] = shown.usage.drafts
    [*_, own] = bills(engine, merchant, subscription)
    assert [line.derivation for line in draft.lines] == [line.derivation for line in own]
    assert told(own) == [("usage", 700, date(2027, 1, 1), date(2027, 1, 12))]
    assert use(engine, merchant, subscription, ("c", day(1, 11), 4)) == ["subscription_ended"]
    sound(engine)


def test_a_cancellation_at_the_end_bills_the_last_period(
    engine: Engine, merchant: Merchant
) -> None:
    subscription = begin(engine, merchant, {"model": "per_unit", "terms": {"unit_amount": 100}})
    with working(engine, merchant) as unit:
        assert preview_cancel(unit, subscription).usage.drafts == ()
        cancel(unit, subscription)
    use(engine, merchant, subscription, ("a", day(1, 1), 3))
    to(engine, merchant, FEBRUARY)
    [*_, own] = bills(engine, merchant, subscription)
    assert told(own) == [("usage", 300, date(2027, 1, 1), date(2027, 2, 1))]
    sound(engine)


def test_what_is_invoiced_ahead_bills_its_usage_when_the_period_is_over(
    engine: Engine
) -> None:  # fmt: skip
    merchant = make_merchant(engine, at=JANUARY, pkp_since=None, issue_lead_days=7)
    subscription = begin(engine, merchant, {"model": "per_unit", "terms": {"unit_amount": 100}})
    use(engine, merchant, subscription, ("a", day(1, 1), 3))
    to(engine, merchant, day(1, 26))
    assert [told(lines)[0][0] for lines in bills(engine, merchant, subscription)] == [
        "recurring", "recurring",
    ]  # fmt: skip
    use(engine, merchant, subscription, ("b", day(1, 26), 1))
    to(engine, merchant, FEBRUARY)
    [_, _, own] = bills(engine, merchant, subscription)
    assert told(own) == [("usage", 400, date(2027, 1, 1), date(2027, 2, 1))]
    assert use(engine, merchant, subscription, ("c", day(1, 26), 0), corrects="a", void=True) == [
        "accepted"
    ]
    to(engine, merchant, MARCH)
    with working(engine, merchant) as unit:
        [note] = unit.session.execute(credit_notes.select()).all()
        booked = dict(
            unit.session.execute(
                select(postings.c.account, func.sum(postings.c.amount))
                .where(postings.c.account.in_(("one_off_revenue", "returns")))
                .group_by(postings.c.account)
            ).all()
        )
    # Earned as it was invoiced, and returned as what was earned.
    assert (note.net_amount, booked) == (300, {"one_off_revenue": -400, "returns": 300})
    sound(engine)


def test_an_outage_bills_each_month_its_own_usage(engine: Engine, merchant: Merchant) -> None:
    subscription = begin(engine, merchant, {"model": "per_unit", "terms": {"unit_amount": 100}})
    set_clock(engine, merchant.merchant_id, day(2, 10))
    use(engine, merchant, subscription, ("a", day(1, 20), 3), ("b", day(2, 5), 5))
    to(engine, merchant, MARCH)
    used = [told(lines)[1:] for lines in bills(engine, merchant, subscription)]
    assert used == [
        [], [("usage", 300, date(2027, 1, 1), date(2027, 2, 1))],
        [("usage", 500, date(2027, 2, 1), date(2027, 3, 1))],
    ]  # fmt: skip
    sound(engine)


def test_a_trial_uses_for_nothing(engine: Engine, merchant: Merchant) -> None:
    terms = {"model": "per_unit", "terms": {"unit_amount": 100}}
    subscription = begin(engine, merchant, terms, trial_days=10)
    use(engine, merchant, subscription, ("a", day(1, 1), 3))
    to(engine, merchant, day(1, 11))
    use(engine, merchant, subscription, ("b", day(1, 11), 5))
    to(engine, merchant, day(2, 11))
    assert [told(lines)[1:] for lines in bills(engine, merchant, subscription)] == [
        [], [("usage", 500, date(2027, 1, 11), date(2027, 2, 11))],
    ]  # fmt: skip
    sound(engine)


@pytest.mark.parametrize(
    ("terms", "amount"),
    [
        ({"rate": "0.015", "fixed_amount": 1_000, "minimum": 2_000, "maximum": 25_000}, 43_000),
        ({"rate": "0.015", "fixed_amount": 1_000}, 93_750),
        ({"rate": "0.01", "free_amount": 1_000_000}, 50_500),
    ],
)  # fmt: skip
def test_a_percentage_of_what_passes_through(
    engine: Engine, merchant: Merchant, terms: dict[str, Any], amount: int
) -> None:
    """50,000 and 1,000,000 and 5,000,000: within limits 2,000 + 16,000 + 25,000 (X25)."""
    subscription = begin(engine, merchant, {"model": "percentage", "terms": terms})
    sizes = (50_000, 1_000_000, 5_000_000)
    use(engine, merchant, subscription, *((str(size), day(1, 1), size) for size in sizes))
    to(engine, merchant, FEBRUARY)
    [_, line] = bills(engine, merchant, subscription)[1]
    assert (line.amount, recompute(line.derivation)) == (amount, amount)
    sound(engine)


def test_a_correction_that_keeps_count_and_sum_is_billed_where_each_event_has_a_fee(
    engine: Engine, merchant: Merchant
) -> None:
    """At least Rp2.000 each: 50,000 and 950,000 pay 2,000 and 9,500; 500,000 twice pay 5,000 each.

    Rp11.500 were billed, so Rp1.500 are given back.
    """
    terms = {"rate": "0.01", "minimum": 2_000}
    subscription = begin(engine, merchant, {"model": "percentage", "terms": terms})
    use(engine, merchant, subscription, ("a", day(1, 1), 50_000), ("b", day(1, 1), 950_000))
    to(engine, merchant, FEBRUARY)
    assert bills(engine, merchant, subscription)[1][1].amount == 11_500
    use(engine, merchant, subscription, ("c", day(1, 1), 500_000), corrects="a")
    use(engine, merchant, subscription, ("d", day(1, 1), 500_000), corrects="b")
    to(engine, merchant, MARCH)
    with working(engine, merchant) as unit:
        notes = unit.session.execute(select(credit_notes.c.net_amount)).scalars().all()
    assert notes == [1_500]
    sound(engine)


def test_what_can_not_be_given_back_again_is_closed_once(
    engine: Engine, merchant: Merchant
) -> None:
    """The line was given back by hand: of the Rp1.500 that a correction is worth nothing is left."""
    terms = {"rate": "0.01", "minimum": 2_000}
    subscription = begin(engine, merchant, {"model": "percentage", "terms": terms})
    use(engine, merchant, subscription, ("a", day(1, 1), 50_000), ("b", day(1, 1), 950_000))
    to(engine, merchant, FEBRUARY)
    line = bills(engine, merchant, subscription)[1][1]
    with working(engine, merchant) as unit:
        credit_invoice(
            unit, line.invoice_id, reason="goodwill", source_kind="manual", source_id=line.id,
            net_lines={line.id: line.amount},
        )  # fmt: skip
    use(engine, merchant, subscription, ("c", day(1, 1), 500_000), corrects="a")
    use(engine, merchant, subscription, ("d", day(1, 1), 500_000), corrects="b")
    for _ in range(2):
        with working(engine, merchant) as unit:
            bill_usage(unit, get_subscription(unit, subscription), date(2027, 2, 1))
    # Another event is another figure: kept once, though nothing of it can be given back.
    use(engine, merchant, subscription, ("e", day(1, 1), 0), corrects="c")
    for _ in range(2):
        with working(engine, merchant) as unit:
            bill_usage(unit, get_subscription(unit, subscription), date(2027, 2, 1))
    with working(engine, merchant) as unit:
        told_ = unit.session.execute(select(usage_closings.c.n, usage_closings.c.added)).all()
    assert sorted(map(tuple, told_)) == [(0, 11_500), (1, 0)]
    sound(engine)


def test_a_month_of_many_is_closed_in_one_go(engine: Engine, merchant: Merchant) -> None:
    terms = {"aggregation": "unique", "model": "volume", "terms": CALLS}
    with working(engine, merchant) as unit:
        price = sold(unit, dict(terms))
        many = [make_subscription(unit, price=price).subscription.id for _ in range(6)]
    for number, subscription in enumerate(many):
        use(
            engine, merchant, subscription,
            *((f"{number}-{n}", JANUARY, n % (number + 1)) for n in range(7)),
        )  # fmt: skip
    to(engine, merchant, FEBRUARY + timedelta(hours=1))
    amounts = [bills(engine, merchant, subscription)[1][1].amount for subscription in many]
    assert amounts == [1_000 * (number + 1) for number in range(6)]
    sound(engine)
