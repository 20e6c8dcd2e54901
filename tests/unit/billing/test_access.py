"""May it be used now: every state of a subscription at every side of its dates."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from billing.access import WHY, decide
from billing.lifecycle import SubscriptionStatus
from billing.renewals import Agreement
from core.calendars import Anchor, Interval, Period

D = date.fromisoformat
S = SubscriptionStatus
JAKARTA = ZoneInfo("Asia/Jakarta")
PAID = Agreement(
    status=S.ACTIVE, collection="automatic", zone="Asia/Jakarta", anchor=Anchor.at(D("2026-11-15")),
    interval=Interval("month"), lead_days=7, current=Period(D("2026-11-15"), D("2026-12-15")),
    billed_through=D("2026-12-15"),
)  # fmt: skip


def at(said: str) -> datetime:
    return datetime.fromisoformat(said).replace(tzinfo=JAKARTA)


@pytest.mark.parametrize(
    ("changed", "now", "allowed", "reason", "until"),
    [
        ({}, "2026-11-20 10:00", True, "active", "2026-12-15 00:00"),
        # A renewal that is some seconds late shuts nobody out.
        ({}, "2026-12-15 00:00", True, "active", None),
        ({}, "2026-11-14 23:59", False, "not_begun", "2026-11-15 00:00"),
        ({"status": S.TRIALING}, "2026-11-20 10:00", True, "trial", "2026-12-15 00:00"),
        ({"cancel_on": D("2026-12-15")}, "2026-12-14 23:59", True, "ending", "2026-12-15 00:00"),
        ({"cancel_on": D("2026-12-15")}, "2026-12-15 00:00", False, "ended", None),
        ({"pause_on": D("2026-12-01")}, "2026-11-30 10:00", True, "ending", "2026-12-01 00:00"),
        ({"pause_on": D("2026-12-01")}, "2026-12-01 00:00", False, "paused", None),
        ({"pause_on": D("2026-12-01"), "resume_on": D("2026-12-10")}, "2026-12-02 10:00",
         False, "paused", "2026-12-10 00:00"),
        ({"status": S.PAUSED, "pause_on": D("2026-12-01"), "resume_on": D("2026-12-10")},
         "2026-12-10 00:00", True, "ending", "2026-12-15 00:00"),
        ({"status": S.INCOMPLETE}, "2026-11-20 10:00", False, "first_payment", None),
        ({"status": S.UNPAID}, "2026-11-20 10:00", False, "unpaid", None),
        ({"status": S.CANCELED}, "2026-11-20 10:00", False, "ended", None),
        # Behind: the grace ends before the period does.
        ({"status": S.PAST_DUE}, "2026-11-21 23:59", True, "grace", "2026-11-22 00:00"),
        ({"status": S.PAST_DUE}, "2026-11-22 00:00", False, "grace_over", None),
    ],
)  # fmt: skip
def test_the_decision_follows_from_the_dates(
    changed: dict[str, object], now: str, allowed: bool, reason: str, until: str | None
) -> None:
    agreement = replace(PAID, **changed)  # type: ignore[arg-type]
    found = decide(agreement, at(now), grace_until=D("2026-11-22"))
    assert (found.allowed, found.reason) == (allowed, reason)
    # Where it is allowed this is when it ends, else when it is allowed again.
    assert (found.until if allowed else found.again) == (None if until is None else at(until))
    assert set(WHY[found.reason]) == {"id", "en"}
