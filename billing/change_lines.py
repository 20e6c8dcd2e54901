"""The lines of a change's invoice: credits for what was billed, charges for what is to come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal
from uuid import UUID

from billing.proration import Proration, charge_for_rest, unused_credit
from core.calendars import Anchor, Interval, Period, period_containing
from core.money import Money
from invoices.discounts import NetPrice

NetOn = Callable[[date], NetPrice | None]


@dataclass(frozen=True, slots=True)
class BilledLine:
    """A recurring, stub or charge line as it was invoiced; it never changes afterwards.

    ``net`` is its amount after discounts and before tax, ``credited`` what earlier changes gave
    back of it and ``manual`` what people did, both 0 or more; ``is_paid`` tells of its invoice.
    """

    line_id: UUID
    net: Money
    period: Period
    credited: Money
    manual: Money | None = None
    is_paid: bool = True


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A line of the change's invoice: ``base * days / of_days``, rounded once.

    ``amount`` is signed: a credit is negative, a charge positive, as they stand on the invoice.
    ``period`` is the span that is credited or charged.
    """

    kind: Literal["credit", "charge"]
    amount: Money
    days: int
    of_days: int
    base: Money
    period: Period
    credits_line_id: UUID | None = None


def credit_lines(lines: Sequence[BilledLine], on: date) -> tuple[ChangeLine, ...]:
    """Credit what is left of each line from ``on``; where nothing is left there is no line.

    Source: billing rule R31.
    """
    found = []
    for line in lines:
        if line.period.end <= on:
            continue
        part = unused_credit(line.net, line.period, on, line.credited, line.manual)
        if not part.amount.is_zero:
            found.append(_line("credit", part, -part.amount, line.line_id))
    return tuple(found)


def charge_lines(
    price: Money,
    anchor: Anchor,
    interval: Interval,
    span: Period | None,
    *,
    exact: Fraction | None = None,
    net_on: NetOn | None = None,
) -> tuple[ChangeLine, ...]:
    """Charge a span that ends on a boundary, a line for each anchor period it touches.

    Args:
        price: net price of one whole interval, before tax.
        anchor: with ``interval``, where the boundaries lie.
        interval: of the price.
        span: what to charge, or ``None`` for nothing.
        exact: the price before it is rounded, where that is finer.
        net_on: what discounts leave of the price for a line that starts on a date.

    Raises:
        ValueError: the span does not end on a boundary.

    Source: billing rule R32.
    """
    if span is None:
        return ()
    start = span.start
    found = []
    while start < span.end:
        whole = period_containing(anchor, interval, start)
        net = net_on(start) if net_on is not None else None
        if net is None:
            part = charge_for_rest(price, whole, start, exact)
        else:
            part = charge_for_rest(net.net, whole, start)
        found.append(_line("charge", part, part.amount))
        start = whole.end
    if start != span.end:
        raise ValueError(f"{span.end} is not a boundary of {anchor}")
    return tuple(found)


def _line(
    kind: Literal["credit", "charge"], part: Proration, amount: Money, line_id: UUID | None = None
) -> ChangeLine:
    return ChangeLine(
        kind=kind,
        amount=amount,
        days=part.numerator,
        of_days=part.denominator,
        base=part.base,
        period=part.period,
        credits_line_id=line_id,
    )
