"""By which policy a plan is changed: one quote for each, from what the subscription is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from billing.lifecycle import SubscriptionStatus
from billing.other_changes import quote_restart, quote_switch
from billing.plan_changes import BilledLine, ChangeQuote, Offer, QuoteMode, quote_change
from billing.records import Subscription
from core.errors import Conflict


def quote_of(
    subscription: Subscription,
    *,
    old: Offer,
    new: Offer,
    lines: Sequence[BilledLine],
    on: date,
    mode: QuoteMode | None,
) -> ChangeQuote:
    """Quote a change as of a date; by default an upgrade is prorated and a downgrade waits.

    ``restart`` credits the rest and begins a whole new period today, ``switch`` gives the new
    offer today and bills it from the next period on. On trial nothing is paid yet: both are done
    at once and cost nothing (R21).

    Raises:
        Conflict: ``nothing_to_change``.
        InvalidRequest: ``change_outside_period`` or ``currency_mismatch``.

    Source: billing rules R21 and R29 to R35.
    """
    trialing = subscription.status == SubscriptionStatus.TRIALING
    if mode == "restart" and not trialing:
        return quote_restart(old=old, new=new, lines=lines, period=subscription.current, on=on)
    if mode == "switch" and not trialing:
        if old == new:
            raise Conflict("nothing_to_change", "The subscription has this price and quantity.")
        return quote_switch(
            old=old,
            new=new,
            period=subscription.current,
            billed_through=subscription.billed_through,
            on=on,
        )
    return quote_change(
        old=old,
        new=new,
        lines=lines,
        anchor=subscription.anchor,
        period=subscription.current,
        billed_through=subscription.billed_through,
        on=on,
        mode="at_period_end" if mode == "at_period_end" else "prorate" if mode else None,
        paid_from=subscription.trial_end_on if trialing else None,
    )
