"""Reads of our own books for a batch of rows of a report: orders, their money, their refunds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, func, select

from billing.reconciliation.matching import OurRefund, Ours
from billing.reconciliation.tables import difference_steps, settlement_rows
from core.work import Work
from payments.fees import FeeRow
from payments.report_cells import WIB
from payments.tables import merchant_channels, payment_orders, payments, refunds


def our_orders(
    unit: Work, order_ids: Collection[str], transaction_ids: Collection[str] = ()
) -> tuple[dict[str, Ours], dict[str, Ours]]:
    """Our orders, with what they brought, by their id and by the gateway's."""
    by_order = {one.order_id: one for one in _read(unit, "order_id", order_ids)}
    by_transaction = {
        one.transaction_id: one
        for one in _read(unit, "transaction_id", transaction_ids)
        if one.transaction_id
    }
    return by_order, by_transaction


def _read(unit: Work, column: str, values: Collection[str]) -> Iterable[Ours]:
    if not values:
        return []
    o, p = payment_orders.c, payments.c
    rows = unit.session.execute(
        select(
            o.order_id, o.state, o.channel, o.transaction_id, o.opened_at, p.amount,
            p.id.label("payment_id"),
            p.status, p.settled_at, p.charged_back_amount, p.channel.label("paid_by"),
        )
        .select_from(payment_orders)
        .outerjoin(
            payments,
            and_(p.merchant_id == o.merchant_id, p.order_id == o.order_id),
        )
        .where(o.merchant_id == unit.merchant_id, o[column] == func.any(sorted(values)))
    )  # fmt: skip
    return (_ours(row) for row in rows)


def _ours(row: Any) -> Ours:
    return Ours(
        order_id=row.order_id,
        state=row.state,
        channel=row.paid_by or row.channel,
        transaction_id=row.transaction_id,
        payment_id=row.payment_id,
        amount=row.amount,
        status=row.status,
        opened_on=row.opened_at.astimezone(WIB).date(),
        settled_on=row.settled_at.astimezone(WIB).date() if row.settled_at else None,
        charged_back=row.charged_back_amount or 0,
    )


def our_refunds(unit: Work, payment_ids: Collection[UUID]) -> Mapping[UUID, list[OurRefund]]:
    """Refunds by the gateway of these payments to which no row was matched, the oldest first."""
    found: dict[UUID, list[OurRefund]] = defaultdict(list)
    if not payment_ids:
        return found
    c, r = refunds.c, settlement_rows.c
    rows = unit.session.execute(
        select(c.id, c.payment_id, c.refund_key, c.amount, c.state)
        .outerjoin(settlement_rows, and_(r.merchant_id == c.merchant_id, r.refund_id == c.id))
        .where(
            c.merchant_id == unit.merchant_id,
            c.payment_id.in_(list(payment_ids)),
            c.route == "refund",
            r.id.is_(None),
        )
        .order_by(c.created_at, c.id)
    )
    for row in rows:
        found[row.payment_id].append(OurRefund(row.id, row.refund_key, row.amount, row.state))
    return found


def agreed_fees(unit: Work) -> Mapping[str, FeeRow]:
    """The fees of the merchant's own contract, by channel; what is not told is not compared."""
    c = merchant_channels.c
    rows = unit.session.execute(
        select(c.channel, c.fee).where(c.merchant_id == unit.merchant_id, c.fee.is_not(None))
    )
    return {
        row.channel: FeeRow(
            row.channel, date.min, row.fee["fixed"], Fraction(row.fee["basis_points"], 10_000),
            row.fee["ppn"], "merchant",
        )
        for row in rows
    }  # fmt: skip


def steps_of(unit: Work, difference_id: UUID) -> list[Row[Any]]:
    """What was done about a difference, in order."""
    c = difference_steps.c
    return list(
        unit.session.execute(
            select(difference_steps)
            .where(c.merchant_id == unit.merchant_id, c.difference_id == difference_id)
            .order_by(c.n)
        )
    )
