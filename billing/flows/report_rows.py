"""Rows of a settlement report into our books, a batch at a time: matched, booked, or told apart.

Memory is that of one batch, whatever the length of the file; each batch is a handful of statements.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select

from billing.flows.found import Found, write_found
from billing.ledger.journal import Journal
from billing.ledger.postings import gateway_fees, paid_out
from billing.reconciliation.matching import (
    Finding,
    OurRefund,
    Ours,
    Verdict,
    judge,
    key_of,
    of_fault,
    payout_of,
)
from billing.reconciliation.queries import agreed_fees, our_orders, our_refunds
from billing.reconciliation.tables import settlement_rows
from core.bulk import insert_rows
from core.money import Money
from core.work import Work
from payments.fees import FeeRow
from payments.settlement_report import Entry, Fault, Kind, Row, Total

BATCH: Final = 2_000
# Differences that a preview shows; all of them are counted.
SHOWN_MAX: Final = 50


@dataclass
class Tally:
    """What a report came to: counts, sums in whole rupiah, and the first things to look at."""

    counts: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    shown: list[dict[str, Any]] = field(default_factory=list)
    first: date | None = None
    last: date | None = None
    by_day: dict[date, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    payouts: list[Journal] = field(default_factory=list)

    def saw(self, row: Row) -> None:
        """Count a row, whatever becomes of it."""
        self.counts["rows"] += 1
        self.counts[row.kind] += 1
        if row.kind is Kind.NOTHING:
            return
        self.first = row.day if self.first is None else min(self.first, row.day)
        self.last = row.day if self.last is None else max(self.last, row.day)
        for name in ("gross", "fee", "ppn", "net", "rounding"):
            self.sums[name] += getattr(row, name)

    def found(self, line: int, order_id: str | None, finding: Finding) -> None:
        """Count a difference; the first are kept to be shown."""
        self.kinds[finding.kind] += 1
        if len(self.shown) < SHOWN_MAX:
            self.shown.append(
                {
                    "kind": finding.kind, "line": line, "order_id": order_id or "",
                    "ours": finding.ours, "theirs": finding.theirs, **finding.detail,
                }
            )  # fmt: skip


class Importer:
    """One report on its way into the books, inside one transaction."""

    def __init__(self, unit: Work, file_id: UUID) -> None:
        self.unit = unit
        self.file_id = file_id
        self.tally = Tally()
        self.agreed: Mapping[str, FeeRow] = agreed_fees(unit)
        self._times: Counter[str] = Counter()
        self._totals: list[Total] = []

    def take(self, entries: Iterable[Entry]) -> None:
        """Take all lines of the report."""
        batch: list[Row] = []
        faults: list[Fault] = []
        for entry in entries:
            self.tally.counts["lines"] += 1
            match entry:
                case Row():
                    self.tally.saw(entry)
                    batch.append(entry)
                case Total():
                    self._totals.append(entry)
                case Fault():
                    faults.append(entry)
            if len(batch) + len(faults) >= BATCH:
                self._flush(batch, faults)
                batch, faults = [], []
        self._flush(batch, faults)
        self._compare_totals()

    def journals(self) -> list[Journal]:
        """What is to be posted: fees by day, and each payout."""
        return [
            *(
                gateway_fees(
                    self.fees_key(day), day, rounding=_money(sums["rounding"]),
                    **fee_and_vat(self.unit, day, sums["fee"], sums["ppn"]),
                )
                for day, sums in sorted(self.tally.by_day.items())
            ),
            *self.tally.payouts,
        ]  # fmt: skip

    def fees_key(self, day: date) -> str:
        """The key of the journal of one day's fees."""
        return f"{self.file_id}:{day.isoformat()}"

    def _flush(self, rows: Sequence[Row], faults: Sequence[Fault]) -> None:
        found = [self._found(fault.line, f"{self.file_id}:{fault.line}", of_fault(fault),
                             order_id=fault.order_id or None) for fault in faults]  # fmt: skip
        self.tally.counts["faults"] += len(faults)
        keyed = [(self._key(row), row) for row in rows]
        fresh, told_before = self._unknown(keyed)
        found += told_before
        orders, transactions = our_orders(
            self.unit,
            {row.order_id for _, row in fresh if row.order_id},
            {row.transaction_id for _, row in fresh if not row.order_id and row.transaction_id},
        )
        matched = [
            (key, row, orders.get(row.order_id) or transactions.get(row.transaction_id or ""))
            for key, row in fresh
        ]
        refunds = our_refunds(
            self.unit,
            {ours.payment_id for _, row, ours in matched
             if row.kind is Kind.REFUND and ours and ours.payment_id},
        )  # fmt: skip
        stored = []
        for key, row, ours in matched:
            verdict = self._judge(row, ours, refunds)
            stored.append(self._stored(key, row, ours, verdict))
            for finding in verdict.findings:
                found.append(
                    self._found(
                        row.line, key, finding, day=row.day,
                        order_id=ours.order_id if ours else row.order_id or row.transaction_id,
                        payment_id=ours.payment_id if ours else None,
                        row_id=self.unit.derive("settlement_row", key),
                    )
                )  # fmt: skip
        insert_rows(self.unit.session, settlement_rows, stored)
        self.tally.counts["new"] += len(stored)
        write_found(self.unit, found)

    def _judge(
        self, row: Row, ours: Ours | None, refunds: Mapping[UUID, list[OurRefund]]
    ) -> Verdict:
        left = refunds.get(ours.payment_id, []) if ours and ours.payment_id else []
        return judge(row, ours, left, self.agreed.get(ours.channel) if ours else None)

    def _key(self, row: Row) -> str:
        base = key_of(row, 0)
        if row.kind in (Kind.PAYMENT, Kind.NOTHING) or row.reference:
            return base
        nth, self._times[base] = self._times[base], self._times[base] + 1
        return key_of(row, nth)

    def _unknown(
        self, keyed: Sequence[tuple[str, Row]]
    ) -> tuple[list[tuple[str, Row]], list[Found]]:
        """Rows that no report told of before; the others have no effect, or are told otherwise."""
        c = settlement_rows.c
        known: dict[str, tuple[Any, ...]] = {
            row.key: (row.file_id, *_content(row))
            for row in self.unit.session.execute(
                select(settlement_rows).where(
                    c.merchant_id == self.unit.merchant_id,
                    c.key == func.any([key for key, _ in keyed]),
                )
            )
        }
        fresh, found = [], []
        for key, row in keyed:
            before = known.get(key)
            if before is None:
                known[key] = (self.file_id, *_content(row))
                fresh.append((key, row))
            elif before[0] == self.file_id and row.kind is not Kind.NOTHING:
                finding = Finding("duplicate_row", None, row.gross, {
                    "line": row.line, "transaction_id": row.transaction_id or "-",
                })  # fmt: skip
                found.append(self._found(row.line, f"{self.file_id}:{row.line}", finding,
                                         day=row.day, order_id=row.order_id or None))  # fmt: skip
            elif before[1:] == _content(row):
                self.tally.counts["repeated"] += 1
            elif row.kind is not Kind.NOTHING:
                finding = Finding("told_differently", before[2], row.gross, {
                    "line": row.line, "fee": row.fee, "ppn": row.ppn, "day": row.day.isoformat(),
                    "fee_before": before[3], "ppn_before": before[4],
                    "day_before": before[5].isoformat(),
                })  # fmt: skip
                found.append(self._found(row.line, f"{key}:{self.file_id}", finding,
                                         day=row.day, order_id=row.order_id or None))  # fmt: skip
        return fresh, found

    def _found(
        self, line: int, key: str, finding: Finding, *, day: date | None = None, **about: Any
    ) -> Found:
        self.tally.found(line, about.get("order_id"), finding)
        return Found(
            finding, key, day or self.tally.last or self.unit.today, file_id=self.file_id, **about
        )

    def _stored(self, key: str, row: Row, ours: Ours | None, verdict: Verdict) -> dict[str, Any]:
        booked = self._book(key, row) if verdict.bookable else None
        if verdict.bookable and row.kind is not Kind.PAYOUT:
            self.tally.counts["matched"] += 1
        return {
            "merchant_id": self.unit.merchant_id,
            "id": self.unit.derive("settlement_row", key),
            "file_id": self.file_id,
            "line": row.line,
            "key": key,
            "kind": row.kind.value,
            "order_id": row.order_id,
            "transaction_id": row.transaction_id,
            "reference": row.reference,
            "channel": row.channel,
            "status": row.status,
            "gross": row.gross,
            "fee": row.fee,
            "ppn": row.ppn,
            "net": row.net,
            "rounding": row.rounding,
            "told_at": row.told_at,
            "day": row.day,
            "payment_id": ours.payment_id if ours else None,
            "refund_id": verdict.refund_id,
            "booked_key": booked,
        }

    def _book(self, key: str, row: Row) -> str | None:
        """Note what the row adds to the books; the key of the journal that will hold it."""
        if row.kind is Kind.PAYOUT:
            out = payout_of(row)
            self.tally.payouts.append(
                paid_out(
                    key, row.day, gross=_money(out.taken), rounding=_money(out.rounding),
                    **fee_and_vat(self.unit, row.day, out.fee, out.ppn),
                )
            )  # fmt: skip
            self.tally.sums["paid_out"] += out.arrived
            return key
        day = self.tally.by_day[row.day]
        day.update(fee=row.fee, ppn=row.ppn, rounding=row.rounding)
        self.tally.sums.update(booked_fee=row.fee, booked_ppn=row.ppn)
        return self.fees_key(row.day)

    def _compare_totals(self) -> None:
        """The last total of a file sums up all of it; earlier ones may be of a day or a page."""
        if not self._totals or self.tally.counts["faults"]:
            return
        total = self._totals[-1]
        for name, told in (("gross", total.gross), ("net", total.net)):
            if told is not None and told != self.tally.sums[name]:
                finding = Finding("total_differs", self.tally.sums[name], told,
                                  {"line": total.line, "column": name})  # fmt: skip
                key = f"{self.file_id}:{name}"
                write_found(self.unit, [self._found(total.line, key, finding)])


def _content(row: Any) -> tuple[Any, ...]:
    """What a row says; equal where two reports tell the same of the same money."""
    return (str(row.kind), row.gross, row.fee, row.ppn, row.day)


def fee_and_vat(unit: Work, day: date, fee: int, ppn: int) -> dict[str, Money]:
    """PPN that the merchant may not claim, being no PKP on that day, is a part of the fee."""
    since, until = unit.merchant.pkp_since, unit.merchant.pkp_until
    if since is not None and since <= day and (until is None or day <= until):
        return {"fee": _money(fee), "fee_vat": _money(ppn)}
    return {"fee": _money(fee + ppn), "fee_vat": _money(0)}


def _money(amount: int) -> Money:
    return Money(amount, "IDR")
