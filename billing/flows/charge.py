"""Sending orders: leased and committed first, then the call, then its outcome.

No transaction is open while the gateway is called. A crash after the call leaves the order ``sent``
with a lease that runs out; `billing.flows.reconcile` then asks the gateway what became of it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select, update

from billing.engine import Engine
from billing.flows.card_requests import open_card_request
from billing.flows.orders import record_steps
from billing.flows.settle import settle
from billing.tables import customers
from core.actor import system
from core.work import Work
from invoices.tables import invoices
from payments.gateway import Answer, ChargeRequest, Gateway
from payments.order_ids import idempotency_key
from payments.tables import payment_methods, payment_orders

BATCH = 64
PARALLEL = 16


@dataclass(frozen=True, slots=True)
class Leased:
    """An order that is ours to send until its lease runs out."""

    order_id: str
    request: ChargeRequest
    send: int
    ask_first: bool


def send_due(engine: Engine, merchant_id: UUID, limit: int = BATCH) -> int:
    """Send the orders whose turn it is; returns how many were taken."""
    gateway, leased, taken = lease(engine, merchant_id, limit=limit)
    if len(leased) == 1:
        exchange(engine, merchant_id, gateway, leased[0])
    elif leased:
        with ThreadPoolExecutor(min(PARALLEL, len(leased))) as pool:
            list(pool.map(lambda one: exchange(engine, merchant_id, gateway, one), leased))
    return taken


def send_one(engine: Engine, merchant_id: UUID, payment_order_id: UUID) -> None:
    """Send one order now, for a caller who waits; does nothing when it is not there to be sent."""
    gateway, leased, _ = lease(engine, merchant_id, limit=1, only=payment_order_id)
    for one in leased:
        exchange(engine, merchant_id, gateway, one)


def lease(
    engine: Engine, merchant_id: UUID, *, limit: int, only: UUID | None = None
) -> tuple[Gateway, list[Leased], int]:
    """Commit that these orders are being sent: state, lease, send number, in one transaction.

    An order whose invoice is no longer due for its amount, or that was withdrawn before it was
    ever sent, fails here: nothing of it can have reached the gateway.
    """
    with engine.work(merchant_id, system("charge")) as unit:
        gateway = engine.gateways.of(unit.merchant)
        due = (
            _joined()
            .where(
                payment_orders.c.merchant_id == merchant_id,
                payment_orders.c.state == "created",
                payment_orders.c.next_at <= unit.real_now,
            )
            .order_by(payment_orders.c.next_at, payment_orders.c.id)
            .limit(limit)
            .with_for_update(of=payment_orders, skip_locked=True)
        )
        if only is not None:
            due = due.where(payment_orders.c.id == only)
        rows = unit.session.execute(due).all()
        dead = [row for row in rows if _is_moot(row)]
        alive = [row for row in rows if not _is_moot(row)]
        _drop(unit, dead)
        tokens = _tokens(engine, unit, alive)
        _mark_sent(engine, unit, [row.id for row in alive])
        record_steps(
            unit, [(row.id, "created", "sent", f"send {row.sends + 1}", None) for row in alive]
        )
        ask_first = unit.merchant.mode == "recovering"
        leased = [
            Leased(row.order_id, _request(engine, unit, row, tokens), row.sends + 1, ask_first)
            for row in alive
        ]
        return gateway, leased, len(rows)


def exchange(engine: Engine, merchant_id: UUID, gateway: Gateway, leased: Leased) -> None:
    """Make the call and settle what it answered. Nothing is open in the database meanwhile.

    While a merchant recovers from a restored backup, the gateway is asked first: the order may
    have been sent in the days the backup does not know of.
    """
    answer: Answer | None = None
    if leased.ask_first:
        asked = gateway.status(leased.order_id)
        answer = None if asked.status == "not_found" else asked
    if answer is None:
        key = idempotency_key(leased.order_id, "charge", leased.send)
        answer = gateway.charge(leased.request, idempotency_key=key)
    if answer.status == "duplicate":
        answer = gateway.status(leased.order_id)
    settle(engine, merchant_id, leased.order_id, answer, because=f"answer to send {leased.send}")


def build_request(engine: Engine, unit: Work, payment_order_id: UUID) -> ChargeRequest:
    """The request of an order that is sent again: the same as the first time."""
    row = unit.session.execute(
        _joined().where(
            payment_orders.c.merchant_id == unit.merchant_id,
            payment_orders.c.id == payment_order_id,
        )
    ).one()
    return _request(engine, unit, row, _tokens(engine, unit, [row]))


def _joined() -> Select[Any]:
    """Orders with what their request is written from."""
    return select(
        payment_orders,
        invoices.c.status.label("invoice_status"),
        invoices.c.due_amount,
        invoices.c.number,
        customers.c.name,
        customers.c.email,
    ).select_from(
        payment_orders.outerjoin(
            invoices,
            (invoices.c.merchant_id == payment_orders.c.merchant_id)
            & (invoices.c.id == payment_orders.c.invoice_id),
        ).join(
            customers,
            (customers.c.merchant_id == payment_orders.c.merchant_id)
            & (customers.c.id == payment_orders.c.customer_id),
        )
    )


def _is_moot(row: Row[Any]) -> bool:
    if row.abandoning:
        return True
    if row.invoice_id is None:
        return False
    return bool(row.invoice_status != "open" or row.due_amount != row.amount)


def _drop(unit: Work, rows: list[Row[Any]]) -> None:
    """Fail orders that were never sent and no longer make sense; the invoice is looked at anew."""
    if not rows:
        return
    unit.session.execute(
        update(payment_orders)
        .where(
            payment_orders.c.merchant_id == unit.merchant_id,
            payment_orders.c.id.in_([row.id for row in rows]),
        )
        .values(
            state="failed", next_at=None, closed_at=unit.now, code="moot", attested=True,
            reason="no longer due for this amount",
        )
    )  # fmt: skip
    record_steps(unit, [(row.id, "created", "failed", "no longer due", None) for row in rows])
    unit.session.execute(
        update(invoices)
        .where(
            invoices.c.merchant_id == unit.merchant_id,
            invoices.c.id.in_([row.invoice_id for row in rows if row.invoice_id]),
            invoices.c.status == "open",
            invoices.c.due_amount > 0,
        )
        .values(collect_at=unit.now)
    )
    unit.ring("invoice.collect")


def _mark_sent(engine: Engine, unit: Work, order_ids: list[UUID]) -> None:
    until = unit.real_now + timedelta(seconds=engine.settings.lease_seconds)
    unit.session.execute(
        update(payment_orders)
        .where(
            payment_orders.c.merchant_id == unit.merchant_id,
            payment_orders.c.id.in_(order_ids),
        )
        .values(
            state="sent",
            sends=payment_orders.c.sends + 1,
            first_sent_at=func.coalesce(payment_orders.c.first_sent_at, unit.real_now),
            lease_until=until,
            next_at=until,
        )
    )


def _tokens(engine: Engine, unit: Work, rows: list[Row[Any]]) -> dict[UUID, str]:
    """Saved tokens of the orders' methods, opened here and nowhere else."""
    wanted = [r.payment_method_id for r in rows if r.payment_method_id and not r.request_sealed]
    if not wanted:
        return {}
    found = unit.session.execute(
        select(payment_methods.c.id, payment_methods.c.token_sealed).where(
            payment_methods.c.merchant_id == unit.merchant_id, payment_methods.c.id.in_(wanted)
        )
    )
    return {
        row.id: engine.vault.open(row.token_sealed, f"{unit.merchant_id}:{row.id}:token").decode()
        for row in found
        if row.token_sealed
    }


def _request(engine: Engine, unit: Work, row: Row[Any], tokens: dict[UUID, str]) -> ChargeRequest:
    """The same request on every send: all of it comes from the committed row."""
    card = open_card_request(engine, unit, row)
    return ChargeRequest(
        order_id=row.order_id,
        channel=row.channel,
        amount=row.amount,
        currency=row.currency,
        initiated_by=row.initiated_by,
        customer_name=row.name,
        customer_email=row.email,
        item_name=f"{unit.merchant.display_name} {row.number or 'cek kartu'}",
        token=card.token if card else tokens.get(row.payment_method_id),
        authenticate=card.authenticate if card else False,
        save_token=card.save_token if card else False,
        authorize_only=card.authorize_only if card else False,
        expires_at=row.expires_at,
        ordered_at=row.opened_at,
    )
