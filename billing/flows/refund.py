"""Money back: asked for, written down with its credit note, then sent by the road it can take.

A refund never exceeds what is left of its payment and is booked when the gateway (or a person, for
a transfer by hand) attests it. Money of an invoice goes back with a credit note; money that settled
none comes out of the customer's balance. See `billing.flows.refund_send` for the way it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import update

from billing.flows.confirmations import confirm_refund
from billing.flows.credit import CreditNote, credit_invoice
from billing.flows.refund_outcomes import give_up, lock_refund, succeed, tell
from billing.flows.refund_rows import (
    already_refunded,
    find_refund,
    get_payment,
    invoice_of,
    lock_payment,
    routed,
)
from billing.flows.refund_send import send_due
from billing.flows.refund_sources import (
    mail_refund,
    require_unspent,
    settled_an_invoice,
    take_from_balance,
    unallocated,
)
from billing.flows.second_person import require_second_person
from billing.queries import get_customer, lock_customers
from core.bulk import insert_rows
from core.errors import Conflict, InvalidRequest
from core.work import Mail, Work, queue_mail
from payments.order_ids import refund_key
from payments.refunds import refundable, require_refundable
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
    """Write a refund of a payment; it is sent after this has committed.

    Money that belongs to no invoice goes back out of the customer's balance; all other money with
    a credit note on its invoice.

    Args:
        amount: whole rupiah with tax; when not said, everything that is left of what belongs to
            no invoice, or else of the payment.
        reason: a code for the credit note, such as ``requested_by_customer`` or ``mistake``.
        requested_by: who asks; the actor when not said. The same person can not approve it.
        invoice_id: which invoice is credited, where a payment settled several, or settled one and
            was more than it.
        payee: ``bank``, ``account_number``, ``account_name`` for a transfer by hand. One that a
            second person must agree to is not approved without.
        note: words for the customer, printed on the credit note or said in the mail.
        key: the caller's idempotency key: the same key gives the same refund.

    Returns:
        The refund's id. Its state says what happens next: ``created`` (sent at once),
        ``refund_scheduled`` (waits for the payment's settlement), ``awaiting_approval`` or
        ``awaiting_transfer`` (by hand).

    Raises:
        NotFound: ``payment_not_found``. Conflict: ``payment_not_refundable`` when it was taken
            back, ``credit_exceeds_paid``, ``balance_spent`` when the customer has used the money.
        InvalidRequest: ``nothing_to_refund``, ``refund_exceeds_payment``, ``invalid_payee``,
            ``refund_exceeds_unallocated``, or a refusal of the credit note.
    """
    seen = get_payment(unit, payment_id)
    lock_customers(unit, [seen.customer_id])
    if key is not None and (known := find_refund(unit, unit.derive("refund", key))) is not None:
        return known
    payment = get_payment(unit, payment_id)
    if payment.status in ("reversed", "canceled"):
        raise Conflict("payment_not_refundable", f"the payment was {payment.status}")
    already, count = already_refunded(unit, payment_id)
    spare = unallocated(unit, payment_id) if invoice_id is None else 0
    of_balance = spare > 0 or (invoice_id is None and not settled_an_invoice(unit, payment_id))
    left = refundable(payment.amount, already)
    wanted = amount if amount is not None else min(left, spare) if of_balance else left
    require_refundable(payment.amount, already, wanted)
    _check_payee(payee)
    # The key carries a number: a refund that failed is followed by another, under another key.
    sent_as = refund_key(payment.order_id, count + 1, wanted)
    row = routed(unit, payment, wanted, already) | {
        "merchant_id": unit.merchant_id,
        "id": unit.derive("refund", key if key is not None else sent_as),
        "payment_id": payment_id,
        "invoice_id": None,
        "credit_note_id": None,
        "refund_key": sent_as,
        "amount": wanted,
        "reason": reason,
        "requested_by": requested_by or str(unit.actor),
        "payee": dict(payee) if payee else None,
        "created_at": unit.now,
    }
    noted = None
    if of_balance:
        require_unspent(unit, payment, wanted, spare)
    else:
        noted = credit_invoice(
            unit,
            invoice_id or invoice_of(unit, payment_id, wanted),
            gross_amount=wanted,
            reason=reason,
            note=note,
            source_kind="refund",
            source_id=row["id"],
            notify=False,
        )
        row |= {"invoice_id": noted.invoice_id, "credit_note_id": noted.id}
    lock_payment(unit, payment_id)
    insert_rows(unit.session, refunds, [row])
    if of_balance:
        take_from_balance(unit, row["id"], payment_id, payment.customer_id, wanted)
    _announce(unit, row, payment.customer_id, noted, note)
    found: UUID = row["id"]
    return found


def approve(unit: Work, refund_id: UUID, *, approved_by: str | None = None) -> None:
    """A second person agrees to a transfer by hand above the merchant's limit.

    Raises:
        NotFound: ``refund_not_found``.
        Conflict: ``refund_not_awaiting_approval``; ``payee_needed``, where nobody said yet to whom
            the money would go: that is what is agreed to.
        Forbidden: ``second_person_needed``, ``person_needed``; see `billing.flows.second_person`.
    """
    refund = lock_refund(unit, refund_id)
    if refund.state != "awaiting_approval":
        raise Conflict("refund_not_awaiting_approval", f"this refund is {refund.state}")
    who = approved_by or str(unit.actor)
    require_second_person(unit, refund.requested_by, who)
    if refund.payee is None:
        raise Conflict(
            "payee_needed",
            "nobody said where the money goes: reject it and ask anew with a payee",
            field="payee",
        )
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
        Conflict: ``refund_not_awaiting_transfer``, with approval still missing or already done;
            ``payee_approved`` when it went elsewhere than was approved.
        InvalidRequest: ``invalid_proof`` or ``invalid_payee``.
    """
    refund = lock_refund(unit, refund_id)
    if refund.state != "awaiting_transfer":
        raise Conflict("refund_not_awaiting_transfer", f"this refund is {refund.state}")
    if not proof.strip():
        raise InvalidRequest("invalid_proof", "the bank's reference is needed", field="proof")
    _check_payee(payee)
    paid_to = dict(payee) if payee else refund.payee
    if refund.approved_by is not None and refund.payee != paid_to:
        raise Conflict("payee_approved", "another account was approved: reject it and ask anew")
    if paid_to is None:
        raise InvalidRequest("invalid_payee", "say where the money went", field="payee")
    _set(unit, refund_id, proof=proof.strip(), payee=paid_to)
    done = lock_refund(unit, refund_id)
    succeed(unit, done, code=None, raw={})
    confirm_refund(unit, dict(done._mapping), done.customer_id, unit.today)
    unit.audit(
        "refund.complete",
        "refund",
        refund_id,
        before={"state": refund.state},
        after={"state": "succeeded", "proof": proof.strip()},
    )


def reject(unit: Work, refund_id: UUID, *, because: str) -> None:
    """A person decides against a transfer by hand; the credit stays as the customer's balance.

    Raises:
        NotFound: ``refund_not_found``. Conflict: ``refund_not_manual``.
    """
    refund = lock_refund(unit, refund_id)
    if refund.state not in ("awaiting_approval", "awaiting_transfer"):
        raise Conflict("refund_not_manual", f"this refund is {refund.state}")
    give_up(unit, refund, code=None, raw={"because": because}, review=False)
    unit.audit(
        "refund.reject",
        "refund",
        refund_id,
        before={"state": refund.state},
        after={"state": "failed", "because": because},
    )


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


def _announce(
    unit: Work,
    row: Mapping[str, Any],
    customer_id: UUID,
    noted: CreditNote | None,
    note: str | None,
) -> None:
    """Tell of it, and mail the customer with the day the money starts on its way."""
    if row["state"] == "created":
        unit.ring("refund.send")
    else:
        tell(unit, "refund.scheduled", row, customer_id)
    told = {name: row[name] for name in ("amount", "route", "state")}
    told["source"] = "balance" if noted is None else "invoice"
    unit.audit("refund.request", "refund", row["id"], after=told)
    due_at = row["due_at"]
    when = unit.merchant.today(due_at).isoformat() if due_at is not None else None
    if noted is None:
        mail_refund(unit, row, customer_id, when, note)
        return
    buyer = get_customer(unit, noted.customer_id)
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
                payload={} if when is None else {"when": when},
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
