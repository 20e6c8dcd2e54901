"""Finding a customer by whatever somebody on the telephone can say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select

from billing import queries
from billing.records import Customer
from billing.tables import subscriptions
from core.work import Work
from invoices.tables import invoices
from payments.tables import payment_orders

FOUND_MAX = 25
# What is owed. A top-up that is asked for is no debt, and an offer none before it is paid.
OWED = (invoices.c.status == "open", invoices.c.kind != "top_up", ~invoices.c.is_offer)


@dataclass(frozen=True, slots=True)
class Found:
    """A customer that a search found, and by what if not by name or address."""

    customer: Customer
    because: str
    statuses: Sequence[str]
    due: int


def search(
    unit: Work, text: str, after: tuple[datetime, UUID] | None = None
) -> tuple[list[Found], tuple[datetime, UUID] | None]:
    """Find customers by name, company, mail, external id, invoice number or VA number.

    Without a text: the newest. Gives a page, and where the next one begins if there is one.
    """
    asked = text.strip()[:100]
    because = _by_number(unit, asked) if asked and after is None else {}
    listed = queries.list_customers(unit, text=asked or None, after=after, limit=FOUND_MAX + 1)
    last = listed[FOUND_MAX - 1] if len(listed) > FOUND_MAX else None
    listed = listed[:FOUND_MAX]
    named = {one.id for one in listed}
    others = queries.load_customers(unit, [found for found in because if found not in named])
    everybody = [*others.values(), *listed]
    statuses = _statuses(unit, [one.id for one in everybody])
    due = _due(unit, [one.id for one in everybody])
    found = [
        Found(one, because.get(one.id, ""), statuses.get(one.id, ()), due.get(one.id, 0))
        for one in everybody
    ]
    return found, (last.created_at, last.id) if last else None


def _by_number(unit: Work, text: str) -> dict[UUID, str]:
    """Customers by an invoice's number (whole or its end) or a virtual account's digits."""
    found: dict[UUID, str] = {}
    tail = text.replace("%", "").replace("_", "")
    if re.search(r"\d{3}", tail):
        rows = unit.session.execute(
            select(invoices.c.customer_id, invoices.c.number)
            .where(
                invoices.c.merchant_id == unit.merchant_id,
                or_(invoices.c.number == text, invoices.c.number.ilike(f"%{tail}")),
            )
            .order_by(invoices.c.created_at.desc())
            .limit(FOUND_MAX)
        )
        found |= {row.customer_id: str(row.number) for row in rows}
    digits = re.sub(r"[\s.-]", "", text)
    if digits.isdigit() and len(digits) >= 6:
        rows = unit.session.execute(
            select(payment_orders.c.customer_id)
            .where(
                payment_orders.c.merchant_id == unit.merchant_id,
                payment_orders.c.instructions["va_number"].astext == digits,
            )
            .limit(FOUND_MAX)
        )
        found |= {row.customer_id: f"VA {digits}" for row in rows}
    return found


def _statuses(unit: Work, listed: Sequence[UUID]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    for row in unit.session.execute(
        select(subscriptions.c.customer_id, subscriptions.c.status)
        .where(
            subscriptions.c.merchant_id == unit.merchant_id,
            subscriptions.c.customer_id.in_(sorted(set(listed))),
        )
        .order_by(subscriptions.c.created_at)
    ):
        found.setdefault(row.customer_id, []).append(row.status)
    return found


def _due(unit: Work, listed: Sequence[UUID]) -> dict[UUID, int]:
    rows = unit.session.execute(
        select(invoices.c.customer_id, func.sum(invoices.c.due_amount))
        .where(
            invoices.c.merchant_id == unit.merchant_id,
            *OWED,
            invoices.c.customer_id.in_(sorted(set(listed))),
        )
        .group_by(invoices.c.customer_id)
    )
    return {row[0]: int(row[1]) for row in rows}
