"""Mails that confirm what the customer asked for: a cancellation, a change of plan, money back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from billing.flows.change_quote import PlannedChange
from billing.flows.document_parts import refund_road
from billing.flows.notices import plan_words, upcoming
from billing.flows.refund_sources import road_of
from billing.queries import get_customer, items_in_force
from billing.records import Subscription
from core.work import Mail, Work, queue_mail
from plans.queries import get_price


def confirm_cancel(
    unit: Work, subscription: Subscription, end_on: date, *, scheduled: bool
) -> None:
    """Tell the customer until when there is service, and that nothing more is charged.

    Args:
        subscription: as it was when he asked; the one after an undo is told anew.
        end_on: the first civil date without service.
    """
    item = items_in_force(unit, [subscription.id])[subscription.id]
    told: dict[str, Any] = {"plan": plan_words(get_price(unit, item.price_id), item.quantity)}
    if scheduled:
        told |= {"when": end_on.isoformat(), "zone": subscription.billing_zone}
    _queue(unit, "subscription.cancel_confirmed", subscription, told, key=subscription.version)


def confirm_change(unit: Work, planned: PlannedChange, after: Subscription) -> None:
    """Tell the customer what he has now or will have, and what is charged next, and when.

    Args:
        after: the subscription with the change applied or waiting.
    """
    told: dict[str, Any] = {
        "old_plan": plan_words(planned.old, planned.item.quantity),
        "plan": plan_words(planned.new, planned.quantity),
        "starts": planned.quote.effective_on.isoformat(),
    }
    if planned.charged:
        told["charged"] = planned.charged
    for coming in upcoming(unit, [after]):
        if coming.draft.period is not None:
            told["amount"] = coming.document.total.amount
            told["when"] = coming.draft.period.start.isoformat()
            told |= coming.usage_told
    _queue(unit, "subscription.change_confirmed", after, told, key=planned.change_id)


def confirm_refund(unit: Work, refund: Mapping[str, Any], customer_id: UUID, on: date) -> None:
    """Tell the customer that the money of a refund has reached his account.

    To be called where that is known: the bank confirmed it, or a person transferred it.

    Args:
        refund: its row.
        on: civil date on which it arrived, where the merchant is.
    """
    road = road_of(unit, refund)
    buyer = get_customer(unit, customer_id)
    queue_mail(
        unit,
        [
            Mail(
                "refund.arrived",
                "refund",
                refund["id"],
                recipient=buyer.email,
                locale=buyer.locale,
                customer_id=buyer.id,
                payload={
                    "amount": refund["amount"],
                    "method": {one: refund_road(road, one) for one in ("id", "en")},
                    "when": on.isoformat(),
                },
            )
        ],
    )


def _queue(
    unit: Work, kind: str, subscription: Subscription, told: dict[str, Any], *, key: object
) -> None:
    buyer = get_customer(unit, subscription.customer_id)
    queue_mail(
        unit,
        [
            Mail(
                kind,
                "subscription",
                subscription.id,
                recipient=buyer.email,
                locale=buyer.locale,
                customer_id=buyer.id,
                payload=told,
                key=str(key),
            )
        ],
    )
