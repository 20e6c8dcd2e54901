"""When an event may come: not before its time, not for what is over, and how late at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from usage.meters import Meter

AHEAD: Final = timedelta(minutes=5)
"""Clocks of machines differ; further ahead is a mistake."""
NOT_SERVED: Final = frozenset({"paused", "unpaid"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an event is not counted: a stable code, and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Served:
    """A subscription as an event finds it, in its zone.

    Before ``open_from`` all is billed; from ``ends_on`` nothing is served any more, and from
    ``pause_on`` nothing until it resumes. ``spans`` are the days ``[first, end)`` on which an item
    was in force, as far back as an event may come; between them it was paused.
    """

    zone: str
    status: str
    started_on: date
    open_from: date
    ends_on: date | None = None
    pause_on: date | None = None
    spans: tuple[tuple[date, date | None], ...] = ()


def refusal_of_gap(served: Served, day: date) -> Refusal | None:
    """Say why an event of a day that no item covers is refused, or None: nobody would bill it."""
    if any(first <= day and (end is None or day < end) for first, end in served.spans):
        return None
    return Refusal("subscription_not_served", f"Nothing was served on {day}.")


def refusal_of(
    served: Served, meters: Sequence[Meter], at: datetime, day: date, now: datetime
) -> Refusal | None:
    """Say why an event of ``meters`` is refused, or None.

    The strictest of its meters decides: late events are refused where one of them refuses them.
    """
    if not meters:
        return Refusal("unknown_event_name", "No meter counts events of this name.")
    if at > now + AHEAD:
        return Refusal("event_in_future", "The event lies more than five minutes ahead.")
    if served.status == "canceled":
        return Refusal("subscription_ended", "The subscription has ended and its usage is billed.")
    before_pause = served.pause_on is not None and day < served.pause_on
    if served.pause_on is not None and not before_pause:
        return Refusal("subscription_not_served", f"It is paused from {served.pause_on} on.")
    if served.status in NOT_SERVED and not before_pause:
        return Refusal("subscription_not_served", f"The subscription is {served.status}.")
    if served.ends_on is not None and day >= served.ends_on:
        return Refusal("subscription_ended", f"The subscription ends on {served.ends_on}.")
    if day < served.started_on:
        return Refusal("event_before_start", f"The subscription began on {served.started_on}.")
    oldest = min(meter.late_days for meter in meters)
    if at < now - timedelta(days=oldest):
        return Refusal("event_too_old", f"The event is more than {oldest} days old.")
    if day < served.open_from and any(meter.late == "refuse" for meter in meters):
        return Refusal("period_billed", f"What was used before {served.open_from} is billed.")
    return None
