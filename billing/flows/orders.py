"""Orders for the gateway: written ahead, under ids derived from what they collect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row, func, select, update

from billing.flows.pulling import channels_of
from core import ids
from core.bulk import insert_rows
from core.errors import Conflict, NotFound
from core.work import Work
from invoices.tables import invoices
from payments.channels import CHANNELS
from payments.order_ids import order_id as derive_order_id
from payments.tables import payment_order_steps, payment_orders

OPEN = ("created", "sent", "unknown", "pending")

# The code of an order that was never sent because what it asked for is not due any more.
MOOT = "moot"

# Why an order was withdrawn, where what comes next depends on it: a charge of ours is due in its
# place, or a person wanted it to end.
FOR_A_CHARGE = "withdrawn for a charge"
TAKEN_BACK = "taken back by a person"


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """An order to be written: ``n`` counts the orders of its kind for its invoice.

    ``channel`` is a key of `payments.channels.CHANNELS`. ``amount`` is whole rupiah and what is due
    on the invoice at this moment. ``expires_at`` of a hosted page is its end, and never left out.
    """

    kind: Literal["attempt", "instrument", "check"]
    channel: str
    initiated_by: Literal["customer", "merchant"]
    customer_id: UUID
    amount: int
    n: int
    owner: UUID
    invoice_id: UUID | None = None
    payment_method_id: UUID | None = None
    period: str = "-"
    expires_at: datetime | None = None
    request_sealed: bytes | None = None
    authorize_only: bool = False
    # ``failed`` only for what a restored backup lost and the gateway has decided.
    state: Literal["created", "failed"] = "created"


def write_orders(unit: Work, drafts: Sequence[OrderDraft]) -> list[UUID]:
    """Write orders in state ``created``; they are sent after this transaction has committed.

    The unique index on open attempts refuses a second pull of the same invoice.
    """
    rows: list[dict[str, Any]] = []
    for draft in drafts:
        order_id = derive_order_id(
            unit.merchant.namespace, str(draft.owner), draft.period, draft.kind, draft.n
        )
        rows.append(
            {
                "merchant_id": unit.merchant_id,
                "id": unit.derive("payment_order", order_id),
                "kind": draft.kind,
                "customer_id": draft.customer_id,
                "invoice_id": draft.invoice_id,
                "payment_method_id": draft.payment_method_id,
                "channel": draft.channel,
                "order_id": order_id,
                "n": draft.n,
                "initiated_by": draft.initiated_by,
                "amount": draft.amount,
                "state": draft.state,
                "next_at": unit.real_now if draft.state == "created" else None,
                "opened_at": unit.now,
                "expires_at": draft.expires_at,
                "page_until": draft.expires_at if CHANNELS[draft.channel].is_hosted else None,
                "request_sealed": draft.request_sealed,
                "authorize_only": draft.authorize_only,
            }
        )
    insert_rows(unit.session, payment_orders, rows)
    record_steps(unit, [(row["id"], None, "created", "written ahead", None) for row in rows])
    if rows:
        unit.ring("order.send")
    return [row["id"] for row in rows]


def record_steps(
    unit: Work,
    steps: Sequence[tuple[UUID, str | None, str, str, dict[str, Any] | None]],
) -> None:
    """Note (order, from, to, because, answer) in the orders' history."""
    insert_rows(
        unit.session,
        payment_order_steps,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": ids.fresh(),
                "payment_order_id": order,
                "at": unit.real_now,
                "business_at": unit.now,
                "from_state": before,
                "to_state": after,
                "because": because,
                "answer": answer,
            }
            for order, before, after, because, answer in steps
        ],
    )


def last_numbers(unit: Work, invoice_ids: Sequence[UUID]) -> dict[tuple[UUID, str], int]:
    """The last number of each kind each invoice has had: the next one is this plus one.

    What a restored backup lost and the gateway told of again may leave holes. Kinds count apart:
    what a payer asks for must not change the order id of a pull, which a restored backup derives
    again.
    """
    found = unit.session.execute(
        select(payment_orders.c.invoice_id, payment_orders.c.kind, func.max(payment_orders.c.n))
        .where(
            payment_orders.c.merchant_id == unit.merchant_id,
            payment_orders.c.invoice_id.in_(invoice_ids),
        )
        .group_by(payment_orders.c.invoice_id, payment_orders.c.kind)
    )
    return {(row[0], row[1]): row[2] for row in found}


