"""Billing in arrears: a period is billed when it is over, a part of one by its days."""

from __future__ import annotations

from datetime import date, timedelta

from billing.proration import Proration
from core.calendars import Anchor, Interval, Period, boundary, boundary_index, period_containing
from core.errors import InvalidRequest
from core.money import Money


def billable_through(
    start: date, anchor: Anchor, interval: Interval, on: date, end: date | None = None
) -> date | None:
    """Give the date up to which service in arrears is to be billed on a date.

    It is the last boundary that has come, or the end of service if that has come; ``None`` before
    the first of them. Periods from ``start`` up to it are billed, the first one as a stub where
    it begins between boundaries.

    Args:
        start: first paid date.
        anchor: with ``interval``, where the boundaries lie.
        interval: of the price.
        on: today.
        end: the first date no longer served, if it is known.

    Source: billing rules R23 and R36.
    """
    if end is not None and end <= on:
        return end
    last = boundary(anchor, interval, boundary_index(anchor, interval, on))
    return last if last >= max(start, anchor.on) else None


def used_part(price: Money, anchor: Anchor, interval: Interval, served: Period) -> Proration:
    """Bill the days served of the period they lie in, rounded once.

    A change on the 25th of a period from the 15th of November bills 10/30 of the old price, and
    at the boundary 20/30 of the new one.

    Args:
        price: net price of a whole period, before tax.
        anchor: with ``interval``, where the boundaries lie.
        interval: of the price.
        served: days of one period.

    Raises:
        InvalidRequest: ``change_outside_period``; the days reach over a boundary.

    Source: billing rules R36 and R40.
    """
    whole = period_containing(anchor, interval, served.start)
    if served.end - timedelta(days=1) not in whole:
        raise InvalidRequest(
            "change_outside_period", f"{served} reaches over {whole.end}.", field="on"
        )
    return Proration(price.share(served.days, whole.days), served.days, whole.days, price, served)
