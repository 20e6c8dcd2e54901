"""Who is moved to another version of his price, and from which period on."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, Literal

from billing.lifecycle import SubscriptionStatus
from billing.renewals import Agreement
from core.calendars import Period, next_boundary
from core.errors import Conflict, InvalidRequest
from plans.catalogue import PriceVersion, check_same_currency

Exception_ = Literal[
    "not_served", "ending", "paused", "change_waits", "own_price", "beside_first", "meter_twice"
]
"""Why somebody is not moved: a person decides what becomes of him."""
EXCEPTIONS: Final = (
    "not_served", "ending", "paused", "change_waits", "own_price", "beside_first", "meter_twice",
)  # fmt: skip
NOTICE_MAX: Final = 365
AHEAD_MAX: Final = timedelta(days=731)
"""A move waits two years at most: prices of later days are set later."""
_SERVED: Final = frozenset(
    {SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE}
)


def check_versions(old: PriceVersion, new: PriceVersion, *, same_part: bool) -> None:
    """Refuse a move that would change more than what a period costs.

    Args:
        same_part: whether both price the same part of the plan.

    Raises:
        Conflict: ``versions_not_alike``: another plan, part of it, interval or tax mode.
        InvalidRequest: ``currency_mismatch``.
    """
    check_same_currency(old, new)
    alike = (old.plan_code, old.interval, old.tax_mode) == (
        new.plan_code, new.interval, new.tax_mode,
    )  # fmt: skip
    if not (alike and same_part) or old.version == new.version:
        raise Conflict(
            "versions_not_alike",
            "Subscribers are moved between versions of one plan with the same interval and tax "
            "mode; anything else is a change of their subscription.",
            field="to_price",
        )


def earliest(asked: date | None, today: date, notice_days: int) -> date:
    """The first day a period may begin at the new version: the day asked for, after the notice.

    Raises:
        InvalidRequest: ``invalid_notice_days``; ``invalid_not_before``: more than two years ahead.
    """
    if not 0 <= notice_days <= NOTICE_MAX:
        raise InvalidRequest(
            "invalid_notice_days", f"notice_days is 0 to {NOTICE_MAX}.", field="notice_days"
        )
    if asked is not None and asked > today + AHEAD_MAX:
        raise InvalidRequest(
            "invalid_not_before", "A move begins within two years.", field="not_before"
        )
    told = today + timedelta(days=notice_days)
    return told if asked is None else max(asked, told)


def first_period(agreement: Agreement, not_before: date) -> Period:
    """The first period that is not billed yet and begins on a day or later (R27)."""
    start = agreement.billed_through
    while start < not_before:
        start = next_boundary(agreement.anchor, agreement.interval, start)
    return Period(start, next_boundary(agreement.anchor, agreement.interval, start))


def exception_of(
    agreement: Agreement, *, changes: bool, own_price: bool, beside_first: bool
) -> Exception_ | None:
    """Why a subscription is left out, the plainest reason first; None where it is moved."""
    if agreement.status not in _SERVED:
        return "not_served"
    if agreement.cancel_on is not None:
        return "ending"
    if agreement.pause_on is not None:
        return "paused"
    if own_price:
        return "own_price"
    if beside_first:
        return "beside_first"
    return "change_waits" if changes else None
