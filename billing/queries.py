"""Reads and row locks of customers, mandates, subscriptions and their items."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, exists, func, select, tuple_

from billing.records import Change, Customer, Item, Subscription
from billing.tables import (
    balance_entries,
    customers,
    mandates,
    subscription_changes,
    subscription_items,
    subscriptions,
)
from core.calendars import civil_date
from core.errors import NotFound
from core.work import Work
from dunning.tables import dunning_cases
from invoices.tables import invoices

_CUSTOMER = tuple(customers.c[name] for name in Customer.__slots__)
SUBSCRIPTION = tuple(subscriptions.c[name] for name in Subscription.__slots__)
_ITEM = tuple(subscription_items.c[name] for name in Item.__slots__)
_CHANGE = tuple(subscription_changes.c[name] for name in Change.__slots__)


def get_customer(unit: Work, customer_id: UUID) -> Customer:
    """Read a customer.

    Raises:
        NotFound: ``customer_not_found``.
    """
    found = load_customers(unit, [customer_id])
    if customer_id not in found:
        raise NotFound("customer_not_found", "there is no such customer")
    return found[customer_id]


def load_customers(unit: Work, customer_ids: Iterable[UUID]) -> dict[UUID, Customer]:
    """Read many customers at once; ids that do not exist are left out."""
    wanted = sorted(set(customer_ids))
    rows = unit.session.execute(_customers(unit).where(customers.c.id.in_(wanted)))
    return {row.id: Customer(**row._mapping) for row in rows}


def lock_customers(unit: Work, customer_ids: Iterable[UUID]) -> None:
    """Take the rows of customers, in id order: before any subscription, invoice or order."""
    unit.session.execute(
        select(customers.c.id)
        .where(
            customers.c.merchant_id == unit.merchant_id,
            customers.c.id.in_(sorted(set(customer_ids))),
        )
        .order_by(customers.c.id)
        .with_for_update(key_share=True)
    )


def find_customer(
    unit: Work, *, external_id: str | None = None, email: str | None = None
) -> Customer | None:
    """Look a customer up by the integrator's id, or the oldest with an e-mail address."""
    query = _customers(unit).order_by(customers.c.created_at, customers.c.id).limit(1)
    if external_id is None and email is None:
        raise ValueError("a customer is found by external id or by e-mail address")
    if external_id is not None:
        query = query.where(customers.c.external_id == external_id)
    if email is not None:
        query = query.where(customers.c.email == email)
    row = unit.session.execute(query).one_or_none()
    return None if row is None else Customer(**row._mapping)


