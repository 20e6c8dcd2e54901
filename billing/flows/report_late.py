"""What could not be booked when a report told of it, and can by now; and differences that are over.

Driven by the rows that are not booked, whatever became of their differences: that somebody has
explained one does not book its fee.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, bindparam, func, select, text

from billing.flows.found import Found, heal, open_matters, write_found
from billing.flows.report_known import content, known_rows
from billing.flows.report_tally import Fees, fees_journal
from billing.ledger.journal import Journal
from billing.ledger.service import Subject, post
from billing.reconciliation.kinds import KINDS
from billing.reconciliation.matching import Finding, Ours, Verdict, judge
from billing.reconciliation.queries import (
    agreed_fees,
    corrected_rows,
    match_orders,
    our_refunds,
    told_back,
)
from billing.reconciliation.tables import differences
from core.work import Work
from payments.fees import FeeRow
from payments.settlement_report import Kind, Row

PAGE: Final = 1_000
_FIRST: Final = UUID(int=0)

# Rows of other shops, of which we have no order, are many and never read. One that has its refund
# and is not booked was corrected by hand.
_WAITING: Final = text(
    """
    SELECT r.* FROM settlement_rows r
    WHERE r.merchant_id = :m AND r.id > :after AND r.booked_key IS NULL AND r.same_as IS NULL
        AND r.refund_id IS NULL AND r.kind IN ('payment', 'refund', 'chargeback')
        AND (r.payment_id IS NOT NULL
            OR EXISTS (SELECT FROM payments p
                WHERE p.merchant_id = :m AND p.order_id = r.order_id)
            OR EXISTS (SELECT FROM payment_orders o
                WHERE o.merchant_id = :m AND o.transaction_id = r.transaction_id))
    ORDER BY r.id LIMIT :page
    """
)
_KEEP: Final = text(
    """
    UPDATE settlement_rows r SET
        payment_id = coalesce(r.payment_id, v.payment_id),
        refund_id = coalesce(r.refund_id, v.refund_id),
        booked_key = v.booked_key, same_as = v.same_as
    FROM unnest(:ids, :payments, :refunds, :keys, :same)
        AS v(id, payment_id, refund_id, booked_key, same_as)
    WHERE r.merchant_id = :m AND r.id = v.id
    """
).bindparams(
    bindparam("ids", type_=ARRAY(Uuid())), bindparam("payments", type_=ARRAY(Uuid())),
    bindparam("refunds", type_=ARRAY(Uuid())), bindparam("keys", type_=ARRAY(Text())),
    bindparam("same", type_=ARRAY(Uuid())),
)  # fmt: skip

# What was missing and is told by now, or is not there any more; and what was said of an order
# before the report that tells of its payment.
_OVER: Final = text(
    """
    SELECT d.id FROM differences d
    WHERE d.merchant_id = :m AND d.state <> 'resolved' AND d.id > :after AND (
        (d.kind = 'missing_in_report' AND d.source = 'books' AND d.refund_id IS NULL AND (
            EXISTS (SELECT FROM settlement_rows r WHERE r.merchant_id = :m AND r.kind = 'payment'
                AND (r.payment_id = d.payment_id OR r.key = 'payment:' || d.order_id))
            OR EXISTS (SELECT FROM payments p WHERE p.merchant_id = :m AND p.id = d.payment_id
                AND p.status NOT IN ('captured', 'settled'))))
        OR (d.kind = 'missing_in_report' AND d.source = 'books' AND EXISTS (
            SELECT FROM settlement_rows r
            WHERE r.merchant_id = :m AND r.refund_id = d.refund_id))
        OR (d.kind = 'status_differs' AND d.source = 'books' AND EXISTS (
            SELECT FROM settlement_rows r WHERE r.merchant_id = :m
                AND r.payment_id = d.payment_id AND r.kind IN ('chargeback', 'refund')))
        OR (d.kind = 'status_differs' AND d.source = 'report' AND EXISTS (
            SELECT FROM settlement_rows n JOIN settlement_rows r ON r.merchant_id = n.merchant_id
                AND r.payment_id = n.payment_id AND r.kind = 'payment'
                AND r.booked_key IS NOT NULL
            WHERE n.merchant_id = :m AND n.id = d.row_id AND n.kind = 'nothing')))
    ORDER BY d.id LIMIT :page
    """
)

# Severe ones of a report that calls nobody: written by a migration, which opens no matters.
_UNNAMED: Final = text(
    """
    SELECT d.id FROM differences d
    WHERE d.merchant_id = :m AND d.severity = 'high' AND d.state = 'open'
        AND d.file_id IS NOT NULL AND NOT EXISTS (SELECT FROM reviews v
            WHERE v.merchant_id = :m AND v.kind = 'books_differ' AND v.subject_id = d.file_id)
    """
)


def heal_agreeing(unit: Work) -> int:
    """Book what both books know by now, and close the differences that are over; how many.

    All of them, a page at a time; the caller has his turn (`billing.flows.found.one_at_a_time`).
    """
    agreed = agreed_fees(unit)
    healed, after = 0, _FIRST
    while rows := _page(unit, _WAITING, after):
        healed += _Page(unit, rows, agreed).settle()
        after = rows[-1].id
    after = _FIRST
    while rows := _page(unit, _OVER, after):
        healed += heal(unit, [row.id for row in rows])
        after = rows[-1].id
    unnamed = unit.session.execute(_UNNAMED, {"m": unit.merchant_id}).scalars()
    open_matters(unit, None, list(unnamed))
    return healed


def heal_one(unit: Work, difference_id: UUID) -> None:
    """The same for one difference alone, before somebody books a correction of it."""
    d = differences.c
    row_id = unit.session.execute(
        select(d.row_id).where(d.merchant_id == unit.merchant_id, d.id == difference_id)
    ).scalar_one_or_none()
    if row_id is not None and (rows := _only(unit, _WAITING, row_id)):
        _Page(unit, rows, agreed_fees(unit)).settle()
    heal(unit, [row.id for row in _only(unit, _OVER, difference_id)])


def _page(unit: Work, query: Any, after: UUID, page: int = PAGE) -> Sequence[Any]:
    return unit.session.execute(query, {"m": unit.merchant_id, "after": after, "page": page}).all()


def _only(unit: Work, query: Any, row_id: UUID) -> Sequence[Any]:
    """The page on which nothing but this row may stand."""
    found = _page(unit, query, UUID(int=row_id.int - 1), 1)
    return [row for row in found if row.id == row_id]


@dataclass
class _Page:
    """Some rows that wait, before our books as they are now."""

    unit: Work
    rows: Sequence[Any]
    agreed: Mapping[str, FeeRow]
    found: list[Found] = field(default_factory=list)
    posted: list[tuple[Journal, Subject]] = field(default_factory=list)
    kept: list[tuple[UUID, UUID | None, UUID | None, str | None, UUID | None]] = field(
        default_factory=list
    )

    def settle(self) -> int:
        """Judge them again; returns how many differences are over."""
        told = [_row(one) for one in self.rows]
        matched = match_orders(self.unit, told)
        payment_ids = {ours.payment_id for ours in matched if ours and ours.payment_id}
        _, paid = known_rows(self.unit, (), payment_ids)
        booked = {
            about: (one.id, one.key, one.content) for about, one in paid.items() if one.booked
        }
        by_hand = corrected_rows(self.unit, {one.id for one in self.rows})
        refunds, back = our_refunds(self.unit, payment_ids), told_back(self.unit, payment_ids)
        still: dict[UUID, set[str]] = {}
        for one, row, ours in zip(self.rows, told, matched, strict=True):
            payment_id = ours.payment_id if ours else None
            before = booked.get(payment_id) if payment_id and row.kind is Kind.PAYMENT else None
            if before is not None and ours is not None:
                # A later report put right what this row told wrong: that is over.
                mended = before[1].startswith(f"{one.key}:")
                verdict = Verdict() if mended else _told_twice(row, before[2])
                self.kept.append((one.id, payment_id, None, None, before[0]))
            else:
                verdict = judge(
                    row, ours, refunds.get(payment_id, []) if payment_id else [],
                    self.agreed.get(ours.channel) if ours else None,
                    back[payment_id] if payment_id else 0,
                )  # fmt: skip
                books = verdict.bookable and one.id not in by_hand
                self._keep(one, row, payment_id, verdict, books=books)
                if books and payment_id and row.kind is Kind.PAYMENT:
                    booked[payment_id] = (one.id, one.key, content(row))
                elif books and payment_id and row.kind is Kind.CHARGEBACK:
                    back[payment_id] -= row.gross
            still[one.id] = {finding.kind for finding in verdict.findings}
            self.found += _found(one, ours, verdict.findings)
        return self._write(still)

    def _keep(
        self, one: Any, row: Row, payment_id: UUID | None, verdict: Verdict, *, books: bool
    ) -> None:
        key = f"{one.id}:late" if books else None
        if key is not None:
            fees = Fees(row.fee, row.ppn, row.rounding)
            journal = fees_journal(self.unit, key, row.day, fees)
            self.posted.append((journal, Subject("settlement_file", one.file_id)))
        if key or payment_id != one.payment_id or verdict.refund_id:
            self.kept.append((one.id, payment_id, verdict.refund_id, key, None))

    def _write(self, still: Mapping[UUID, set[str]]) -> int:
        post(self.unit, [one for one, _ in self.posted], [about for _, about in self.posted])
        if self.kept:
            columns = zip(*self.kept, strict=True)
            names = ("ids", "payments", "refunds", "keys", "same")
            given = {name: list(told) for name, told in zip(names, columns, strict=True)}
            self.unit.session.execute(_KEEP, {"m": self.unit.merchant_id, **given})
        over = heal(self.unit, _over(self.unit, still))
        open_matters(self.unit, None, write_found(self.unit, self.found))
        return over


def _over(unit: Work, still: Mapping[UUID, set[str]]) -> list[UUID]:
    """Differences of these rows that are not settled and not found any more."""
    d = differences.c
    rows = unit.session.execute(
        select(d.id, d.kind, d.row_id).where(
            d.merchant_id == unit.merchant_id,
            d.row_id == func.any(list(still)),
            d.state != "resolved",
        )
    )
    return [row.id for row in rows if KINDS[row.kind].heals and row.kind not in still[row.row_id]]


def _told_twice(row: Row, before: tuple[Any, ...]) -> Verdict:
    """A row about a payment whose fee another row has booked, under another name."""
    if content(row) == before:
        return Verdict(bookable=False)
    _, gross, fee, ppn, day = before
    more = {
        "line": row.line, "fee": row.fee, "ppn": row.ppn, "day": row.day.isoformat(),
        "fee_before": fee, "ppn_before": ppn, "day_before": day.isoformat(),
    }  # fmt: skip
    return Verdict((Finding("told_differently", gross, row.gross, more),), bookable=False)


def _found(one: Any, ours: Ours | None, findings: Iterable[Finding]) -> Iterator[Found]:
    for finding in findings:
        yield Found(
            finding, one.key, one.day, row_id=one.id, file_id=one.file_id,
            order_id=ours.order_id if ours else one.order_id or one.transaction_id,
            payment_id=ours.payment_id if ours else None,
        )  # fmt: skip


def _row(one: Any) -> Row:
    return Row(
        one.line, Kind(one.kind), one.order_id, one.transaction_id, one.reference, one.channel,
        one.status, one.gross, one.fee, one.ppn, one.net, one.rounding, one.told_at, one.day,
        dated=False,
    )  # fmt: skip
