"""Plan changes and cancellations: one quote for the preview and for the deed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from billing.change_lines import BilledLine, ChangeLine, NetOn, charge_lines, credit_lines
from core.calendars import (
    Anchor,
    Period,
    boundary,
    boundary_index,
    fixed_day_anchor,
    next_boundary,
)
from core.errors import Conflict, InvalidRequest
from core.money import Money, zero
from plans.catalogue import PriceVersion, check_same_currency, is_upgrade
from plans.price_models import Priced

__all__ = [
    "BilledLine",
    "CancelMode",
    "CancelQuote",
    "ChangeLine",
    "ChangeMode",
    "ChangeQuote",
    "Offer",
    "QuoteMode",
    "held_through",
    "quote_cancel",
    "quote_change",
    "quote_end",
]

ChangeMode = Literal["prorate", "at_period_end"]
QuoteMode = Literal["prorate", "at_period_end", "restart", "switch"]
CancelMode = Literal["immediate", "at_period_end", "on_date"]


@dataclass(frozen=True, slots=True)
class Offer:
    """A quantity of a price: what a subscription has, or is to have."""

    price: PriceVersion
    quantity: int
    # What discounts leave of the price for what starts on a date; None where they take nothing.
    net_on: NetOn | None = field(default=None, compare=False)

    @property
    def amount(self) -> Money:
        """Net price of one whole interval, before tax."""
        return self.priced.amount(self.price.currency)

    @property
    def priced(self) -> Priced:
        """The same, not rounded, with its derivation."""
        return self.price.priced(self.quantity)


@dataclass(frozen=True, slots=True)
class ChangeQuote:
    """What a change does, before tax.

    ``new_anchor`` is set when the interval changes, ``new_period`` when a new service period
    starts on ``effective_on`` because of that. ``billed_through`` is the date as it stands after
    the change has been invoiced; a change at the period's end leaves it alone.
    """

    mode: QuoteMode
    effective_on: date
    credits: tuple[ChangeLine, ...]
    charges: tuple[ChangeLine, ...]
    net: Money
    billed_through: date
    new_anchor: Anchor | None = None
    new_period: Period | None = None


@dataclass(frozen=True, slots=True)
class CancelQuote:
    """When service ends (``end_on`` is the first date not served) and what is given back."""

    mode: CancelMode
    end_on: date
    credits: tuple[ChangeLine, ...]
    net: Money


def quote_change(
    *,
    old: Offer,
    new: Offer,
    lines: Sequence[BilledLine],
    anchor: Anchor,
    period: Period,
    billed_through: date,
    on: date,
    mode: ChangeMode | None = None,
    paid_from: date | None = None,
    fixed_day: int | None = None,
) -> ChangeQuote:
    """Say what changing a subscription costs on a date.

    Now (``prorate``): everything billed from ``on`` is credited as it was billed, and the same
    stretch is charged at the new price, each line rounded by itself. With an interval of the same
    length the anchor stays; otherwise it moves to ``on`` and one whole new period is charged.
    At the period's end: no lines; the next period that is not invoiced yet is the new price's.

    Args:
        old: what the subscription has; its interval is the anchor's.
        new: what it is to have.
        lines: the billed lines of the item; those that end by ``on`` are ignored.
        anchor: of the subscription.
        period: the service period in force; work due at ``on`` has been done (R25).
        billed_through: first date no invoice covers yet.
        on: civil date on which the new offer starts.
        mode: by default an upgrade is prorated and a downgrade waits (R30).
        paid_from: the trial's end while on trial; days before it cost nothing (R21).
        fixed_day: the merchant's fixed day of the month, if it has one (R33).

    Raises:
        InvalidRequest: code ``change_outside_period`` or ``currency_mismatch``.
        Conflict: code ``nothing_to_change``.

    Source: billing rules R21, R29 to R35.
    """
    check_same_currency(old.price, new.price)
    _require_inside(on, period)
    if old == new:
        raise Conflict("nothing_to_change", "The subscription already has this price and quantity.")
    on_trial = paid_from is not None and on < paid_from
    if mode is None:
        upgrade = is_upgrade(old.price, old.quantity, new.price, new.quantity)
        mode = "prorate" if upgrade or on_trial else "at_period_end"
    waits = mode == "at_period_end"
    # The first date that is paid at the new price, and how far it is to be charged at once.
    start = billed_through if waits else max(on, paid_from or on)
    through = billed_through

    moved = fresh = None
    if not old.price.interval.is_as_long_as(new.price.interval):
        moved = _moved_anchor(start, anchor, old, new, fixed_day, keep_day=waits or on_trial)
        ends = next_boundary(moved, new.price.interval, start)
        through = ends if start < billed_through else start
        fresh = None if on_trial and not waits else Period(start, ends)

    credits_ = () if waits else credit_lines(lines, on)
    span = Period(start, through) if start < through else None
    charges = charge_lines(
        new.amount,
        moved or anchor,
        new.price.interval,
        span,
        exact=new.priced.exact,
        net_on=new.net_on,
    )
    return ChangeQuote(
        mode=mode,
        effective_on=start if waits else on,
        credits=credits_,
        charges=charges,
        net=_sum((*credits_, *charges), old.price.currency),
        billed_through=through,
        new_anchor=moved,
        new_period=fresh,
    )


def quote_cancel(
    *,
    lines: Sequence[BilledLine],
    period: Period,
    on: date,
    mode: CancelMode,
    currency: str = "IDR",
    bill_day: bool = True,
    to: date | None = None,
) -> CancelQuote:
    """Say when a cancellation on a date ends the service, and what it gives back.

    ``immediate`` ends it with the day it is asked for, which is billed (or, without
    ``bill_day``, with the day before). ``at_period_end`` ends it with what is paid: the service
    period in force, or later periods already paid ahead. ``on_date`` ends it on the date ``to``,
    exclusive. Whatever was invoiced beyond the end is credited; where the credit goes is the
    flow's business (R43, R44).

    Raises:
        InvalidRequest: code ``change_outside_period``.

    Source: billing rules R21, R39, R40.
    """
    _require_inside(on, period)
    if mode == "immediate":
        end_on = on + timedelta(days=1) if bill_day else on
    elif mode == "on_date" and to is not None:
        end_on = to
    else:
        end_on = held_through(lines, period)
    credits_ = quote_end(lines, end_on)
    return CancelQuote(mode, end_on, credits_, _sum(credits_, currency))


def quote_end(lines: Sequence[BilledLine], end_on: date) -> tuple[ChangeLine, ...]:
    """Give the credits for all that was billed from ``end_on``; also for a pause or dunning's end.

    Source: billing rules R31, R40 to R42.
    """
    return credit_lines(lines, end_on)


def held_through(lines: Sequence[BilledLine], period: Period) -> date:
    """Give the end of what is served whatever happens: the period in force, or paid time beyond."""
    return max([period.end, *(line.period.end for line in lines if _holds(line))])


def _holds(line: BilledLine) -> bool:
    """Whether a line keeps its promise to its end: paid for, and not cut by a later change."""
    return line.is_paid and line.credited.is_zero and not line.net.is_zero


def _moved_anchor(
    start: date, anchor: Anchor, old: Offer, new: Offer, fixed_day: int | None, *, keep_day: bool
) -> Anchor:
    """Place the anchor of another interval at the first date it is paid for.

    At the end of a period the wanted day is kept: who pays on the 31st goes on doing so after a
    February.
    """
    was, becomes = old.price.interval, new.price.interval
    if fixed_day is not None and becomes.months:
        return fixed_day_anchor(start, becomes, day=fixed_day)
    at_boundary = boundary(anchor, was, boundary_index(anchor, was, start)) == start
    if keep_day and at_boundary and was.months and becomes.months:
        return Anchor(start, anchor.day)
    return Anchor.at(start)


def _sum(lines: Sequence[ChangeLine], currency: str) -> Money:
    return sum((line.amount for line in lines), zero(currency))


def _require_inside(on: date, period: Period) -> None:
    if on not in period:
        raise InvalidRequest(
            "change_outside_period", f"{on} is not a day of the period {period}.", field="on"
        )
