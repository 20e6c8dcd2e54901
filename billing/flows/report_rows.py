"""Rows of a settlement report into our books, a batch at a time: matched, booked, or told apart.

Memory is that of one batch, whatever the length of the file; each batch is a handful of statements.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from billing.flows.found import Found, write_found
from billing.flows.report_known import Keys, Known, Payouts, Retold, content, known_rows
from billing.flows.report_tally import Tally, fees_key
from billing.reconciliation.kinds import KINDS
from billing.reconciliation.matching import Finding, Ours, Verdict, judge, key_of, of_fault
from billing.reconciliation.queries import (
    agreed_fees,
    corrected_rows,
    match_orders,
    our_refunds,
    told_back,
)
from billing.reconciliation.tables import settlement_rows
from core.bulk import insert_rows
from core.work import Work
from payments.fees import FeeRow
from payments.settlement_report import Entry, Fault, Kind, Row, Total

BATCH: Final = 2_000
# A day outside of these is a cell that was misread or mistyped; it would also make us believe that
# reports cover years.
_BACK: Final = timedelta(days=5 * 366)
_AHEAD: Final = timedelta(days=31)

_Fresh = tuple[UUID, str, Row, Ours | None]


class Importer:
    """One report on its way into the books, inside one transaction."""

    def __init__(self, unit: Work, file_id: UUID) -> None:
        self.unit = unit
        self.file_id = file_id
        self.tally = Tally()
        self.agreed: Mapping[str, FeeRow] = agreed_fees(unit)
        self.opened: set[UUID] = set()  # severe differences that are new or open again
        self._keys = Keys()
        self._payouts = Payouts(unit, file_id)
        self._waiting: list[tuple[Row, str, frozenset[UUID]]] = []
        self._named: set[str] = set()  # payouts of this file that have a reference
        self._retold = Retold(unit)
        self._settled: set[UUID] = set()
        self._days = (unit.today - _BACK, unit.today + _AHEAD)
        self._totals: list[Total] = []

    def take(self, entries: Iterable[Entry]) -> None:
        """Take all lines of the report."""
        batch: list[Row] = []
        faults: list[Fault] = []
        earliest, latest = self._days
        for entry in entries:
            self.tally.counts["lines"] += 1
            if isinstance(entry, Row):
                if earliest <= entry.day <= latest:
                    self.tally.saw(entry)
                    batch.append(entry)
                else:
                    why = f"{entry.day.isoformat()} is too far from today"
                    faults.append(Fault(entry.line, "day", why, entry.order_id))
            elif isinstance(entry, Total):
                self._totals.append(entry)
            else:
                faults.append(entry)
            if len(batch) + len(faults) >= BATCH:
                self._flush(batch, faults)
                batch, faults = [], []
        self._flush(batch, faults)
        self._decide(self._waiting)
        self._compare_totals()

    def keep(self, found: Sequence[Found]) -> dict[UUID, Found]:
        """Write differences; severe ones that are new or open again are what calls somebody."""
        opened = write_found(self.unit, found)
        self.opened.update(
            row_id for row_id, one in opened.items() if KINDS[one.finding.kind].severity == "high"
        )
        return opened

    def _flush(self, rows: Sequence[Row], faults: Sequence[Fault]) -> None:
        found = [self._found(fault.line, f"{self.file_id}:{fault.line}", of_fault(fault),
                             order_id=fault.order_id or None) for fault in faults]  # fmt: skip
        self.tally.counts["faults"] += len(faults)
        matched = list(zip(rows, match_orders(self.unit, rows), strict=True))
        fresh, told_before = self._unknown(
            [(row, ours) for row, ours in matched if row.kind is not Kind.PAYOUT]
        )
        outs, more = self._out([row for row, _ in matched if row.kind is Kind.PAYOUT])
        found += told_before + more
        stored, differing = self._judged(fresh)
        insert_rows(self.unit.session, settlement_rows, stored + outs)
        self.tally.counts["new"] += len(stored) + len(outs)
        self.keep(found + differing)

    def _unknown(
        self, matched: Sequence[tuple[Row, Ours | None]]
    ) -> tuple[list[_Fresh], list[Found]]:
        """Rows that no report told of before; the others have no effect, or are told otherwise."""
        keyed = [(row, ours, *self._keys.of(row, ours)) for row, ours in matched]
        by_key, by_payment = known_rows(
            self.unit,
            {name for _, _, key, others in keyed for name in (key, *others)},
            {ours.payment_id for row, ours in matched
             if row.kind in (Kind.PAYMENT, Kind.NOTHING) and ours and ours.payment_id},
        )  # fmt: skip
        self._settled = {payment_id for payment_id, one in by_payment.items() if one.booked}
        corrected = corrected_rows(
            self.unit, {one.id for one in (*by_key.values(), *by_payment.values())
                        if one.kind == Kind.PAYMENT and not one.booked}
        )  # fmt: skip
        fresh: list[_Fresh] = []
        found: list[Found] = []
        for row, ours, name, others in keyed:
            key, before = name, None
            about = ours.payment_id if ours and row.kind is Kind.PAYMENT else None
            if about is not None:
                before = by_payment.get(about)
            if before is None:
                before = by_key.get(key)
            if before is None:
                before = next((by_key[one] for one in others if one in by_key), None)
            if before is not None and before.id not in corrected and self._mends(row, ours, before):
                key, before = f"{key}:{self.file_id}", None
            if before is None:
                by_key[key] = told = self._told(key, row, ours)
                if about is not None:
                    by_payment[about] = told
                fresh.append((told.id, key, row, ours))
            else:
                found += self._again(row, before)
        return fresh, found

    def _mends(self, row: Row, ours: Ours | None, before: Known) -> bool:
        """Whether a later report puts right what an earlier one told wrong; now it is booked."""
        return (
            row.kind is Kind.PAYMENT and not before.booked and before.file_id != self.file_id
            and before.content != content(row)
            and ours is not None and ours.stands and ours.amount == row.gross
        )  # fmt: skip

    def _told(self, key: str, row: Row, ours: Ours | None) -> Known:
        return Known(
            self._id(key), key, self.file_id, row.kind.value, row.gross, row.fee,
            row.ppn, row.day, ours.payment_id if ours else None, booked=False,
        )  # fmt: skip

    def _id(self, key: str) -> UUID:
        return self.unit.derive("settlement_row", key)

    def _again(self, row: Row, before: Known) -> list[Found]:
        """A row that was told of before: nothing is booked of it."""
        if before.file_id == self.file_id:
            return [] if row.kind is Kind.NOTHING else [self._twice(row)]
        if row.kind is not Kind.NOTHING:
            self._retold.saw(before.file_id, before.id)
        if before.content == content(row):
            self.tally.counts["repeated"] += 1
        elif row.kind is not Kind.NOTHING:
            return [self._otherwise(row, before)]
        return []

    def _twice(self, row: Row) -> Found:
        more = {"line": row.line, "transaction_id": row.transaction_id or "-"}
        finding = Finding("duplicate_row", None, row.gross, more)
        return self._found(
            row.line, f"{self.file_id}:{row.line}", finding, day=row.day,
            order_id=row.order_id or None,
        )  # fmt: skip

    def _otherwise(self, row: Row, before: Known) -> Found:
        finding = Finding("told_differently", before.gross, row.gross, {
            "line": row.line, "fee": row.fee, "ppn": row.ppn, "day": row.day.isoformat(),
            "fee_before": before.fee, "ppn_before": before.ppn,
            "day_before": before.day.isoformat(),
        })  # fmt: skip
        return self._found(
            row.line, f"{before.key}:{self.file_id}", finding, day=row.day,
            order_id=row.order_id or None,
        )  # fmt: skip

    def _out(self, rows: Sequence[Row]) -> tuple[list[dict[str, Any]], list[Found]]:
        """Payouts: new ones are stored; those that may be known wait until the file is read."""
        by_key, _ = known_rows(self.unit, {key_of(row, None) for row in rows if row.reference}, ())
        stored, found, open_ones = [], [], []
        for row in rows:
            key = key_of(row, None) if row.reference else ""
            if key in by_key:
                found += self._again(row, by_key[key])
            elif key and key in self._named:
                found.append(self._twice(row))
            else:
                open_ones.append(row)
                self._named.update([key] if key else ())
        for row, key, files, same in self._payouts.sort(open_ones):
            if same:
                self.tally.counts["repeated"] += 1
                for file_id in files:
                    self._retold.saw(file_id, f"payout {row.line}")
            elif files:
                self._waiting.append((row, key, files))
            else:
                stored.append(self._stored(self._id(key), key, row, None, Verdict()))
        if len(self._waiting) >= BATCH:
            waiting, self._waiting = self._waiting, []
            self._decide(waiting)
        return stored, found

    def _decide(self, waiting: Sequence[tuple[Row, str, frozenset[UUID]]]) -> None:
        """Payouts that may be known: does the file tell all of that report's days again?

        Booked twice, the bank would have money in the books that it does not have; taken for a
        repetition, a payout would be lost. So what can not be told is stored and booked by nobody.
        """
        days: dict[UUID, set[date]] = defaultdict(set)
        counted: Counter[UUID] = Counter()
        for row, _, files in waiting:
            counted.update(files)
            for file_id in files:
                days[file_id].add(row.day)
        # Two days on which both tell the same: that is no chance.
        repeats = {file_id for file_id, told in days.items() if len(told) > 1}
        if self.tally.first is not None and self.tally.last is not None:
            repeats |= self._retold.whole(self.tally.first, self.tally.last, counted)
        repeats.discard(self.file_id)
        stored, found = [], []
        for row, key, files in waiting:
            if files & repeats:
                self.tally.counts["repeated"] += 1
                continue
            row_id = self._id(key)
            stored.append(self._stored(row_id, key, row, None, Verdict(bookable=False)))
            more = {"line": row.line, "day": row.day.isoformat()}
            found.append(
                self._found(
                    row.line, key, Finding("duplicate_row", None, row.gross, more), day=row.day,
                    order_id=row.order_id or None,
                    row_id=row_id,
                )
            )  # fmt: skip
        insert_rows(self.unit.session, settlement_rows, stored)
        self.tally.counts["new"] += len(stored)
        self.keep(found)

    def _judged(self, fresh: Sequence[_Fresh]) -> tuple[list[dict[str, Any]], list[Found]]:
        refunds = our_refunds(self.unit, _payments_of(fresh, Kind.REFUND))
        back = told_back(self.unit, _payments_of(fresh, Kind.CHARGEBACK))
        stored, found = [], []
        for row_id, key, row, ours in fresh:
            payment_id = ours.payment_id if ours else None
            # That an order was pending or denied is no news once a report told that it was paid.
            over = row.kind is Kind.NOTHING and payment_id in self._settled
            verdict = judge(
                row, None if over else ours, refunds.get(payment_id, []) if payment_id else [],
                self.agreed.get(ours.channel) if ours else None,
                back[payment_id] if payment_id else 0,
            )  # fmt: skip
            if row.kind is Kind.CHARGEBACK and verdict.bookable and payment_id:
                back[payment_id] -= row.gross
            stored.append(self._stored(row_id, key, row, ours, verdict))
            found += [
                self._found(
                    row.line, key, finding, day=row.day,
                    order_id=ours.order_id if ours else row.order_id or row.transaction_id,
                    payment_id=payment_id, row_id=row_id,
                )
                for finding in verdict.findings
            ]  # fmt: skip
        return stored, found

    def _found(
        self, line: int, key: str, finding: Finding, *, day: date | None = None, **about: Any
    ) -> Found:
        self.tally.found(line, about.get("order_id"), finding)
        return Found(
            finding, key, day or self.tally.last or self.unit.today, file_id=self.file_id, **about
        )

    def _stored(
        self, row_id: UUID, key: str, row: Row, ours: Ours | None, verdict: Verdict
    ) -> dict[str, Any]:
        booked = None
        if verdict.bookable and row.kind is Kind.PAYOUT:
            booked = key
            self.tally.pays_out(self.unit, key, row)
        elif verdict.bookable:
            booked = fees_key(self.file_id, row.day)
            self.tally.books(row)
            self.tally.counts["matched"] += 1
        return {
            "merchant_id": self.unit.merchant_id,
            "id": row_id,
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

    def _compare_totals(self) -> None:
        """The last total of a file sums up all of it; earlier ones may be of a day or a page."""
        if not self._totals or self.tally.counts["faults"]:
            return
        total = self._totals[-1]
        for name, told in (("gross", total.gross), ("net", total.net)):
            if told is not None and told != self.tally.sums[name]:
                finding = Finding("total_differs", self.tally.sums[name], told,
                                  {"line": total.line, "column": name})  # fmt: skip
                self.keep([self._found(total.line, f"{self.file_id}:{name}", finding)])


def _payments_of(fresh: Sequence[_Fresh], kind: Kind) -> set[UUID]:
    return {
        ours.payment_id
        for _, _, row, ours in fresh
        if row.kind is kind and ours and ours.payment_id
    }
