"""Collecting: an open invoice whose turn it is gets an attempt, or a number to pay to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update

from billing.engine import Engine
from billing.flows import top_up
from billing.flows.chase import on_declined
from billing.flows.fallback import stand_in
from billing.flows.offers import instrument
from billing.flows.orders import (
    OPEN,
    OrderDraft,
    last_numbers,
    withdraw,
    write_orders,
)
from billing.flows.pulling import channels_of, live_methods, usable_methods
from billing.queries import load_customers, lock_customers
from billing.service import after_failed
from core.actor import system
from core.work import Work
from invoices.queries import get_invoice
from invoices.tables import invoices
from payments.declines import decline_of_status
from payments.queries import (
    offered_channels,
    standing_channel,
    standing_channels,
    troubled_channels,
)
from payments.tables import payment_orders

BATCH = 500


def collect_due(engine: Engine, merchant_id: UUID, limit: int = BATCH) -> int:
    """Write the next order for every open invoice whose ``collect_at`` has come; returns how many.

    Only writes: the orders are sent by `billing.flows.charge` after this has committed.
    """
    with engine.work(merchant_id, system("collect")) as unit:
        rows = unit.session.execute(
            select(invoices)
            .where(
                invoices.c.merchant_id == merchant_id,
                invoices.c.collect_at <= unit.now,
                invoices.c.status == "open",
            )
            .order_by(invoices.c.collect_at, invoices.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        if not rows:
            return 0
        # A top-up is collected by nobody: its time is the end of its days.
        asked = [row.id for row in rows if row.kind == "top_up"]
        without = _collect_locked(unit, [row for row in rows if row.kind != "top_up"])
    for invoice_id in asked:
        with engine.work(merchant_id, system("collect")) as unit:
            top_up.lapse(unit, invoice_id)
    for invoice_id, customer_id in without:
        with engine.work(merchant_id, system("collect")) as unit:
            _nothing_to_charge(unit, invoice_id, customer_id)
    return len(rows)


def _nothing_to_charge(unit: Work, invoice_id: UUID, customer_id: UUID) -> None:
    """No method can be charged: the invoice is chased with a link to pay, by whatever means."""
    lock_customers(unit, [customer_id])
    method_id = get_invoice(unit, invoice_id).payment_method_id
    if method_id is not None and usable_methods(unit, [method_id]):
        unit.ring("invoice.collect")  # the customer gave a card meanwhile
        return
    missing = _missing(unit, method_id)
    if stand_in(unit, invoice_id, method_id, missing):
        return
    cleared = unit.session.execute(
        update(invoices)
        .where(
            invoices.c.merchant_id == unit.merchant_id,
            invoices.c.id == invoice_id,
            invoices.c.status == "open",
            invoices.c.collect_at <= unit.now,
        )
        .values(collect_at=None)
        .returning(invoices.c.id)
    ).one_or_none()
    if cleared is not None:
        # Nothing was asked of the gateway: the payer must act, by the page or with another card.
        on_declined(unit, invoice_id, decline=decline_of_status(missing))
        after_failed(unit, invoice_id)


def _collect_locked(unit: Work, rows: Sequence[Row[Any]]) -> list[tuple[UUID, UUID]]:
    """Decide and write, set-based, for locked invoices.

    Returns:
        Invoices (with their customers) that no method can be charged for; they stay due.
    """
    listed = [row.id for row in rows]
    numbers = last_numbers(unit, listed)
    standing = _standing(unit, listed)
    usable = usable_methods(unit, [row.payment_method_id for row in rows if row.payment_method_id])
    charged_by = channels_of(unit, usable)
    standing_ways = standing_channels(offered_channels(unit))
    by_invoice = {row.customer_id for row in rows if row.collection == "invoice"}
    payers = load_customers(unit, by_invoice)
    troubled = troubled_channels(unit, standing_ways) if by_invoice else frozenset()
    drafts: list[OrderDraft] = []
    without: list[tuple[UUID, UUID]] = []
    for row in rows:
        kinds = standing.get(row.id, set())
        if row.due_amount <= 0 or "attempt" in kinds:
            continue
        if row.collection == "invoice":
            channel = standing_channel(
                standing_ways, row.due_amount, unit.today,
                preferred=payers[row.customer_id].preferred_channel, troubled=troubled,
            )  # fmt: skip
            if "instrument" not in kinds and channel is not None:
                n = numbers.get((row.id, "instrument"), 0) + 1
                drafts.append(instrument(unit, row, n, channel))
        elif row.payment_method_id not in usable:
            without.append((row.id, row.customer_id))
        elif "instrument" in kinds:
            # Before a pull, what the customer could still push is withdrawn and attested.
            withdraw(unit, row.id, for_charge=True)
        else:
            n = numbers.get((row.id, "attempt"), 0) + 1
            drafts.append(_attempt(row, n, charged_by[row.payment_method_id]))
    write_orders(unit, drafts)
    kept = {invoice_id for invoice_id, _ in without}
    unit.session.execute(
        update(invoices)
        .where(
            invoices.c.merchant_id == unit.merchant_id,
            invoices.c.id.in_([one for one in listed if one not in kept]),
        )
        .values(collect_at=None)
    )
    return without


def _attempt(row: Row[Any], n: int, channel: str) -> OrderDraft:
    return OrderDraft(
        kind="attempt",
        channel=channel,
        initiated_by="merchant",
        customer_id=row.customer_id,
        amount=row.due_amount,
        n=n,
        owner=row.id,
        invoice_id=row.id,
        payment_method_id=row.payment_method_id,
        period=str(row.period_start or "-"),
    )


def _standing(unit: Work, invoice_ids: list[UUID]) -> dict[UUID, set[str]]:
    found: dict[UUID, set[str]] = {}
    for row in unit.session.execute(
        select(payment_orders.c.invoice_id, payment_orders.c.kind).where(
            payment_orders.c.merchant_id == unit.merchant_id,
            payment_orders.c.invoice_id.in_(invoice_ids),
            payment_orders.c.state.in_((*OPEN, "review")),
        )
    ):
        found.setdefault(row.invoice_id, set()).add(row.kind)
    return found


def _missing(unit: Work, method_id: UUID | None) -> str:
    """What is missing for a charge without the payer, as one of our own codes."""
    stands_ready = method_id is not None and bool(live_methods(unit, [method_id]))
    return "no_mandate" if stands_ready else "no_card"
