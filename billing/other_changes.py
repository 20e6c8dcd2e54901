"""Changes by other policies: restart the period, switch without money, pause and give time back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from billing.beginnings import FixedDay
from billing.change_lines import BilledLine, ChangeLine, charge_lines, credit_lines
from billing.plan_changes import ChangeQuote, Offer
from core.calendars import Anchor, Period, next_boundary
from core.errors import InvalidRequest
from core.money import Money, zero
from plans.catalogue import check_same_currency

PauseMode = Literal["at_period_end", "now"]


@dataclass(frozen=True, slots=True)
class PauseQuote:
    """From when a subscription stands still (the first date not served), and what comes back."""

    mode: PauseMode
    pause_on: date
    credits: tuple[ChangeLine, ...]
    net: Money


def quote_restart(
    *,
    old: Offer,
    new: Offer,
    lines: Sequence[BilledLine],
    period: Period,
    on: date,
    fixed: FixedDay | None = None,
) -> ChangeQuote:
    """Say what it costs to begin anew with another offer: credit the rest, charge a whole period.

    1,200,000 a year, changed after 100 of 365 days to 3,000,000: 265/365 come back (871,233), the
    new year is charged whole, the anchor moves to the day. Also with an interval of the same
    length, which ``prorate`` would leave where it is. With a fixed day the charge is a stub.

    Args:
        old: what the subscription has.
        new: what it is to have.
        lines: the billed lines of the item.
        period: the service period in force.
        on: civil date on which the new offer starts.
        fixed: the merchant's or the plan's day.

    Raises:
        InvalidRequest: ``change_outside_period`` or ``currency_mismatch``.

    Source: billing rules R30 and R33.
    """
    check_same_currency(old.price, new.price)
    _require_inside(on, period)
    interval = new.price.interval
    anchor = Anchor.at(on) if fixed is None else fixed.anchor(on, interval)
    fresh = Period(on, next_boundary(anchor, interval, on))
    credits_ = credit_lines(lines, on)
    charges = charge_lines(
        new.amount, anchor, interval, fresh, exact=new.priced.exact, net_on=new.net_on
    )
    return ChangeQuote(
        mode="restart",
        effective_on=on,
        credits=credits_,
        charges=charges,
        net=_sum((*credits_, *charges), new.price.currency),
        billed_through=fresh.end,
        new_anchor=anchor,
        new_period=fresh,
    )


def quote_switch(
    *, old: Offer, new: Offer, period: Period, billed_through: date, on: date
) -> ChangeQuote:
    """Give the new offer from today and bill it from the next period on; no money moves now.

    What is billed stays billed: the days to ``billed_through`` are the old price's. Where the new
    interval has another length the anchor moves to that date.

    Raises:
        InvalidRequest: ``change_outside_period`` or ``currency_mismatch``.

    Source: billing rule R30.
    """
    check_same_currency(old.price, new.price)
    _require_inside(on, period)
    same = old.price.interval.is_as_long_as(new.price.interval)
    return ChangeQuote(
        mode="switch",
        effective_on=on,
        credits=(),
        charges=(),
        net=zero(new.price.currency),
        billed_through=billed_through,
        new_anchor=None if same else Anchor.at(billed_through),
    )


def quote_pause(
    *,
    lines: Sequence[BilledLine],
    period: Period,
    billed_through: date,
    on: date,
    mode: PauseMode = "at_period_end",
    gives_back: bool = True,
    currency: str = "IDR",
) -> PauseQuote:
    """Say when a pause begins and whether the time paid for comes back.

    At the period's end, by default: everything that is billed is served first. ``now``: the day
    itself is not served any more, and what is billed from it comes back, or is forfeited where
    the policy says so. Nothing is billed while it lasts; `renewals.resume` begins again.

    Raises:
        InvalidRequest: ``change_outside_period``.

    Source: billing rules R40 and R42.
    """
    _require_inside(on, period)
    pause_on = max(period.end, billed_through) if mode == "at_period_end" else on
    # At the period's end too: of a change nobody paid, what lies beyond is not served.
    credits_ = credit_lines(lines, pause_on) if gives_back or pause_on != on else ()
    return PauseQuote(mode, pause_on, credits_, _sum(credits_, currency))


def _sum(lines: Sequence[ChangeLine], currency: str) -> Money:
    return sum((line.amount for line in lines), zero(currency))


def _require_inside(on: date, period: Period) -> None:
    if on not in period:
        raise InvalidRequest(
            "change_outside_period", f"{on} is not a day of the period {period}.", field="on"
        )
