"""Which rows of a report an earlier one told of already, whatever name it gave them.

A payment is the same money under its order's id and under the gateway's. A payout without a
reference is known by its day, amount and time only: where nothing shows that both reports tell of
the same entries, it is neither booked again nor taken for a repetition, but shown to a person.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import IntEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Date, Uuid, bindparam, func, select, text

from billing.reconciliation.matching import Ours, key_of, other_keys
from billing.reconciliation.tables import settlement_rows
from core.work import Work
from payments.report_cells import WIB
from payments.settlement_report import Kind, Row


class Known(NamedTuple):
    """A row that a report told of before."""

    id: UUID
    key: str
    file_id: UUID
    kind: str
    gross: int
    fee: int
    ppn: int
    day: date
    payment_id: UUID | None
    booked: bool

    @property
    def content(self) -> tuple[Any, ...]:
        """What it says; equal where two reports tell the same of the same money."""
        return (self.kind, self.gross, self.fee, self.ppn, self.day)


def content(row: Row) -> tuple[Any, ...]:
    """What a row says, to be held against what an earlier one said."""
    return (row.kind.value, row.gross, row.fee, row.ppn, row.day)


def known_rows(
    unit: Work, keys: Collection[str], payment_ids: Collection[UUID]
) -> tuple[dict[str, Known], dict[UUID, Known]]:
    """Rows under these keys, and the rows by which these payments were told; two statements."""
    by_key = {one.key: one for one in _read(unit, "key", keys)}
    by_payment: dict[UUID, Known] = {}
    for one in _read(unit, "payment_id", payment_ids):
        if one.payment_id and (one.booked or one.payment_id not in by_payment):
            by_payment[one.payment_id] = one
    return by_key, by_payment


def _read(unit: Work, column: str, values: Collection[Any]) -> Iterator[Known]:
    if not values:
        return
    c = settlement_rows.c
    query = select(
        c.id, c.key, c.file_id, c.kind, c.gross, c.fee, c.ppn, c.day, c.payment_id,
        c.booked_key.is_not(None),
    ).where(c.merchant_id == unit.merchant_id, c[column] == func.any(list(values)))  # fmt: skip
    if column == "payment_id":
        query = query.where(c.kind == Kind.PAYMENT.value, c.same_as.is_(None))
    for row in unit.session.execute(query).all():
        yield Known(*row)


class Keys:
    """Names rows of one file; equal ones without a reference are numbered as they come."""

    def __init__(self) -> None:
        self._times: Counter[str] = Counter()

    def of(self, row: Row, ours: Ours | None) -> tuple[str, list[str]]:
        """The row's key, and others that an earlier report may have kept it under."""
        if row.reference or row.kind in (Kind.PAYMENT, Kind.NOTHING):
            return key_of(row, ours), other_keys(row, ours)
        base = key_of(row, ours)
        nth, self._times[base] = self._times[base], self._times[base] + 1
        return key_of(row, ours, nth), other_keys(row, ours, nth)


_SEEN_MAX: Final = 200_000
_OF_DAYS = text(
    """
    SELECT file_id, count(*) AS rows FROM settlement_rows
    WHERE merchant_id = :m AND file_id = ANY (:files) AND kind <> 'nothing'
        AND day BETWEEN :first AND :last
    GROUP BY file_id
    """
).bindparams(bindparam("files", type_=ARRAY(Uuid())))


class Retold:
    """Which earlier reports one tells again: whatever they told of its days.

    Reports that have one payment in common may still tell of two payouts; of a report that is told
    again whole, its payouts are told again too.
    """

    def __init__(self, unit: Work) -> None:
        self._unit = unit
        self._again: Counter[UUID] = Counter()
        self._seen: set[int] = set()

    def saw(self, file_id: UUID, row: UUID | str) -> None:
        """Count a row that an earlier report told of, once; beyond so many a person is asked."""
        if len(self._seen) < _SEEN_MAX and (named := hash(row)) not in self._seen:
            self._seen.add(named)
            self._again[file_id] += 1

    def whole(self, first: date, last: date, waiting: Counter[UUID]) -> set[UUID]:
        """Reports all of whose rows of these days are told again.

        Args:
            waiting: how many payouts may be those of which report.
        """
        files = [one for one in waiting if self._again[one]]
        if not files:
            return set()
        given = {"m": self._unit.merchant_id, "files": files, "first": first, "last": last}
        return {
            row.file_id
            for row in self._unit.session.execute(_OF_DAYS, given)
            if row.rows <= self._again[row.file_id] + waiting[row.file_id]
        }


