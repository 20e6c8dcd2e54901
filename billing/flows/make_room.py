"""Before a pull, what the customer could still push is ended at the gateway, which attests it.

Decision 3. A payer who is faster is booked, and nothing is pulled.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import update

from billing import queries
from billing.engine import Engine
from billing.flows.charge import drop_moot
from billing.flows.orders import open_orders, withdraw
from billing.flows.reconcile import resolve_now
from core.actor import Actor
from invoices.queries import get_invoice
from invoices.tables import invoices

# For so long no new number is offered by itself: the charge that is about to come has the turn.
# Should it never come, the invoice is collected as before.
_TURN: Final = timedelta(minutes=15)


def make_room(engine: Engine, merchant_id: UUID, actor: Actor, invoice_id: UUID) -> None:
    """End the open instruments of an open invoice now, as far as the gateway answers.

    Calls the gateway: no transaction may be open. One that stays in doubt stays open, and a charge
    is then refused with ``instrument_open``.

    Raises:
        NotFound: ``invoice_not_found``.
    """
    with engine.work(merchant_id, actor) as unit:
        gateway = engine.gateways.of(unit.merchant)
        invoice = get_invoice(unit, invoice_id)
        queries.lock_customers(unit, [invoice.customer_id])
        if invoice.status == "open":
            withdraw(unit, invoice_id)
        standing = [one for one in open_orders(unit, invoice_id) if one.kind == "instrument"]
    for order in standing:
        if order.state == "created":
            drop_moot(engine, merchant_id, [order.order_id])
        elif order.state != "review":
            resolve_now(engine, merchant_id, gateway, order)
    if not standing:
        return
    with engine.work(merchant_id, actor) as unit:
        unit.session.execute(
            update(invoices)
            .where(
                invoices.c.merchant_id == merchant_id,
                invoices.c.id == invoice_id,
                invoices.c.status == "open",
                invoices.c.collect_at <= unit.now,
            )
            .values(collect_at=unit.now + _TURN)
        )
