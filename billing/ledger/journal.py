"""A journal: postings that sum to zero, or an object that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from uuid import UUID

from billing.ledger.chart import Account
from core.money import Money, zero


class JournalKind(StrEnum):
    """What happened. With the key it names a fact, and a fact is posted once."""

    INVOICE_ISSUED = "invoice_issued"
    INVOICE_VOIDED = "invoice_voided"
    TAX_BECAME_DUE = "tax_became_due"
    TAX_POINT_REVERSED = "tax_point_reversed"
    PAYMENT_CAPTURED = "payment_captured"
    PAYMENT_REVERSED = "payment_reversed"
    BALANCE_USED = "balance_used"
    BALANCE_TOPPED_UP = "balance_topped_up"
    TOP_UP_TAKEN_BACK = "top_up_taken_back"
    CREDIT_GRANTED = "credit_granted"
    CREDIT_RESTORED = "credit_restored"
    BALANCE_EXPIRED = "balance_expired"
    CREDIT_NOTE_ISSUED = "credit_note_issued"
    REFUND_PAID = "refund_paid"
    WRITTEN_OFF = "written_off"
    WRITE_OFF_REVERSED = "write_off_reversed"
    TAX_WITHHELD = "tax_withheld"
    PAID_OUT = "paid_out"
    REVENUE_RECOGNISED = "revenue_recognised"
    GATEWAY_FEES = "gateway_fees"
    DIFFERENCE_BOOKED = "difference_booked"


class UnbalancedJournal(ValueError):  # noqa: N818 - our errors say what is wrong
    """Postings that do not sum to zero: a bug, and never a row."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One side of a journal. A debit is positive, a credit negative."""

    account: Account
    amount: Money
    customer_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Journal:
    """A balanced set of postings of one fact; ``(kind, key)`` is unique for a merchant.

    Postings of nothing are left out and those on one account of one customer are added up, in
    the order they came. A fact over nothing has no postings and need not be stored.

    Raises:
        UnbalancedJournal: the postings of a currency do not sum to zero.
    """

    kind: JournalKind
    key: str
    occurred_on: date
    postings: tuple[Posting, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.key:
            raise ValueError("a journal needs a key")
        joined = _joined(self.postings)
        for currency in {posting.amount.currency for posting in joined}:
            left = sum(
                (posting.amount for posting in joined if posting.amount.currency == currency),
                zero(currency),
            )
            if not left.is_zero:
                raise UnbalancedJournal(f"{self.kind} {self.key} is off by {left}")
        object.__setattr__(self, "postings", joined)

    @property
    def is_empty(self) -> bool:
        return not self.postings

    def on(self, account: Account) -> Money:
        """Sum what the journal does to one account, in its first posting's currency."""
        found = [posting.amount for posting in self.postings if posting.account is account]
        return sum(found[1:], found[0]) if found else zero()

    def undone(self, kind: JournalKind, key: str, occurred_on: date) -> Journal:
        """Make the opposite journal: every debit a credit."""
        return Journal(
            kind,
            key,
            occurred_on,
            tuple(Posting(p.account, -p.amount, p.customer_id) for p in self.postings),
        )


def _joined(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    sums: dict[tuple[Account, str, UUID | None], Money] = {}
    for posting in postings:
        place = (posting.account, posting.amount.currency, posting.customer_id)
        sums[place] = sums.get(place, zero(posting.amount.currency)) + posting.amount
    return tuple(
        Posting(account, amount, customer_id)
        for (account, _, customer_id), amount in sums.items()
        if not amount.is_zero
    )
