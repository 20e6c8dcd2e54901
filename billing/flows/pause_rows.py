"""What a renewal writes where a subscription is paused or comes back: its items, and events."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from billing import queries
from billing.flows.item_rows import resumed_id
from billing.flows.renew_rows import Case
from billing.lifecycle import SubscriptionEvent, move
from billing.service import tell
from billing.tables import subscription_items
from core.work import Work


def stand_still(unit: Work, case: Case, on: date) -> None:
    """Record that a pause has begun: ``on`` is the first date not served."""
    resume_on = case.row.resume_on
    tell(
        unit,
        "subscription.paused",
        case.row,
        {
            "pause_on": on.isoformat(),
            "resume_on": resume_on.isoformat() if resume_on else None,
            "policy": case.row.pause_policy,
            "billed_through": case.agreement.billed_through.isoformat(),
        },
    )


def come_back(unit: Work, case: Case, on: date, *, paid_through: date) -> None:
    """Serve again from ``on``: items end with the pause and begin anew, and it is told.

    Who is behind comes back behind. Time that was paid for and not given back, up to
    ``paid_through``, goes on as it was.
    """
    paused_on = case.row.pause_on
    if paused_on is not None and paused_on < on:
        _split_items(unit, case, paused_on, on, goes_on=on < paid_through)
    if queries.is_behind(unit, case.row.id):
        status = move(case.agreement.status, SubscriptionEvent.PAYMENT_FAILED)
        case.agreement = replace(case.agreement, status=status)
    told: dict[str, Any] = {
        "resume_on": on.isoformat(),
        "period_start": case.agreement.current.start.isoformat(),
        "period_end": case.agreement.current.end.isoformat(),
        "status": case.agreement.status.value,
    }
    if paid_through <= on:
        told["served_from"] = on.isoformat()
    tell(unit, "subscription.resumed", case.row, told)


def _split_items(unit: Work, case: Case, paused_on: date, on: date, *, goes_on: bool) -> None:
    """Nothing was had while it was paused: neither used, nor billed as unused.

    What began on the very day of the pause was served that day, where the pause was asked for on
    it; where paid time was served first, it was to begin with the pause and was never served. What
    was to begin later keeps its day where the old period ``goes_on``; a new period is billed for
    what waited, which begins with it.
    """
    table = subscription_items.c
    served_to = paused_on
    if case.row.pause_policy != "serve_paid":
        served_to += timedelta(days=1)
    rows = unit.session.execute(
        select(
            table.id, table.extra_id, table.price_id, table.quantity, table.started_on,
            table.ended_on,
        ).where(
            table.merchant_id == unit.merchant_id,
            table.subscription_id == case.row.id,
            table.ended_on.is_(None) | (table.ended_on > paused_on),
        )
    ).all()  # fmt: skip
    again = []
    for row in rows:
        keeps_day = row.started_on == on or (goes_on and row.started_on > on)
        if row.started_on > paused_on and keeps_day:
            continue
        last = paused_on if row.started_on < paused_on else max(row.started_on, served_to)
        if row.started_on > paused_on:
            last = row.started_on
        unit.session.execute(
            update(subscription_items)
            .where(table.merchant_id == unit.merchant_id, table.id == row.id)
            .values(ended_on=last)
        )
        if row.ended_on is None or (goes_on and row.ended_on > on):
            again.append(row)
    for row in again:
        new_id = resumed_id(unit, row.id, on)
        unit.session.execute(
            insert(subscription_items).values(
                merchant_id=unit.merchant_id,
                id=new_id,
                subscription_id=case.row.id,
                extra_id=row.extra_id,
                price_id=row.price_id,
                quantity=row.quantity,
                started_on=on,
                ended_on=row.ended_on,
                created_at=unit.now,
            )
        )
        if row.extra_id is None and row.ended_on is None:
            case.item_id = new_id
