"""What a cancellation will do, worked out once: the preview shows it, the cancellation does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Literal
from uuid import UUID

from billing.change_lines import ChangeLine
from billing.flows.change_quote import billed_line, credits_by_invoice
from billing.flows.credit_plan import PlannedCredit, plan_credits
from billing.flows.ending import Unserved, find_unserved, restored_by_voids
from billing.flows.usage_close import Close, Closing, final_through, plan_closing
from billing.lifecycle import SubscriptionStatus
from billing.plan_changes import CancelQuote, quote_cancel
from billing.records import Subscription
from core.calendars import civil_date
from core.errors import Conflict, InvalidRequest
from core.money import zero
from core.work import Work
from invoices.queries import LineInForce, lines_in_force

When = Literal["period_end", "now", "date"]

_YEARS = 2


@dataclass(frozen=True, slots=True)
class PlannedCancel:
    """What a cancellation will do.

    ``quote`` says when service ends, ``voided`` which open invoices are voided, and ``credits``
    which credit notes are written: for what was paid beyond the end, and for what is taken back
    of open invoices that can not be voided. ``usage`` is what was used and is billed now. Of an end
    on a date to come, ``on_end`` are the notes of that day: for what is billed beyond it by now.
    """

    quote: CancelQuote
    voided: tuple[UUID, ...]
    credits: tuple[PlannedCredit, ...]
    usage: Closing = field(default_factory=Closing)
    on_end: tuple[PlannedCredit, ...] = ()


def plan_cancel(
    unit: Work, subscription: Subscription, when: When, to: date | None = None
) -> PlannedCancel:
    """Work out a cancellation as of today; reads, and writes nothing.

    Args:
        to: the first date not served, where it ends on a ``date``.

    Raises:
        Conflict: ``already_canceled``. InvalidRequest: ``invalid_cancel_on``.
    """
    if subscription.status == SubscriptionStatus.CANCELED:
        raise Conflict("already_canceled", "The subscription has ended.")
    on = civil_date(unit.now, subscription.billing_zone)
    if on < subscription.started_on:
        return _never_begun(unit, subscription)
    when = when_of(subscription, when, to)
    if when == "date":
        return _plan_end_on(unit, subscription, on, check_cancel_on(to, on))
    cut = _taken_back_from(unit, subscription, on, when)
    unserved, lines = lines_left(unit, subscription, on, cut)
    quote = quote_cancel(
        lines=[billed_line(line) for line in lines],
        period=subscription.current,
        on=min(max(on, subscription.current_start), subscription.current.last_day),
        mode="immediate" if when == "now" else "at_period_end",
        bill_day=_bills_day(unit, subscription, on),
    )
    if subscription.pause_on is not None and subscription.status == SubscriptionStatus.PAUSED:
        quote = replace(quote, end_on=subscription.pause_on)
    credits_ = unused_credits(unit, unserved, lines, quote.credits)
    usage = Closing()
    if when == "now" and subscription.status != SubscriptionStatus.INCOMPLETE:
        through = final_through(unit, subscription)
        usage = plan_closing(unit, [Close(subscription, through)])
    return PlannedCancel(quote, unserved.voided, credits_, usage)


def when_of(
    subscription: Subscription, when: When, to: date | None = None, *, today: date | None = None
) -> When:
    """What is paused, or never began, has no period to be served to the end of: it ends at once.

    Who is back from a pause before the date ``to`` is served until then.
    """
    if today is not None and today < subscription.started_on:
        return "now"
    back = subscription.resume_on
    if when == "date" and to is not None and back is not None and back < to:
        return when
    has_none = subscription.status in (SubscriptionStatus.PAUSED, SubscriptionStatus.INCOMPLETE)
    return "now" if has_none else when


def check_cancel_on(to: date | None, today: date) -> date:
    """Refuse a date of an end that is not to come, or years ahead: ``invalid_cancel_on``."""
    if to is None or not today < to <= date(today.year + _YEARS, today.month, min(today.day, 28)):
        raise InvalidRequest(
            "invalid_cancel_on",
            f"The first day without service is after {today}, at most {_YEARS} years ahead.",
            field="on",
        )
    return to


def _never_begun(unit: Work, subscription: Subscription) -> PlannedCancel:
    """It never was: nothing is served of it, and whatever was billed all the same comes back."""
    unserved, lines = lines_left(unit, subscription, date.min, date.min)
    billed = [
        (line.invoice_id, line.id, left)
        for line in lines
        if (left := line.amount - line.by_changes - line.by_hand)
    ]
    return PlannedCancel(
        CancelQuote("immediate", subscription.started_on, (), zero()),
        unserved.voided,
        plan_credits(unit, [*unserved.lines, *billed], without=unserved.voided),
    )


def _plan_end_on(unit: Work, subscription: Subscription, on: date, to: date) -> PlannedCancel:
    """An end on a date: what lies wholly behind it is taken back now, the rest on that day.

    Until then all is billed and paid as it would be, so going on after all changes nothing.
    """
    unserved, lines = lines_left(unit, subscription, on, to)
    quote = quote_cancel(
        lines=[billed_line(line) for line in lines],
        period=subscription.current,
        on=min(max(on, subscription.current_start), subscription.current.last_day),
        mode="on_date",
        to=to,
    )
    return PlannedCancel(
        quote,
        unserved.voided,
        plan_credits(unit, unserved.lines, without=unserved.voided),
        on_end=credits_by_invoice(unit, lines, quote.credits, without=unserved.voided),
    )


def _bills_day(unit: Work, subscription: Subscription, on: date) -> bool:
    """Whether the day of the request is billed; of a pause only days before it were served."""
    if subscription.status == SubscriptionStatus.PAUSED:
        return on >= subscription.current_end
    return unit.merchant.cancel_day_billed


def lines_left(
    unit: Work, subscription: Subscription, on: date, cut: date
) -> tuple[Unserved, list[LineInForce]]:
    """Find what is taken back whole from ``cut`` on, and the lines whose rest is to be judged."""
    unserved = find_unserved(unit, subscription.id, cut)
    # What is voided with the end gives its credit lines back to the lines they credited.
    restored = restored_by_voids(unit, unserved.voided)
    lines = [
        replace(line, by_changes=line.by_changes - restored.get(line.id, 0))
        for line in lines_in_force(unit, subscription.id, on)
        if line.status != "open" or line.invoice_start < cut
    ]
    return unserved, lines


def unused_credits(
    unit: Work, unserved: Unserved, lines: Sequence[LineInForce], unused: Sequence[ChangeLine]
) -> tuple[PlannedCredit, ...]:
    """Plan the notes for what is taken back and for what is unused of the other lines."""
    source = {line.id: line.invoice_id for line in lines}
    given = [
        (source[credit.credits_line_id], credit.credits_line_id, -credit.amount.amount)
        for credit in unused
        if credit.credits_line_id is not None and not credit.amount.is_zero
    ]
    return plan_credits(unit, [*unserved.lines, *given], without=unserved.voided)


def _taken_back_from(unit: Work, subscription: Subscription, on: date, when: When) -> date:
    """Say from which first day on an open invoice is taken back whole, not credited in part."""
    if subscription.status == SubscriptionStatus.INCOMPLETE:
        return subscription.started_on
    if when == "now":
        return on + timedelta(days=1) if _bills_day(unit, subscription, on) else on
    return subscription.current_end
