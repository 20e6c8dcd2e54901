"""Changes of the items beside a subscription's first: one quote for the preview and the deed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from billing.change_lines import BilledLine, ChangeLine, charge_lines, credit_lines
from billing.plan_changes import ChangeMode, Offer
from core.calendars import Anchor, Interval, Period
from core.errors import Conflict, InvalidRequest
from core.money import Money, zero
from plans.catalogue import is_upgrade


@dataclass(frozen=True, slots=True)
class ItemQuote:
    """What a change of one item does, before tax.

    ``effective_on`` is the first date of the new state; ``sets_up`` says whether a new item's setup
    fee is charged now rather than with the first period that is invoiced.
    """

    mode: ChangeMode
    effective_on: date
    credits: tuple[ChangeLine, ...]
    charges: tuple[ChangeLine, ...]
    net: Money
    sets_up: bool


def quote_item(
    *,
    old: Offer | None,
    new: Offer | None,
    lines: Sequence[BilledLine],
    anchor: Anchor,
    interval: Interval,
    billed_through: date,
    on: date,
    mode: ChangeMode | None = None,
    paid_from: date | None = None,
) -> ItemQuote:
    """Say what adding, changing or removing an item costs on a date.

    Now (``prorate``): what was billed of the item from ``on`` is credited, and the same stretch is
    charged at the new price, each line rounded by itself. At the period's end: no lines. The
    periods are the subscription's and do not move.

    Args:
        old: what there is of the item, ``None`` where it is added.
        new: what there is to be, ``None`` where it is removed.
        lines: the billed lines of this item alone.
        anchor: of the subscription, as ``interval`` is.
        billed_through: first date no invoice covers yet.
        on: civil date on which the new state starts.
        mode: by default what is worth more a year is done now, and what is worth less waits.
        paid_from: the trial's end while on trial; days before it cost nothing.

    Raises:
        Conflict: ``nothing_to_change``.
        InvalidRequest: ``item_interval``: the price is for another interval.

    Source: billing rules R21, R29 to R32, R34, R35 and R38.
    """
    if old == new and mode != "at_period_end":
        raise Conflict("nothing_to_change", "The item is already what you ask for.")
    if new is not None and not new.price.interval.is_as_long_as(interval):
        raise InvalidRequest(
            "item_interval",
            "All items of a subscription are billed by one interval.",
            field="price",
        )
    on_trial = paid_from is not None and on < paid_from
    if mode is None:
        mode = "prorate" if on_trial or _is_more(old, new) else "at_period_end"
    start = billed_through if mode == "at_period_end" else max(on, paid_from or on)
    currency = _one_of(old, new).price.currency
    if mode == "at_period_end":
        return ItemQuote(mode, start, (), (), zero(currency), sets_up=False)
    credits_ = credit_lines(lines, on)
    span = Period(start, billed_through) if start < billed_through else None
    charges: tuple[ChangeLine, ...] = ()
    if new is not None:
        charges = charge_lines(
            new.amount, anchor, interval, span, exact=new.priced.exact, net_on=new.net_on
        )
    net = sum((line.amount for line in (*credits_, *charges)), zero(currency))
    return ItemQuote(mode, on, credits_, charges, net, sets_up=old is None and span is not None)


def _is_more(old: Offer | None, new: Offer | None) -> bool:
    if old is None or new is None:
        return old is None
    return is_upgrade(old.price, old.quantity, new.price, new.quantity)


def _one_of(old: Offer | None, new: Offer | None) -> Offer:
    found = new or old
    if found is None:
        raise ValueError("an item is added, changed or removed")
    return found
