"""Which notice goes out when; never at night in the reader's zone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from core.calendars import civil_date, instant_of
from dunning.cases import Case
from dunning.policies import Policy


class NoticeKind(StrEnum):
    """What a notice says."""

    OPENED = "opened"  # the charge failed; what happens next, how to pay
    REMINDER = "reminder"  # still unpaid
    PAYDAY = "payday"  # we shall try again tomorrow
    LAST_WARNING = "last_warning"  # service ends in a few days
    ENDED = "ended"  # it has ended
    DUE_SOON = "due_soon"  # an invoice falls due
    OVERDUE = "overdue"  # an invoice is past its due date


@dataclass(frozen=True, slots=True)
class PlannedNotice:
    """A notice and the instant it is meant for; ``key`` names it within its case."""

    at: datetime
    kind: NoticeKind
    key: str


def by_day(at: datetime, zone: str, policy: Policy) -> datetime:
    """Move an instant out of the night: to the opening hour of the same or the next day.

    By default nothing reaches a reader between 20:00 and 08:00 of the reader's zone.
    """
    on = civil_date(at, zone)
    opening = instant_of(on, zone, policy.open_hour)
    if at < opening:
        return opening
    closed = policy.close_hour < 24 and at >= instant_of(on, zone, policy.close_hour)
    return instant_of(on + timedelta(days=1), zone, policy.open_hour) if closed else at


def planned_notices(
    case: Case, zone: str, policy: Policy, *, end_on: date, payday_on: date | None
) -> tuple[PlannedNotice, ...]:
    """List all notices of a case, earliest first, whether sent or not; the last warning is last.

    The list depends on the case's beginning and the policy alone, never on the present, so that
    a notice keeps its place.

    Args:
        case: the unpaid invoice.
        zone: of the reader.
        end_on: civil date of the end.
        payday_on: civil date of the try around payday, announced the day before.
    """
    began_on = civil_date(case.began_at, zone)
    warn_on = end_on - timedelta(days=policy.warning_days)
    days: list[tuple[date, NoticeKind, str]] = []

    def plan(kind: NoticeKind, start: date, offsets: Iterable[int]) -> None:
        days.extend((start + timedelta(days=n), kind, f":{abs(n)}") for n in offsets)

    if case.collection == "invoice":
        due_on = case.due_on or began_on
        plan(NoticeKind.DUE_SOON, due_on, (-n for n in policy.invoice_before_days))
        plan(NoticeKind.OVERDUE, due_on, policy.invoice_after_days)
    else:
        plan(NoticeKind.REMINDER, began_on, policy.reminder_days)
        if payday_on is not None and payday_on > began_on + timedelta(days=1):
            days.append((payday_on - timedelta(days=1), NoticeKind.PAYDAY, ""))

    found = [
        PlannedNotice(at, kind, f"{kind.value}{tail}")
        for on, kind, tail in days
        if (at := instant_of(on, zone, policy.notice_hour)) >= case.began_at and on < warn_on
    ]
    if case.collection != "invoice":
        at = by_day(case.began_at, zone, policy)
        found.append(PlannedNotice(at, NoticeKind.OPENED, NoticeKind.OPENED.value))
    found.sort(key=lambda notice: (notice.at, notice.key))
    if policy.warning_days:
        at = instant_of(warn_on, zone, policy.notice_hour)
        at = max([at, case.began_at, *(notice.at for notice in found)])
        found.append(PlannedNotice(at, NoticeKind.LAST_WARNING, NoticeKind.LAST_WARNING.value))
    return tuple(found)


def next_notice(
    planned: tuple[PlannedNotice, ...], case: Case, now: datetime, *, announces_try: bool
) -> PlannedNotice | None:
    """Choose the notice to send next.

    After an outage only the latest of those that are overdue goes out: three mails in one minute
    help nobody. What lies before a notice that was sent is dropped, and so is the announcement
    of a try that will not be made.
    """
    sent = [place for place, notice in enumerate(planned) if notice.key in case.notices]
    waiting = [
        notice
        for notice in planned[max(sent, default=-1) + 1 :]
        if announces_try or notice.kind is not NoticeKind.PAYDAY
    ]
    overdue = [notice for notice in waiting if notice.at <= now]
    if overdue:
        return overdue[-1]
    return waiting[0] if waiting else None
