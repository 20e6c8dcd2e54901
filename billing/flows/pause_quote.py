"""What a pause will do, worked out once: the preview shows it, the pause does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, Literal
from uuid import UUID

from billing import queries
from billing.flows.cancel_quote import lines_left, unused_credits
from billing.flows.change_quote import billed_line
from billing.flows.credit_plan import PlannedCredit
from billing.flows.item_rows import load_extras
from billing.flows.usage_close import Close, Closing, final_through, plan_closing
from billing.lifecycle import SubscriptionStatus
from billing.other_changes import PauseQuote, quote_pause
from billing.plan_changes import held_through
from billing.records import Subscription
from core.calendars import civil_date
from core.errors import Conflict, InvalidRequest
from core.work import Work

PausePolicy = Literal["serve_paid", "give_back", "forfeit"]
"""What becomes of the time that is paid for. ``serve_paid``: it is served first, and the pause
begins when it is over. ``give_back``: the pause begins today, and what is unused comes back.
``forfeit``: it begins today, and the days it lasts are lost; what is left of them when it ends is
served."""

POLICIES: Final[dict[PausePolicy, int]] = {"serve_paid": 1, "give_back": 1, "forfeit": 1}
"""The version of each policy, which stands beside it in what is shown and kept."""

_YEARS = 2


@dataclass(frozen=True, slots=True)
class PlannedPause:
    """What a pause will do.

    ``quote`` says from when nothing is served, ``voided`` which open invoices are voided,
    ``credits`` which credit notes are written, ``usage`` what was used and is billed now;
    ``held_through`` is the end of what is paid for, or is being served.
    ``resume_on`` is the first date served again, ``None`` until somebody says so.
    """

    policy: PausePolicy
    quote: PauseQuote
    resume_on: date | None
    held_through: date
    voided: tuple[UUID, ...]
    credits: tuple[PlannedCredit, ...]
    usage: Closing = field(default_factory=Closing)

    @property
    def version(self) -> str:
        """The policy by name and version, as it is kept."""
        return f"{self.policy}/{POLICIES[self.policy]}"


def plan_pause(
    unit: Work, subscription: Subscription, policy: PausePolicy, resume_on: date | None
) -> PlannedPause:
    """Work out a pause as of today; reads, and writes nothing.

    Raises:
        Conflict: ``not_pausable``, ``cancel_scheduled``, ``pause_scheduled``, ``change_waits``.
        InvalidRequest: ``invalid_resume_on``: not after the pause begins, or years ahead.
    """
    on = civil_date(unit.now, subscription.billing_zone)
    _check(unit, subscription, on)
    cut = on if policy == "give_back" else subscription.current_end
    unserved, lines = lines_left(unit, subscription, on, cut)
    billed = [billed_line(line) for line in lines]
    held = held_through(billed, subscription.current)
    quote = quote_pause(
        lines=billed,
        period=subscription.current,
        billed_through=held,
        on=on,
        mode="at_period_end" if policy == "serve_paid" else "now",
        gives_back=policy != "forfeit",
    )
    if resume_on is not None and not quote.pause_on < resume_on <= _latest(on):
        raise InvalidRequest(
            "invalid_resume_on",
            f"It resumes after {quote.pause_on}, at most {_YEARS} years ahead.",
            field="resume_on",
        )
    usage = Closing()
    if policy != "serve_paid":
        # Clocks ahead of ours may reach beyond midnight: that day is another's if it resumes then.
        through = min(final_through(unit, subscription), quote.pause_on + timedelta(days=1))
        usage = plan_closing(unit, [Close(subscription, through)])
    return PlannedPause(
        policy=policy,
        quote=quote,
        resume_on=resume_on,
        held_through=held,
        voided=unserved.voided,
        credits=unused_credits(unit, unserved, lines, quote.credits),
        usage=usage,
    )


def check_resume_on(on: date, today: date) -> None:
    """Refuse a date of coming back that is over, or years ahead: ``invalid_resume_on``."""
    if not today <= on <= _latest(today):
        raise InvalidRequest(
            "invalid_resume_on", f"It resumes today or within {_YEARS} years.", field="resume_on"
        )


def _latest(today: date) -> date:
    return date(today.year + _YEARS, today.month, min(today.day, 28))


def _check(unit: Work, subscription: Subscription, on: date) -> None:
    if subscription.status != SubscriptionStatus.ACTIVE:
        raise Conflict(
            "not_pausable", f"A subscription that is {subscription.status} is not paused."
        )
    if subscription.cancel_on is not None:
        raise Conflict(
            "cancel_scheduled",
            f"The subscription ends on {subscription.cancel_on}: undo that first.",
        )
    if subscription.pause_on is not None:
        raise Conflict("pause_scheduled", f"It is paused from {subscription.pause_on} on.")
    extras = load_extras(unit, [subscription.id]).get(subscription.id, ())
    later = any(one.item.started_on > on or (one.item.ended_on or on) > on for one in extras)
    waits = queries.scheduled_changes(unit, [subscription.id]).get(subscription.id)
    if later or (waits and not waits.is_move):
        raise Conflict("change_waits", "A change waits for the period's end: drop it first.")
