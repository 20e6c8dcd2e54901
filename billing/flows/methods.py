"""Saved methods: the order in which they are charged, and what is charged to one."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import exists, not_, or_, update

from billing.flows.pulling import usable_methods
from billing.queries import get_customer, lock_customers
from billing.tables import subscriptions
from core import ids
from core.work import Work
from invoices.tables import invoices
from payments.queries import methods_in_order
from payments.service import order_methods
from payments.tables import payment_orders

# Of a refusal: the same method may be charged again without its holder.
MAY_WORK_LATER = ("soft", "technical", "configuration")


def set_order(unit: Work, customer_id: UUID, method_ids: Sequence[UUID]) -> UUID:
    """Put a customer's methods into his order; what he does not name stays behind those he does.

    What is charged automatically goes over to the first that may be charged; nothing is charged at
    once. An open invoice that this one was refused for, for good, keeps its own.

    Raises:
        NotFound: ``customer_not_found``, or ``payment_method_not_found`` for one that is not his.
        Conflict: ``payment_method_not_usable``, for one that has ended.
    """
    get_customer(unit, customer_id)
    lock_customers(unit, [customer_id])
    before = [row.id for row in methods_in_order(unit, customer_id)]
    after = order_methods(unit, customer_id, method_ids)
    usable = usable_methods(unit, after)
    first = next((one for one in after if one in usable), None)
    if first is not None:
        charge_to(unit, customer_id, first, where_refused=False)
    unit.audit(
        "method.order",
        "customer",
        customer_id,
        before={"methods": [ids.public("payment_method", one) for one in before]},
        after={"methods": [ids.public("payment_method", one) for one in after]},
    )
    return customer_id


def charge_to(
    unit: Work, customer_id: UUID, method_id: UUID, *, where_refused: bool = True
) -> None:
    """From now on charge the customer's automatic subscriptions and open invoices to this.

    Args:
        where_refused: also the invoices that this method was refused for, and not just for now.
    """
    unit.session.execute(
        update(subscriptions)
        .where(
            subscriptions.c.merchant_id == unit.merchant_id,
            subscriptions.c.customer_id == customer_id,
            subscriptions.c.collection == "automatic",
            subscriptions.c.status != "canceled",
        )
        .values(payment_method_id=method_id)
    )
    order = payment_orders.c
    for_good = exists().where(
        order.merchant_id == invoices.c.merchant_id,
        order.invoice_id == invoices.c.id,
        order.payment_method_id == method_id,
        order.kind == "attempt",
        order.state == "failed",
        not_(or_(order.decline_class.is_(None), order.decline_class.in_(MAY_WORK_LATER))),
    )
    unit.session.execute(
        update(invoices)
        .where(
            invoices.c.merchant_id == unit.merchant_id,
            invoices.c.customer_id == customer_id,
            invoices.c.collection == "automatic",
            invoices.c.status == "open",
            *(() if where_refused else (not_(for_good),)),
        )
        .values(payment_method_id=method_id)
    )
