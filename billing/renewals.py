"""What a subscription's next due step is: issue an invoice, enter a period, pause, resume or end.

The shell asks for one step, does it, applies it, and asks again; an outage is caught up because
each step is found from the agreement's own dates and never from "today".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from billing.lifecycle import SubscriptionEvent, SubscriptionStatus, move
from core.calendars import Anchor, Interval, Period, instant_of, next_boundary

Collection = Literal["automatic", "invoice"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """The dates of a subscription, all civil dates in ``zone``.

    ``current`` is the service period in force; ``billed_through`` the first date no invoice
    covers yet. A fresh paid subscription starts with its first period invoiced; a trial of N
    days from s with ``current = [s, s+N)``, ``billed_through = s+N`` and an anchor at or, for a
    fixed day, after that. ``cancel_on`` is exclusive: the first date no longer served. So is
    ``pause_on``; ``resume_on`` is the first date served again, the anchor moves to it unless
    ``keeps_anchor``.
    """

    status: SubscriptionStatus
    collection: Collection
    zone: str
    anchor: Anchor
    interval: Interval
    lead_days: int
    current: Period
    billed_through: date
    trial_end_on: date | None = None
    cancel_on: date | None = None
    incomplete_until: date | None = None
    pause_on: date | None = None
    resume_on: date | None = None
    keeps_anchor: bool = False
    # The first date on which the price of an upgrade that waits to be paid does not hold any more.
    upgrade_until: date | None = None


@dataclass(frozen=True, slots=True)
class Issue:
    """Invoice ``period`` in advance; a stub where ``billed_through`` or its end is no boundary."""

    period: Period


@dataclass(frozen=True, slots=True)
class Roll:
    """Enter the next service period; out of the trial where ``ends_trial``."""

    period: Period
    ends_trial: bool


@dataclass(frozen=True, slots=True)
class End:
    """End the subscription: ``on`` is the first date no longer served.

    An ``incomplete`` subscription ends because its first payment never came.
    """

    on: date


@dataclass(frozen=True, slots=True)
class Pause:
    """Stand still: ``on`` is the first date not served, and nothing is billed until it resumes."""

    on: date


@dataclass(frozen=True, slots=True)
class Resume:
    """Serve again from ``on``; what is not billed yet is the next due step."""

    on: date


@dataclass(frozen=True, slots=True)
class Lapse:
    """Let go of an upgrade that nobody paid: ``on`` is the first date its price does not hold."""

    on: date


Step = Issue | Roll | End | Pause | Resume | Lapse

# On one instant the end comes first, and a period is invoiced before it is entered (R25); what was
# offered for the day before is none of its business.
_ORDER: tuple[type[Step], ...] = (Lapse, End, Pause, Resume, Issue, Roll)


def next_step(agreement: Agreement, now: datetime) -> Step | None:
    """Give the earliest step that is due at ``now``, or ``None``.

    Called again on the applied agreement it catches up any outage in date order, one invoice
    per missed period (R26). A paused, unpaid or ended subscription stands still; the first two
    can still reach their ``cancel_on``, and a paused one the date it resumes on.

    Source: billing rules R10, R23, R25, R26.
    """
    first = _first(agreement)
    return first[1] if first is not None and first[0] <= now else None


def next_at(agreement: Agreement) -> datetime | None:
    """Give the UTC instant of the next step, due or to come, or ``None`` when there is none."""
    first = _first(agreement)
    return first[0] if first is not None else None


def apply(agreement: Agreement, step: Step) -> Agreement:
    """Give the agreement as it stands after a step.

    Raises:
        ValueError: the step is not one that follows from this agreement (a second run).
    """
    if all(step != candidate for _, candidate in _steps(agreement)):
        raise ValueError(f"{step} does not follow from {agreement}")
    match step:
        case Issue(period):
            return replace(agreement, billed_through=period.end)
        case Roll(period, ends_trial):
            status = agreement.status
            if ends_trial:
                status = move(status, SubscriptionEvent.TRIAL_ENDED)
            return replace(agreement, status=status, current=period)
        case End(on):
            incomplete = agreement.status is SubscriptionStatus.INCOMPLETE
            event = (
                SubscriptionEvent.EXPIRED_INCOMPLETE if incomplete else SubscriptionEvent.CANCELED
            )
            return replace(agreement, status=move(agreement.status, event), cancel_on=on)
        case Pause():
            return replace(agreement, status=move(agreement.status, SubscriptionEvent.PAUSED))
        case Resume(on):
            return _resumed(agreement, on)
        case Lapse():
            return replace(agreement, upgrade_until=None)


def resume(agreement: Agreement, on: date, *, keep_anchor: bool = False) -> Agreement:
    """Give the dates of a paused or unpaid subscription that is served again from ``on``.

    The anchor moves to ``on``, or stays and a stub leads up to it. The period is not invoiced
    yet: its ``Issue`` is the next due step. Days not served are never billed. The status is the
    caller's move.

    Source: billing rule R42.
    """
    anchor = agreement.anchor if keep_anchor else Anchor.at(on)
    return replace(
        agreement,
        anchor=anchor,
        current=Period(on, next_boundary(anchor, agreement.interval, on)),
        billed_through=on,
    )


def _resumed(agreement: Agreement, on: date) -> Agreement:
    """Time that is paid for and was not given back is served to its end, as it was invoiced."""
    paid = on < agreement.billed_through
    again = agreement if paid else resume(agreement, on, keep_anchor=agreement.keeps_anchor)
    status = move(agreement.status, SubscriptionEvent.RESUMED)
    return replace(again, status=status, pause_on=None, resume_on=None, keeps_anchor=False)


def _first(agreement: Agreement) -> tuple[datetime, Step] | None:
    return min(
        _steps(agreement), key=lambda due: (due[0], _ORDER.index(type(due[1]))), default=None
    )


def _steps(agreement: Agreement) -> list[tuple[datetime, Step]]:
    """List the steps that could come next, each with its instant; at most one of a kind."""
    if agreement.status.is_ended:
        return []
    steps: list[tuple[datetime, Step]] = []
    if agreement.upgrade_until is not None:
        until = agreement.upgrade_until
        steps.append((instant_of(until, agreement.zone), Lapse(until)))
    end_on = _end_on(agreement)
    if end_on is not None:
        steps.append((instant_of(end_on, agreement.zone), End(end_on)))
    if agreement.status is SubscriptionStatus.PAUSED and agreement.resume_on is not None:
        on = agreement.resume_on
        steps.append((instant_of(on, agreement.zone), Resume(on)))
    if not agreement.status.is_billable:
        return steps
    if agreement.pause_on is not None:
        on = agreement.pause_on
        steps.append((instant_of(on, agreement.zone), Pause(on)))

    end_on = min((on for on in (end_on, agreement.pause_on) if on is not None), default=None)
    unbilled = agreement.billed_through
    if end_on is None or unbilled < end_on:
        lead_days = agreement.lead_days if agreement.collection == "invoice" else 0
        # Nothing is billed before the day it begins, which may be one to come.
        due_on = max(unbilled - timedelta(days=lead_days), agreement.current.start)
        steps.append((instant_of(due_on, agreement.zone), Issue(_billed_from(agreement, unbilled))))
    following = agreement.current.end
    if end_on is None or following < end_on:
        ends_trial = agreement.status is SubscriptionStatus.TRIALING
        roll = Roll(_from(agreement, following), ends_trial)
        steps.append((instant_of(following, agreement.zone), roll))
    return steps


def _end_on(agreement: Agreement) -> date | None:
    if agreement.status is not SubscriptionStatus.INCOMPLETE:
        return agreement.cancel_on
    ends = [on for on in (agreement.cancel_on, agreement.incomplete_until) if on is not None]
    return min(ends, default=None)


def _billed_from(agreement: Agreement, start: date) -> Period:
    """The next period, or what is served of it where it ends on a day within (R39)."""
    whole = _from(agreement, start)
    ends = agreement.cancel_on
    return whole if ends is None or whole.end <= ends else Period(start, ends)


def _from(agreement: Agreement, start: date) -> Period:
    return Period(start, next_boundary(agreement.anchor, agreement.interval, start))