@dataclass(frozen=True, slots=True)
class _Out:
    """A payout of an earlier report."""

    key: str
    file_id: UUID
    name: str | None
    told_at: datetime


_PAYOUTS = text(
    """
    SELECT r.key, r.file_id, coalesce(r.reference, r.transaction_id, nullif(r.order_id, '')),
        r.told_at, r.day, r.gross
    FROM settlement_rows r
    JOIN (SELECT DISTINCT * FROM unnest(:days, :amounts) AS v(day, gross)) v
        ON v.day = r.day AND v.gross = r.gross
    WHERE r.merchant_id = :m AND r.kind = 'payout' AND r.file_id <> :file
    ORDER BY r.key
    """
).bindparams(
    bindparam("days", type_=ARRAY(Date())), bindparam("amounts", type_=ARRAY(BigInteger()))
)


class Payouts:
    """Tells the payouts of one report apart from those that earlier reports told of."""

    def __init__(self, unit: Work, file_id: UUID) -> None:
        self._unit = unit
        self._file_id = file_id
        self._taken: set[str] = set()
        self._numbers: Counter[str] = Counter()
        self._instants: set[tuple[Any, ...]] = set()

    def sort(self, rows: Sequence[Row]) -> Iterator[tuple[Row, str, frozenset[UUID], bool]]:
        """Each payout with its key, the reports that may have told of it, and whether one did.

        Of equal ones each stands for one. Within a report each entry is told once, unless two are
        given to the same second.
        """
        told = self._told(rows)
        for row in rows:
            near = told.get((row.day, row.gross), [])
            free = [one for one in near if one.key not in self._taken]
            alike = {one: likeness for one in free if (likeness := _likeness(row, one))}
            if alike:
                best = max(alike, key=lambda one: alike[one])
                self._taken.add(best.key)
                same = alike[best] is _Likeness.SAME
                files = frozenset((best.file_id,) if same else (one.file_id for one in alike))
                yield row, self._key(row, near), files, same
            elif self._twice(row):
                yield row, self._key(row, near), frozenset((self._file_id,)), False
            else:
                yield row, self._key(row, near), frozenset(), False

    def _told(self, rows: Sequence[Row]) -> Mapping[tuple[date, int], list[_Out]]:
        found: dict[tuple[date, int], list[_Out]] = defaultdict(list)
        if rows:
            given = {
                "m": self._unit.merchant_id, "file": self._file_id,
                "days": [row.day for row in rows], "amounts": [row.gross for row in rows],
            }  # fmt: skip
            for key, file_id, name, told_at, day, gross in self._unit.session.execute(
                _PAYOUTS, given
            ):
                found[day, gross].append(_Out(key, file_id, name, told_at))
        return found

    def _key(self, row: Row, near: Sequence[_Out]) -> str:
        """A key of its own: numbered on from those of earlier reports."""
        if row.reference:
            return key_of(row, None)
        base, used = key_of(row, None), {one.key for one in near}
        while True:
            key = key_of(row, None, self._numbers[base])
            self._numbers[base] += 1
            if key not in used:
                return key

    def _twice(self, row: Row) -> bool:
        if _name(row) is not None or not _timed(row.told_at):
            return False
        told = (row.gross, row.told_at)
        seen = told in self._instants
        self._instants.add(told)
        return seen


def _name(row: Row) -> str | None:
    return row.reference or row.transaction_id or row.order_id or None


def _timed(at: datetime) -> bool:
    """Whether a time of day was told; a day alone is its first moment."""
    return at.astimezone(WIB).time() != time()


class _Likeness(IntEnum):
    """How like two payouts of one day and amount are."""

    OTHER = 0
    MAYBE = 1
    SAME = 2


def _likeness(row: Row, before: _Out) -> _Likeness:
    name = _name(row)
    if name is not None and before.name is not None:
        return _Likeness.SAME if name == before.name else _Likeness.OTHER
    if _timed(row.told_at) and _timed(before.told_at):
        return _Likeness.SAME if row.told_at == before.told_at else _Likeness.OTHER
    return _Likeness.MAYBE
