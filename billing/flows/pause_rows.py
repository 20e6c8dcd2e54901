"""What a renewal writes where a subscription is paused or comes back: its items, and events."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import case as sql_case
from sqlalchemy import insert, update

from billing import queries
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
        _split_items(unit, case, paused_on, on)
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


def _split_items(unit: Work, case: Case, paused_on: date, on: date) -> None:
    """Nothing was had while it was paused: neither used, nor billed as unused.

    What began on the very day of the pause was served that day, where the pause was asked for on
    it; where paid time was served first, it was to begin with the pause and was never served.
    """
    table = subscription_items.c
    served_to = paused_on
    if case.row.pause_policy != "serve_paid":
        served_to += timedelta(days=1)
    rows = unit.session.execute(
        update(subscription_items)
        .where(
            table.merchant_id == unit.merchant_id,
            table.subscription_id == case.row.id,
            table.ended_on.is_(None),
            table.started_on <= paused_on,
        )
        .values(ended_on=sql_case((table.started_on < paused_on, paused_on), else_=served_to))
        .returning(table.id, table.extra_id, table.price_id, table.quantity)
    ).all()
    again = [
        {
            "merchant_id": unit.merchant_id,
            "id": unit.derive("item", row.id, "resumed", on),
            "subscription_id": case.row.id,
            "extra_id": row.extra_id,
            "price_id": row.price_id,
            "quantity": row.quantity,
            "started_on": on,
            "created_at": unit.now,
        }
        for row in rows
    ]
    for row in again:
        unit.session.execute(insert(subscription_items).values(**row))
        if row["extra_id"] is None:
            case.item_id = row["id"]
