"""A bank took money back that had been paid: the invoice is due again, and asked for again.

A provider's reversal (Permata, Mandiri Bill, shops) says nothing about a card, which may be tried
by the plan of the dunning policy. A chargeback is the holder's no: that card is never charged
again, and nothing is pulled for this invoice until the customer brings another method.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, update

from billing.credits.lots import MONEY, in_order, take
from billing.credits.queries import entries_of_payment, lots_of
from billing.credits.service import lower_balances
from billing.flows import chase, top_up
from billing.flows.book import balance_entry
from billing.flows.book_journals import post_reversal, write_off_key
from billing.flows.chase_causes import collect_at, end_charged_method
from billing.flows.refund_outcomes import give_up, lock_refund
from billing.flows.refund_rows import charged_back as charged_back_so_far
from billing.flows.reviews import close_if_open, open_review
from billing.flows.tax_points import tax_waiting
from billing.flows.use_balance import use_balance
from billing.ledger.chart import Account
from billing.ledger.journal import Journal, JournalKind, Posting
from billing.ledger.postings import written_off
from billing.ledger.service import Subject, post
from billing.service import after_failed
from billing.tables import balance_entries
from core.bulk import insert_rows
from core.money import Money
from core.work import Work
from invoices.service import record_settled
from payments.gateway import Answer
from payments.tables import allocations, payments, refunds

# Refunds that no one has sent yet: there is nothing left to give back.
_NOT_SENT = ("refund_scheduled", "awaiting_approval", "awaiting_transfer")


def take_back(unit: Work, order: Row[Any], invoice: Row[Any], answer: Answer) -> None:
    """Book that the bank took a settled payment back, and have the invoice collected again.

    Customer, invoice and order are locked; the order has just become ``reversed``.
    """
    payment_id = unit.derive("payment", order.order_id)
    charged_back = answer.status == "reversed"
    _drop_refunds(unit, payment_id)
    unit.session.execute(
        update(payments)
        .where(payments.c.merchant_id == unit.merchant_id, payments.c.id == payment_id)
        .values(status="reversed")
    )
    applied = _deallocate(unit, order, invoice, payment_id)
    post_reversal(unit, order, invoice, before=charged_back_so_far(unit, payment_id))
    _take_back_balance(unit, order, payment_id)
    if applied and invoice.kind == "top_up":
        part = unit.derive("allocation", order.order_id, "reversal")
        top_up.taken_back(unit, invoice, payment_id, part, applied, key=order.order_id)
    if charged_back:
        # Nobody has to look at a part of it any more.
        close_if_open(unit, "chargeback_part", payment_id, "charged back whole")
    if charged_back and order.payment_method_id is not None:
        end_charged_method(unit, order.customer_id, order.payment_method_id, "charged_back")
    unit.event(
        "payment.reversed",
        "payment",
        payment_id,
        {"invoice": invoice.number, "amount": order.amount, "charged_back": charged_back},
        customer_id=order.customer_id,
    )
    if applied and invoice.status == "uncollectible":
        write_off_again(unit, invoice, applied)
    elif applied and invoice.kind != "top_up":
        after_failed(unit, invoice.id)
        chase.on_reversed(unit, invoice.id, charged_back=charged_back)
        if invoice.collection == "invoice":
            collect_at(unit, invoice.id, unit.now)
            unit.ring("invoice.collect")
    # Last: only what is still the customer's after the bank took its own pays anything.
    use_balance(unit, order.customer_id)


def _deallocate(unit: Work, order: Row[Any], invoice: Row[Any], payment_id: UUID) -> int:
    applied = allocated(unit, payment_id)
    if not applied:
        return 0
    insert_rows(
        unit.session,
        allocations,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": unit.derive("allocation", order.order_id, "reversal"),
                "invoice_id": invoice.id,
                "payment_id": payment_id,
                "kind": "reversal",
                "amount": -applied,
                "at": unit.now,
            }
        ],
    )
    record_settled(unit, invoice.id, paid=-applied)
    return applied


def allocated(unit: Work, payment_id: UUID) -> int:
    """What of a payment settles its invoice now."""
    c = allocations.c
    total = unit.session.execute(
        select(func.coalesce(func.sum(c.amount), 0)).where(
            c.merchant_id == unit.merchant_id, c.payment_id == payment_id
        )
    ).scalar_one()
    return int(total)


def _drop_refunds(unit: Work, payment_id: UUID) -> None:
    """What was not sent yet is not sent: the bank has given the money back itself."""
    c = refunds.c
    waiting = unit.session.execute(
        select(c.id)
        .where(
            c.merchant_id == unit.merchant_id,
            c.payment_id == payment_id,
            c.state.in_(_NOT_SENT) | ((c.state == "created") & (c.sends == 0)),
        )
        .order_by(c.id)
    ).scalars()
    for refund_id in list(waiting):
        refund = lock_refund(unit, refund_id)
        if refund.state not in _NOT_SENT and (refund.state, refund.sends) != ("created", 0):
            continue  # it has gone out since: the gateway says what becomes of it
        give_up(
            unit, refund, code=None, raw={"because": "payment reversed"},
            review=False, mail=False, spend=False,
        )  # fmt: skip


def _take_back_balance(unit: Work, order: Row[Any], payment_id: UUID) -> None:
    """What the payment had left as balance goes with it; what was used of that is a loss."""
    entry = balance_entries.c
    excess = unit.session.execute(
        select(entry.amount).where(
            entry.merchant_id == unit.merchant_id,
            entry.kind == "overpaid",
            entry.source_id == payment_id,
        )
    ).scalar_one_or_none()
    if not excess:
        return
    lots = in_order(
        lots_of(unit, [order.customer_id]).get(order.customer_id, ()),
        unit.now,
        kinds=(MONEY,),
        first=entries_of_payment(unit, payment_id),
    )
    taken = min(excess, sum(lot.left for lot in lots))
    if taken:
        row = balance_entry(unit, order, "reversed", payment_id, -taken)
        lower_balances(unit, [(row, take(lots, taken))])
    missing = excess - taken
    if not missing:
        return
    open_review(unit, "reversed_after_use", "payment", payment_id, {"missing": missing})
    amount = Money(missing, order.currency)
    lost = Journal(
        JournalKind.WRITTEN_OFF,
        order.order_id,
        unit.today,
        (
            Posting(Account.BAD_DEBT, amount),
            Posting(Account.CUSTOMER_CREDIT, -amount, order.customer_id),
        ),
    )
    post(unit, [lost], Subject("payment", payment_id))


def write_off_again(unit: Work, invoice: Row[Any], applied: int) -> None:
    """A debt that was given up but for what had been paid of it is given up whole."""
    journal = written_off(
        write_off_key(unit, invoice.id, new=True),
        unit.today,
        due=Money(applied, invoice.currency),
        tax_not_due=tax_waiting(unit, invoice.id),
        customer_id=invoice.customer_id,
    )
    post(unit, [journal])
