"""What a refund is made from: what is left to give back, of which invoice, by which road."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select

from billing.flows.credit_rows import creditable_amount
from core.errors import Conflict, NotFound
from core.work import Work
from payments.attempts import Stage
from payments.refunds import Cancel, Manual, RefundNow, WaitForSettlement, route
from payments.tables import allocations, payments, refunds

# Midtrans settles in a run of its own: a few minutes later its status says so.
_AFTER_SETTLEMENT: Final = timedelta(minutes=10)


def get_payment(unit: Work, payment_id: UUID) -> Row[Any]:
    """Read a payment.

    Raises:
        NotFound: ``payment_not_found``.
    """
    row = unit.session.execute(
        select(payments).where(
            payments.c.merchant_id == unit.merchant_id, payments.c.id == payment_id
        )
    ).one_or_none()
    if row is None:
        raise NotFound("payment_not_found", "there is no such payment")
    return row


def lock_payment(unit: Work, payment_id: UUID) -> None:
    """Take a payment's row."""
    unit.session.execute(
        select(payments.c.id)
        .where(payments.c.merchant_id == unit.merchant_id, payments.c.id == payment_id)
        .with_for_update()
    )


def already_refunded(unit: Work, payment_id: UUID) -> tuple[int, int]:
    """What went back or is on its way, by us or a bank, and how many refunds there were."""
    live = func.coalesce(
        func.sum(refunds.c.amount).filter(refunds.c.state != "failed"),
        0,
    )
    row = unit.session.execute(
        select(live, func.count()).where(
            refunds.c.merchant_id == unit.merchant_id, refunds.c.payment_id == payment_id
        )
    ).one()
    return int(row[0]) + charged_back(unit, payment_id), int(row[1])


def charged_back(unit: Work, payment_id: UUID) -> int:
    """What the card's bank took back of a payment."""
    amount = unit.session.execute(
        select(payments.c.charged_back_amount).where(
            payments.c.merchant_id == unit.merchant_id, payments.c.id == payment_id
        )
    ).scalar_one_or_none()
    return int(amount or 0)


def find_refund(unit: Work, refund_id: UUID) -> UUID | None:
    """The refund with this id, if it was asked for."""
    found: UUID | None = unit.session.execute(
        select(refunds.c.id).where(
            refunds.c.merchant_id == unit.merchant_id, refunds.c.id == refund_id
        )
    ).scalar_one_or_none()
    return found


def invoice_of(unit: Work, payment_id: UUID, amount: int) -> UUID:
    """The invoice a payment settled; of several the first that can still give back ``amount``."""
    rows = unit.session.execute(
        select(allocations.c.invoice_id)
        .where(
            allocations.c.merchant_id == unit.merchant_id, allocations.c.payment_id == payment_id
        )
        .group_by(allocations.c.invoice_id)
        .having(func.sum(allocations.c.amount) > 0)
        .order_by(func.min(allocations.c.at), allocations.c.invoice_id)
    ).all()
    if not rows:
        raise Conflict("nothing_on_invoice", "no invoice keeps anything of this payment")
    listed: list[UUID] = [row.invoice_id for row in rows]
    for invoice_id in listed[:-1]:
        if creditable_amount(unit, invoice_id) >= amount:
            return invoice_id
    return listed[-1]


def routed(unit: Work, payment: Row[Any], amount: int, already: int) -> dict[str, Any]:
    """Choose the road, and with it the state a refund begins in."""
    chosen = route(
        payment.channel,
        Stage.SETTLED if payment.status == "settled" else Stage.CAPTURED,
        amount,
        paid=payment.amount,
        already=already,
        paid_at=payment.paid_at,
        now=unit.now,
    )
    match chosen:
        case Cancel():
            return _row("cancel", "created", next_at=unit.real_now)
        case RefundNow():
            return _row("refund", "created", next_at=unit.real_now)
        case WaitForSettlement(until):
            return _row("refund", "refund_scheduled", due_at=until + _AFTER_SETTLEMENT)
        case Manual():
            alone = amount + _by_one_person(unit, payment.customer_id)
            needs_second = alone > unit.merchant.refund_approval_above
            return _row("manual", "awaiting_approval" if needs_second else "awaiting_transfer")


def _by_one_person(unit: Work, customer_id: UUID) -> int:
    """What was given back by hand to a customer of late without a second person's agreement.

    The limit holds for all of it, or it would be passed in pieces. The customer's row is locked.
    """
    since = unit.now - timedelta(days=unit.merchant.refund_approval_days)
    total = unit.session.execute(
        select(func.coalesce(func.sum(refunds.c.amount), 0))
        .join(
            payments,
            (payments.c.merchant_id == refunds.c.merchant_id)
            & (payments.c.id == refunds.c.payment_id),
        )
        .where(
            refunds.c.merchant_id == unit.merchant_id,
            payments.c.customer_id == customer_id,
            refunds.c.route == "manual",
            refunds.c.state.in_(("awaiting_transfer", "succeeded")),
            refunds.c.approved_by.is_(None),
            refunds.c.created_at > since,
        )
    ).scalar_one()
    return int(total)


def _row(
    road: str, state: str, *, due_at: datetime | None = None, next_at: datetime | None = None
) -> dict[str, Any]:
    return {"route": road, "state": state, "due_at": due_at, "next_at": next_at}
