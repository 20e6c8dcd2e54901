"""What an outcome does to the books: money allocated, tax owed, invoice and case told."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, update

from billing.credits.service import raise_balance
from billing.drafts import MORNING, morning_of
from billing.flows import chase, fallback, refund, top_up
from billing.flows.book_journals import post_capture
from billing.flows.card_checks import check_failed
from billing.flows.holds import hold_ended
from billing.flows.orders import FOR_A_CHARGE, MOOT, TAKEN_BACK, open_orders, withdraw
from billing.flows.push_ends import tell_end
from billing.flows.reviews import open_review
from billing.flows.standing import is_left_alone, waits_for_sign_up
from billing.flows.tax_points import paid_on
from billing.flows.upgrade_offers import before_booking
from billing.flows.use_balance import use_balance
from billing.service import after_failed, after_paid
from core import ids
from core.bulk import insert_rows
from core.calendars import civil_date, instant_of
from core.work import Mail, Work, queue_mail
from invoices.service import record_settled
from invoices.tables import invoices
from payments.channels import CHANNELS
from payments.declines import Decline, decline, decline_of_status, scheme_of
from payments.gateway import Answer
from payments.tables import allocations, payments


def paid(unit: Work, order: Row[Any], invoice: Row[Any], answer: Answer) -> None:
    """Book money the gateway took; what the invoice does not need becomes balance."""
    invoice = before_booking(unit, invoice)
    payment_id = unit.derive("payment", order.order_id)
    owed = invoice.due_amount if invoice.status in ("open", "uncollectible") else 0
    applied = min(order.amount, owed)
    excess = order.amount - applied
    insert_rows(unit.session, payments, [_payment(unit, order, payment_id, answer)])
    if applied:
        insert_rows(
            unit.session,
            allocations,
            [
                {
                    "merchant_id": unit.merchant_id,
                    "id": unit.derive("allocation", order.order_id),
                    "invoice_id": invoice.id,
                    "payment_id": payment_id,
                    "kind": "payment",
                    "amount": applied,
                    "at": unit.now,
                }
            ],
        )
    unit.event(
        "payment.captured",
        "payment",
        payment_id,
        {
            "payment": ids.public("payment", payment_id),
            "invoice": invoice.number,
            "amount": order.amount,
            "channel": paid_by(order, answer),
        },
        customer_id=order.customer_id,
    )
    tax_on = paid_on(unit, order, invoice, answer)
    post_capture(unit, order, invoice, applied, tax_on=tax_on)
    if applied:
        told = {"payment": ids.public("payment", payment_id)}
        told |= fallback.taken_over(unit, order, invoice)
        _allocated(unit, invoice, applied, tax_on, told)
    if applied and invoice.kind == "top_up":
        top_up.paid(unit, order.customer_id, invoice.id, payment_id, applied, key=order.order_id)
    if excess:
        _overpaid(unit, order, invoice, payment_id, excess)
    if answer.settled:
        refund.on_settled(unit, payment_id)
    if excess or applied < owed or invoice.kind == "top_up":
        use_balance(unit, order.customer_id)


def _allocated(
    unit: Work, invoice: Row[Any], applied: int, tax_on: date, told: dict[str, Any]
) -> None:
    state = record_settled(unit, invoice.id, paid=applied, tax_on=tax_on)
    if not state.became_paid:
        # The rest is still due: the old number would take the wrong amount.
        withdraw(unit, invoice.id)
        if invoice.collection == "invoice" or not chase.is_chased(unit, invoice.id):
            _collect_again(unit, invoice.id)
        return
    withdraw(unit, invoice.id, kinds=("instrument", "attempt"))
    after_paid(unit, state)
    chase.on_paid(unit, invoice.id)
    queue_mail(
        unit,
        [
            Mail(
                kind="invoice.paid",
                subject_kind="invoice",
                subject_id=invoice.id,
                recipient=invoice.buyer["email"],
                locale=invoice.locale,
                customer_id=invoice.customer_id,
                payload=told,
            )
        ],
    )


def _overpaid(
    unit: Work, order: Row[Any], invoice: Row[Any], payment_id: UUID, excess: int
) -> None:
    row = balance_entry(unit, order, "overpaid", payment_id, excess)
    raise_balance(unit, row)
    unit.event(
        "balance.credited",
        "payment",
        payment_id,
        {"amount": excess, "because": "overpaid", "invoice": invoice.number},
        customer_id=order.customer_id,
    )
    if order.kind == "attempt" and order.initiated_by == "merchant":
        # Nobody pushed this: it is ours to give back.
        detail = {"order_id": order.order_id, "amount": excess, "invoice": invoice.number}
        open_review(unit, "pulled_too_much", "payment", payment_id, detail)


def paid_by(order: Row[Any], answer: Answer) -> str:
    """The channel the money came by: the payer of a hosted page chose one, and a GoPay order that
    was scanned comes back as QRIS; refunds go by what was paid.
    """
    if CHANNELS[order.channel].pull:
        return str(order.channel)
    return str(answer.channel or order.channel)


def _payment(unit: Work, order: Row[Any], payment_id: UUID, answer: Answer) -> dict[str, Any]:
    return {
        "merchant_id": unit.merchant_id,
        "id": payment_id,
        "payment_order_id": order.id,
        "customer_id": order.customer_id,
        "order_id": order.order_id,
        "transaction_id": answer.transaction_id,
        "channel": paid_by(order, answer),
        "amount": order.amount,
        "status": "settled" if answer.settled else "captured",
        "paid_at": unit.now,
        "settled_at": unit.now if answer.settled else None,
        "created_at": unit.real_now,
    }


def failed(unit: Work, order: Row[Any], invoice: Row[Any] | None, answer: Answer) -> None:
    """The gateway attests that nothing was taken under this order."""
    if invoice is None:
        check_failed(unit, order, answer)
        return
    _failed(unit, order, invoice, answer)
    if order.kind == "attempt":
        # While it was under way the customer's balance was not used for its invoice.
        use_balance(unit, order.customer_id)


def _failed(unit: Work, order: Row[Any], invoice: Row[Any], answer: Answer) -> None:
    is_pull = order.kind == "attempt" and order.initiated_by == "merchant"
    if answer.code == MOOT:
        _go_on(unit, order, invoice, untried=is_pull and not order.abandoning)
        return
    if order.kind == "instrument":
        _instrument_ended(unit, order, invoice, answer)
        return
    verdict = understand(answer)
    if order.held == "authorized":
        hold_ended(unit, order, invoice, answer)
    else:
        fallback.note_refusal(unit, order, invoice, verdict)
    if invoice.status != "open":
        return
    if order.abandoning and not (is_pull and answer.transaction_status == "deny"):
        _go_on(unit, order, invoice)
    elif is_pull:
        # A bank's refusal is one whether or not the charge was still wanted.
        method_id = order.payment_method_id
        if fallback.charge_next(unit, order, invoice, verdict):
            return
        if chase.on_declined(unit, invoice.id, decline=verdict, method_id=method_id):
            after_failed(unit, invoice.id)
            fallback.charge_when_given_up(unit, order, invoice, verdict)
    elif waits_for_sign_up(unit, invoice):
        return
    elif invoice.collection == "invoice" or not chase.is_chased(unit, invoice.id):
        # The payer gave up; the invoice takes the road it had before, with a number to pay to
        # where it had one. What is pulled waits for its next step, or for the hour it had.
        _collect_again(unit, invoice.id, at=_not_at_once(unit, invoice))


def _not_at_once(unit: Work, invoice: Row[Any]) -> datetime | None:
    """When to pull what its payer just failed to pay: as planned, or the next morning."""
    if invoice.collection == "invoice":
        return None
    planned = morning_of(invoice.issued_at, invoice.billing_zone, invoice.id)
    if planned > unit.now:
        return planned
    tomorrow = unit.now + timedelta(days=1)
    return morning_of(tomorrow, invoice.billing_zone, invoice.id)


def _go_on(unit: Work, order: Row[Any], invoice: Row[Any], *, untried: bool = False) -> None:
    """An order ended that was withdrawn or never sent: what the invoice does next.

    A saved method is charged at once only where a charge was due and waited for this end, or was
    to be this very order (``untried``). Else the open case says when, which knows what the bank
    refused for good; without a case nothing that a person took back is repeated on the same day.
    """
    if _others(unit, order, invoice):
        return
    if invoice.collection == "automatic" and not untried and order.reason != FOR_A_CHARGE:
        if invoice.collect_at is not None or chase.is_chased(unit, invoice.id):
            return
        if order.reason == TAKEN_BACK:
            zone = invoice.billing_zone
            tomorrow = civil_date(unit.now, zone) + timedelta(days=1)
            _collect_again(unit, invoice.id, at=instant_of(tomorrow, zone, MORNING))
            return
    _collect_again(unit, invoice.id)


def _others(unit: Work, order: Row[Any], invoice: Row[Any]) -> bool:
    """Whether something else may still take money for this invoice."""
    return any(one.id != order.id for one in open_orders(unit, invoice.id))


def understand(answer: Answer) -> Decline:
    """The decline behind an answer: the bank's or wallet's code, else Midtrans'."""
    if answer.fraud == "deny":
        return decline_of_status("fraud")
    if answer.transaction_status == "expire":
        # What the bank said to a hold that nobody captured is not why it ended.
        return decline_of_status("407")
    if answer.transaction_status or answer.payment_type:
        scheme = scheme_of(answer.masked)
        return decline(answer.code, answer.payment_type or "credit_card", scheme=scheme)
    return decline_of_status(answer.code or "400")


