"""A linked wallet whose holder sits before the page: paid with now, by a PIN where GoPay asks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select

from billing.flows.orders import open_attempt
from billing.queries import lock_customers
from core import ids
from core.errors import Conflict
from core.work import Work
from invoices.queries import get_invoice
from payments.method_kinds import KINDS
from payments.queries import chargeable_kinds
from payments.tables import payment_methods


def wallets_of(unit: Work, customer_id: UUID) -> list[Any]:
    """A customer's wallets that are linked or wait for it, of kinds that the merchant charges."""
    kinds = sorted(key for key in chargeable_kinds(unit) if KINDS[key].linked)
    if not kinds:
        return []
    c = payment_methods.c
    rows = unit.session.execute(
        select(c.id, c.kind, c.state, c.masked, c.link_sealed)
        .where(
            c.merchant_id == unit.merchant_id,
            c.customer_id == customer_id,
            c.kind.in_(kinds),
            c.state.in_(("active", "pending")),
        )
        .order_by(c.rank, c.created_at, c.id)
    )
    return list(rows)


def pay_with_wallet(unit: Work, invoice_id: UUID, method_id: UUID) -> UUID:
    """Write the order by which an open invoice is paid now from a linked wallet of its customer.

    Its holder asks for it himself, so that no consent is needed.

    Raises:
        Conflict: ``payment_method_not_usable``, and what `open_attempt` refuses.
    """
    customer_id = get_invoice(unit, invoice_id).customer_id
    lock_customers(unit, [customer_id])
    invoice = get_invoice(unit, invoice_id)
    linked = {row.id for row in wallets_of(unit, customer_id) if row.state == "active"}
    if method_id not in linked:
        raise Conflict("payment_method_not_usable", "This wallet is not linked.")
    order_id = open_attempt(unit, invoice_id, initiated_by="customer", payment_method_id=method_id)
    unit.audit(
        "invoice.charge",
        "invoice",
        invoice_id,
        before={"status": invoice.status, "due": invoice.due_amount},
        after={
            "order": ids.public("payment_order", order_id),
            "method": ids.public("payment_method", method_id),
        },
    )
    return order_id
