"""Which lots of a balance are used: what ends soonest first, then what is oldest (R45)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

LotKind = Literal["money", "promotional"]
MONEY: Final[LotKind] = "money"
PROMOTIONAL: Final[LotKind] = "promotional"
BOTH: Final[tuple[LotKind, ...]] = (MONEY, PROMOTIONAL)


@dataclass(frozen=True, slots=True)
class Lot:
    """A part of a balance as it came. Whole rupiah; ``left`` is what nothing has used yet."""

    id: UUID
    customer_id: UUID
    entry_id: UUID
    kind: LotKind
    amount: int
    left: int
    at: datetime
    expires_at: datetime | None = None
    reason: str | None = None

    def is_usable(self, now: datetime) -> bool:
        """Say whether it pays anything at ``now``: the instant it ends at is too late."""
        return self.left > 0 and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Use:
    """So much of one lot, in whole rupiah."""

    lot: Lot
    amount: int


def spendable(lots: Iterable[Lot], now: datetime, kinds: Collection[LotKind] = BOTH) -> int:
    """Sum what lots can pay at ``now``; what has ended is left out, booked as ended or not."""
    return sum(lot.left for lot in lots if lot.kind in kinds and lot.is_usable(now))


def in_order(
    lots: Iterable[Lot],
    now: datetime,
    *,
    kinds: Collection[LotKind] = BOTH,
    first: Collection[UUID] = (),
) -> list[Lot]:
    """Put usable lots in the order they are used in: soonest end, then oldest.

    Args:
        first: entries whose lots go before all others (a payment's own, where it goes back).
    """
    usable = [lot for lot in lots if lot.kind in kinds and lot.is_usable(now)]
    return sorted(
        usable,
        key=lambda lot: (
            lot.entry_id not in first,
            lot.expires_at is None,
            lot.expires_at.timestamp() if lot.expires_at else 0,
            lot.at,
            str(lot.id),
        ),
    )


def take(ordered: Iterable[Lot], amount: int) -> tuple[Use, ...]:
    """Take an amount from lots in the order given.

    Raises:
        ValueError: they do not hold that much.
    """
    taken: list[Use] = []
    missing = amount
    for lot in ordered:
        if missing <= 0:
            break
        part = min(lot.left, missing)
        taken.append(Use(lot, part))
        missing -= part
    if missing > 0:
        raise ValueError(f"{missing} of {amount} is in no lot")
    return tuple(taken)


def less(lots: Sequence[Lot], uses: Iterable[Use]) -> list[Lot]:
    """Give the lots as they are after some uses."""
    gone = {use.lot.id: use.amount for use in uses}
    return [lot if lot.id not in gone else _with_left(lot, lot.left - gone[lot.id]) for lot in lots]


def of_kind(uses: Iterable[Use], kind: LotKind) -> int:
    """Sum what uses took from lots of a kind, in whole rupiah."""
    return sum(use.amount for use in uses if use.lot.kind == kind)


def restored_parts(amount: int, money_left: int) -> tuple[int, int]:
    """Split what an invoice gives back into money and promotional credit, money first.

    Args:
        amount: what is given back now of what the invoice had taken.
        money_left: the money it had taken, less what was given back of it before.
    """
    money = min(amount, max(money_left, 0))
    return money, amount - money


def _with_left(lot: Lot, left: int) -> Lot:
    return Lot(
        lot.id, lot.customer_id, lot.entry_id, lot.kind, lot.amount, left, lot.at,
        lot.expires_at, lot.reason,
    )  # fmt: skip
