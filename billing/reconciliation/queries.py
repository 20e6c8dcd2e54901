"""Reads of our own books for a batch of rows of a report: orders, their money, their refunds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, Date, Select, Text, and_, bindparam, cast, func, select
from sqlalchemy import Row as Record

from billing.reconciliation.matching import OurRefund, Ours
from billing.reconciliation.tables import difference_steps, differences, settlement_rows
from core.work import Work
from payments.fees import FeeRow
from payments.settlement_report import Kind, Row
from payments.tables import merchant_channels, payment_orders, payments, refunds


def match_orders(unit: Work, rows: Sequence[Row]) -> list[Ours | None]:
    """Each row's order in our books with what it brought: by its id, else by the gateway's.

    Payouts have none. At most two statements, whatever the number of rows.
    """
    about = [row for row in rows if row.kind is not Kind.PAYOUT]
    by_order = {
        one.order_id: one
        for one in _read(unit, "order_id", {row.order_id for row in about if row.order_id})
    }
    by_transaction = {
        one.transaction_id: one
        for one in _read(
            unit, "transaction_id",
            {row.transaction_id for row in about
             if row.transaction_id and row.order_id not in by_order},
        )
    }  # fmt: skip
    return [
        None
        if row.kind is Kind.PAYOUT
        else by_order.get(row.order_id) or by_transaction.get(row.transaction_id)
        for row in rows
    ]


def _read(unit: Work, column: str, values: Collection[str]) -> Iterable[Ours]:
    if not values:
        return
    rows = unit.session.execute(
        _ORDERS[column], {"m": unit.merchant_id, "names": list(values)}
    ).all()
    yield from map(Ours._make, rows)


def _orders_by(column: str) -> Select[Any]:
    """Columns in the order of `Ours`."""
    o, p = payment_orders.c, payments.c
    return (
        select(
            o.order_id, o.state, func.coalesce(p.channel, o.channel), o.transaction_id, p.id,
            p.amount, p.status, _jakartas(o.opened_at), _jakartas(p.settled_at),
            func.coalesce(p.charged_back_amount, 0),
        )
        .select_from(payment_orders)
        .outerjoin(payments, and_(p.merchant_id == o.merchant_id, p.order_id == o.order_id))
        .where(
            o.merchant_id == bindparam("m"),
            o[column] == func.any(bindparam("names", type_=ARRAY(Text()))),
        )
    )  # fmt: skip


def _jakartas(instant: Any) -> Any:
    return cast(func.timezone("Asia/Jakarta", instant), Date)


_ORDERS: Final = {name: _orders_by(name) for name in ("order_id", "transaction_id")}


def told_back(unit: Work, payment_ids: Collection[UUID]) -> Counter[UUID]:
    """What rows that agree told that the bank took back, whole rupiah by payment."""
    told: Counter[UUID] = Counter()
    if not payment_ids:
        return told
    r = settlement_rows.c
    rows = unit.session.execute(
        select(r.payment_id, func.sum(-r.gross).label("back"))
        .where(
            r.merchant_id == unit.merchant_id,
            r.payment_id == func.any(list(payment_ids)),
            r.kind == "chargeback",
            r.booked_key.is_not(None),
        )
        .group_by(r.payment_id)
    )
    told.update({row.payment_id: int(row.back) for row in rows})
    return told


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
            c.payment_id == func.any(list(payment_ids)),
            c.route == "refund",
            r.id.is_(None),
        )
        .order_by(c.created_at, c.id)
    )
    for row in rows:
        found[row.payment_id].append(OurRefund(row.id, row.refund_key, row.amount, row.state))
    return found


def corrected_rows(unit: Work, row_ids: Collection[UUID]) -> set[UUID]:
    """Those of these rows of which a person has booked a difference: their fees are his to book."""
    if not row_ids:
        return set()
    d, s = differences.c, difference_steps.c
    found = unit.session.execute(
        select(d.row_id)
        .join(difference_steps, (s.merchant_id == d.merchant_id) & (s.difference_id == d.id))
        .where(
            d.merchant_id == unit.merchant_id,
            d.row_id == func.any(list(row_ids)),
            s.step == "resolved",
            func.jsonb_extract_path_text(s.detail, "resolution") == "booked",
        )
    ).scalars()
    return {row_id for row_id in found if row_id is not None}


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


def steps_of(unit: Work, difference_id: UUID) -> list[Record[Any]]:
    """What was done about a difference, in order."""
    c = difference_steps.c
    return list(
        unit.session.execute(
            select(difference_steps)
            .where(c.merchant_id == unit.merchant_id, c.difference_id == difference_id)
            .order_by(c.n)
        )
    )
