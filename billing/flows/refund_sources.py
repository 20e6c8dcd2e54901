"""Refunds of money that settled no invoice: taken out of the customer's balance while on its way.

There is nothing to credit: no document ever billed this money. The entry that takes the balance
down is written with the refund, so what is on its way can not be spent as well (ADR 0014).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select

from billing.credits.lots import MONEY, in_order, spendable, take
from billing.credits.queries import entries_of_payment, lots_of
from billing.credits.service import lower_balances
from billing.flows.document_parts import refund_road
from billing.queries import get_customer
from billing.tables import balance_entries
from core import ids
from core.errors import Conflict, InvalidRequest
from core.work import Mail, Work, queue_mail
from payments.tables import allocations, payment_methods, payment_orders, payments, refunds


def settled_an_invoice(unit: Work, payment_id: UUID) -> bool:
    """Whether any of a payment was allocated to an invoice."""
    return (
        unit.session.execute(
            select(allocations.c.id)
            .where(
                allocations.c.merchant_id == unit.merchant_id,
                allocations.c.payment_id == payment_id,
            )
            .limit(1)
        ).first()
        is not None
    )


def unallocated(unit: Work, payment_id: UUID) -> int:
    """Say how much of a payment belongs to no invoice and has not gone back, in whole rupiah.

    What was beyond its invoices or topped the balance up, and credits whose refund failed, less
    refunds from the balance that are done or on their way. How much of it the customer has spent
    is not looked at.
    """
    entry, refund = balance_entries.c, refunds.c
    over = unit.session.execute(
        select(func.coalesce(func.sum(entry.amount), 0)).where(
            entry.merchant_id == unit.merchant_id,
            entry.kind.in_(("overpaid", "topped_up")),
            entry.source_kind == "payment",
            entry.source_id == payment_id,
        )
    ).scalar_one()
    came_back, went = unit.session.execute(
        select(
            func.coalesce(
                func.sum(refund.amount).filter(
                    refund.state == "failed", refund.credit_note_id.is_not(None)
                ),
                0,
            ),
            func.coalesce(
                func.sum(refund.amount).filter(
                    refund.state != "failed", refund.credit_note_id.is_(None)
                ),
                0,
            ),
        ).where(refund.merchant_id == unit.merchant_id, refund.payment_id == payment_id)
    ).one()
    return max(int(over) + int(came_back) - int(went), 0)


def require_unspent(unit: Work, payment: Row[Any], amount: int, left: int) -> None:
    """Refuse what is not there any more; the customer's row is locked.

    Raises:
        InvalidRequest: ``refund_exceeds_unallocated``.
        Conflict: ``balance_spent``.
    """
    if amount > left:
        raise InvalidRequest(
            "refund_exceeds_unallocated",
            f"only {left} of this payment belongs to no invoice: name the invoice whose money "
            "goes back, or ask for less",
            field="amount",
        )
    lots = lots_of(unit, [payment.customer_id]).get(payment.customer_id, ())
    # Credit that was given is never paid out.
    held = spendable(lots, unit.now, (MONEY,))
    if held < amount:
        raise Conflict(
            "balance_spent", f"the customer has used this money since: {held} of it is left"
        )


def take_from_balance(
    unit: Work, refund_id: UUID, payment_id: UUID, customer_id: UUID, amount: int
) -> None:
    """Take the money of a refund out of the balance: of the payment's own lots first."""
    entry = {
        "merchant_id": unit.merchant_id,
        "id": unit.derive("balance", "refunded", refund_id),
        "customer_id": customer_id,
        "amount": -amount,
        "kind": "refunded",
        "source_kind": "refund",
        "source_id": refund_id,
        "at": unit.now,
    }
    lots = in_order(
        lots_of(unit, [customer_id]).get(customer_id, ()),
        unit.now,
        kinds=(MONEY,),
        first=entries_of_payment(unit, payment_id),
    )
    lower_balances(unit, [(entry, take(lots, amount))])


def mail_refund(
    unit: Work, row: Mapping[str, Any], customer_id: UUID, when: str | None, note: str | None
) -> None:
    """Tell the customer how much goes back, by which road, and from which day on."""
    buyer = get_customer(unit, customer_id)
    payload: dict[str, Any] = {
        "amount": row["amount"],
        "method": {one: refund_road(road_of(unit, row), one) for one in ("id", "en")},
        "refund": ids.public("refund", row["id"]),
    }
    if when is not None:
        payload["when"] = when
    if note:
        payload["reason"] = note
    queue_mail(
        unit,
        [
            Mail(
                "refund.requested",
                "refund",
                row["id"],
                recipient=buyer.email,
                locale=buyer.locale,
                customer_id=buyer.id,
                payload=payload,
            )
        ],
    )


def mail_kept(unit: Work, refund: Row[Any]) -> None:
    """Tell the customer that the money he was told of does not come, and is his balance."""
    buyer = get_customer(unit, refund.customer_id)
    queue_mail(
        unit,
        [
            Mail(
                "refund.kept",
                "refund",
                refund.id,
                recipient=buyer.email,
                locale=buyer.locale,
                customer_id=buyer.id,
                payload={"amount": refund.amount},
            )
        ],
    )


def road_of(unit: Work, row: Mapping[str, Any]) -> dict[str, Any]:
    """Read by which way a refund goes back, for `refund_road` to put in words."""
    found = unit.session.execute(
        select(payments.c.channel, payment_methods.c.brand, payment_methods.c.masked)
        .select_from(
            payments.join(
                payment_orders,
                (payment_orders.c.merchant_id == payments.c.merchant_id)
                & (payment_orders.c.id == payments.c.payment_order_id),
            ).outerjoin(
                payment_methods,
                (payment_methods.c.merchant_id == payment_orders.c.merchant_id)
                & (payment_methods.c.id == payment_orders.c.payment_method_id),
            )
        )
        .where(payments.c.merchant_id == unit.merchant_id, payments.c.id == row["payment_id"])
    ).one()
    return {"route": row["route"], **found._mapping}