def list_customers(
    unit: Work,
    *,
    text: str | None = None,
    email: str | None = None,
    external_id: str | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[Customer]:
    """Give a page of customers, newest first.

    Args:
        text: part of a name, company, address of mail or external id, in any case.
        after: the (created_at, id) of the last row of the page before.
    """
    query = _customers(unit).order_by(customers.c.created_at.desc(), customers.c.id.desc())
    if text:
        part = f"%{text.replace('%', '').replace('_', '')}%"
        columns = (customers.c.name, customers.c.company, customers.c.email)
        searched = [column.ilike(part) for column in (*columns, customers.c.external_id)]
        query = query.where(searched[0] | searched[1] | searched[2] | searched[3])
    if email is not None:
        query = query.where(customers.c.email == email)
    if external_id is not None:
        query = query.where(customers.c.external_id == external_id)
    if after is not None:
        query = query.where(tuple_(customers.c.created_at, customers.c.id) < after)
    return [Customer(**row._mapping) for row in unit.session.execute(query.limit(limit))]


def balance(unit: Work, customer_id: UUID) -> int:
    """Sum what we hold of a customer's money, in whole rupiah."""
    return balances(unit, [customer_id]).get(customer_id, 0)


def balances(unit: Work, customer_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Sum the balances of many customers; those with nothing are left out."""
    rows = unit.session.execute(
        select(balance_entries.c.customer_id, func.sum(balance_entries.c.amount))
        .where(
            balance_entries.c.merchant_id == unit.merchant_id,
            balance_entries.c.customer_id.in_(sorted(set(customer_ids))),
        )
        .group_by(balance_entries.c.customer_id)
        .having(func.sum(balance_entries.c.amount) != 0)
    )
    return {row[0]: int(row[1]) for row in rows}


def has_mandate(unit: Work, payment_method_id: UUID) -> bool:
    """Say whether a consent is in force for charging this method without the payer."""
    return bool(with_mandate(unit, [payment_method_id]))


def was_consented(unit: Work, payment_method_id: UUID) -> bool:
    """Say whether its holder ever consented to be charged, whatever became of it."""
    found = unit.session.execute(
        select(mandates.c.id)
        .where(
            mandates.c.merchant_id == unit.merchant_id,
            mandates.c.payment_method_id == payment_method_id,
        )
        .limit(1)
    )
    return found.one_or_none() is not None


def with_mandate(unit: Work, method_ids: Iterable[UUID]) -> set[UUID]:
    """Of these methods, those that may be charged without the payer: a consent is in force."""
    return set(mandates_in_force(unit, method_ids))


def mandates_in_force(unit: Work, method_ids: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    """Read the consents in force, by payment method."""
    rows = unit.session.execute(
        select(mandates).where(
            mandates.c.merchant_id == unit.merchant_id,
            mandates.c.payment_method_id.in_(sorted(set(method_ids))),
            mandates.c.ended_at.is_(None),
        )
    )
    return {row.payment_method_id: row for row in rows}


def get_subscription(unit: Work, subscription_id: UUID) -> Subscription:
    """Read a subscription.

    Raises:
        NotFound: ``subscription_not_found``.
    """
    row = unit.session.execute(
        _subscriptions(unit).where(subscriptions.c.id == subscription_id)
    ).one_or_none()
    if row is None:
        raise NotFound("subscription_not_found", "there is no such subscription")
    return Subscription(**row._mapping)


def lock_subscription(unit: Work, subscription_id: UUID) -> Subscription:
    """Take the customer's row, then the subscription's, and read it.

    Raises:
        NotFound: ``subscription_not_found``.
    """
    # Whose it is never changes, so it may be read before the locks.
    lock_customers(unit, [get_subscription(unit, subscription_id).customer_id])
    row = unit.session.execute(
        _subscriptions(unit).where(subscriptions.c.id == subscription_id).with_for_update()
    ).one()
    return Subscription(**row._mapping)


def find_subscription(
    unit: Work, *, subscription_id: UUID | None = None, external_id: str | None = None
) -> Subscription | None:
    """Look a subscription up by its id, or by the integrator's."""
    query = _subscriptions(unit)
    if subscription_id is None and external_id is None:
        raise ValueError("a subscription is found by one of its ids")
    if subscription_id is not None:
        query = query.where(subscriptions.c.id == subscription_id)
    if external_id is not None:
        query = query.where(subscriptions.c.external_id == external_id)
    row = unit.session.execute(query).one_or_none()
    return None if row is None else Subscription(**row._mapping)


def list_subscriptions(
    unit: Work,
    *,
    customer_id: UUID | None = None,
    status: str | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[Subscription]:
    """Give a page of subscriptions, newest first."""
    table = subscriptions.c
    query = _subscriptions(unit).order_by(table.created_at.desc(), table.id.desc()).limit(limit)
    if customer_id is not None:
        query = query.where(table.customer_id == customer_id)
    if status is not None:
        query = query.where(table.status == status)
    if after is not None:
        query = query.where(tuple_(table.created_at, table.id) < after)
    return [Subscription(**row._mapping) for row in unit.session.execute(query)]


def is_behind(unit: Work, subscription_id: UUID, *, without: UUID | None = None) -> bool:
    """Say whether a period of a subscription is owed: past its due day, or its charge declined.

    A due day is a day where the invoice is due, in its own zone; it is over when the next begins.
    Upgrades and one-offs never put a subscription behind.
    """
    inv, case = invoices.c, dunning_cases.c
    failed = exists().where(
        case.merchant_id == inv.merchant_id,
        case.invoice_id == inv.id,
        case.state == "open",
        case.first_failed_at.is_not(None),
    )
    rows = unit.session.execute(
        select(inv.id, inv.due_on, inv.billing_zone, failed.label("failed")).where(
            inv.merchant_id == unit.merchant_id,
            inv.subscription_id == subscription_id,
            inv.status == "open",
            inv.kind == "period",
        )
    )
    return any(
        row.id != without and (row.failed or row.due_on < civil_date(unit.now, row.billing_zone))
        for row in rows
    )


def items_in_force(unit: Work, subscription_ids: Iterable[UUID]) -> dict[UUID, Item]:
    """Give the first item each subscription has now, by subscription."""
    rows = unit.session.execute(
        select(*_ITEM).where(
            subscription_items.c.merchant_id == unit.merchant_id,
            subscription_items.c.subscription_id.in_(sorted(set(subscription_ids))),
            subscription_items.c.ended_on.is_(None),
            subscription_items.c.extra_id.is_(None),
        )
    )
    return {row.subscription_id: Item(**row._mapping) for row in rows}


def items_of(unit: Work, subscription_id: UUID) -> list[Item]:
    """List everything a subscription ever had, oldest first."""
    rows = unit.session.execute(
        select(*_ITEM)
        .where(
            subscription_items.c.merchant_id == unit.merchant_id,
            subscription_items.c.subscription_id == subscription_id,
        )
        .order_by(subscription_items.c.started_on, subscription_items.c.created_at)
    )
    return [Item(**row._mapping) for row in rows]


def scheduled_changes(unit: Work, subscription_ids: Iterable[UUID]) -> dict[UUID, Change]:
    """Give the change that waits for a period's end, by subscription; each has at most one."""
    return {
        change.subscription_id: change
        for change in _changes(
            unit,
            subscription_changes.c.subscription_id.in_(sorted(set(subscription_ids))),
            subscription_changes.c.state == "scheduled",
        )
    }


def pending_changes(unit: Work, subscription_ids: Iterable[UUID]) -> dict[UUID, Change]:
    """Give the upgrade that waits to be paid, by subscription; each has at most one."""
    return {
        change.subscription_id: change
        for change in _changes(
            unit,
            subscription_changes.c.subscription_id.in_(sorted(set(subscription_ids))),
            subscription_changes.c.state == "pending",
        )
    }


def changes_of(unit: Work, subscription_id: UUID) -> Sequence[Change]:
    """List the changes of a subscription, oldest first."""
    return _changes(unit, subscription_changes.c.subscription_id == subscription_id)


def find_change(unit: Work, change_id: UUID) -> Change | None:
    """Look a change up by its id."""
    return next(iter(_changes(unit, subscription_changes.c.id == change_id)), None)


def _changes(unit: Work, *conditions: Any) -> list[Change]:
    rows = unit.session.execute(
        select(*_CHANGE)
        .where(subscription_changes.c.merchant_id == unit.merchant_id, *conditions)
        .order_by(subscription_changes.c.created_at, subscription_changes.c.id)
    )
    return [Change(**row._mapping) for row in rows]


def _customers(unit: Work) -> Select[Any]:
    return select(*_CUSTOMER).where(customers.c.merchant_id == unit.merchant_id)


def _subscriptions(unit: Work) -> Select[Any]:
    return select(*SUBSCRIPTION).where(subscriptions.c.merchant_id == unit.merchant_id)
