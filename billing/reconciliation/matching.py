"""One row of a report against our books: what differs, and whether its fee may be booked.

A fee is booked where both books know the money it was taken from; else the gateway's clearing
account would shrink by costs of money that never stood there.
"""

from __future__ import annotations

from collections.abc import MutableSequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from payments.fees import FeeRow, fee_of
from payments.settlement_report import Fault, Kind, Row

# Settlement follows its payment by a day, and reports are cut at 16:00: a day apart is no news.
DAYS_APART: Final = timedelta(days=1)
# Rounding of PPN on a fee (`indonesia.md` 8.2).
FEE_TOLERANCE: Final = 1

_STANDS: Final = ("captured", "settled")


class Ours(NamedTuple):
    """An order in our books with the money it brought; ``amount`` is None while it brought none."""

    order_id: str
    state: str
    channel: str
    transaction_id: str | None
    payment_id: UUID | None = None
    amount: int | None = None
    status: str | None = None
    opened_on: date | None = None
    settled_on: date | None = None
    charged_back: int = 0

    @property
    def stands(self) -> bool:
        """Whether we have its money."""
        return self.status in _STANDS


@dataclass(frozen=True, slots=True)
class OurRefund:
    """A refund of ours that no row was matched to yet."""

    id: UUID
    key: str
    amount: int
    state: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference: its kind, whole rupiah in both books where that is what differs, and more."""

    kind: str
    ours: int | None = None
    theirs: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a row: its findings, and whether its fee is booked."""

    findings: tuple[Finding, ...] = ()
    bookable: bool = True
    refund_id: UUID | None = None


def key_of(row: Row, ours: Ours | None, nth: int = 0) -> str:
    """What names a row in any file that may tell of it: the same money, the same key.

    A payment is its order's, however the report names it; money that went back is told apart by its
    reference, else by amount, day and how many such rows came before it in the file (``nth``).
    """
    return _key(row, ours.order_id if ours else row.order_id or row.transaction_id or "", nth)


def other_keys(row: Row, ours: Ours | None, nth: int = 0) -> list[str]:
    """Keys that the same money may have from a report that named it otherwise, or too early."""
    if row.kind is Kind.PAYOUT or row.kind is Kind.NOTHING:
        return []
    who = ours.order_id if ours else row.order_id or row.transaction_id
    names = {row.order_id, row.transaction_id, ours.transaction_id if ours else None}
    return [_key(row, name, nth) for name in names if name and name != who]


def _key(row: Row, who: str, nth: int) -> str:
    match row.kind:
        case Kind.PAYMENT:
            return f"payment:{who}"
        case Kind.NOTHING:
            return f"nothing:{row.transaction_id or who}:{row.status}"
        case _ if row.reference:
            return f"{row.kind}:{who}:{row.reference}"
        case _:
            return f"{row.kind}:{who}:{row.gross}:{row.day}:{nth}"


def judge(
    row: Row,
    ours: Ours | None,
    refunds: MutableSequence[OurRefund],
    agreed: FeeRow | None = None,
    told_back: int = 0,
) -> Verdict:
    """Compare a row with our books.

    Args:
        refunds: of the payment, still unmatched; the one that is matched is taken out.
        told_back: what other rows told that the bank took back of the payment, whole rupiah.
        agreed: the contract's fee, where the merchant has told it.
    """
    match row.kind:
        case Kind.PAYOUT:
            return Verdict()
        case Kind.NOTHING:
            return _nothing(row, ours)
        case _ if ours is None:
            return Verdict((Finding("not_ours", None, row.gross, _told(row)),), bookable=False)
        case Kind.PAYMENT:
            return _payment(row, ours, agreed)
        case Kind.REFUND:
            return _refund(row, refunds)
        case Kind.CHARGEBACK:
            return _chargeback(row, ours, told_back)


def _told(row: Row) -> dict[str, Any]:
    """What a person needs of a row to find it again."""
    told = {"line": row.line, "status": row.status, "transaction_id": row.transaction_id}
    return {name: value for name, value in told.items() if value}