def open_orders(unit: Work, invoice_id: UUID) -> list[Row[Any]]:
    """The attempts and instruments of an invoice that may still take money, oldest first.

    One that a person has to look at (``review``) blocks like an open one.
    """
    return list(
        unit.session.execute(
            select(payment_orders)
            .where(
                payment_orders.c.merchant_id == unit.merchant_id,
                payment_orders.c.invoice_id == invoice_id,
                payment_orders.c.state.in_((*OPEN, "review")),
            )
            .order_by(payment_orders.c.n)
        )
    )


def lock_open_invoice(unit: Work, invoice_id: UUID) -> Row[Any]:
    """Lock an invoice that can still be collected.

    Raises:
        NotFound: ``invoice_not_found``. Conflict: ``invoice_not_open``.
    """
    row = unit.session.execute(
        select(invoices)
        .where(invoices.c.merchant_id == unit.merchant_id, invoices.c.id == invoice_id)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound("invoice_not_found", "there is no such invoice")
    if row.status != "open" or row.due_amount <= 0:
        raise Conflict("invoice_not_open", f"invoice {row.number} is {row.status}: nothing is due")
    return row


def open_attempt(
    unit: Work,
    invoice_id: UUID,
    *,
    initiated_by: Literal["customer", "merchant"],
    payment_method_id: UUID | None = None,
    request_sealed: bytes | None = None,
    authorize_only: bool = False,
) -> UUID:
    """Write one attempt for what is due on an invoice now.

    Raises:
        Conflict: ``attempt_open``, while another attempt of this invoice is not decided;
            ``invoice_not_open``.
    """
    invoice = lock_open_invoice(unit, invoice_id)
    standing = open_orders(unit, invoice_id)
    if any(order.kind == "attempt" for order in standing):
        raise Conflict(
            "attempt_open", "a charge of this invoice is under way: wait for its outcome"
        )
    if standing:
        raise Conflict(
            "instrument_open",
            "the gateway has not confirmed the end of the open virtual account: ask again",
        )
    n = last_numbers(unit, [invoice_id]).get((invoice_id, "attempt"), 0) + 1
    # A fresh card that is not kept is charged by no method.
    channel = channels_of(unit, [payment_method_id]).get(payment_method_id, "card")
    unit.session.execute(
        update(invoices)
        .where(invoices.c.merchant_id == unit.merchant_id, invoices.c.id == invoice_id)
        .values(collect_at=None)
    )
    [order] = write_orders(
        unit,
        [
            OrderDraft(
                kind="attempt",
                channel=channel,
                initiated_by=initiated_by,
                customer_id=invoice.customer_id,
                amount=invoice.due_amount,
                n=n,
                owner=invoice_id,
                invoice_id=invoice_id,
                payment_method_id=payment_method_id,
                period=str(invoice.period_start or "-"),
                request_sealed=request_sealed,
                authorize_only=authorize_only,
            )
        ],
    )
    return order


def withdraw(
    unit: Work,
    invoice_id: UUID,
    *,
    kinds: Sequence[str] = ("instrument",),
    for_charge: bool = False,
) -> int:
    """Ask for the open orders of an invoice to be cancelled at the gateway; returns how many.

    They stay open until the gateway attests it; a payer who is faster is booked. ``for_charge``
    notes, on what was withdrawn before too, that a charge which is due now waits for their end.
    """
    c = payment_orders.c
    noted = {"reason": FOR_A_CHARGE} if for_charge else {}
    result = unit.session.execute(
        update(payment_orders)
        .where(
            c.merchant_id == unit.merchant_id,
            c.invoice_id == invoice_id,
            c.kind.in_(kinds),
            c.state.in_(OPEN),
            *(() if for_charge else (c.abandoning.is_(False),)),
        )
        .values(abandoning=True, next_at=unit.real_now, **noted)
    )
    count = int(result.rowcount)  # type: ignore[attr-defined]
    if count:
        unit.ring("order.resolve")
        unit.ring("order.send")
    return count
