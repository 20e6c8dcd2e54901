"""What users of other engines ran into with time, pauses and proration, lived on ours.

`docs/reference/mistakes-of-others.md` names the test of each report; those without another are here.
"""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from builders import make_customer, make_merchant, make_price, make_subscription, set_clock, working
from changes import pay
from itemised import sound

from billing.engine import Engine
from billing.flows.cancel import preview_cancel
from billing.flows.change_items import change_item
from billing.flows.change_plan import change
from billing.flows.item_quote import ItemWish
from billing.flows.pause import pause, resume
from billing.flows.renew import renew_due
from billing.flows.subscribe import Subscribed
from core.merchant import Merchant
from core.money import Money
from invoices.queries import get_invoice, lines_of, list_invoices

pytestmark = pytest.mark.database
JAKARTA = ZoneInfo("Asia/Jakarta")


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    at = datetime(2027, 1, 31, 9, tzinfo=JAKARTA)
    return make_merchant(engine, at=at, issue_lead_days=0)


def begun(
    engine: Engine, merchant: Merchant, amount: int, *, zone: str | None = None, unit: str = "month",
    count: int = 1,
) -> Subscribed:  # fmt: skip
    """A subscription whose first invoice is paid."""
    with working(engine, merchant) as work:
        price = make_price(work, amount, interval_unit=unit, interval_count=count)
        who = make_customer(work, billing_zone=zone) if zone else make_customer(work)
        made = make_subscription(work, price=price, customer=who)
        assert made.invoice_id is not None
        pay(work, made.invoice_id, get_invoice(work, made.invoice_id).total_amount)
    return made


def to(engine: Engine, merchant: Merchant, day: str, at: str = "10:00", zone: str = "") -> None:
    """Time goes to an hour of a day, and what is due is renewed."""
    when = datetime.fromisoformat(f"{day} {at}").replace(tzinfo=ZoneInfo(zone or "Asia/Jakarta"))
    set_clock(engine, merchant.merchant_id, when)
    renew_due(engine, merchant.merchant_id)


def spans(engine: Engine, merchant: Merchant) -> list[tuple[date, date]]:
    """First and last days of what was billed by periods, in their order."""
    with working(engine, merchant) as unit:
        return sorted(
            (one.period_start, one.period_end)
            for one in list_invoices(unit, limit=500)
            if one.kind == "period" and one.status != "void"
            if one.period_start is not None and one.period_end is not None
        )


def test_an_add_on_of_the_last_day_of_a_month_keeps_the_base_s_days(
    engine: Engine, merchant: Merchant
) -> None:
    """Another engine aligned it to the month it was bought in, and the two drifted apart."""
    one = begun(engine, merchant, 310_000).subscription.id
    to(engine, merchant, "2027-02-28")
    with working(engine, merchant) as unit:
        seat = make_price(unit, 31_000).id
        change_item(unit, one, ItemWish(price_id=seat, quantity=1))
    to(engine, merchant, "2027-06-01")
    ends = [f"{end:%m-%d}" for _, end in spans(engine, merchant)]
    assert ends == ["02-28", "03-31", "04-30", "05-31", "06-30"]
    with working(engine, merchant) as unit:
        periods = [row for row in list_invoices(unit, limit=500) if row.kind == "period"]
        newest = max(periods, key=lambda row: row.period_start or date.min)
        lines = lines_of(unit, newest.id)
    assert {(line.period_start, line.period_end) for line in lines} == {
        (date(2027, 5, 31), date(2027, 6, 30))
    }
    assert len(lines) == 2
    sound(engine, merchant)


@pytest.mark.parametrize("zone", ["Africa/Cairo", "America/New_York", "Pacific/Auckland"])
def test_no_day_is_billed_twice_or_never_where_clocks_are_put_on_and_back(
    engine: Engine, merchant: Merchant, zone: str
) -> None:
    """A daylight-saving shift sent another engine into an endless loop of invoices."""
    begun(engine, merchant, 1_000, zone=zone, unit="day")
    for day in ("2027-03-10", "2027-03-14", "2027-04-02", "2027-04-05", "2027-04-30"):
        to(engine, merchant, day, "12:00", zone)
    found = spans(engine, merchant)
    assert found[-1] == (date(2027, 4, 30), date(2027, 5, 1))
    assert len(found) == (date(2027, 5, 1) - found[0][0]).days
    assert all(before[1] == after[0] for before, after in pairwise(found))


def test_two_pauses_in_a_year_that_is_paid_leave_no_overlap(
    engine: Engine, merchant: Merchant
) -> None:
    """Another engine parked the account; ours gave days back again that it had given back."""
    one = begun(engine, merchant, 3_650_000, unit="year").subscription.id
    for begins, ends in (("2027-03-10", "2027-04-01"), ("2027-09-10", "2027-10-05")):
        to(engine, merchant, begins)
        with working(engine, merchant) as unit:
            pause(unit, one, policy="give_back")
        to(engine, merchant, ends)
        with working(engine, merchant) as unit:
            resume(unit, one)
    assert [str(start) for start, _ in spans(engine, merchant)] == [
        "2027-01-31", "2027-04-01", "2027-10-05",
    ]  # fmt: skip
    with working(engine, merchant) as unit:
        given = preview_cancel(unit, one, when="now").credits
    assert len(given) == 1, "only the year that is being served has anything left"
    sound(engine, merchant)


@pytest.mark.parametrize(
    ("day", "at", "back"), [("2027-02-10", "23:59", 188_214), ("2027-02-11", "00:00", 177_143)]
)
def test_an_end_counts_the_days_of_the_customer_and_not_of_the_server(
    engine: Engine, merchant: Merchant, day: str, at: str, back: int
) -> None:
    """310,000 of 28 days, 17 or 16 of them left in Jayapura; in UTC both are one day."""
    one = begun(engine, merchant, 310_000, zone="Asia/Jayapura").subscription.id
    to(engine, merchant, day, at, "Asia/Jayapura")
    with working(engine, merchant) as unit:
        [credit] = preview_cancel(unit, one, when="now").credits
    assert credit.net == back


@pytest.mark.parametrize(
    ("terms", "day", "left"),
    [
        ({"amount": 900_000, "count": 3}, "2027-02-10", (79, 89)),
        ({"amount": 70_000, "unit": "week"}, "2027-02-03", (4, 7)),
    ],
)
def test_a_part_of_a_quarter_or_a_week_is_a_part_of_its_own_days(
    engine: Engine, merchant: Merchant, terms: dict[str, Any], day: str, left: tuple[int, int]
) -> None:
    """Another engine prorates months alone, and loses itself over a month's end."""
    one = begun(engine, merchant, **terms).subscription.id
    to(engine, merchant, day)
    with working(engine, merchant) as unit:
        done = change(unit, one, quantity=2, mode="prorate")
        assert done.invoice is not None
        charge = max(lines_of(unit, done.invoice.id), key=lambda line: line.amount)
    assert (charge.derivation["numerator"], charge.derivation["denominator"]) == left
    assert charge.amount == Money(2 * terms["amount"]).share(*left).amount
