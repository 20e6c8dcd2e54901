"""What the gateway tells of refunds: those we do not know, and those whose money has arrived."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update

from billing.flows.confirmations import confirm_refund
from billing.flows.refund_outcomes import lock_refund, succeed, tell
from billing.flows.refund_rows import already_refunded
from billing.flows.reviews import open_review
from core.errors import Conflict, EngineError
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


def take_in_found(unit: Work, order: Row[Any], answer: Answer) -> None:
    """Take in refunds of a paid order that these books do not know.

    One whose key is the one we would derive for the next refund was made by us after the backup
    that was restored: it is written anew, done, with its credit note. Any other goes to a person:
    which invoice it belongs to, and with what words, only a person knows.
    """
    if not answer.refunds:
        return
    payment_id = unit.derive("payment", order.order_id)
    known = known_keys(unit, [payment_id])[payment_id]
    unknown = [one for one in answer.refunds if str(one.get("refund_key")) not in known]
    unknown.sort(key=lambda one: str(one.get("refund_key")))
    unknown = [one for one in unknown if not _written_anew(unit, order, payment_id, one)]
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
    payment_id = unit.derive("payment", order.order_id)
    for one in answer.arrivals:
        _settle_in_doubt(unit, payment_id, one.refund_key)
        row = unit.session.execute(
            update(refunds)
            .where(
                refunds.c.merchant_id == unit.merchant_id,
                refunds.c.payment_id == payment_id,
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


def _settle_in_doubt(unit: Work, payment_id: UUID, key: str) -> None:
    """A refund whose outcome nobody knew has happened where the bank says that it arrived."""
    c = refunds.c
    refund_id = unit.session.execute(
        select(c.id).where(
            c.merchant_id == unit.merchant_id,
            c.payment_id == payment_id,
            c.refund_key == key,
            c.sends > 0,
            c.state.not_in(("succeeded", "failed")),
        )
    ).scalar_one_or_none()
    if refund_id is not None:
        succeed(unit, lock_refund(unit, refund_id), code="arrived", raw={"refund_key": key})


def _written_anew(unit: Work, order: Row[Any], payment_id: UUID, told: dict[str, Any]) -> bool:
    # Lazy: refunds of what cannot be charged are asked for by flows that settle.
    from billing.flows.refund import request_refund

    key = str(told.get("refund_key"))
    digits = str(told.get("refund_amount")).partition(".")[0]
    _, count = already_refunded(unit, payment_id)
    if not digits.isdecimal() or key != f"{order.order_id}-r{count + 1}-{digits}":
        return False
    amount = int(digits)
    try:
        with unit.savepoint():
            made = request_refund(unit, payment_id, amount)
            refund = lock_refund(unit, made)
            if refund.refund_key != key or refund.state != "created":
                raise Conflict("refund_differs", "it would go back by another way")
            succeed(unit, refund, code="found", raw=told)
    except EngineError:
        return False  # nothing of it was written: a person looks
    return True
