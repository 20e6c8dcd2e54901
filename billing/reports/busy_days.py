"""How many charges each of the coming days brings, as far as agreements say today."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import func, select

from billing.drafts import MORNING, MORNING_SECONDS
from billing.tables import subscriptions
from core.work import Work
from payments.ahead import DAYS, Ahead, busiest


def busy_days(unit: Work) -> dict[date, int]:
    """Agreements that are billed next on each day of the coming month, by the merchant's calendar.

    Each is one call to the gateway: a charge, or a number to pay to. Tries again, sign-ups and what
    the gateway is asked about come on top.
    """
    s = subscriptions.c
    day = func.date(func.timezone(unit.merchant.billing_zone, s.next_at))
    rows = unit.session.execute(
        select(day, func.count())
        .where(
            s.merchant_id == unit.merchant_id,
            s.next_at > unit.now,
            s.next_at <= unit.now + timedelta(days=DAYS),
            s.status.in_(("trialing", "active", "past_due")),
            # What ends on that day is not billed again.
            s.cancel_on.is_(None) | (s.cancel_on > day),
        )
        .group_by(day)
    )
    return {one: int(count) for one, count in rows}


def busiest_day(unit: Work) -> Ahead | None:
    """The busiest of the coming days, and when its charges are through at the merchant's pace."""
    merchant = unit.merchant
    return busiest(
        busy_days(unit),
        merchant.gateway_rps,
        merchant.billing_zone,
        unit.now,
        morning=MORNING,
        spread=timedelta(seconds=MORNING_SECONDS),
    )