def _instrument_ended(unit: Work, order: Row[Any], invoice: Row[Any], answer: Answer) -> None:
    tell_end(unit, order, invoice, answer)
    if invoice.status != "open" or invoice.due_amount <= 0 or _others(unit, order, invoice):
        return
    if not order.abandoning and order.transaction_id is None and not answer.transaction_status:
        # The gateway gives no numbers: asking at once would be asking without end.
        open_review(unit, "instrument_refused", "invoice", invoice.id, {"code": answer.code})
        if invoice.collection == "invoice" or not chase.is_chased(unit, invoice.id):
            _collect_again(unit, invoice.id, at=unit.now + timedelta(days=1))
    elif order.abandoning:
        _go_on(unit, order, invoice)
    elif invoice.collection == "invoice" or is_left_alone(unit, invoice):
        # Out of date while still owed: what comes next may come now.
        _collect_again(unit, invoice.id)


def _collect_again(unit: Work, invoice_id: UUID, *, at: datetime | None = None) -> None:
    unit.session.execute(
        update(invoices)
        .where(
            invoices.c.merchant_id == unit.merchant_id,
            invoices.c.id == invoice_id,
            invoices.c.status == "open",
            invoices.c.due_amount > 0,
        )
        .values(collect_at=at or unit.now)
    )
    unit.ring("invoice.collect")


