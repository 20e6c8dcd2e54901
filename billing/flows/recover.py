"""After a restore: what the gateway knows of an invoice and the backup does not.

In the days after the backup the invoice may have been paid under another order id than the one that
is about to be sent: by a later attempt, or by a virtual account. All these ids are derived, so all
can be asked about before anything is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row, select, update

from billing.engine import Engine
from billing.flows.offers import expiry
from billing.flows.orders import MOOT, OPEN, OrderDraft, record_steps, write_orders
from billing.flows.settle import settle, settle_in
from billing.tables import customers
from core.actor import system
from core.tables import recoveries
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
_TRIES = 4

LATER = Answer("not_sent", message="something else of this invoice was found")
GONE = Answer("failed", code=MOOT, message="something else of this invoice was found")


def ask_first(engine: Engine, unit: Work, rows: Sequence[Row[Any]]) -> frozenset[UUID]:
    """Which orders are asked about before they are sent: all, while a merchant recovers.

    Afterwards those that a client may have had made in the lost time already and asks for again:
    not what the calendar makes, that is caught up by then.
    """
    if unit.merchant.mode == "recovering":
        return frozenset(row.id for row in rows)
    made = frozenset(row.id for row in rows if row.initiated_by == "customer")
    if not made or not _recovered_lately(engine, unit):
        return frozenset()
    return made


def _recovered_lately(engine: Engine, unit: Work) -> bool:
    """So lately that a client may still repeat a request of the lost time."""
    since = unit.real_now - timedelta(days=engine.settings.idempotency_days)
    query = select(recoveries.c.id).where(
        recoveries.c.merchant_id == unit.merchant_id, recoveries.c.ended_at >= since
    )
    return unit.session.execute(query.limit(1)).one_or_none() is not None


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
    for lost in _lost(gateway, namespace, invoice, known):
        if lost.answer.status == "unknown":
            return LATER
        if lost.kind == order.kind and _stands(lost.kind, lost.answer):
            # Two of a kind are not open at once: ours, which never left, gives way.
            if order.in_doubt:
                return LATER
            settle(engine, merchant_id, order_id, GONE, because="another one waits")
        _take_in(engine, merchant_id, invoice, lost)
        found = True
    if found and not _is_due(engine, merchant_id, order):
        return GONE
    return LATER if found or others_open else None


@dataclass(slots=True)
class Found:
    """Orders that were found; ``waiting``: not taken in, another of the kind is open."""

    taken_in: int = 0
    unanswered: int = 0
    waiting: int = 0


def search(engine: Engine, merchant_id: UUID, gateway: Gateway, invoice_id: UUID) -> Found:
    """Ask about every order that an invoice may have had and that is not known here."""
    with engine.work(merchant_id, system("recover")) as unit:
        invoice = _invoice(unit, invoice_id)
        orders = unit.session.execute(
            select(payment_orders.c.order_id, payment_orders.c.kind, payment_orders.c.state).where(
                payment_orders.c.merchant_id == merchant_id,
                payment_orders.c.invoice_id == invoice_id,
            )
        ).all()
        namespace = unit.merchant.namespace
    standing = {row.kind for row in orders if row.state in (*OPEN, "review")}
    found = Found()
    for lost in _lost(gateway, namespace, invoice, {row.order_id: row.state for row in orders}):
        stands = _stands(lost.kind, lost.answer)
        if lost.answer.status == "unknown":
            found.unanswered += 1
            break  # asked as a whole again
        if stands and lost.kind in standing:
            found.waiting += 1
        else:
            _take_in(engine, merchant_id, invoice, lost)
            found.taken_in += 1
            if stands:
                standing.add(lost.kind)
    return found


@dataclass(frozen=True, slots=True)
class _Lost:
    """An order that the gateway knows, or may know, and these books do not."""

    kind: Literal["attempt", "instrument"]
    n: int
    order_id: str
    answer: Answer


def _lost(
    gateway: Gateway, namespace: bytes, invoice: Row[Any], known: Collection[str]
) -> Iterator[_Lost]:
    kinds: tuple[Literal["attempt", "instrument"], ...] = ("attempt", "instrument")
    for kind in kinds:
        holes = 0
        for n in range(1, N_MAX):
            start = str(invoice.period_start or "-")
            other = derive_order_id(namespace, str(invoice.id), start, kind, n)
            if other in known:
                continue
            answer = insist(gateway, other)
            if answer.status == "not_found":
                holes += 1
                if holes == HOLES_MAX:
                    break
                continue
            holes = 0
            yield _Lost(kind, n, other, answer)


def insist(gateway: Gateway, wire: str) -> Answer:
    """Ask for a status, and again where no answer comes: of many questions some always fail."""
    answer = gateway.status(wire)
    for _ in range(_TRIES - 1):
        if answer.status != "unknown":
            break
        answer = gateway.status(wire)
    return answer


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
    invoice = _invoice(unit, order.invoice_id)
    rows = unit.session.execute(
        select(c.order_id, c.state).where(
            c.merchant_id == unit.merchant_id, c.invoice_id == order.invoice_id
        )
    )
    return order, invoice, {row.order_id: row.state for row in rows}


def _invoice(unit: Work, invoice_id: UUID) -> Row[Any]:
    return unit.session.execute(
        select(invoices).where(
            invoices.c.merchant_id == unit.merchant_id, invoices.c.id == invoice_id
        )
    ).one()


def _channel(kind: str, answer: Answer) -> str:
    """What a lost order was: the gateway says so; else what orders of its kind mostly are.

    A card that a customer pushed was chosen on a hosted page. Of any other choice on one it can not
    be told; its order is then ended as that of the channel itself.
    """
    if kind == "instrument" and answer.channel in PULLS:
        return next(iter(HOSTED))
    return pulled_by(answer.channel) if kind == "attempt" else answer.channel or "bca_va"


def _take_in(engine: Engine, merchant_id: UUID, invoice: Row[Any], lost: _Lost) -> None:
    """Write the row that the backup lost; `settle` then moves it to where the gateway has it.

    One that is decided enters as ``failed``, from where the truth may still make it paid, so that
    it never stands in the way of the open one. One that still waits is withdrawn: the payer is
    offered a new one.
    """
    kind, answer = lost.kind, lost.answer
    waits, channel = _stands(kind, answer), _channel(kind, answer)
    with engine.work(merchant_id, system("recover")) as unit:
        if not _lock(unit, invoice, lost.order_id):
            return  # another has just taken it in
        [row] = write_orders(
            unit,
            [
                OrderDraft(
                    kind=kind,
                    channel=channel,
                    initiated_by="merchant" if kind == "attempt" else "customer",
                    customer_id=invoice.customer_id,
                    amount=answer.amount or invoice.due_amount,
                    n=lost.n,
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
        # At once with its row: one that was written and not settled would be known, and wrong.
        settle_in(engine, unit, lost.order_id, answer, because="found after a restore")


def _lock(unit: Work, invoice: Row[Any], order_id: str) -> bool:
    """Lock customer and invoice, as `settle` does; False where the order is known by now."""
    unit.session.execute(
        select(customers.c.id)
        .where(customers.c.merchant_id == unit.merchant_id, customers.c.id == invoice.customer_id)
        .with_for_update(key_share=True)
    )
    unit.session.execute(
        select(invoices.c.id)
        .where(invoices.c.merchant_id == unit.merchant_id, invoices.c.id == invoice.id)
        .with_for_update()
    )
    c = payment_orders.c
    known = unit.session.execute(
        select(c.id).where(c.merchant_id == unit.merchant_id, c.order_id == order_id)
    )
    return known.one_or_none() is None
