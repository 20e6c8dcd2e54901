"""Proration: what part of a period's price belongs to the days left in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from core.calendars import Period
from core.errors import InvalidRequest
from core.exact import rounded
from core.money import Money, zero


@dataclass(frozen=True, slots=True)
class Proration:
    """An amount and how it came about: ``base * numerator / denominator``, rounded once.

    ``numerator`` and ``denominator`` are days; ``period`` is the span the amount stands for. A
    credit that was limited, or that was partly given before, is smaller than the fraction says.
    """

    amount: Money
    numerator: int
    denominator: int
    base: Money
    period: Period


def unused_credit(
    billed: Money,
    line: Period,
    on: date,
    already_credited: Money | None = None,
    manual_credits: Money | None = None,
) -> Proration:
    """Value what is unused of a billed line from ``on``.

    The line's own amount and dates count, however often it was cut before: what is due back in
    all at ``on`` is rounded half away from zero, limited to what manual credits have left of the
    line, and lessened by what was credited before. So credits never exceed their line, and
    cutting it on one day in one step or in two gives the same sum.

    Args:
        billed: net amount of the line as billed, after discounts, before tax, 0 or more.
        line: the span the line was billed for.
        on: first date not used; before the line's start it counts as the start.
        already_credited: what earlier changes credited on this line, 0 or more.
        manual_credits: what people credited on it by hand, 0 or more.

    Returns:
        An amount of 0 or more.

    Raises:
        InvalidRequest: code ``change_outside_period``; nothing of the line is left at ``on``.

    Source: billing rule R31.
    """
    if on >= line.end:
        raise _outside(on, line)
    nothing = zero(billed.currency)
    start = max(on, line.start)
    left = line.days_left(start)
    due = min(billed.share(left, line.days), billed - (manual_credits or nothing))
    amount = max(due - (already_credited or nothing), nothing)
    return Proration(amount, left, line.days, billed, Period(start, line.end))


def charge_for_rest(
    price: Money, period: Period, on: date, exact: Fraction | None = None
) -> Proration:
    """Price the days of ``period`` from ``on`` to its end, rounded once, half away from zero.

    The day ``on`` is charged. A stub in front of an anchor is the rest of its whole period.

    Args:
        price: net price of the whole period, before tax.
        period: the whole anchor period that contains ``on``, never a stub.
        on: first date charged.
        exact: the price before it is rounded, in minor units, where that is finer than a rupiah:
            a part of it is rounded once, not twice.

    Raises:
        InvalidRequest: code ``change_outside_period``.

    Source: billing rules R3, R19 and R32.
    """
    if on not in period:
        raise _outside(on, period)
    left = period.days_left(on)
    fine = price.amount if exact is None else exact
    amount = Money(rounded(Fraction(fine * left, period.days)), price.currency)
    return Proration(amount, left, period.days, price, Period(on, period.end))


def _outside(on: date, period: Period) -> InvalidRequest:
    return InvalidRequest(
        "change_outside_period", f"{on} is not a day of the period {period}.", field="on"
    )