def _nothing(row: Row, ours: Ours | None) -> Verdict:
    """They say that no money came; of another try on the same page that is no news."""
    if ours is None or not ours.stands:
        return Verdict(bookable=False)
    if row.transaction_id and ours.transaction_id and row.transaction_id != ours.transaction_id:
        return Verdict(bookable=False)
    more = {**_told(row), "ours": ours.status, "theirs": row.status or "-"}
    return Verdict((Finding("status_differs", ours.amount, 0, more),), bookable=False)


def _payment(row: Row, ours: Ours, agreed: FeeRow | None) -> Verdict:
    # What the bank took back since did come, and its fee was kept; another row takes it back.
    if not ours.stands and ours.status != "reversed":
        more = {
            **_told(row), "ours": ours.status or ours.state, "theirs": row.status or "settlement",
        }  # fmt: skip
        return Verdict((Finding("status_differs", 0, row.gross, more),), bookable=False)
    if ours.amount != row.gross:
        return Verdict(
            (Finding("amount_differs", ours.amount, row.gross, _told(row)),), bookable=False
        )
    found = []
    if agreed is not None:
        fee = fee_of(row.gross, agreed)
        apart = abs(fee.fee - row.fee) > FEE_TOLERANCE or abs(fee.ppn - row.ppn) > FEE_TOLERANCE
        if apart and abs(fee.deducted - row.fee - row.ppn) > FEE_TOLERANCE:
            more = {
                **_told(row), "agreed_fee": fee.fee, "agreed_ppn": fee.ppn, "fee": row.fee,
                "ppn": row.ppn,
            }  # fmt: skip
            found.append(Finding("fee_differs", fee.deducted, row.fee + row.ppn, more))
    wrong = _wrong_day(row, ours)
    if wrong is not None:
        more = {**_told(row), "ours": wrong.isoformat(), "theirs": row.day.isoformat()}
        found.append(Finding("day_differs", None, None, more))
    return Verdict(tuple(found))


def _wrong_day(row: Row, ours: Ours) -> date | None:
    """Our day where theirs can not be: before the order was there, or after we knew it settled.

    That we know it later than it happened is no difference: news may be late.
    """
    if not row.dated:
        return None
    if ours.settled_on is not None and row.day > ours.settled_on + DAYS_APART:
        return ours.settled_on
    if ours.opened_on is not None and row.day < ours.opened_on - DAYS_APART:
        return ours.opened_on
    return None


def _refund(row: Row, refunds: MutableSequence[OurRefund]) -> Verdict:
    amount = -row.gross
    named = [one for one in refunds if row.reference and one.key == row.reference]
    alike = [one for one in refunds if one.amount == amount]
    done = [one for one in (*named, *alike) if one.state == "succeeded"]
    for one in done:
        if one.amount == amount:
            refunds.remove(one)
            return Verdict(refund_id=one.id)
    told, ours_is = _told(row), 0
    if named or alike:
        near = (named or alike)[0]
        ours_is, told = near.amount, {**told, "ours": near.state}
    return Verdict((Finding("refund_differs", -ours_is, row.gross, told),), bookable=False)


def _chargeback(row: Row, ours: Ours, told_back: int) -> Verdict:
    back = (ours.amount or 0) if ours.status == "reversed" else ours.charged_back
    if back - told_back >= -row.gross:
        return Verdict()
    more = {**_told(row), "ours": ours.status or ours.state, "theirs": "chargeback"}
    return Verdict(
        (Finding("status_differs", -ours.charged_back, row.gross, more),), bookable=False
    )


@dataclass(frozen=True, slots=True)
class Payout:
    """What left the gateway's balance and what of it arrived; positive whole rupiah.

    ``taken = arrived + fee + ppn + rounding``.
    """

    taken: int
    arrived: int
    fee: int
    ppn: int
    rounding: int


def payout_of(row: Row) -> Payout:
    """A payout, whose fee is taken out of it or comes on top: the larger of both left there.

    Where it is taken out, the row's identity holds with a negative fee.
    """
    taken, arrived = max(-row.gross, -row.net), min(-row.gross, -row.net)
    fee, ppn = abs(row.fee), abs(row.ppn)
    return Payout(taken, arrived, fee, ppn, taken - arrived - fee - ppn)


def of_fault(fault: Fault) -> Finding:
    """A line that can not be used, as something to look at."""
    kind = "currency" if fault.code == "currency" else "row_unusable"
    return Finding(kind, detail={"line": fault.line, "code": fault.code, "why": fault.why})
