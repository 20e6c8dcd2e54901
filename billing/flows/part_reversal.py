"""A card's bank took a part of a payment back: that part is owed again, and the card is done.

Midtrans says `partial_chargeback` and, in the list of refunds, how much so far. What can not be
booked by a rule (no amount told, or more than settles the invoice) goes to a person unbooked.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, update

from billing.flows import chase
from billing.flows.book_journals import post_part_reversal
from billing.flows.chase_causes import collect_at, end_charged_method
from billing.flows.refund_found import note_arrivals, take_in_found
from billing.flows.refund_rows import charged_back
from billing.flows.reversal import allocated, write_off_again
from billing.flows.reviews import open_review
from billing.flows.use_balance import use_balance
from billing.service import after_failed
from core import ids
from core.bulk import insert_rows
from core.work import Work
from invoices.service import record_settled
from payments.gateway import Answer
from payments.tables import allocations, payments

_PARTLY: Final = "partial_chargeback"


def note_given_back(unit: Work, order: Row[Any], invoice: Row[Any] | None, answer: Answer) -> None:
    """Take in what the gateway tells of money that went back out of a paid order."""
    take_in_found(unit, order, answer)
    note_arrivals(unit, order, answer)
    take_part_back(unit, order, invoice, answer)


def take_part_back(unit: Work, order: Row[Any], invoice: Row[Any] | None, answer: Answer) -> None:
    """Book what a card's bank took back since the last time; harmless to repeat.

    Customer, invoice and order are locked; the order is ``paid`` and stays so.
    """
    if answer.transaction_status != _PARTLY or invoice is None:
        return
    payment_id = unit.derive("payment", order.order_id)
    if order.payment_method_id is not None:
        end_charged_method(unit, order.customer_id, order.payment_method_id, "charged_back")
    before = charged_back(unit, payment_id)
    part, settles = answer.charged_back - before, allocated(unit, payment_id)
    can_book = 0 < part <= settles and invoice.status in ("open", "paid", "uncollectible")
    if part > 0 or not answer.charged_back:
        detail = {"amount": part or None, "booked": can_book, "invoice": invoice.number}
        open_review(unit, "chargeback_part", "payment", payment_id, detail)
    if can_book:
        _book(unit, order, invoice, payment_id, before=before, part=part, left=settles - part)


def _book(
    unit: Work, order: Row[Any], invoice: Row[Any], payment_id: UUID,
    *, before: int, part: int, left: int,
) -> None:  # fmt: skip
    unit.session.execute(
        update(payments)
        .where(payments.c.merchant_id == unit.merchant_id, payments.c.id == payment_id)
        .values(charged_back_amount=before + part)
    )
    insert_rows(
        unit.session,
        allocations,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": unit.derive("allocation", order.order_id, "charged_back", before + part),
                "invoice_id": invoice.id,
                "payment_id": payment_id,
                "kind": "reversal",
                "amount": -part,
                "at": unit.now,
            }
        ],
    )
    record_settled(unit, invoice.id, paid=-part)
    post_part_reversal(unit, order, invoice, before=before, part=part, left=left)
    unit.event(
        "payment.reversed",
        "payment",
        payment_id,
        {
            "payment": ids.public("payment", payment_id),
            "invoice": invoice.number,
            "amount": part,
            "charged_back": True,
            "in_part": True,
        },
        customer_id=order.customer_id,
    )
    if invoice.status == "uncollectible":
        write_off_again(unit, invoice, part)
        return
    after_failed(unit, invoice.id)
    chase.on_reversed(unit, invoice.id, charged_back=True)
    if invoice.collection == "invoice":
        collect_at(unit, invoice.id, unit.now)
        unit.ring("invoice.collect")
    use_balance(unit, order.customer_id)
