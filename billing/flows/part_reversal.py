"""A card's bank took a part of a payment back: that part is owed again, and the card is done.

Midtrans says `partial_chargeback` and, in the list of refunds, how much so far. What can not be
booked by a rule (no amount told, or more than settles the invoice) goes to a person unbooked.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, update

from billing.flows import chase, top_up
from billing.flows.book_journals import post_part_reversal
from billing.flows.chase_causes import collect_at, end_charged_method
from billing.flows.order_rows import as_taken
from billing.flows.refund_found import note_arrivals, take_in_found
from billing.flows.refund_rows import charged_back, get_payment
from billing.flows.reversal import allocated, write_off_again
from billing.flows.reviews import open_review
from billing.flows.use_balance import use_balance
from billing.queries import lock_customers
from billing.service import after_failed
from core import ids
from core.bulk import insert_rows
from core.errors import InvalidRequest
from core.work import Work
from invoices.service import record_settled
from invoices.tables import invoices
from payments.gateway import Answer
from payments.tables import allocations, payment_orders, payments

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
    # As it is now: the same news may just have paid it.
    invoice = unit.session.execute(
        select(invoices).where(
            invoices.c.merchant_id == unit.merchant_id, invoices.c.id == invoice.id
        )
    ).one()
    before = charged_back(unit, payment_id)
    part, settles = answer.charged_back - before, allocated(unit, payment_id)
    can_book = 0 < part <= settles and invoice.status in ("open", "paid", "uncollectible")
    if part > 0 or not answer.charged_back:
        detail = {
            "amount": part if part > 0 else None,
            "booked": can_book,
            # Where no amount is told this is all that tells one part from the next.
            "taken_before": before,
            "invoice": invoice.number,
        }
        open_review(unit, "chargeback_part", "payment", payment_id, detail)
    if can_book:
        _book(unit, order, invoice, payment_id, before=before, part=part, left=settles - part)


def book_part(unit: Work, payment_id: UUID, amount: int) -> None:
    """Book a part that a card's bank took back, of which a person knows the amount.

    Raises:
        NotFound: ``payment_not_found``. InvalidRequest: ``refund_exceeds_payment``.
    """
    seen = get_payment(unit, payment_id)
    lock_customers(unit, [seen.customer_id])
    o, i = payment_orders.c, invoices.c
    order_id, invoice_id = unit.session.execute(
        select(o.id, o.invoice_id).where(
            o.merchant_id == unit.merchant_id, o.order_id == seen.order_id
        )
    ).one()
    invoice = unit.session.execute(
        select(invoices).where(i.merchant_id == unit.merchant_id, i.id == invoice_id)
        .with_for_update()
    ).one()  # fmt: skip
    order = unit.session.execute(
        as_taken().where(o.merchant_id == unit.merchant_id, o.id == order_id).with_for_update()
    ).one()  # fmt: skip
    before, settles = charged_back(unit, payment_id), allocated(unit, payment_id)
    if not 0 < amount <= settles or order.state != "paid":
        raise InvalidRequest(
            "refund_exceeds_payment", f"of this payment {settles} settle its invoice",
            field="amount",
        )  # fmt: skip
    _book(unit, order, invoice, payment_id, before=before, part=amount, left=settles - amount)


def _book(
    unit: Work, order: Row[Any], invoice: Row[Any], payment_id: UUID,
    *, before: int, part: int, left: int,
) -> None:  # fmt: skip
    taken_id = unit.derive("allocation", order.order_id, "charged_back", before + part)
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
                "id": taken_id,
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
    if invoice.kind == "top_up":
        key = f"{order.order_id}:{before + part}"
        top_up.taken_back(unit, invoice, payment_id, taken_id, part, key=key)
        return
    if invoice.status == "uncollectible":
        write_off_again(unit, invoice, part)
        return
    after_failed(unit, invoice.id)
    chase.on_reversed(unit, invoice.id, charged_back=True)
    if invoice.collection == "invoice":
        collect_at(unit, invoice.id, unit.now)
        unit.ring("invoice.collect")
    use_balance(unit, order.customer_id)
