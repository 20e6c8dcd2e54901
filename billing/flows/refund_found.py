"""What the gateway tells of refunds: those we do not know, and those whose money has arrived."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update

from billing.flows.confirmations import confirm_refund
from billing.flows.refund_outcomes import tell
from billing.flows.reviews import open_review
from core.work import Work
from payments.gateway import Answer
from payments.tables import refunds


def known_keys(unit: Work, payment_ids: Iterable[UUID]) -> defaultdict[UUID, set[str]]:
    """Give the keys of all refunds we ever wrote, by payment."""
    found: defaultdict[UUID, set[str]] = defaultdict(set)
    rows = unit.session.execute(
        select(refunds.c.payment_id, refunds.c.refund_key).where(
            refunds.c.merchant_id == unit.merchant_id,
            refunds.c.payment_id.in_(sorted(set(payment_ids))),
        )
    )
    for row in rows:
        found[row.payment_id].add(row.refund_key)
    return found


def report_unknown(unit: Work, order: Row[Any], answer: Answer) -> None:
    """Put refunds of a paid order that are not ours, or not ours any more, before a person.

    Nothing is booked: which invoice they belong to, and with what words, only a person knows.
    """
    if not answer.refunds:
        return
    payment_id = unit.derive("payment", order.order_id)
    known = known_keys(unit, [payment_id])[payment_id]
    unknown = [one for one in answer.refunds if str(one.get("refund_key")) not in known]
    if unknown:
        detail = [
            {"key": str(one.get("refund_key")), "amount": str(one.get("refund_amount"))}
            for one in unknown
        ]
        open_review(unit, "refund_unknown", "payment", payment_id, {"refunds": detail})


def note_arrivals(unit: Work, order: Row[Any], answer: Answer) -> None:
    """Note which refunds of ours the customer's bank has confirmed, and tell the customer, once.

    Midtrans tells of a refund twice; only the second time says that the money has arrived.
    """
    for one in answer.arrivals:
        row = unit.session.execute(
            update(refunds)
            .where(
                refunds.c.merchant_id == unit.merchant_id,
                refunds.c.payment_id == unit.derive("payment", order.order_id),
                refunds.c.refund_key == one.refund_key,
                refunds.c.state == "succeeded",
                refunds.c.bank_confirmed_at.is_(None),
            )
            .values(bank_confirmed_at=one.at)
            .returning(*refunds.c)
        ).one_or_none()
        if row is not None:
            tell(unit, "refund.arrived", dict(row._mapping), order.customer_id)
            on = unit.merchant.today(one.at)
            confirm_refund(unit, dict(row._mapping), order.customer_id, on)
