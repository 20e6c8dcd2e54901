"""Billing in arrears, by rows; what is missed, caught up in three ways."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.arrears import billable_through, used_part
from billing.catching_up import CatchUpPolicy, catch_up
from billing.lifecycle import SubscriptionStatus
from billing.renewals import Agreement
from core.calendars import Anchor, Interval, Period, instant_of, period_containing
from core.errors import InvalidRequest
from core.money import Money

D = date.fromisoformat
MONTH = Interval("month")
JAKARTA = "Asia/Jakarta"


def span(start: str, end: str) -> Period:
    return Period(D(start), D(end))


@pytest.mark.parametrize(
    ("on", "end", "through"),
    [
        pytest.param("2027-01-16", None, None, id="before-the-first-boundary"),
        pytest.param("2027-02-01", None, "2027-02-01", id="the-stub-is-over"),
        pytest.param("2027-03-14", None, "2027-03-01", id="between-boundaries"),
        pytest.param("2027-03-14", "2027-03-10", "2027-03-10", id="ended-meanwhile"),
        pytest.param("2027-03-14", "2027-03-20", "2027-03-01", id="ends-later"),
    ],
)
def test_what_is_over_is_billed(on: str, end: str | None, through: str | None) -> None:
    """Served from 10 January, boundaries on the 1st."""
    anchor = Anchor(D("2027-02-01"), 1)
    found = billable_through(D("2027-01-10"), anchor, MONTH, D(on), None if end is None else D(end))
    assert found == (None if through is None else D(through))


@pytest.mark.parametrize(
    ("price", "served", "days", "amount"),
    [
        pytest.param(
            150_000, span("2026-11-15", "2026-11-25"), 10, 50_000, id="old-until-the-change"
        ),
        pytest.param(
            300_000, span("2026-11-25", "2026-12-15"), 20, 200_000, id="new-from-the-change"
        ),
        pytest.param(150_001, span("2026-11-15", "2026-11-30"), 15, 75_001, id="a-tie"),
        pytest.param(150_000, span("2026-11-15", "2026-12-15"), 30, 150_000, id="all-of-it"),
    ],
)
def test_a_part_of_a_period_is_billed_by_its_days(
    price: int, served: Period, days: int, amount: int
) -> None:
    found = used_part(Money(price), Anchor.at(D("2026-11-15")), MONTH, served)
    assert (found.amount, found.numerator, found.denominator) == (Money(amount), days, 30)


def test_days_of_two_periods_are_not_billed_at_once() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        used_part(Money(1), Anchor.at(D("2026-11-15")), MONTH, span("2026-12-14", "2026-12-16"))
    assert refusal.value.code == "change_outside_period"


@given(st.integers(0, 10**9), st.dates(date(2026, 1, 1), date(2030, 1, 1)), st.integers(1, 27))
def test_both_parts_of_a_changed_period_make_its_price(price: int, start: date, day: int) -> None:
    """Invariant I4, in arrears."""
    anchor = Anchor.at(start)
    whole = period_containing(anchor, MONTH, start)
    middle = whole.start + timedelta(days=day)
    old = used_part(Money(price), anchor, MONTH, Period(whole.start, middle)).amount
    new = used_part(Money(price), anchor, MONTH, Period(middle, whole.end)).amount
    assert abs((old + new).amount - price) <= 1


@pytest.mark.parametrize(
    ("policy", "invoices", "skipped"),
    [
        ("each", [["2026-12-15"], ["2027-01-15"]], []),
        ("merge", [["2026-12-15", "2027-01-15"]], []),
        ("skip", [["2027-01-15"]], ["2026-12-15"]),
    ],
)
def test_two_missed_months_are_caught_up_by_policy(
    policy: CatchUpPolicy, invoices: list[list[str]], skipped: list[str]
) -> None:
    """X28: monthly on the 15th, nothing ran from 10 December to 2 February."""
    found = catch_up(since_november(), instant_of(D("2027-02-02"), JAKARTA), policy)
    starts = [[period.start.isoformat() for period in one] for one in found.invoices]
    assert (starts, [period.start.isoformat() for period in found.skipped]) == (invoices, skipped)
    assert found.after.billed_through == D("2027-02-15")
    assert found.after.current == span("2027-01-15", "2027-02-15")


@pytest.mark.parametrize("policy", ["each", "merge", "skip"])
def test_where_nothing_is_due_nothing_is_caught_up(policy: CatchUpPolicy) -> None:
    found = catch_up(since_november(), instant_of(D("2026-12-14"), JAKARTA), policy)
    assert (found.invoices, found.skipped, found.after) == ((), (), since_november())


@given(st.integers(0, 900), st.sampled_from(["each", "merge", "skip"]))
def test_every_policy_ends_at_the_same_dates(days: int, policy: CatchUpPolicy) -> None:
    now = instant_of(D("2026-12-01") + timedelta(days=days), JAKARTA)
    found, each = catch_up(since_november(), now, policy), catch_up(since_november(), now)
    assert found.after == each.after
    periods = [*found.skipped, *(period for one in found.invoices for period in one)]
    assert periods == [period for one in each.invoices for period in one]


def since_november() -> Agreement:
    """Monthly on the 15th, the period from 15 November invoiced."""
    return Agreement(
        status=SubscriptionStatus.ACTIVE,
        collection="automatic",
        zone=JAKARTA,
        anchor=Anchor.at(D("2026-11-15")),
        interval=MONTH,
        lead_days=0,
        current=span("2026-11-15", "2026-12-15"),
        billed_through=D("2026-12-15"),
    )
