"""Entries of balances: used, topped up, given, restored, expired. Amounts go in positive."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from billing.ledger.chart import Account
from billing.ledger.journal import Journal, JournalKind, Posting
from core.money import Money, zero

_A = Account
_K = JournalKind


def balance_used(
    key: str, on: date, *, amount: Money, customer_id: UUID, promotional: Money | None = None
) -> Journal:
    """Pay an invoice from the customer's balance; ``promotional`` is the part that is no money."""
    given = promotional or zero(amount.currency)
    return Journal(
        _K.BALANCE_USED,
        key,
        on,
        (
            Posting(_A.CUSTOMER_CREDIT, amount - given, customer_id),
            Posting(_A.PROMOTIONAL_CREDIT, given, customer_id),
            Posting(_A.RECEIVABLE, -amount, customer_id),
        ),
    )


def balance_topped_up(key: str, on: date, *, amount: Money, customer_id: UUID) -> Journal:
    """A top-up is paid: what was asked for is the customer's balance."""
    return Journal(
        _K.BALANCE_TOPPED_UP,
        key,
        on,
        (
            Posting(_A.TOP_UP_ASKED, amount, customer_id),
            Posting(_A.CUSTOMER_CREDIT, -amount, customer_id),
        ),
    )


def top_up_taken_back(
    key: str, on: date, *, taken: Money, lost: Money, customer_id: UUID
) -> Journal:
    """The bank took a top-up back: what is left of it goes, what was used of it is a loss."""
    return Journal(
        _K.TOP_UP_TAKEN_BACK,
        key,
        on,
        (
            Posting(_A.CUSTOMER_CREDIT, taken, customer_id),
            Posting(_A.BAD_DEBT, lost),
            Posting(_A.TOP_UP_ASKED, -(taken + lost), customer_id),
        ),
    )


def credit_granted(key: str, on: date, *, amount: Money, customer_id: UUID) -> Journal:
    """Give credit away: a debt in service, and never in money."""
    return Journal(
        _K.CREDIT_GRANTED,
        key,
        on,
        (
            Posting(_A.PROMOTIONS, amount),
            Posting(_A.PROMOTIONAL_CREDIT, -amount, customer_id),
        ),
    )


def credit_restored(key: str, on: date, *, amount: Money, customer_id: UUID) -> Journal:
    """What a credit note gives back of promotional credit is that again, and no money."""
    return Journal(
        _K.CREDIT_RESTORED,
        key,
        on,
        (
            Posting(_A.CUSTOMER_CREDIT, amount, customer_id),
            Posting(_A.PROMOTIONAL_CREDIT, -amount, customer_id),
        ),
    )


def balance_expired(
    key: str, on: date, *, amount: Money, customer_id: UUID, promotional: bool
) -> Journal:
    """What was not used in time: given credit was never spent, topped-up money is income."""
    held = _A.PROMOTIONAL_CREDIT if promotional else _A.CUSTOMER_CREDIT
    gone = _A.PROMOTIONS if promotional else _A.EXPIRED_BALANCE
    return Journal(
        _K.BALANCE_EXPIRED,
        key,
        on,
        (Posting(held, amount, customer_id), Posting(gone, -amount)),
    )
