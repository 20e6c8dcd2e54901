"""Small reads of the customer's page: whether anything changed, and the invoice's credit notes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Uuid, bindparam, func, select, text

from billing.flows.documents import Links
from core.errors import NotFound
from core.work import Work
from invoices.tables import credit_notes
from invoices.wording import long_date, rupiah
from payments.accounts import PIN_LINK_LIFE
from payments.tables import payment_order_steps

# What decides what the reader sees, in one row. Orders on their way all look alike.
_STATE = text(
    """
    SELECT i.status, i.paid_amount, i.credited_amount, i.due_on, i.collect_at,
        (SELECT max(s.business_at) FROM payment_orders o JOIN payment_order_steps s
                ON s.merchant_id = o.merchant_id AND s.payment_order_id = o.id
            WHERE o.merchant_id = :m AND o.invoice_id = i.id AND o.channel = 'gopay_linked'
                AND o.state = 'pending' AND s.to_state = 'sent') AS pin_asked_at,
        (SELECT string_agg(concat_ws(':', o.kind, o.n, CASE
                WHEN o.state IN ('created', 'sent', 'unknown') THEN 'under_way' ELSE o.state END,
                o.abandoning, o.transaction_id, o.code, o.held), '|' ORDER BY o.kind, o.n)
            FROM payment_orders o WHERE o.merchant_id = :m AND o.invoice_id = i.id) AS orders,
        (SELECT string_agg(concat_ws(':', w.id, w.state), '|' ORDER BY w.id)
            FROM payment_methods w WHERE w.merchant_id = :m AND w.customer_id = i.customer_id
                AND w.next_at IS NOT NULL) AS wallets
    FROM invoices i WHERE i.merchant_id = :m AND i.id = :id AND i.status <> 'draft'
    """
).bindparams(bindparam("m", type_=Uuid()), bindparam("id", type_=Uuid()))


@dataclass(frozen=True, slots=True)
class Seen:
    """Where an invoice stands; ``version`` changes whenever its reader would see something else."""

    status: str
    version: str


@dataclass(frozen=True, slots=True)
class CreditLine:
    """A credit note as it is listed under its invoice."""

    number: str
    when: str
    amount: str
    url: str


def state_of(unit: Work, invoice_id: UUID) -> Seen:
    """Read where an invoice stands by one query: pages ask every two seconds.

    Raises:
        NotFound: ``invoice_not_found``.
    """
    row = unit.session.execute(_STATE, {"m": unit.merchant_id, "id": invoice_id}).one_or_none()
    if row is None:
        raise NotFound("invoice_not_found", "there is no such invoice")
    told = (
        *row,
        row.due_on is not None and unit.today > row.due_on,
        is_dead(row.pin_asked_at, unit.now),
    )
    return Seen(row.status, hashlib.sha256(repr(told).encode()).hexdigest()[:16])


def is_dead(pin_asked_at: datetime | None, now: datetime) -> bool:
    """Whether the address at which a wallet takes its holder's PIN leads nowhere any more."""
    return pin_asked_at is not None and now >= pin_asked_at + PIN_LINK_LIFE


def is_late(unit: Work, order_id: UUID) -> bool:
    """The same of an order whose PIN is waited for: its address is not older than its charge."""
    c = payment_order_steps.c
    asked_at = unit.session.execute(
        select(func.max(c.business_at)).where(
            c.merchant_id == unit.merchant_id, c.payment_order_id == order_id, c.to_state == "sent"
        )
    ).scalar_one()
    return is_dead(asked_at, unit.now)


def credits_of(unit: Work, invoice_id: UUID, links: Links, language: str) -> list[CreditLine]:
    """List the credit notes of an invoice, oldest first, each with its own signed address."""
    table = credit_notes.c
    rows = unit.session.execute(
        select(table.id, table.number, table.issued_on, table.total_amount)
        .where(table.merchant_id == unit.merchant_id, table.invoice_id == invoice_id)
        .order_by(table.issued_at, table.number)
    )
    return [
        CreditLine(
            number=row.number,
            when=long_date(row.issued_on, language),
            amount=rupiah(row.total_amount),
            url=links.credit_note(unit.merchant_id, row.id, row.issued_on),
        )
        for row in rows
    ]
