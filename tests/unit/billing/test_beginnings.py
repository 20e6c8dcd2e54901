"""How a subscription begins: worked rows, and what holds for any start."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.beginnings import FixedDay, StubPolicy, beginning_of, move_trial_end, stub_charge
from billing.lifecycle import SubscriptionStatus
from billing.renewals import Agreement, Issue, Roll, apply, next_step
from core.calendars import Anchor, Interval, Period, instant_of
from core.errors import Conflict, EngineError
from core.money import Money

D = date.fromisoformat
JAKARTA = "Asia/Jakarta"
MONTH = Interval("month")


def span(start: str, end: str) -> Period:
    return Period(D(start), D(end))


@pytest.mark.parametrize(
    ("start", "interval", "trial", "fixed", "first_paid", "first", "whole"),
    [
        pytest.param("2027-01-31", MONTH, 0, None, "2027-01-31", span("2027-01-31", "2027-02-28"), None, id="X1"),
        pytest.param("2027-01-17", MONTH, 0, FixedDay(1), "2027-01-17", span("2027-01-17", "2027-02-01"), span("2027-01-01", "2027-02-01"), id="X5"),
        pytest.param("2027-02-14", MONTH, 0, FixedDay(31), "2027-02-14", span("2027-02-14", "2027-02-28"), span("2027-01-31", "2027-02-28"), id="X6"),
        pytest.param("2026-11-21", MONTH, 14, None, "2026-12-05", span("2026-12-05", "2027-01-05"), None, id="X7"),
        pytest.param("2026-11-21", MONTH, 14, FixedDay(1), "2026-12-05", span("2026-12-05", "2027-01-01"), span("2026-12-01", "2027-01-01"), id="X7-fixed"),
        pytest.param("2026-11-21", MONTH, 10, FixedDay(1), "2026-12-01", span("2026-12-01", "2027-01-01"), None, id="just-on-the-day"),
        pytest.param("2026-11-21", Interval("week"), 0, FixedDay(weekday=0), "2026-11-21", span("2026-11-21", "2026-11-23"), span("2026-11-16", "2026-11-23"), id="to-monday"),
        pytest.param("2026-11-21", Interval("month", 3), 0, FixedDay(1, month=1), "2026-11-21", span("2026-11-21", "2027-01-01"), span("2026-10-01", "2027-01-01"), id="calendar-quarter"),
        pytest.param("2026-11-21", Interval("year"), 0, FixedDay(1, month=4), "2026-11-21", span("2026-11-21", "2027-04-01"), span("2026-04-01", "2027-04-01"), id="fiscal-year"),
    ],
)  # fmt: skip
def test_a_subscription_begins(
    *, start: str, interval: Interval, trial: int, fixed: FixedDay | None, first_paid: str,
    first: Period, whole: Period | None,
) -> None:  # fmt: skip
    found = beginning_of(D(start), interval, trial_days=trial, fixed=fixed)

    assert (found.first_paid, found.first) == (D(first_paid), first)
    assert found.trial == (Period(D(start), D(first_paid)) if trial else None)
    assert (found.stub.whole if found.stub else None) == whole


@pytest.mark.parametrize(
    ("policy", "amount", "days"), [("prorate", 48_387, 15), ("full", 100_000, 31), ("free", 0, 0)]
)
def test_a_stub_is_prorated_or_whole_or_free(policy: StubPolicy, amount: int, days: int) -> None:
    """X5: 100,000 a month, 17 January before the 1st."""
    stub = beginning_of(D("2027-01-17"), MONTH, fixed=FixedDay(1)).stub
    assert stub is not None
    found = stub_charge(Money(100_000), stub, policy)
    assert (found.amount, found.numerator, found.denominator) == (Money(amount), days, 31)


def test_a_trial_of_less_than_nothing_is_an_error() -> None:
    with pytest.raises(ValueError):
        beginning_of(D("2027-01-01"), MONTH, trial_days=-1)


def on_trial(**other: object) -> Agreement:
    """21 November to 5 December, monthly."""
    terms: dict[str, object] = {
        "status": SubscriptionStatus.TRIALING,
        "collection": "automatic",
        "zone": JAKARTA,
        "anchor": Anchor.at(D("2026-12-05")),
        "interval": MONTH,
        "lead_days": 0,
        "current": span("2026-11-21", "2026-12-05"),
        "billed_through": D("2026-12-05"),
        "trial_end_on": D("2026-12-05"),
    }
    return Agreement(**{**terms, **other})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("on", "to", "fixed", "first"),
    [
        pytest.param("2026-11-25", "2026-11-25", None, span("2026-11-25", "2026-12-25"), id="ended-today"),
        pytest.param("2026-11-25", "2027-01-31", None, span("2027-01-31", "2027-02-28"), id="extended-over-a-month's-end"),
        pytest.param("2026-11-25", "2026-11-25", FixedDay(1), span("2026-11-25", "2026-12-01"), id="ended-before-a-fixed-day"),
    ],
)  # fmt: skip
def test_a_trial_ends_early_or_late_into_its_first_paid_period(
    on: str, to: str, fixed: FixedDay | None, first: Period
) -> None:
    moved = move_trial_end(on_trial(), D(on), D(to), fixed=fixed)
    assert moved.current == span("2026-11-21", to)

    now = instant_of(D(to), JAKARTA)
    issue = next_step(moved, now)
    assert issue == Issue(first)
    roll = next_step(apply(moved, issue), now)
    assert roll == Roll(first, ends_trial=True)


def test_a_trial_that_ends_on_its_first_day_is_paid_from_that_day() -> None:
    day = D("2026-11-21")
    moved = move_trial_end(on_trial(), day, day)
    assert moved.status is SubscriptionStatus.ACTIVE
    assert moved.current == span("2026-11-21", "2026-12-21")
    assert next_step(moved, instant_of(day, JAKARTA)) == Issue(span("2026-11-21", "2026-12-21"))


@pytest.mark.parametrize(
    ("agreement", "on", "to", "code"),
    [
        (on_trial(status=SubscriptionStatus.ACTIVE), "2026-11-25", "2026-11-25", "not_on_trial"),
        (on_trial(trial_end_on=None), "2026-11-25", "2026-11-25", "not_on_trial"),
        (on_trial(), "2026-12-05", "2026-12-05", "not_on_trial"),
        (on_trial(billed_through=D("2027-01-05")), "2026-12-04", "2026-12-04", "already_invoiced"),
        (on_trial(), "2026-11-25", "2026-11-30", "invalid_trial_end"),
        (on_trial(), "2026-11-25", "2026-12-05", "invalid_trial_end"),
    ],
)
def test_a_trial_that_cannot_be_moved_says_why(
    agreement: Agreement, on: str, to: str, code: str
) -> None:
    with pytest.raises(EngineError) as refusal:
        move_trial_end(agreement, D(on), D(to))
    assert refusal.value.code == code
    assert isinstance(refusal.value, Conflict) == (code != "invalid_trial_end")


@given(
    st.dates(date(2024, 1, 1), date(2032, 1, 1)),
    st.sampled_from([MONTH, Interval("month", 3), Interval("year")]),
    st.integers(0, 60),
    st.none() | st.integers(1, 31),
)
def test_what_is_paid_first_follows_the_trial_and_ends_on_a_boundary(
    start: date, interval: Interval, trial: int, day: int | None
) -> None:
    """Invariant I2, from the beginning."""
    found = beginning_of(start, interval, trial_days=trial, fixed=FixedDay(day) if day else None)
    assert found.first.start == found.first_paid == start + timedelta(days=trial)
    if found.stub is None:
        assert found.anchor.on == found.first_paid
    else:
        assert found.first.end == found.anchor.on == found.stub.whole.end
        assert found.stub.whole.start < found.first.start < found.anchor.on
