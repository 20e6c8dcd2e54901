"""Reads of payments and refunds: what is left to give back, and of which invoice."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select

from billing.flows.credit_rows import creditable_amount
from core.errors import Conflict, NotFound
from core.work import Work
from payments.tables import allocations, payments, refunds


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
    """What went back or is on its way, and how many refunds were ever asked for."""
    live = func.coalesce(
        func.sum(refunds.c.amount).filter(refunds.c.state != "failed"),
        0,
    )
    row = unit.session.execute(
        select(live, func.count()).where(
            refunds.c.merchant_id == unit.merchant_id, refunds.c.payment_id == payment_id
        )
    ).one()
    return int(row[0]), int(row[1])


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
        raise Conflict(
            "nothing_on_invoice",
            "this payment settled no invoice: its money is the customer's balance",
        )
    listed: list[UUID] = [row.invoice_id for row in rows]
    for invoice_id in listed[:-1]:
        if creditable_amount(unit, invoice_id) >= amount:
            return invoice_id
    return listed[-1]
