"""Money back: asked for, written down with its credit note, then sent by the road it can take.

A refund never exceeds what is left of its payment, always has a credit note, and is booked when
the gateway (or a person, for a transfer by hand) attests it. See `billing.flows.refund_send` for
the way it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, update

from billing.flows.credit import CreditNote, credit_invoice
from billing.flows.refund_outcomes import give_up, lock_refund, succeed, tell
from billing.flows.refund_rows import (
    already_refunded,
    find_refund,
    get_payment,
    invoice_of,
    lock_payment,
)
from billing.flows.refund_send import send_due
from billing.queries import get_customer, lock_customers
from core.bulk import insert_rows
from core.errors import Conflict, Forbidden, InvalidRequest
from core.work import Mail, Work, queue_mail
from payments.attempts import Stage
from payments.order_ids import refund_key
from payments.refunds import (
    Cancel,
    Manual,
    RefundNow,
    WaitForSettlement,
    refundable,
    require_refundable,
    route,
)
from payments.tables import refunds

__all__ = [
    "approve",
    "complete_manual",
    "on_settled",
    "refundable_amount",
    "reject",
    "request_refund",
    "send_due",
]

# Midtrans settles in a run of its own: a few minutes later its status says so.
_AFTER_SETTLEMENT: Final = timedelta(minutes=10)
_PAYEE: Final = ("bank", "account_number", "account_name")


def request_refund(
    unit: Work,
    payment_id: UUID,
    amount: int | None = None,
    reason: str = "requested_by_customer",
    *,
    requested_by: str | None = None,
    invoice_id: UUID | None = None,
    payee: Mapping[str, str] | None = None,
    note: str | None = None,
    key: str | None = None,
) -> UUID:
    """Write a refund of a payment and its credit note; it is sent after this has committed.

    Args:
        amount: whole rupiah with tax; everything that is left when not said.
        reason: a code for the credit note, such as ``requested_by_customer`` or ``mistake``.
        requested_by: who asks; the actor when not said. The same person can not approve it.
        invoice_id: which invoice is credited, where a payment settled several.
        payee: ``bank``, ``account_number``, ``account_name`` for a transfer by hand.
        note: words for the customer, printed on the credit note.
        key: the caller's idempotency key: the same key gives the same refund.

    Returns:
        The refund's id. Its state says what happens next: ``created`` (sent at once),
        ``refund_scheduled`` (waits for the payment's settlement), ``awaiting_approval`` or
        ``awaiting_transfer`` (by hand).

    Raises:
        NotFound: ``payment_not_found``. Conflict: ``payment_not_refundable`` when it was taken
            back, ``credit_exceeds_paid``, ``nothing_on_invoice`` when the money is the customer's
            balance and on no invoice.
        InvalidRequest: ``nothing_to_refund``, ``refund_exceeds_payment``, ``invalid_payee``, or a
            refusal of the credit note.
    """
    seen = get_payment(unit, payment_id)
    lock_customers(unit, [seen.customer_id])
    if key is not None and (known := find_refund(unit, unit.derive("refund", key))) is not None:
        return known
    payment = get_payment(unit, payment_id)
    if payment.status in ("reversed", "canceled"):
        raise Conflict("payment_not_refundable", f"the payment was {payment.status}")
    already, count = already_refunded(unit, payment_id)
    wanted = refundable(payment.amount, already) if amount is None else amount
    require_refundable(payment.amount, already, wanted)
    _check_payee(payee)
    # The key carries a number: a refund that failed is followed by another, under another key.
    sent_as = refund_key(payment.order_id, count + 1, wanted)
    refund_id = unit.derive("refund", key if key is not None else sent_as)
    row = _routed(unit, payment, wanted, already)
    noted = credit_invoice(
        unit,
        invoice_id or invoice_of(unit, payment_id, wanted),
        gross_amount=wanted,
        reason=reason,
        note=note,
        source_kind="refund",
        source_id=refund_id,
        notify=False,
    )
    lock_payment(unit, payment_id)
    row |= {
        "merchant_id": unit.merchant_id,
        "id": refund_id,
        "payment_id": payment_id,
        "invoice_id": noted.invoice_id,
        "credit_note_id": noted.id,
        "refund_key": sent_as,
        "amount": wanted,
        "reason": reason,
        "requested_by": requested_by or str(unit.actor),
        "payee": dict(payee) if payee else None,
        "created_at": unit.now,
    }
    insert_rows(unit.session, refunds, [row])
    _announce(unit, row, noted)
    return refund_id


def approve(unit: Work, refund_id: UUID, *, approved_by: str | None = None) -> None:
    """A second person agrees to a transfer by hand above the merchant's limit.

    Raises:
        NotFound: ``refund_not_found``. Conflict: ``refund_not_awaiting_approval``.
        Forbidden: ``second_person_needed``.
    """
    refund = lock_refund(unit, refund_id)
    if refund.state != "awaiting_approval":
        raise Conflict("refund_not_awaiting_approval", f"this refund is {refund.state}")
    who = approved_by or str(unit.actor)
    if who == refund.requested_by:
        raise Forbidden("second_person_needed", "who asked for a refund can not approve it")
    _set(unit, refund_id, state="awaiting_transfer", approved_by=who)
    unit.audit(
        "refund.approve",
        "refund",
        refund_id,
        before={"state": "awaiting_approval"},
        after={"state": "awaiting_transfer", "approved_by": who},
    )


def complete_manual(
    unit: Work,
    refund_id: UUID,
    *,
    proof: str,
    payee: Mapping[str, str] | None = None,
) -> None:
    """A person transferred the money by hand: keep the proof and book it.

    Args:
        proof: the bank's reference of the transfer.
        payee: where it went, when that was not said before.

    Raises:
        NotFound: ``refund_not_found``.
        Conflict: ``refund_not_awaiting_transfer``, with approval still missing or already done.
        InvalidRequest: ``invalid_proof`` or ``invalid_payee``.
    """
    refund = lock_refund(unit, refund_id)
    if refund.state != "awaiting_transfer":
        raise Conflict("refund_not_awaiting_transfer", f"this refund is {refund.state}")
    if not proof.strip():
        raise InvalidRequest("invalid_proof", "the bank's reference is needed", field="proof")
    _check_payee(payee)
    paid_to = dict(payee) if payee else refund.payee
    if paid_to is None:
        raise InvalidRequest("invalid_payee", "say where the money went", field="payee")
    _set(unit, refund_id, proof=proof.strip(), payee=paid_to)
    succeed(unit, lock_refund(unit, refund_id), code=None, raw={})
    unit.audit("refund.complete", "refund", refund_id, after={"proof": proof.strip()})


def reject(unit: Work, refund_id: UUID, *, because: str) -> None:
    """A person decides against a transfer by hand; the credit stays as the customer's balance.

    Raises:
        NotFound: ``refund_not_found``. Conflict: ``refund_not_manual``.
    """
    refund = lock_refund(unit, refund_id)
    if refund.state not in ("awaiting_approval", "awaiting_transfer"):
        raise Conflict("refund_not_manual", f"this refund is {refund.state}")
    give_up(unit, refund, code=None, raw={"because": because}, review=False)
    unit.audit("refund.reject", "refund", refund_id, after={"because": because})


def on_settled(unit: Work, payment_id: UUID) -> None:
    """A payment reached settlement: refunds that waited for it may be sent now."""
    freed = unit.session.execute(
        update(refunds)
        .where(
            refunds.c.merchant_id == unit.merchant_id,
            refunds.c.payment_id == payment_id,
            refunds.c.state == "refund_scheduled",
        )
        .values(state="created", due_at=None, next_at=unit.real_now)
    )
    if freed.rowcount:  # type: ignore[attr-defined]
        unit.ring("refund.send")


def refundable_amount(unit: Work, payment_id: UUID) -> int:
    """Say how much of a payment may still go back, refunds on their way taken off."""
    payment = get_payment(unit, payment_id)
    return refundable(payment.amount, already_refunded(unit, payment_id)[0])


def _routed(unit: Work, payment: Row[Any], amount: int, already: int) -> dict[str, Any]:
    """Choose the road, and with it the state a refund begins in."""
    chosen = route(
        payment.channel,
        Stage.SETTLED if payment.status == "settled" else Stage.CAPTURED,
        amount,
        paid=payment.amount,
        already=already,
        paid_at=payment.paid_at,
        now=unit.now,
    )
    match chosen:
        case Cancel():
            return _row("cancel", "created", next_at=unit.real_now)
        case RefundNow():
            return _row("refund", "created", next_at=unit.real_now)
        case WaitForSettlement(until):
            return _row("refund", "refund_scheduled", due_at=until + _AFTER_SETTLEMENT)
        case Manual():
            needs_second = amount > unit.merchant.refund_approval_above
            return _row("manual", "awaiting_approval" if needs_second else "awaiting_transfer")


def _row(
    road: str, state: str, *, due_at: datetime | None = None, next_at: datetime | None = None
) -> dict[str, Any]:
    return {"route": road, "state": state, "due_at": due_at, "next_at": next_at}


def _announce(unit: Work, row: Mapping[str, Any], noted: CreditNote) -> None:
    """Tell of it, and send the credit note with the day its money starts on its way."""
    if row["state"] == "created":
        unit.ring("refund.send")
    else:
        tell(unit, "refund.scheduled", row, noted.customer_id)
    unit.audit(
        "refund.request",
        "refund",
        row["id"],
        after={"amount": row["amount"], "route": row["route"], "state": row["state"]},
    )
    buyer = get_customer(unit, noted.customer_id)
    due_at = row["due_at"]
    when = {"when": unit.merchant.today(due_at).isoformat()} if due_at is not None else {}
    queue_mail(
        unit,
        [
            Mail(
                "credit_note.issued",
                "credit_note",
                noted.id,
                recipient=buyer.email,
                locale=buyer.locale,
                customer_id=buyer.id,
                payload=when,
            )
        ],
    )


def _check_payee(payee: Mapping[str, str] | None) -> None:
    for name in _PAYEE if payee is not None else ():
        if payee is None or not str(payee.get(name) or "").strip():
            raise InvalidRequest("invalid_payee", f"{name} is needed", field=f"payee.{name}")


def _set(unit: Work, refund_id: UUID, **values: Any) -> None:
    unit.session.execute(
        update(refunds)
        .where(refunds.c.merchant_id == unit.merchant_id, refunds.c.id == refund_id)
        .values(**values)
    )
