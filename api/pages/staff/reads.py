"""What the staff pages show, read in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, tuple_

from api.pages.staff.finding import OWED
from api.pages.web import in_language
from billing import queries
from billing.credits.lots import Lot
from billing.discounted import Granted
from billing.discounts.queries import load_grants
from billing.flows.granting import usable_lots
from billing.flows.item_rows import load_extras
from billing.flows.usage_so_far import metered_among
from billing.records import Change, Customer, Item, Subscription
from billing.tables import subscriptions
from core import ids
from core.calendars import civil_date
from core.tables import events
from core.work import Work
from dunning.tables import dunning_cases
from invoices.queries import Invoice, list_invoices
from invoices.tables import credit_notes, invoices
from payments.tables import payment_methods, payment_orders, payments
from plans.queries import Price, list_plans, load_prices

Row = Mapping[str, Any]
Cursor = tuple[datetime, UUID]
PAGE = 12
NUMBERS_MAX = 1_000
EVENTS_MAX = 80


@dataclass(frozen=True, slots=True)
class Held:
    """A subscription with what it is of, and what waits for its period's end."""

    row: Subscription
    item: Item | None
    price: Price | None
    change: Change | None
    change_price: Price | None
    # The upgrade that waits to be paid.
    upgrade: Change | None
    upgrade_price: Price | None
    # What stands beside the first item or waits to, each with its price, and the discounts it has.
    extras: tuple[tuple[Item, Price], ...] = ()
    grants: tuple[Granted, ...] = ()
    # Whether anything of it is or was billed by its usage.
    is_metered: bool = False


@dataclass(frozen=True, slots=True)
class CustomerFile:
    """Everything about one customer on one page."""

    customer: Customer
    balance: int
    # The lots with something left in the order they are used, each with its last day.
    lots: Sequence[tuple[Lot, date | None]]
    held: Sequence[Held]
    invoices: Sequence[Invoice]
    invoices_next: Cursor | None
    credit_notes: Sequence[Row]
    payments: Sequence[Row]
    payments_next: Cursor | None
    methods: Sequence[Row]
    cases: Sequence[Row]
    events: Sequence[Row]
    # Of all invoices by their public id, for sentences.
    numbers: Mapping[str, str]


def counts(unit: Work) -> dict[str, int]:
    """How many subscriptions stand where, and how much is open, for the first page."""
    rows = unit.session.execute(
        select(subscriptions.c.status, func.count())
        .where(subscriptions.c.merchant_id == unit.merchant_id)
        .group_by(subscriptions.c.status)
    )
    by_status = {str(row[0]): int(row[1]) for row in rows}
    open_count, open_amount = unit.session.execute(
        select(func.count(), func.coalesce(func.sum(invoices.c.due_amount), 0)).where(
            invoices.c.merchant_id == unit.merchant_id, *OWED
        )
    ).one()
    late = unit.session.execute(
        select(func.coalesce(func.sum(invoices.c.due_amount), 0)).where(
            invoices.c.merchant_id == unit.merchant_id,
            *OWED,
            invoices.c.due_on < unit.today,
        )
    ).scalar_one()
    return {
        "active": by_status.get("active", 0),
        "trialing": by_status.get("trialing", 0),
        "late": by_status.get("past_due", 0) + by_status.get("unpaid", 0),
        "open_count": int(open_count),
        "open_amount": int(open_amount),
        "late_amount": int(late),
    }


def customer_file(
    unit: Work,
    customer_id: UUID,
    *,
    invoices_after: Cursor | None = None,
    payments_after: Cursor | None = None,
) -> CustomerFile:
    """Read one customer's page; ``…_after`` is the last row of the page of a list before.

    Raises:
        NotFound: ``customer_not_found``.
    """
    customer = queries.get_customer(unit, customer_id)
    listed = list_invoices(unit, customer_id=customer_id, after=invoices_after, limit=PAGE + 1)
    taken = _payments(unit, customer_id, payments_after)
    return CustomerFile(
        customer=customer,
        balance=queries.balance(unit, customer_id),
        lots=usable_lots(unit, customer_id),
        held=held_by(unit, queries.list_subscriptions(unit, customer_id=customer_id, limit=100)),
        invoices=[one for one in listed[:PAGE] if one.number],
        invoices_next=(
            (listed[PAGE - 1].created_at, listed[PAGE - 1].id) if len(listed) > PAGE else None
        ),
        credit_notes=_all(unit, _of(unit, credit_notes, customer_id, credit_notes.c.issued_at)),
        payments=taken[:PAGE],
        payments_next=(
            (taken[PAGE - 1]["paid_at"], taken[PAGE - 1]["id"]) if len(taken) > PAGE else None
        ),
        methods=_methods(unit, customer_id),
        cases=_cases(unit, customer_id),
        events=_all(unit, _of(unit, events, customer_id, events.c.seq).limit(EVENTS_MAX)),
        numbers=_numbers(unit, customer_id),
    )


