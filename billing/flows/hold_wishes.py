"""What a person wants done with what is held: captured, approved, denied. Written, not yet told."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row, select

from billing import queries
from billing.flows.one_order import get_order
from billing.flows.order_rows import this_order
from billing.flows.orders import record_steps
from billing.flows.reviews import close_review
from core.errors import Conflict, InvalidRequest
from core.work import Work
from invoices.queries import Invoice, get_invoice
from payments.tables import payment_orders, reviews

Rest = Literal["due", "credit"]


def wish_capture(
    unit: Work, order_id: UUID, *, amount: int | None = None, rest: Rest | None = None
) -> UUID:
    """Want a hold to be taken, whole or in part; it can be captured once.

    Args:
        amount: whole rupiah; when not said, what is held, at most what is still due.
        rest: what becomes of the rest of the invoice where less is taken: it stays ``due``, or it
            is taken back by a credit note (``credit``).

    Raises:
        NotFound: ``payment_order_not_found``.
        Conflict: ``order_not_held``, ``decision_under_way``, ``invoice_not_open``.
        InvalidRequest: ``capture_exceeds_hold``, ``capture_exceeds_due``, ``rest_needed``.
    """
    order, invoice = _lock(unit, order_id)
    due = _due(invoice)
    wanted = amount if amount is not None else min(order.amount, due)
    if order.wish == "capture" and (order.capture_amount, order.capture_rest) == (wanted, rest):
        return order_id  # asked for already
    _require(order, "authorized")
    if not due:
        raise Conflict("invoice_not_open", "nothing is due on its invoice: release the hold")
    if wanted > order.amount:
        raise InvalidRequest(
            "capture_exceeds_hold", f"{order.amount} is held, {wanted} is more", field="amount"
        )
    if wanted > due:
        raise InvalidRequest(
            "capture_exceeds_due", f"{due} is due on its invoice, {wanted} is more", field="amount"
        )
    if wanted < due and rest is None:
        raise InvalidRequest(
            "rest_needed", f"say what becomes of the other {due - wanted}: due or credit",
            field="rest",
        )  # fmt: skip
    _want(unit, order, wish="capture", capture_amount=wanted, capture_rest=rest)
    return order_id


def wish_review(unit: Work, order_id: UUID, *, accept: bool, reason: str) -> UUID:
    """Want a charge that the fraud desk questions to be accepted, or denied.

    Raises:
        NotFound: ``payment_order_not_found``.
        Conflict: ``order_not_held``, ``decision_under_way``.
    """
    order, _ = _lock(unit, order_id)
    wish = "approve" if accept else "deny"
    if order.wish == wish:
        return order_id
    _require(order, "challenge")
    _want(unit, order, wish=wish, why=reason)
    c = reviews.c
    for matter in unit.session.execute(
        select(c.id).where(
            c.merchant_id == unit.merchant_id, c.kind == "fraud_challenge",
            c.subject_id == order_id, c.closed_at.is_(None),
        )
    ).scalars():  # fmt: skip
        close_review(unit, matter, f"{wish}: {reason}")
    return order_id


def _lock(unit: Work, order_id: UUID) -> tuple[Row[Any], Invoice | None]:
    """Lock customer, invoice, order, in that order."""
    seen = get_order(unit, order_id)
    queries.lock_customers(unit, [seen.customer_id])
    invoice = get_invoice(unit, seen.invoice_id, lock=True) if seen.invoice_id else None
    order = unit.session.execute(
        select(payment_orders)
        .where(
            payment_orders.c.merchant_id == unit.merchant_id, payment_orders.c.id == order_id
        )
        .with_for_update()
    ).one()  # fmt: skip
    return order, invoice


def _due(invoice: Invoice | None) -> int:
    return invoice.due_amount if invoice is not None and invoice.status == "open" else 0


def _require(order: Row[Any], held: str) -> None:
    if order.kind == "check" or order.held != held or order.abandoning:
        raise Conflict("order_not_held", f"this order is {order.held or order.state}, not {held}")
    if order.wish is not None:
        raise Conflict("decision_under_way", f"{order.wish} is under way: ask again in a moment")


def _want(unit: Work, order: Row[Any], *, why: str = "", **wanted: Any) -> None:
    unit.session.execute(this_order(unit, order).values(next_at=unit.real_now, **wanted))
    unit.ring("order.resolve")
    unit.audit(
        f"payment_order.{wanted['wish']}",
        "payment_order",
        order.id,
        before={"state": order.state, "held": order.held},
        after={**wanted, **({"reason": why} if why else {})},
    )
    if why:
        because = f"{wanted['wish']}: {why}"
        record_steps(unit, [(order.id, order.state, order.state, because, None)])
