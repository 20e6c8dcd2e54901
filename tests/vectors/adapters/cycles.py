"""Periods and anchors of others, answered by our calendar rules."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from vectors.cases import Answer, Case, adapter, instant

from billing.arrears import billable_through
from billing.beginnings import FixedDay, beginning_of
from core.calendars import (
    Anchor,
    Interval,
    Period,
    boundary,
    boundary_index,
    civil_date,
    instant_of,
    next_boundary,
    period_containing,
)

D = date.fromisoformat
INTERVALS = {
    "DAILY": Interval("day"),
    "WEEKLY": Interval("week"),
    "BIWEEKLY": Interval("week", 2),
    "THIRTY_DAYS": Interval("day", 30),
    "THIRTY_ONE_DAYS": Interval("day", 31),
    "SIXTY_DAYS": Interval("day", 60),
    "NINETY_DAYS": Interval("day", 90),
    "MONTHLY": Interval("month"),
    "BIMESTRIAL": Interval("month", 2),
    "QUARTERLY": Interval("month", 3),
    "BIANNUAL": Interval("month", 6),
    "ANNUAL": Interval("year"),
    "BIENNIAL": Interval("year", 2),
    "weekly": Interval("week"),
    "monthly": Interval("month"),
    "quarterly": Interval("month", 3),
    "semiannual": Interval("month", 6),
    "yearly": Interval("year"),
    "day": Interval("day"),
    "week": Interval("week"),
    "month": Interval("month"),
    "quarter": Interval("month", 3),
    "year": Interval("year"),
}
CALENDAR = {
    "weekly": FixedDay(weekday=0),
    "monthly": FixedDay(1),
    "quarterly": FixedDay(1, month=1),
    "semiannual": FixedDay(1, month=1),
    "yearly": FixedDay(1, month=1),
}


def anchored(start: date, interval: Interval, day: int) -> Anchor:
    """The anchor a wanted day of the month gives; days and weeks hang on the start."""
    return beginning_of(start, interval, fixed=FixedDay(day) if interval.months else None).anchor


def interval_of(case: Case) -> Interval:
    return Interval(case.given["unit"], case.given["count"])


def zone_name(name: str) -> str:
    """A fixed offset such as ``-0800`` as the zone that has it."""
    if name[0] in "+-":
        return f"Etc/GMT{'-' if name[0] == '+' else '+'}{int(name[1:3])}"
    return name


@adapter("cycles", "first_boundary", "kb-bcd")
def first_boundary(case: Case) -> Answer:
    given = case.given
    return {
        "first_boundary": anchored(
            D(given["start"]), INTERVALS[given["period"]], given["anchor_day"]
        ).on
    }


@adapter(
    "cycles", "boundaries", "anchor-clamp", "kb-bcd", "kb-fixed-offset", "lago-anniversary",
    "overflow-drift", "cap-28",
)  # fmt: skip
def boundaries(case: Case) -> Answer:
    anchor = Anchor.at(D(case.given["anchor"]))
    return {"boundaries": [boundary(anchor, interval_of(case), k) for k in range(case.given["n"])]}


@adapter("cycles", "advance", "kb-bcd")
def advance(case: Case) -> Answer:
    given = case.given
    anchor = Anchor.at(D(given["from"]))
    return {"date": boundary(anchor, INTERVALS[given["period"]], given["n"])}


@adapter("cycles", "clamp_in_month", "kb-bcd")
def clamp_in_month(case: Case) -> Answer:
    anchor = Anchor(D(case.given["date"]), case.given["anchor_day"])
    return {"date": boundary(anchor, Interval("month"), 0)}


@adapter("cycles", "next_boundary_on_or_after", "kb-bcd")
def next_boundary_on_or_after(case: Case) -> Answer:
    given = case.given
    interval, on = INTERVALS[given["period"]], D(given["date"])
    if given["previous"] is None:
        return {"date": anchored(on, interval, given["anchor_day"]).on}
    anchor = Anchor.at(D(given["previous"]))
    return {"date": next_boundary(anchor, interval, on - timedelta(days=1))}


@adapter("cycles", "local_date", "kb-fixed-offset", "true-zone")
def local_date(case: Case) -> Answer:
    on = civil_date(instant(case.given["instant"]), zone_name(case.given["time_zone"]))
    return {"date": on, "anchor_day": Anchor.at(on).day}


@adapter("cycles", "local_date_fixed_offset", "kb-fixed-offset")
def local_date_fixed_offset(case: Case) -> Answer:
    return {"date": civil_date(instant(case.given["instant"]), case.given["time_zone"])}


@adapter("cycles", "interval_detail", "kb-bcd", "kb-arrears", "kb-arrears-greedy")
def interval_detail(case: Case) -> Answer:
    given = case.given
    interval, start = INTERVALS[given["period"]], D(given["start"])
    anchor = anchored(start, interval, given["anchor_day"])
    end = None if given["end"] is None else D(given["end"])
    on = D(given["target"])
    if given["greedy"] and boundary(anchor, interval, boundary_index(anchor, interval, on)) != on:
        # Bills the period that runs as if it were over.
        on = next_boundary(anchor, interval, on)
    through = billable_through(start, anchor, interval, on, end)
    following = anchor.on if through is None else next_boundary(anchor, interval, through)
    return {
        "something_to_bill": through is not None,
        "first_boundary": anchor.on,
        "effective_end": through,
        "next_boundary": following,
    }


def lago_period(case: Case, *, at: str, wants_running: bool) -> tuple[Period, str]:
    """The period that a billing date bills: the one it lies in, or the one before."""
    given = case.given
    zone, interval = given["time_zone"], INTERVALS[given["interval"]]
    since = civil_date(instant(given["subscription_at"]), zone)
    fixed = CALENDAR[given["interval"]] if case.convention == "lago-calendar" else None
    anchor = beginning_of(since, interval, fixed=fixed).anchor
    period = period_containing(anchor, interval, civil_date(instant(at), zone))
    if not wants_running:
        period = period_containing(anchor, interval, period.start - timedelta(days=1))
    return period, zone


def seconds(period: Period, zone: str) -> tuple[datetime, datetime]:
    """Instants of the first and the last second."""
    return instant_of(period.start, zone), instant_of(period.end, zone) - timedelta(seconds=1)


@adapter("cycles", "billing_period", "lago-calendar", "lago-anniversary")
def billing_period(case: Case) -> Answer:
    given = case.given
    running = given["pay_in_advance"] or given["terminated"] or given["current_usage"]
    period, zone = lago_period(case, at=given["billing_at"], wants_running=running)
    first, last = seconds(period, zone)
    return {"from_utc": first, "to_utc": last}


@adapter("cycles", "period_end", "lago-calendar", "lago-anniversary")
def period_end(case: Case) -> Answer:
    period, zone = lago_period(case, at=case.given["billing_at"], wants_running=True)
    return {"to_utc": seconds(period, zone)[1]}


@adapter("cycles", "period_days", "lago-calendar", "lago-anniversary")
def period_days(case: Case) -> Answer:
    given = case.given
    period, _ = lago_period(case, at=given["billing_at"], wants_running=given["pay_in_advance"])
    return {"days": period.days}


@adapter("cycles", "period_containing", "lago-anniversary")
def period_of_instant(case: Case) -> Answer:
    period, _ = lago_period(case, at=case.given["instant"], wants_running=True)
    return {"first_day": period.start, "last_day": period.last_day, "days": period.days}


@adapter("cycles", "trial_dates", "trial-rebase")
def trial_dates(case: Case) -> Answer:
    begun = beginning_of(
        D(case.given["start"]), interval_of(case), trial_days=case.given["trial_days"]
    )
    assert begun.trial is not None
    return {
        "trial_last_day": begun.trial.last_day,
        "first_period": [begun.first.start, begun.first.end],
    }


@adapter("cycles", "trial_end_anchor", "trial-rebase")
def trial_end_anchor(case: Case) -> Answer:
    start = instant(case.given["trial_start"])
    begun = beginning_of(start.date(), interval_of(case), trial_days=case.given["trial_days"])
    period = [datetime.combine(on, start.timetz()) for on in (begun.first.start, begun.first.end)]
    return {"anchor_day": begun.anchor.day, "period": period}


@adapter("cycles", "trial_end_local", "kb-fixed-offset")
def trial_end_local(case: Case) -> Answer:
    start = civil_date(instant(case.given["start_instant"]), case.given["time_zone"])
    begun = beginning_of(start, Interval("month"), trial_days=case.given["trial_days"])
    return {
        "anchor_day": begun.anchor.day,
        "first_period": [begun.first.start, begun.first.end],
    }


@adapter("cycles", "calendar_cycles", "silver-calendar")
def calendar_cycles(case: Case) -> Answer:
    """Calendar periods, cut once more at the trial's end where it is billed apart."""
    interval, start = interval_of(case), D(case.given["start"])
    fixed = {"week": FixedDay(weekday=0), "month": FixedDay(1), "year": FixedDay(1, month=1)}
    begun = beginning_of(start, interval, fixed=fixed.get(interval.unit))
    cut = D(case.given["trial_last_day"] or "9999-12-30") + timedelta(days=1)
    periods: list[Period] = []
    whole = begun.first
    while len(periods) < len(case.expected["cycles"]):
        if case.given["cut_at_trial_end"] and cut in whole and cut > whole.start:
            periods += [Period(whole.start, cut), Period(cut, whole.end)]
        else:
            periods.append(whole)
        whole = period_containing(begun.anchor, interval, whole.end)
    found = [[period.start, period.last_day] for period in periods]
    return {"cycles": found[: len(case.expected["cycles"])]}