def offered(unit: Work, order: Row[Any], answer: Answer) -> None:
    """A number to pay to exists now."""
    unit.event(
        "instrument.offered",
        "payment_order",
        order.id,
        {
            "amount": order.amount,
            "channel": order.channel,
            "bank": answer.instructions.get("bank", ""),
        },
        customer_id=order.customer_id,
    )


def follow_settlement(unit: Work, order: Row[Any], answer: Answer) -> None:
    """A captured payment is on its way to the merchant's bank: refunds that waited may go."""
    if not answer.settled:
        return
    result = unit.session.execute(
        update(payments)
        .where(
            payments.c.merchant_id == unit.merchant_id,
            payments.c.order_id == order.order_id,
            payments.c.status == "captured",
        )
        .values(status="settled", settled_at=unit.now)
        .returning(payments.c.id)
    ).one_or_none()
    if result is not None:
        unit.event(
            "payment.settled",
            "payment",
            result.id,
            {"payment": ids.public("payment", result.id), "amount": order.amount},
            customer_id=order.customer_id,
        )
        refund.on_settled(unit, result.id)


def balance_entry(
    unit: Work, order: Row[Any], kind: str, payment_id: UUID, amount: int
) -> dict[str, Any]:
    """An entry of the customer's balance that a payment is the source of."""
    return {
        "merchant_id": unit.merchant_id,
        "id": unit.derive("balance", kind, payment_id),
        "customer_id": order.customer_id,
        "amount": amount,
        "kind": kind,
        "source_kind": "payment",
        "source_id": payment_id,
        "at": unit.now,
    }
