"""Whether anything will still happen to an open invoice by itself."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select

from billing.flows.chase import is_chased
from billing.tables import subscriptions
from core.work import Work


def waits_for_sign_up(unit: Work, invoice: Row[Any]) -> bool:
    """A sign-up without its first payment is not chased: it ends by itself after some days."""
    if invoice.subscription_id is None:
        return False
    status = unit.session.execute(
        select(subscriptions.c.status).where(
            subscriptions.c.merchant_id == unit.merchant_id,
            subscriptions.c.id == invoice.subscription_id,
        )
    ).scalar_one()
    return bool(status == "incomplete")


def is_left_alone(unit: Work, invoice: Row[Any]) -> bool:
    """Whether nothing would ever happen to an invoice again: no time set, no case, no sign-up."""
    return (
        invoice.collect_at is None
        and not waits_for_sign_up(unit, invoice)
        and not is_chased(unit, invoice.id)
    )
