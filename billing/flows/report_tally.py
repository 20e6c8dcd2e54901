"""What a settlement report comes to: counts, sums, what is posted, and the first to look at."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from billing.ledger.journal import Journal
from billing.ledger.postings import gateway_fees, paid_out
from billing.reconciliation.matching import Finding, payout_of
from core.money import Money
from core.work import Work
from payments.settlement_report import Kind, Row

# Differences that a preview shows; all of them are counted.
SHOWN_MAX: Final = 50


@dataclass
class Fees:
    """Whole rupiah of one day."""

    fee: int = 0
    ppn: int = 0
    rounding: int = 0


@dataclass
class Tally:
    """What a report came to: counts, sums in whole rupiah, and the first things to look at."""

    counts: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    shown: list[dict[str, Any]] = field(default_factory=list)
    first: date | None = None
    last: date | None = None
    by_day: dict[date, Fees] = field(default_factory=lambda: defaultdict(Fees))
    payouts: list[Journal] = field(default_factory=list)

    def saw(self, row: Row) -> None:
        """Count a row, whatever becomes of it."""
        counts = self.counts
        counts["rows"] += 1
        counts[row.kind.value] += 1
        if row.kind is Kind.NOTHING:
            return
        if self.first is None or row.day < self.first:
            self.first = row.day
        if self.last is None or row.day > self.last:
            self.last = row.day
        sums = self.sums
        sums["gross"] += row.gross
        sums["fee"] += row.fee
        sums["ppn"] += row.ppn
        sums["net"] += row.net
        sums["rounding"] += row.rounding

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

    def books(self, row: Row) -> None:
        """Add what a row took of what the gateway holds to the fees of its day."""
        day = self.by_day[row.day]
        day.fee += row.fee
        day.ppn += row.ppn
        day.rounding += row.rounding
        self.sums["booked_fee"] += row.fee
        self.sums["booked_ppn"] += row.ppn

    def pays_out(self, unit: Work, key: str, row: Row) -> None:
        """Add a payout, which is a journal of its own."""
        out = payout_of(row)
        self.payouts.append(
            paid_out(
                key, row.day, gross=_money(out.taken), rounding=_money(out.rounding),
                **fee_and_vat(unit, row.day, out.fee, out.ppn),
            )
        )  # fmt: skip
        self.sums["paid_out"] += out.arrived

    def journals(self, unit: Work, file_id: UUID) -> list[Journal]:
        """What is to be posted: fees by day, and each payout."""
        return [
            *(
                fees_journal(unit, fees_key(file_id, day), day, fees)
                for day, fees in sorted(self.by_day.items())
            ),
            *self.payouts,
        ]


def fees_key(file_id: UUID, day: date) -> str:
    """The key of the journal of one day's fees of a report."""
    return f"{file_id}:{day.isoformat()}"


def fees_journal(unit: Work, key: str, day: date, fees: Fees) -> Journal:
    """Fees of a day, as who is PKP or not books them."""
    vat = fee_and_vat(unit, day, fees.fee, fees.ppn)
    return gateway_fees(key, day, rounding=_money(fees.rounding), **vat)


def fee_and_vat(unit: Work, day: date, fee: int, ppn: int) -> dict[str, Money]:
    """PPN that the merchant may not claim, being no PKP on that day, is a part of the fee."""
    since, until = unit.merchant.pkp_since, unit.merchant.pkp_until
    if since is not None and since <= day and (until is None or day <= until):
        return {"fee": _money(fee), "fee_vat": _money(ppn)}
    return {"fee": _money(fee + ppn), "fee_vat": _money(0)}


def _money(amount: int) -> Money:
    return Money(amount, "IDR")
