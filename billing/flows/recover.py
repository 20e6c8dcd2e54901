"""After a restore: what the gateway knows of an invoice and the backup does not.

In the days after the backup the invoice may have been paid under another order id than the one that
is about to be sent: by a later attempt, or by a virtual account. All these ids are derived, so all
can be asked about before anything is sent.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update

from billing.engine import Engine
from billing.flows.offers import expiry
from billing.flows.orders import MOOT, OPEN, OrderDraft, record_steps, write_orders
from billing.flows.settle import settle
from core.actor import system
from core.work import Work
from invoices.tables import invoices
from payments.channels import HOSTED, PULLS, pulled_by
from payments.gateway import Answer, Gateway
from payments.order_ids import order_id as derive_order_id
from payments.tables import payment_orders

# More orders of one kind than any invoice has had.
N_MAX = 60
# Orders that were dropped, or refused without a transaction, are unknown to the gateway: behind so
# many in a row there is nothing more.
HOLES_MAX = 6

LATER = Answer("not_sent", message="something else of this invoice was found")
GONE = Answer("failed", code=MOOT, message="something else of this invoice was found")


def ask_around(engine: Engine, merchant_id: UUID, gateway: Gateway, order_id: str) -> Answer | None:
    """Ask about every other order the invoice may have had; take in what is found.

    Returns:
        None when the order may be sent: nothing was found, and nothing else is open. Else what to
        make of the order, which was not sent: not due any more, or to be looked at again later.
    """
    with engine.work(merchant_id, system("recover")) as unit:
        order, invoice, known = _facts(unit, order_id)
        namespace = unit.merchant.namespace
    if invoice is None:
        return None
    others_open = any(state in OPEN for other, state in known.items() if other != order_id)
    found = False
    for kind in ("attempt", "instrument"):
        holes = 0
        for n in range(1, N_MAX):
            other = derive_order_id(
                namespace, str(invoice.id), str(invoice.period_start or "-"), kind, n
            )
            if other in known:
                continue
            answer = gateway.status(other)
            if answer.status == "not_found":
                holes += 1
                if holes == HOLES_MAX:
                    break
                continue
            holes = 0
            if answer.status == "unknown":
                return LATER
            if kind == order.kind and _stands(kind, answer):
                # Two of a kind are not open at once: ours, which never left, gives way.
                if order.in_doubt:
                    return LATER
                settle(engine, merchant_id, order_id, GONE, because="another one waits")
            _take_in(engine, merchant_id, order, invoice, kind=kind, n=n, answer=answer)
            settle(engine, merchant_id, other, answer, because="found after a restore")
            found = True
    if found and not _is_due(engine, merchant_id, order):
        return GONE
    return LATER if found or others_open else None


def _stands(kind: str, answer: Answer) -> bool:
    """Whether an order stands in the way of others: it waits, or a person has to look at it.

    A charge that was canceled in the lost days was given back: it must not be made again.
    """
    canceled = answer.status == "failed" and answer.transaction_status == "cancel"
    return answer.status in ("pending", "authorized") or (kind == "attempt" and canceled)


def _is_due(engine: Engine, merchant_id: UUID, order: Row[Any]) -> bool:
    with engine.work(merchant_id, system("recover")) as unit:
        row = unit.session.execute(
            select(invoices.c.status, invoices.c.due_amount).where(
                invoices.c.merchant_id == merchant_id, invoices.c.id == order.invoice_id
            )
        ).one()
        return bool(row.status == "open" and row.due_amount == order.amount)


def _facts(unit: Work, order_id: str) -> tuple[Row[Any], Row[Any] | None, dict[str, str]]:
    c = payment_orders.c
    order = unit.session.execute(
        select(payment_orders).where(c.merchant_id == unit.merchant_id, c.order_id == order_id)
    ).one()
    if order.invoice_id is None:
        return order, None, {}
    invoice = unit.session.execute(
        select(invoices).where(
            invoices.c.merchant_id == unit.merchant_id, invoices.c.id == order.invoice_id
        )
    ).one()
    rows = unit.session.execute(
        select(c.order_id, c.state).where(
            c.merchant_id == unit.merchant_id, c.invoice_id == order.invoice_id
        )
    )
    return order, invoice, {row.order_id: row.state for row in rows}


def _channel(kind: str, answer: Answer) -> str:
    """What a lost order was: the gateway says so; else what orders of its kind mostly are.

    A card that a customer pushed was chosen on a hosted page. Of any other choice on one it can not
    be told; its order is then ended as that of the channel itself.
    """
    if kind == "instrument" and answer.channel in PULLS:
        return next(iter(HOSTED))
    return pulled_by(answer.channel) if kind == "attempt" else answer.channel or "bca_va"


def _take_in(
    engine: Engine,
    merchant_id: UUID,
    order: Row[Any],
    invoice: Row[Any],
    *,
    kind: str,
    n: int,
    answer: Answer,
) -> None:
    """Write the row that the backup lost; `settle` then moves it to where the gateway has it.

    One that is decided enters as ``failed``, from where the truth may still make it paid, so that
    it never stands in the way of the open one. One that still waits is withdrawn: the payer is
    offered a new one.
    """
    waits, channel = _stands(kind, answer), _channel(kind, answer)
    with engine.work(merchant_id, system("recover")) as unit:
        [row] = write_orders(
            unit,
            [
                OrderDraft(
                    kind="attempt" if kind == "attempt" else "instrument",
                    channel=channel,
                    initiated_by="merchant" if kind == "attempt" else "customer",
                    customer_id=order.customer_id,
                    amount=answer.amount or invoice.due_amount,
                    n=n,
                    owner=invoice.id,
                    invoice_id=invoice.id,
                    period=str(invoice.period_start or "-"),
                    expires_at=expiry(channel, unit.now, unit.now) if channel in HOSTED else None,
                    state="created" if waits else "failed",
                )
            ],
        )
        unit.session.execute(
            update(payment_orders)
            .where(payment_orders.c.merchant_id == merchant_id, payment_orders.c.id == row)
            .values(
                state="sent" if waits else "failed",
                sends=1,
                first_sent_at=unit.real_now,
                last_sent_at=unit.real_now,
                abandoning=waits and answer.status != "failed",
            )
        )
        record_steps(unit, [(row, "created", "sent", "sent before the restore", None)])
        if not waits:
            record_steps(unit, [(row, "sent", "failed", "found after a restore", answer.raw)])
