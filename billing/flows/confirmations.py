"""Mails that confirm what was asked for: an end, a pause, a change, another trial, money back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from billing.flows.change_quote import PlannedChange
from billing.flows.document_parts import refund_road
from billing.flows.next_bill import NextBill
from billing.flows.notices import plan_words, upcoming
from billing.flows.pause_quote import PlannedPause
from billing.flows.refund_sources import road_of
from billing.queries import get_customer, items_in_force
from billing.records import Subscription
from core.calendars import civil_date
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
    told = _plan_told(unit, subscription)
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


def confirm_pause(unit: Work, subscription: Subscription, planned: PlannedPause) -> None:
    """Tell the customer from when nothing is served, until when, and what comes back.

    Args:
        subscription: as it was when he asked.
    """
    told = _plan_told(unit, subscription) | {"starts": planned.quote.pause_on.isoformat()}
    if planned.resume_on is not None:
        told["when"] = planned.resume_on.isoformat()
    if back := sum(credit.total for credit in planned.credits):
        told["amount"] = back
    if planned.policy == "forfeit":
        told["forfeits"] = True
    _queue(unit, "subscription.pause_confirmed", subscription, told, key=subscription.version)


def confirm_resume(unit: Work, subscription: Subscription, on: date, bill: NextBill | None) -> None:
    """Tell the customer from when he is served again, and what is billed then.

    Args:
        subscription: as it was when he asked.
    """
    told = _plan_told(unit, subscription) | {"starts": on.isoformat()}
    if bill is not None:
        told["amount"] = bill.document.total.amount
        told["when"] = civil_date(bill.at, subscription.billing_zone).isoformat()
    _queue(unit, "subscription.resume_confirmed", subscription, told, key=subscription.version)


def confirm_trial_moved(
    unit: Work, subscription: Subscription, ends_on: date, bill: NextBill | None
) -> None:
    """Tell the customer until when he tries, and what the first paid period costs.

    Args:
        subscription: as it was when he asked.
        ends_on: the first paid date, today where the trial is over.
    """
    told = _plan_told(unit, subscription) | {"starts": ends_on.isoformat()}
    if ends_on > civil_date(unit.now, subscription.billing_zone):
        told |= {"when": ends_on.isoformat(), "zone": subscription.billing_zone}
    if bill is not None:
        told["amount"] = bill.document.total.amount
    _queue(unit, "subscription.trial_moved", subscription, told, key=subscription.version)


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


def _plan_told(unit: Work, subscription: Subscription) -> dict[str, Any]:
    item = items_in_force(unit, [subscription.id])[subscription.id]
    return {"plan": plan_words(get_price(unit, item.price_id), item.quantity)}


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