def held_by(unit: Work, rows: Sequence[Subscription]) -> list[Held]:
    """Put items, prices and waiting changes beside subscriptions."""
    listed = [row.id for row in rows]
    items = queries.items_in_force(unit, listed)
    changes = queries.scheduled_changes(unit, listed)
    pending = queries.pending_changes(unit, listed)
    extras, grants = load_extras(unit, listed), load_grants(unit, listed)
    metered = metered_among(unit, listed)
    wanted = {item.price_id for item in items.values()}
    wanted |= {one.item.price_id for every in extras.values() for one in every}
    wanted |= {change.to_price_id for change in changes.values() if change.to_price_id}
    wanted |= {change.to_price_id for change in pending.values() if change.to_price_id}
    prices = load_prices(unit, wanted)
    found = []
    for row in rows:
        item, change = items.get(row.id), changes.get(row.id)
        today = civil_date(unit.now, row.billing_zone)
        found.append(
            Held(
                row=row,
                item=item,
                price=prices.get(item.price_id) if item else None,
                change=change,
                change_price=(
                    prices.get(change.to_price_id) if change and change.to_price_id else None
                ),
                upgrade=(upgrade := pending.get(row.id)),
                upgrade_price=(
                    prices.get(upgrade.to_price_id) if upgrade and upgrade.to_price_id else None
                ),
                extras=tuple(
                    (one.item, prices[one.item.price_id])
                    for one in extras.get(row.id, ())
                    if one.item.ended_on is None or one.item.ended_on > today
                ),
                grants=tuple(
                    one
                    for one in grants.get(row.id, ())
                    if one.ends_on is None or one.ends_on > today
                ),
                is_metered=row.id in metered,
            )
        )
    return found


def _payments(unit: Work, customer_id: UUID, after: Cursor | None) -> list[Row]:
    column = payments.c
    query = (
        select(payments, payment_orders.c.invoice_id)
        .join(
            payment_orders,
            (payment_orders.c.merchant_id == column.merchant_id)
            & (payment_orders.c.id == column.payment_order_id),
        )
        .where(column.merchant_id == unit.merchant_id, column.customer_id == customer_id)
        .order_by(column.paid_at.desc(), column.id.desc())
        .limit(PAGE + 1)
    )
    if after is not None:
        query = query.where(tuple_(column.paid_at, column.id) < after)
    return _all(unit, query)


def _numbers(unit: Work, customer_id: UUID) -> dict[str, str]:
    rows = unit.session.execute(
        select(invoices.c.id, invoices.c.number)
        .where(invoices.c.merchant_id == unit.merchant_id, invoices.c.customer_id == customer_id)
        .order_by(invoices.c.created_at.desc())
        .limit(NUMBERS_MAX)
    )
    return {ids.public("invoice", row.id): row.number or "" for row in rows}


def _cases(unit: Work, customer_id: UUID) -> list[Row]:
    return _all(
        unit,
        select(dunning_cases, invoices.c.number, invoices.c.due_amount)
        .join(
            invoices,
            (invoices.c.merchant_id == dunning_cases.c.merchant_id)
            & (invoices.c.id == dunning_cases.c.invoice_id),
        )
        .where(
            dunning_cases.c.merchant_id == unit.merchant_id,
            dunning_cases.c.customer_id == customer_id,
            dunning_cases.c.state == "open",
        )
        .order_by(dunning_cases.c.opened_at),
    )


def _of(unit: Work, table: Any, customer_id: UUID, newest: Any) -> Select[Any]:
    return (
        select(table)
        .where(table.c.merchant_id == unit.merchant_id, table.c.customer_id == customer_id)
        .order_by(newest.desc())
    )


def _methods(unit: Work, customer_id: UUID) -> list[Row]:
    """In the order in which they are charged; those that ended last."""
    c = payment_methods.c
    query = _of(unit, payment_methods, customer_id, c.created_at).order_by(None)
    return _all(unit, query.order_by(c.state == "ended", c.rank, c.created_at, c.id))


def _all(unit: Work, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in unit.session.execute(query).mappings()]


def plan_names(unit: Work, language: str) -> dict[str, str]:
    """Names of plans by their codes, for sentences."""
    return {one.code: in_language(one.name, language) for one in list_plans(unit, limit=500)}


def subject_events(unit: Work, subject_id: UUID) -> list[Row]:
    """What happened to one thing, newest first."""
    return _all(
        unit,
        select(events)
        .where(events.c.merchant_id == unit.merchant_id, events.c.subject_id == subject_id)
        .order_by(events.c.seq.desc())
        .limit(EVENTS_MAX),
    )
