"""The other direction: what our books have and no report tells of, and what agrees by now.

A gap is only one where the reports have passed it by some days: the newest report ends somewhere,
and what settles last is told in the next.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text, update

from billing.flows.found import Found, heal, write_found
from billing.flows.report_rows import fee_and_vat
from billing.ledger.postings import gateway_fees
from billing.ledger.service import Subject, post
from billing.reconciliation.kinds import KINDS
from billing.reconciliation.matching import Finding, judge
from billing.reconciliation.queries import our_orders, our_refunds
from billing.reconciliation.tables import differences, settlement_rows
from core.money import Money
from core.work import Work
from payments.settlement_report import Kind, Row

HEALED_MAX: Final = 500

# Days are Jakarta's. A payment is covered where one booked report spans its day and the days after.
_MISSING: Final = text(
    """
    WITH covered AS (
        SELECT DISTINCT from_day, to_day - CAST(:days AS integer) AS until FROM settlement_files
        WHERE merchant_id = :m AND state = 'booked' AND to_day - from_day >= :days
        UNION SELECT from_day, to_day - CAST(:days AS integer) FROM settlement_files
        WHERE merchant_id = :m AND id = :file AND to_day - from_day >= :days
    )
    SELECT 'payment' AS what, p.id AS payment_id, NULL::uuid AS refund_id, p.order_id, p.amount,
        p.status AS told,
        CAST(coalesce(p.settled_at, p.paid_at) AT TIME ZONE 'Asia/Jakarta' AS date) AS day
    FROM payments p
    WHERE p.merchant_id = :m AND p.status IN ('captured', 'settled')
        AND EXISTS (SELECT FROM covered c WHERE
            CAST(coalesce(p.settled_at, p.paid_at) AT TIME ZONE 'Asia/Jakarta' AS date)
            BETWEEN c.from_day AND c.until)
        AND NOT EXISTS (SELECT FROM settlement_rows r WHERE r.merchant_id = :m
            AND r.payment_id = p.id AND r.kind IN ('payment', 'nothing'))
    UNION ALL
    SELECT 'refund', p.id, f.id, p.order_id, -f.amount, f.state,
        CAST(f.closed_at AT TIME ZONE 'Asia/Jakarta' AS date)
    FROM refunds f JOIN payments p ON p.merchant_id = f.merchant_id AND p.id = f.payment_id
    WHERE f.merchant_id = :m AND f.state = 'succeeded' AND f.route = 'refund'
        AND EXISTS (SELECT FROM covered c WHERE
            CAST(f.closed_at AT TIME ZONE 'Asia/Jakarta' AS date) BETWEEN c.from_day AND c.until)
        AND NOT EXISTS (SELECT FROM settlement_rows r WHERE r.merchant_id = :m
            AND r.refund_id = f.id)
    UNION ALL
    SELECT 'reversal', p.id, NULL, p.order_id, 0, p.status, r.day
    FROM settlement_rows r JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
    WHERE r.merchant_id = :m AND r.file_id = :file AND r.kind = 'payment'
        AND p.status = 'reversed'
        AND NOT EXISTS (SELECT FROM settlement_rows b WHERE b.merchant_id = :m
            AND b.payment_id = p.id AND b.kind IN ('chargeback', 'refund', 'nothing'))
    ORDER BY order_id, what
    """
)


def find_missing(unit: Work, file_id: UUID, days: int) -> list[Found]:
    """Look for money of ours that the reports passed by, and keep it as differences.

    Args:
        file_id: the report that was just taken in.
        days: how long after its day a payment may still be told of.
    """
    rows = unit.session.execute(
        _MISSING, {"m": unit.merchant_id, "file": file_id, "days": days}
    ).all()
    found = [_missing(row, file_id) for row in rows]
    write_found(unit, found)
    return found


def _missing(row: Any, file_id: UUID) -> Found:
    if row.what == "reversal":
        told = {"ours": row.told, "theirs": "settlement"}
        finding = Finding("status_differs", 0, None, told)
    else:
        finding = Finding("missing_in_report", row.amount, None, {"ours": row.told})
    key = f"{row.what}:{row.refund_id or row.order_id}"
    return Found(
        finding, key, row.day, source="books", order_id=row.order_id, payment_id=row.payment_id,
        refund_id=row.refund_id, file_id=file_id,
    )  # fmt: skip


def heal_agreeing(unit: Work, limit: int = HEALED_MAX) -> int:
    """Close open differences over which both books agree by now; book the fees of their rows."""
    c, r = differences.c, settlement_rows.c
    open_ones = unit.session.execute(
        select(
            c.id.label("difference_id"), c.kind.label("class"), c.payment_id.label("about"),
            c.refund_id.label("refund"), c.source, c.row_id, settlement_rows,
        )
        .select_from(differences)
        .outerjoin(
            settlement_rows, (r.merchant_id == c.merchant_id) & (r.id == c.row_id)
        )
        .where(
            c.merchant_id == unit.merchant_id,
            c.state == "open",
            c.source.in_(("report", "books")),
            c.kind.in_([kind for kind, told in KINDS.items() if told.heals]),
        )
        .order_by(c.found_at, c.id)
        .limit(limit)
    ).all()  # fmt: skip
    healed = 0
    for one in open_ones:
        if _agrees(unit, one):
            heal(unit, [one.difference_id])
            healed += 1
    return healed


def _agrees(unit: Work, one: Any) -> bool:
    if one.row_id is None:
        return _told_since(unit, one)
    row = _row(one)
    orders, transactions = our_orders(
        unit, [row.order_id] if row.order_id else [], [row.transaction_id or ""]
    )
    ours = orders.get(row.order_id) or transactions.get(row.transaction_id or "")
    payment_id = ours.payment_id if ours else None
    left = our_refunds(unit, [payment_id]).get(payment_id, []) if payment_id else []
    verdict = judge(row, ours, left)
    if any(finding.kind == one[1] for finding in verdict.findings):
        return False
    _book_late(unit, one, payment_id, verdict.refund_id, bookable=verdict.bookable)
    return True


def _told_since(unit: Work, one: Any) -> bool:
    """Whether a report has told by now of what was missing."""
    r = settlement_rows.c
    query = select(r.id).where(r.merchant_id == unit.merchant_id)
    if one[1] == "status_differs":
        query = query.where(r.payment_id == one.about, r.kind.in_(("chargeback", "refund")))
    elif one.refund is not None:
        query = query.where(r.refund_id == one.refund)
    else:
        query = query.where(r.payment_id == one.about, r.kind == "payment")
    return unit.session.execute(query.limit(1)).one_or_none() is not None


def _book_late(
    unit: Work, one: Any, payment_id: UUID | None, refund_id: UUID | None, *, bookable: bool
) -> None:
    """Fill in what the row was matched to, and post the fee that had to wait; once."""
    r = settlement_rows.c
    key = f"{one.row_id}:late"
    values: dict[str, Any] = {}
    if one.payment_id is None and payment_id is not None:
        values["payment_id"] = payment_id
    if one.refund_id is None and refund_id is not None:
        values["refund_id"] = refund_id
    if bookable and one.booked_key is None:
        values["booked_key"] = key
        journal = gateway_fees(
            key, one.day, rounding=Money(one.rounding, "IDR"),
            **fee_and_vat(unit, one.day, one.fee, one.ppn),
        )  # fmt: skip
        post(unit, [journal], Subject("settlement_file", one.file_id))
    if values:
        unit.session.execute(
            update(settlement_rows)
            .where(r.merchant_id == unit.merchant_id, r.id == one.row_id)
            .values(**values)
        )


def _row(one: Any) -> Row:
    return Row(
        one.line, Kind(one.kind), one.order_id, one.transaction_id, one.reference, one.channel,
        one.status, one.gross, one.fee, one.ppn, one.net, one.rounding, one.told_at, one.day,
        dated=False,
    )  # fmt: skip
