"""What a subscription does next, lived day by day and caught up in one jump."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.lifecycle import SubscriptionStatus
from billing.renewals import (
    Agreement,
    Collection,
    End,
    Issue,
    Pause,
    Resume,
    Roll,
    Step,
    apply,
    next_at,
    next_step,
    resume,
)
from core.calendars import (
    Anchor,
    Interval,
    Period,
    fixed_day_anchor,
    instant_of,
    next_boundary,
)

D = date.fromisoformat
JAKARTA = "Asia/Jakarta"
ZONES = (JAKARTA, "Asia/Makassar", "Asia/Jayapura")
MONTH = Interval("month", 1)
S = SubscriptionStatus


def paid(
    start: str, interval: Interval = MONTH, collection: Collection = "automatic", lead_days: int = 7
) -> Agreement:
    """A subscription whose first period is invoiced, as subscribing leaves it."""
    anchor = Anchor.at(D(start))
    first = Period(anchor.on, next_boundary(anchor, interval, anchor.on))
    return Agreement(
        status=S.ACTIVE,
        collection=collection,
        zone=JAKARTA,
        anchor=anchor,
        interval=interval,
        lead_days=lead_days,
        current=first,
        billed_through=first.end,
    )


def on_trial(start: str, days: int, collection: Collection = "automatic") -> Agreement:
    end = D(start) + timedelta(days=days)
    return replace(
        paid(start, collection=collection),
        status=S.TRIALING,
        anchor=Anchor.at(end),
        current=Period(D(start), end),
        billed_through=end,
        trial_end_on=end,
    )


def at(day: str, hour: int = 0) -> datetime:
    return instant_of(D(day), JAKARTA, hour)


def live(agreement: Agreement, now: datetime) -> tuple[list[Step], Agreement]:
    steps: list[Step] = []
    while (step := next_step(agreement, now)) is not None:
        steps.append(step)
        agreement = apply(agreement, step)
    return steps, agreement


def told(steps: list[Step]) -> list[str]:
    words = []
    for step in steps:
        match step:
            case Issue(period):
                words.append(f"issue {period}")
            case Roll(period, ends_trial):
                words.append(f"{'start' if ends_trial else 'roll'} {period}")
            case End(on):
                words.append(f"end {on}")
    return words


def test_nothing_is_due_before_the_boundary_and_both_steps_at_it() -> None:
    agreement = paid("2026-12-01")

    assert next_at(agreement) == datetime(2026, 12, 31, 17, tzinfo=UTC)
    assert next_step(agreement, at("2027-01-01") - timedelta(microseconds=1)) is None
    steps, after = live(agreement, at("2027-01-01"))
    assert told(steps) == ["issue [2027-01-01, 2027-02-01)", "roll [2027-01-01, 2027-02-01)"]
    assert after.billed_through == after.current.end == D("2027-02-01")


def test_two_missed_months_become_two_invoices() -> None:
    """X28: monthly on the 15th, the scheduler down from 10 December to 2 February."""
    steps, _ = live(paid("2026-11-15"), at("2027-02-02"))

    assert told(steps) == [
        "issue [2026-12-15, 2027-01-15)",
        "roll [2026-12-15, 2027-01-15)",
        "issue [2027-01-15, 2027-02-15)",
        "roll [2027-01-15, 2027-02-15)",
    ]


def test_an_invoice_payer_is_invoiced_lead_days_ahead() -> None:
    agreement = paid("2026-12-01", collection="invoice")

    assert next_at(agreement) == at("2026-12-25")
    steps, issued = live(agreement, at("2026-12-25"))
    assert told(steps) == ["issue [2027-01-01, 2027-02-01)"]
    assert next_at(issued) == at("2027-01-01")
    assert told(live(issued, at("2027-01-01"))[0]) == ["roll [2027-01-01, 2027-02-01)"]


def test_a_lead_longer_than_the_interval_invoices_several_periods_ahead() -> None:
    steps, _ = live(paid("2026-12-01", Interval("day", 3), "invoice"), at("2026-12-02"))

    assert told(steps) == ["issue [2026-12-04, 2026-12-07)", "issue [2026-12-07, 2026-12-10)"]


def test_a_trial_ends_into_its_first_paid_period() -> None:
    """X7: 14 days from 21 November."""
    steps, after = live(on_trial("2026-11-21", 14), at("2026-12-05"))

    assert told(steps) == ["issue [2026-12-05, 2027-01-05)", "start [2026-12-05, 2027-01-05)"]
    assert after.status is S.ACTIVE


def test_a_trial_of_an_invoice_payer_is_invoiced_before_it_ends() -> None:
    steps, after = live(on_trial("2026-11-21", 14, "invoice"), at("2026-11-28"))

    assert told(steps) == ["issue [2026-12-05, 2027-01-05)"]
    assert after.status is S.TRIALING


def test_a_trial_before_a_fixed_day_is_followed_by_a_stub() -> None:
    """X7 with the fixed day 1."""
    trial = on_trial("2026-11-21", 14)
    trial = replace(trial, anchor=fixed_day_anchor(trial.billed_through, MONTH, day=1))

    steps, _ = live(trial, at("2027-01-01"))
    assert told(steps) == [
        "issue [2026-12-05, 2027-01-01)",
        "start [2026-12-05, 2027-01-01)",
        "issue [2027-01-01, 2027-02-01)",
        "roll [2027-01-01, 2027-02-01)",
    ]


@pytest.mark.parametrize("collection", ["automatic", "invoice"])
def test_a_cancellation_at_the_boundary_ends_without_another_period(
    collection: Collection,
) -> None:
    agreement = replace(paid("2026-12-01", collection=collection), cancel_on=D("2027-01-01"))

    steps, after = live(agreement, at("2028-01-01"))
    assert told(steps) == ["end 2027-01-01"]
    assert (after.status, next_at(after)) == (S.CANCELED, None)


def test_a_cancellation_during_the_trial_bills_nothing() -> None:
    agreement = replace(on_trial("2026-11-21", 14, "invoice"), cancel_on=D("2026-12-05"))

    assert told(live(agreement, at("2027-06-01"))[0]) == ["end 2026-12-05"]


def test_a_cancellation_in_a_later_period_lets_the_earlier_ones_run() -> None:
    """The last one is billed up to the day."""
    agreement = replace(paid("2026-12-01"), cancel_on=D("2027-01-20"))
    assert told(live(agreement, at("2028-01-01"))[0]) == [
        "issue [2027-01-01, 2027-01-20)",
        "roll [2027-01-01, 2027-02-01)",
        "end 2027-01-20",
    ]


def test_a_first_payment_that_never_comes_ends_the_subscription() -> None:
    agreement = replace(paid("2026-12-01"), status=S.INCOMPLETE, incomplete_until=D("2026-12-03"))

    assert next_step(agreement, at("2026-12-02", 23)) is None
    steps, after = live(agreement, at("2027-06-01"))
    assert (told(steps), after.status) == (["end 2026-12-03"], S.CANCELED)


@pytest.mark.parametrize("status", [S.PAUSED, S.CANCELED, S.UNPAID, S.INCOMPLETE])
def test_who_is_not_served_stands_still(status: SubscriptionStatus) -> None:
    agreement = replace(paid("2026-12-01"), status=status)

    assert (next_at(agreement), next_step(agreement, at("2030-01-01"))) == (None, None)


@pytest.mark.parametrize("status", [S.PAUSED, S.UNPAID])
def test_who_stands_still_can_still_end(status: SubscriptionStatus) -> None:
    agreement = replace(paid("2026-12-01"), status=status, cancel_on=D("2026-12-20"))

    assert told(live(agreement, at("2030-01-01"))[0]) == ["end 2026-12-20"]


@pytest.mark.parametrize(
    ("keep_anchor", "steps"),
    [
        (False, ["issue [2027-03-17, 2027-04-17)"]),
        (True, ["issue [2027-03-17, 2027-04-01)"]),
    ],
)
def test_a_resumed_subscription_pays_from_that_day_on(keep_anchor: bool, steps: list[str]) -> None:
    resumed = resume(paid("2026-12-01"), D("2027-03-17"), keep_anchor=keep_anchor)

    assert told(live(resumed, at("2027-03-17"))[0]) == steps


def test_a_step_is_applied_only_once() -> None:
    """Invariant I9, as far as a rule can hold it."""
    agreement = paid("2026-12-01")
    step = next_step(agreement, at("2027-01-01"))

    assert step is not None
    with pytest.raises(ValueError, match="does not follow"):
        apply(apply(agreement, step), step)


def test_the_31st_comes_back_for_ten_years() -> None:
    steps, _ = live(paid("2027-01-31"), at("2037-01-31"))
    issued = [step.period for step in steps if isinstance(step, Issue)]

    assert len(issued) == 120
    assert {period.start.day for period in issued} == {28, 29, 30, 31}
    for period in issued:
        assert (period.start + timedelta(days=1)).day == 1  # always the last day of its month


AGREEMENTS = st.builds(
    lambda base, collection, lead, zone, cancel_after: replace(
        base,
        collection=collection,
        lead_days=lead,
        zone=zone,
        cancel_on=None
        if cancel_after is None
        else base.current.start + timedelta(days=cancel_after),
    ),
    st.one_of(
        st.builds(
            lambda start, unit, count: paid(start.isoformat(), Interval(unit, count)),
            st.dates(date(2026, 1, 1), date(2028, 12, 31)),
            st.sampled_from(["week", "month", "year"]),
            st.integers(1, 3),
        ),
        st.builds(
            lambda start, days: on_trial(start.isoformat(), days),
            st.dates(date(2026, 1, 1), date(2028, 12, 31)),
            st.integers(1, 60),
        ),
    ),
    st.sampled_from(["automatic", "invoice"]),
    st.integers(0, 30),
    st.sampled_from(ZONES),
    st.none() | st.integers(1, 400),
)


@given(AGREEMENTS)
def test_living_day_by_day_is_one_jump_of_400_days(agreement: Agreement) -> None:
    start = agreement.current.start
    daily: list[Step] = []
    lived = agreement
    for day in range(401):
        steps, lived = live(lived, instant_of(start + timedelta(days=day), agreement.zone))
        daily += steps

    jumped = live(agreement, instant_of(start + timedelta(days=400), agreement.zone))
    assert jumped == (daily, lived)


@given(AGREEMENTS)
def test_periods_are_contiguous_and_invoiced_before_they_are_entered(
    agreement: Agreement,
) -> None:
    """Invariant I1 over a life, whatever the collection, zone and cancellation."""
    now = instant_of(agreement.current.start + timedelta(days=800), agreement.zone)
    steps, after = live(agreement, now)
    issued = [step.period for step in steps if isinstance(step, Issue)]
    entered = [step.period for step in steps if isinstance(step, Roll)]

    expected = agreement.billed_through
    for period in issued:
        assert period.start == expected
        expected = period.end
    ends = agreement.cancel_on or date.max
    for served, billed in zip(entered, issued, strict=False):
        assert billed == Period(served.start, min(served.end, ends))
    if after.status.is_ended:
        assert steps[-1] == End(agreement.cancel_on or date.max)
        assert all(period.start < (agreement.cancel_on or date.max) for period in issued)
    else:
        assert len(entered) <= len(issued)
        assert (next_at(after) or now) > now


def test_a_pause_bills_nothing_between_its_dates_and_moves_the_anchor() -> None:
    asked = replace(paid("2026-11-15"), pause_on=D("2026-12-15"), resume_on=D("2027-02-01"))
    told, left = lived(asked, "2027-02-02")
    assert told == [
        Pause(D("2026-12-15")),
        Resume(D("2027-02-01")),
        Issue(Period(D("2027-02-01"), D("2027-03-01"))),
    ]
    assert (left.status, left.anchor, left.pause_on) == (S.ACTIVE, Anchor.at(D("2027-02-01")), None)


def test_who_keeps_his_day_pays_a_part_first_and_who_paid_ahead_is_served_that() -> None:
    asked = replace(
        paid("2026-11-15"), pause_on=D("2026-12-15"), resume_on=D("2027-01-05"), keeps_anchor=True
    )
    told, _ = lived(asked, "2027-01-06")
    assert told[-1] == Issue(Period(D("2027-01-05"), D("2027-01-15")))
    forfeited = replace(
        paid("2026-11-15"), status=S.PAUSED, pause_on=D("2026-11-20"), resume_on=D("2026-12-01")
    )
    told, left = lived(forfeited, "2026-12-02")
    assert told == [Resume(D("2026-12-01"))]
    assert left.current == paid("2026-11-15").current


def test_a_paused_one_waits_for_its_end_or_for_somebody() -> None:
    standing = replace(paid("2026-11-15"), status=S.PAUSED, pause_on=D("2026-12-15"))
    assert next_at(standing) is None
    end = D("2027-01-01")
    assert next_at(replace(standing, cancel_on=end)) == instant_of(end, JAKARTA)


def lived(agreement: Agreement, until: str) -> tuple[list[Step], Agreement]:
    """All steps that are due at the beginning of a day."""
    return live(agreement, instant_of(D(until), JAKARTA))
