"""A card that was to be saved and was not: its holder is told, and what comes next."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update

from billing import queries
from billing.flows.cards import end_method
from billing.flows.notices import plan_words
from billing.mandates.service import end_mandate
from billing.tables import subscriptions
from core import ids
from core.work import Mail, Work, queue_mail
from payments.declines import decline
from payments.gateway import Answer
from payments.tables import payment_methods
from plans.queries import get_price


def check_failed(unit: Work, order: Row[Any], answer: Answer) -> None:
    """End a card whose holder did not confirm it, or whose bank refused; tell the holder.

    A check that we let go ourselves has done its work. Customer and order are locked.
    """
    if order.kind != "check" or order.abandoning:
        return
    because = "declined" if answer.transaction_status == "deny" else "not_confirmed"
    c = payment_methods.c
    ended = unit.session.execute(
        update(payment_methods)
        .where(
            c.merchant_id == unit.merchant_id,
            c.id == order.payment_method_id,
            c.state == "pending",
        )
        .values(state="ended", ended_because=because)
        .returning(c.id)
    ).one_or_none()
    if ended is None:
        return
    end_mandate(unit, ended.id, because=because)
    unit.event(
        "method.ended",
        "payment_method",
        ended.id,
        {"method": ids.public("payment_method", ended.id), "because": because},
        customer_id=order.customer_id,
    )
    buyer = queries.get_customer(unit, order.customer_id)
    told = _trial(unit, ended.id)
    if because == "declined":
        why = decline(answer.code, answer.payment_type or "credit_card")
        told["reason"] = {"id": _first(why.reason_id), "en": _first(why.reason_en)}
    mail = Mail(
        "card.not_saved",
        "payment_method",
        ended.id,
        recipient=buyer.email,
        locale=buyer.locale,
        customer_id=buyer.id,
        payload=told,
    )
    queue_mail(unit, [mail])


def page_brought_none(unit: Work, order: Row[Any]) -> None:
    """End the method that a hosted page was to bring: its order has ended without a saved card."""
    if order.kind != "instrument" or order.payment_method_id is None:
        return
    c = payment_methods.c
    waits = unit.session.execute(
        select(c.id).where(
            c.merchant_id == unit.merchant_id,
            c.id == order.payment_method_id,
            c.state == "pending",
        )
    ).one_or_none()
    if waits is None:
        return
    end_method(unit, waits.id, "not_saved")


def _trial(unit: Work, method_id: UUID) -> dict[str, Any]:
    """The trial that the card was given for: its plan and its end."""
    c = subscriptions.c
    row = unit.session.execute(
        select(c.id, c.trial_end_on)
        .where(
            c.merchant_id == unit.merchant_id,
            c.payment_method_id == method_id,
            c.status == "trialing",
        )
        .order_by(c.trial_end_on, c.id)
        .limit(1)
    ).one_or_none()
    item = queries.items_in_force(unit, [row.id]).get(row.id) if row is not None else None
    if row is None or item is None:
        return {}
    plan = plan_words(get_price(unit, item.price_id), item.quantity)
    return {"plan": plan, "when": row.trial_end_on.isoformat()}


def _first(text: str) -> str:
    return text.split(". ", maxsplit=1)[0].rstrip(".")
