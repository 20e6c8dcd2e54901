"""How a subscription begins: its trial, its first paid date, its anchor, its first period."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from billing.lifecycle import SubscriptionEvent, SubscriptionStatus, move
from billing.proration import Proration
from billing.renewals import Agreement
from core.calendars import (
    Anchor,
    Interval,
    Period,
    Stub,
    fixed_day_anchor,
    next_boundary,
    stub_before,
)
from core.errors import Conflict, InvalidRequest
from core.money import Money, zero

StubPolicy = Literal["prorate", "full", "free"]


@dataclass(frozen=True, slots=True)
class FixedDay:
    """A day that boundaries fall on, instead of the day somebody came (R17).

    ``day`` for months and years (31 is the last), with ``month`` for calendar quarters and fiscal
    years; ``weekday`` for weeks, 0 is Monday.
    """

    day: int | None = None
    month: int | None = None
    weekday: int | None = None

    def anchor(self, first_paid: date, interval: Interval) -> Anchor:
        """Place the anchor at the first such day from ``first_paid`` on."""
        return fixed_day_anchor(
            first_paid, interval, day=self.day, month=self.month, weekday=self.weekday
        )


@dataclass(frozen=True, slots=True)
class Beginning:
    """The dates of a new subscription.

    ``first`` is the first paid period: a whole one, or what lies before the anchor; then ``stub``
    says of which whole period it is a part.
    """

    trial: Period | None
    first_paid: date
    anchor: Anchor
    first: Period
    stub: Stub | None


def beginning_of(
    start: date, interval: Interval, *, trial_days: int = 0, fixed: FixedDay | None = None
) -> Beginning:
    """Lay down the dates of a subscription that starts on a date.

    14 days of trial from 21 November are 21 November to 4 December; the first paid date is the
    5th, and the anchor too. With the 1st as a fixed day the first period is 5 to 31 December, a
    stub of 27 of 31 days.

    Args:
        start: sign-up day, the trial's first day.
        interval: of the price.
        trial_days: 0 for none.
        fixed: the merchant's or the plan's day, ``None`` for the anniversary.

    Raises:
        ValueError: the fixed day does not go with the interval, or the trial is negative.

    Source: billing rules R16, R17, R19, R20.
    """
    if trial_days < 0:
        raise ValueError("a trial has no negative days")
    first_paid = start + timedelta(days=trial_days)
    trial = Period(start, first_paid) if trial_days else None
    anchor = Anchor.at(first_paid) if fixed is None else fixed.anchor(first_paid, interval)
    stub = stub_before(first_paid, anchor, interval)
    first = stub.period if stub else Period(first_paid, next_boundary(anchor, interval, first_paid))
    return Beginning(trial, first_paid, anchor, first, stub)


def stub_charge(price: Money, stub: Stub, policy: StubPolicy = "prorate") -> Proration:
    """Price a stub: its days, the whole price, or nothing.

    100,000 a month, 17 to 31 January before the 1st: 15/31 = 48,387, or 100,000, or 0.

    Args:
        price: net price of a whole period, before tax.
        stub: the short period and the whole one it is a part of.
        policy: of the plan.

    Source: billing rule R19.
    """
    days, of_days = stub.period.days, stub.whole.days
    if policy == "full":
        days = of_days
    amount = zero(price.currency) if policy == "free" else price.share(days, of_days)
    return Proration(amount, 0 if policy == "free" else days, of_days, price, stub.period)


def move_trial_end(
    agreement: Agreement, on: date, to: date, *, fixed: FixedDay | None = None
) -> Agreement:
    """End a trial today, or extend it: the first paid date moves, and the anchor from it.

    Args:
        agreement: on trial, not yet invoiced for the time behind it.
        on: today; the trial is not over.
        to: the new first paid date: ``on`` to end it now, else after the present end.
        fixed: the merchant's or the plan's day.

    Returns:
        The agreement; ended on its first day it is paid from that day. Its invoice is the next
        due step.

    Raises:
        Conflict: ``not_on_trial``, or ``already_invoiced`` ahead.
        InvalidRequest: ``invalid_trial_end``, neither today nor later than the present end.

    Source: billing rule R21.
    """
    ends = agreement.trial_end_on
    if agreement.status is not SubscriptionStatus.TRIALING or ends is None or on >= ends:
        raise Conflict("not_on_trial", "The trial is over.")
    if agreement.billed_through > ends:
        raise Conflict("already_invoiced", "The time after the trial is invoiced already.")
    if to != on and to <= ends:
        raise InvalidRequest(
            "invalid_trial_end", "A trial ends today or is extended.", field="trial_end"
        )
    begun = beginning_of(to, agreement.interval, fixed=fixed)
    moved = replace(agreement, anchor=begun.anchor, billed_through=to, trial_end_on=to)
    if to > agreement.current.start:
        return replace(moved, current=Period(agreement.current.start, to))
    status = move(agreement.status, SubscriptionEvent.TRIAL_ENDED)
    return replace(moved, status=status, current=begun.first)
