"""What comes of it: figures by month and by customer, added up in whole rupiah.

MRR is that of the reports: prices of quantities over the length of their interval in months, of
who is active or late at the month's last day; not of trials, nor of who has ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from core.money import round_half_away


@dataclass(slots=True)
class Month:
    """One civil month. Amounts are whole rupiah before tax; ``collected`` came in with it."""

    first: date
    started: int = 0
    churned: int = 0
    lost: int = 0
    running: int = 0
    mrr: int = 0
    billed: int = 0
    revenue: int = 0
    recovered: int = 0
    written_off: int = 0
    collected: int = 0
    tries: int = 0


@dataclass(slots=True)
class Customer:
    """What one customer comes to: revenue before tax, and how he ended, if he did."""

    id: str
    plan: str
    revenue: int = 0
    billed: int = 0
    invoices: int = 0
    ended: str | None = None


@dataclass(slots=True)
class Figures:
    """The outcome of one run."""

    months: list[Month]
    customers: dict[str, Customer] = field(default_factory=dict)
    _worth: list[Fraction] = field(default_factory=list)

    @classmethod
    def of(cls, first: date, months: int) -> Figures:
        """Empty figures of so many months from the one that a date lies in."""
        starts = [_later(first, n) for n in range(months)]
        return cls([Month(one) for one in starts], {}, [Fraction(0)] * months)

    def at(self, on: date) -> Month | None:
        """The month of a date; None outside of what is played."""
        n = self._index(on)
        return self.months[n] if 0 <= n < len(self.months) else None

    def worth(self, since: date, until: date | None, monthly: Fraction, *, counts: int = 1) -> None:
        """Count a monthly worth at the end of each month that lies in ``[since, until)``."""
        start = max(0, self._index(since))
        stop = len(self.months) if until is None else min(len(self.months), self._index(until))
        for n in range(start, stop):
            self._worth[n] += monthly
            self.months[n].running += counts

    def close(self) -> None:
        """Round the sums once, when all have lived."""
        for month, worth in zip(self.months, self._worth, strict=True):
            month.mrr = round_half_away(worth.numerator, worth.denominator)

    def _index(self, on: date) -> int:
        first = self.months[0].first
        return (on.year - first.year) * 12 + on.month - first.month

    def total(self, name: str) -> int:
        """The sum of a figure over all months."""
        return sum(getattr(month, name) for month in self.months)


@dataclass(frozen=True, slots=True)
class Changed:
    """One customer under both: revenue before tax, and how he ended under each."""

    id: str
    plan: str
    before: int
    after: int
    ended_before: str | None
    ended_after: str | None

    @property
    def change(self) -> int:
        return self.after - self.before


def compared(one: Figures, other: Figures) -> list[Changed]:
    """Each customer's change, the largest first either way; by id where they are alike."""
    found: Iterable[Changed] = (
        Changed(
            key, mine.plan, mine.revenue, other.customers[key].revenue, mine.ended,
            other.customers[key].ended,
        )
        for key, mine in one.customers.items()
    )  # fmt: skip
    return sorted(found, key=lambda each: (-abs(each.change), each.id))


def _later(first: date, months: int) -> date:
    count = first.year * 12 + first.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)
