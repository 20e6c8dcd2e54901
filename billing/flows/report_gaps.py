"""The other direction: what our books have and no report tells of.

A gap is only one where the reports have passed it by some days: the newest report ends somewhere,
and what settles last is told in the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from billing.flows.found import Found
from billing.reconciliation.matching import Finding
from core.work import Work

PAGE: Final = 1_000

# Days are Jakarta's. Reports may be of a day each: those that follow one another cover what all of
# them span, and days without a row between them, as long as one may be late, belong to it.
_COVERED: Final = """
    WITH files AS (
        SELECT from_day, to_day FROM settlement_files
        WHERE merchant_id = :m AND from_day IS NOT NULL AND (state = 'booked' OR id = :file)
    ), marked AS (
        SELECT from_day, to_day, CASE
            WHEN from_day <= 1 + CAST(:days AS integer) + max(to_day) OVER (
                ORDER BY from_day, to_day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) THEN 0 ELSE 1 END AS begins
        FROM files
    ), spans AS (
        SELECT from_day, to_day, sum(begins) OVER (ORDER BY from_day, to_day) AS span FROM marked
    ), covered AS (
        SELECT min(from_day) AS from_day, max(to_day) - CAST(:days AS integer) AS until
        FROM spans GROUP BY span
    )
"""
# What a report said of an order before it was paid tells nothing of its payment, unless that was
# named as a difference.
_GAPS: Final = """
    SELECT 'payment' AS what, p.id AS payment_id, NULL::uuid AS refund_id, p.order_id, p.amount,
        p.status AS told,
        CAST(coalesce(p.settled_at, p.paid_at) AT TIME ZONE 'Asia/Jakarta' AS date) AS day
    FROM payments p
    WHERE p.merchant_id = :m AND p.status IN ('captured', 'settled')
        AND EXISTS (SELECT FROM covered c WHERE
            CAST(coalesce(p.settled_at, p.paid_at) AT TIME ZONE 'Asia/Jakarta' AS date)
            BETWEEN c.from_day AND c.until)
        AND NOT EXISTS (SELECT FROM settlement_rows r WHERE r.merchant_id = :m
            AND r.payment_id = p.id AND r.kind = 'payment')
        AND NOT EXISTS (SELECT FROM settlement_rows r WHERE r.merchant_id = :m
            AND r.key = 'payment:' || p.order_id)
        AND NOT EXISTS (SELECT FROM settlement_rows r JOIN differences d
            ON d.merchant_id = r.merchant_id AND d.kind = 'status_differs' AND d.key = r.key
            WHERE r.merchant_id = :m AND r.payment_id = p.id AND r.kind = 'nothing')
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
"""
_MISSING: Final = text(
    f"{_COVERED} SELECT * FROM ({_GAPS}) gaps "  # noqa: S608 - constants of this module
    "WHERE (order_id, what, coalesce(refund_id::text, '')) > (:order, :what, :refund) "
    "ORDER BY order_id, what, coalesce(refund_id::text, '') LIMIT :page"
)


def find_missing(unit: Work, file_id: UUID, days: int) -> Iterator[Sequence[Found]]:
    """Look for money of ours that the reports passed by, a page at a time.

    Args:
        file_id: the report that was just taken in.
        days: how long after its day a payment may still be told of.
    """
    given: dict[str, Any] = {
        "m": unit.merchant_id, "file": file_id, "days": days, "page": PAGE,
        "order": "", "what": "", "refund": "",
    }  # fmt: skip
    while rows := unit.session.execute(_MISSING, given).all():
        yield [_missing(row, file_id) for row in rows]
        last = rows[-1]
        given |= {
            "order": last.order_id, "what": last.what, "refund": str(last.refund_id or ""),
        }  # fmt: skip


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
