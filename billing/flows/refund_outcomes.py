"""What the end of a refund does to the books: paid out once, or kept as the customer's balance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select, update

from billing.credits.lots import MONEY, in_order, take
from billing.credits.queries import lots_of
from billing.credits.service import lower_balances
from billing.flows.credit_balance import add_balance
from billing.flows.refund_sources import mail_kept
from billing.flows.reviews import open_review
from billing.flows.use_balance import use_balance
from billing.ledger.chart import Account
from billing.ledger.journal import Journal, JournalKind, Posting
from billing.ledger.postings import refund_paid
from billing.ledger.service import Subject, post
from billing.ledger.tables import journals, postings
from billing.queries import lock_customers
from core import ids
from core.errors import NotFound
from core.money import Money
from core.work import Work
from payments.tables import payments, refunds

Raw = Mapping[str, Any]

# Another refund of the same money went through that a restored backup had lost.
REFUNDED_SINCE_BACKUP: Final = "refunded_since_backup"

# What a bank took back though it was used: booked as lost, and found again.
_LOSSES: Final = (
    JournalKind.WRITTEN_OFF,
    JournalKind.TOP_UP_TAKEN_BACK,
    JournalKind.WRITE_OFF_REVERSED,
)


def lock_refund(unit: Work, refund_id: UUID) -> Row[Any]:
    """Lock a refund with its customer, in the order everybody locks; adds ``customer_id``.

    Raises:
        NotFound: ``refund_not_found``.
    """
    query = (
        select(refunds, payments.c.customer_id, payments.c.order_id, payments.c.status)
        .join(
            payments,
            (payments.c.merchant_id == refunds.c.merchant_id)
            & (payments.c.id == refunds.c.payment_id),
        )
        .where(refunds.c.merchant_id == unit.merchant_id, refunds.c.id == refund_id)
    )
    seen = unit.session.execute(query).one_or_none()
    if seen is None:
        raise NotFound("refund_not_found", "there is no such refund")
    lock_customers(unit, [seen.customer_id])
    return unit.session.execute(query.with_for_update()).one()


def succeed(unit: Work, refund: Row[Any], *, code: str | None, raw: Raw) -> None:
    """The money went back: close the refund, count it on the payment, book it once."""
    if refund.state == "succeeded":
        return
    _close(unit, refund, "succeeded", code, raw)
    values: dict[str, Any] = {"refunded_amount": payments.c.refunded_amount + refund.amount}
    if refund.route == "cancel":
        values["status"] = "canceled"
    unit.session.execute(
        update(payments)
        .where(payments.c.merchant_id == unit.merchant_id, payments.c.id == refund.payment_id)
        .values(**values)
    )
    # Its id may come from the caller's key: only the row says which refund a journal is about.
    post(unit, [_journal(unit, refund)], Subject("refund", refund.id))
    tell(unit, "refund.succeeded", dict(refund._mapping), refund.customer_id)


def give_up(
    unit: Work,
    refund: Row[Any],
    *,
    code: str | None,
    raw: Raw,
    review: bool = True,
    mail: bool = True,
    spend: bool = True,
) -> None:
    """It can not go back this way: the money is the customer's balance, (again) to be spent.

    Its credit note stands: what was sold was given back, and the customer has that in writing. He
    was told that money comes, so he is told that it stays.

    Args:
        mail: not where the money reached him by another road.
        spend: whether open invoices are paid with it at once; the caller does so later if not.
    """
    if refund.state in ("succeeded", "failed"):
        return
    _close(unit, refund, "failed", code, raw)
    add_balance(
        unit,
        refund.customer_id,
        refund.amount,
        kind="credited",
        source_kind="refund",
        source_id=refund.id,
    )
    taken = _take_for_the_bank(unit, refund)
    tell(unit, "refund.failed", dict(refund._mapping), refund.customer_id)
    if spend:
        use_balance(unit, refund.customer_id)
    if not taken and mail and code != REFUNDED_SINCE_BACKUP:
        mail_kept(unit, refund)
    if review:
        detail = {"amount": refund.amount, "code": code, "route": refund.route}
        open_review(unit, "refund_failed", "refund", refund.id, detail)


def _take_for_the_bank(unit: Work, refund: Row[Any]) -> int:
    """What the bank took back while this was on its way was booked as lost: it is not.

    Returns what of the refund covers that loss and is not the customer's, in rupiah.
    """
    if refund.status != "reversed" or refund.credit_note_id is not None:
        return 0
    j, p = journals.c, postings.c
    lost = unit.session.execute(
        select(func.coalesce(func.sum(p.amount), 0))
        .join(journals, (j.merchant_id == p.merchant_id) & (j.id == p.journal_id))
        .where(
            j.merchant_id == unit.merchant_id,
            p.account == str(Account.BAD_DEBT),
            j.subject_kind == "payment",
            j.subject_id == refund.payment_id,
            j.kind.in_([str(kind) for kind in _LOSSES]),
        )
    ).scalar_one()
    found: int = min(refund.amount, int(lost))
    if found <= 0:
        return 0
    entry = {
        "merchant_id": unit.merchant_id,
        "id": unit.derive("balance", "reversed", "refund", refund.id),
        "customer_id": refund.customer_id,
        "amount": -found,
        "kind": "reversed",
        "source_kind": "refund",
        "source_id": refund.id,
        "at": unit.now,
    }
    lots = lots_of(unit, [refund.customer_id]).get(refund.customer_id, ())
    lower_balances(unit, [(entry, take(in_order(lots, unit.now, kinds=(MONEY,)), found))])
    amount = Money(found, refund.currency)
    back = Journal(
        JournalKind.WRITE_OFF_REVERSED,
        refund.refund_key,
        unit.today,
        (
            Posting(Account.CUSTOMER_CREDIT, amount, refund.customer_id),
            Posting(Account.BAD_DEBT, -amount),
        ),
    )
    post(unit, [back], Subject("payment", refund.payment_id))
    return found


def tell(unit: Work, type_: str, refund: Mapping[str, Any], customer_id: UUID) -> None:
    """Record an event about a refund."""
    unit.event(
        type_,
        "refund",
        refund["id"],
        {
            "refund": ids.public("refund", refund["id"]),
            "payment": ids.public("payment", refund["payment_id"]),
            "source": "invoice" if refund["credit_note_id"] else "balance",
            "invoice": _public("invoice", refund["invoice_id"]),
            "credit_note": _public("credit_note", refund["credit_note_id"]),
            "amount": refund["amount"],
            "route": refund["route"],
            "state": refund["state"],
            "due_at": refund["due_at"].isoformat() if refund["due_at"] else None,
        },
        customer_id=customer_id,
    )


def _public(kind: str, row_id: UUID | None) -> str | None:
    return None if row_id is None else ids.public(kind, row_id)


def _close(unit: Work, refund: Row[Any], state: str, code: str | None, raw: Raw) -> None:
    unit.session.execute(
        update(refunds)
        .where(refunds.c.merchant_id == unit.merchant_id, refunds.c.id == refund.id)
        .values(
            state=state,
            closed_at=unit.now,
            due_at=None,
            next_at=None,
            lease_until=None,
            code=code,
            answer=dict(raw) or None,
        )
    )


def _journal(unit: Work, refund: Row[Any]) -> Journal:
    return refund_paid(
        refund.refund_key,
        unit.today,
        amount=Money(refund.amount, refund.currency),
        customer_id=refund.customer_id,
        by_hand=refund.route == "manual",
    )
