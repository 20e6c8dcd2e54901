"""Money we hold for a customer pays what he owes, as soon as there is both.

New invoices take the balance when they are issued (`issue_balance`). Here the invoice was there
first: the balance goes to open invoices, oldest due date first, in the transaction that made it.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select

from billing import queries
from billing.credits.lots import MONEY, PROMOTIONAL, Lot, Use, in_order, less, of_kind, take
from billing.credits.queries import entries_of_notes, lots_of
from billing.credits.service import lower_balances
from billing.flows import chase
from billing.flows.orders import open_orders, withdraw
from billing.flows.tax_points import payment_point, tax_waiting
from billing.ledger.balance_postings import balance_used
from billing.ledger.service import post
from billing.service import after_paid
from billing.tables import subscriptions
from core import ids
from core.bulk import insert_rows
from core.money import Money
from core.work import Mail, Work, queue_mail
from invoices.queries import Invoice, get_invoice
from invoices.service import InvoiceState, record_settled
from invoices.tables import invoices
from payments.tables import allocations


def use_balance(unit: Work, customer_id: UUID) -> list[UUID]:
    """Pay a customer's open invoices out of his balance; returns those that got something.

    An invoice with a charge under way is left: its outcome comes first, and then this is asked
    again. What is open to be paid by the customer is withdrawn: a number for the old amount is
    followed by one for the rest; whoever is faster than that has balance again.

    Call it where a balance has just come to be, after all else that the cause does: at an
    invoice's end, a subscription's end or a refund's. It locks customer, subscriptions, invoices.
    """
    queries.lock_customers(unit, [customer_id])
    lots = in_order(lots_of(unit, [customer_id]).get(customer_id, ()), unit.now)
    held = sum(lot.left for lot in lots)
    if held <= 0:
        return []
    served: list[UUID] = []
    for invoice_id in _lock_open(unit, customer_id):
        if held <= 0:
            break
        if any(order.kind == "attempt" for order in open_orders(unit, invoice_id)):
            continue
        # Read anew: what an earlier one brought about may have touched this one.
        invoice = get_invoice(unit, invoice_id, lock=True)
        amount = min(held, invoice.due_amount)
        if invoice.status != "open" or amount <= 0:
            continue
        uses = take(_lots_for(unit, invoice, lots), amount)
        _pay(unit, invoice, uses)
        held -= amount
        lots = less(lots, uses)
        served.append(invoice_id)
    return served


def _lots_for(unit: Work, invoice: Invoice, lots: list[Lot]) -> list[Lot]:
    """Put lots in the order in which they pay an invoice.

    One that gave money back and is open again lost a payment to its bank: that payment was what
    it gave back. So money goes first, or given credit would be left as money.
    """
    if len({lot.kind for lot in lots if lot.left}) < 2:
        return lots
    given_back = entries_of_notes(unit, invoice.id)
    if not given_back:
        return lots
    own_first = in_order(lots, unit.now, kinds=(MONEY,), first=given_back)
    return [*own_first, *in_order(lots, unit.now, kinds=(PROMOTIONAL,))]


def _lock_open(unit: Work, customer_id: UUID) -> list[UUID]:
    """Lock the customer's subscriptions, then open invoices, in the order everybody locks."""
    sub, inv = subscriptions.c, invoices.c
    of_customer = (inv.merchant_id == unit.merchant_id, inv.customer_id == customer_id)
    # A top-up is no debt: nobody tops a balance up out of the balance.
    # An offer takes no balance, so that it can be let go.
    wanted = (inv.kind != "top_up", ~inv.is_offer)
    owing = (*of_customer, inv.status == "open", inv.due_amount > 0, *wanted)
    unit.session.execute(
        select(sub.id)
        .where(
            sub.merchant_id == unit.merchant_id,
            sub.id.in_(select(inv.subscription_id).where(*owing)),
        )
        .order_by(sub.id)
        .with_for_update()
    )
    rows = unit.session.execute(
        select(inv.id, inv.due_on, inv.issued_at).where(*owing).order_by(inv.id).with_for_update()
    ).all()
    return [row.id for row in sorted(rows, key=lambda row: (row.due_on, row.issued_at, row.id))]


def _pay(unit: Work, invoice: Invoice, uses: tuple[Use, ...]) -> None:
    amount = sum(use.amount for use in uses)
    times = unit.session.execute(
        select(func.count())
        .select_from(allocations)
        .where(
            allocations.c.merchant_id == unit.merchant_id,
            allocations.c.invoice_id == invoice.id,
            allocations.c.kind == "balance",
        )
    ).scalar_one()
    allocation_id = unit.derive("allocation", "balance", invoice.id, times + 1)
    _write(unit, invoice, uses, allocation_id)
    # The first is that of the issue, whether or not there was one.
    source = f"balance:{times + 1}"
    journals = [
        balance_used(
            f"{invoice.id}:{times + 1}",
            unit.today,
            amount=Money(amount, invoice.currency),
            customer_id=invoice.customer_id,
            promotional=Money(of_kind(uses, PROMOTIONAL), invoice.currency),
        )
    ]
    became = payment_point(
        unit,
        source,
        invoice,
        kind="balance",
        applied=amount,
        on=unit.today,
        waiting=tax_waiting(unit, invoice.id),
    )
    if became is not None:
        journals.append(became)
    post(unit, journals)
    state = record_settled(unit, invoice.id, paid=amount)
    unit.event(
        "balance.applied",
        "invoice",
        invoice.id,
        {
            "invoice": ids.public("invoice", invoice.id),
            "number": invoice.number,
            "amount": amount,
            "due": state.due,
        },
        customer_id=invoice.customer_id,
    )
    withdraw(unit, invoice.id)
    if state.became_paid:
        _paid(unit, invoice, state)


def _write(unit: Work, invoice: Invoice, uses: tuple[Use, ...], allocation_id: UUID) -> None:
    amount = sum(use.amount for use in uses)
    allocation = {
        "merchant_id": unit.merchant_id,
        "id": allocation_id,
        "invoice_id": invoice.id,
        "payment_id": None,
        "kind": "balance",
        "amount": amount,
        "at": unit.now,
    }
    insert_rows(unit.session, allocations, [allocation])
    entry = {
        "merchant_id": unit.merchant_id,
        "id": unit.derive("balance", "applied", allocation_id),
        "customer_id": invoice.customer_id,
        "amount": -amount,
        "kind": "applied",
        # At issue it is the invoice; that may happen once only, this may come again.
        "source_kind": "allocation",
        "source_id": allocation_id,
        "at": unit.now,
    }
    lower_balances(unit, [(entry, uses)])


def _paid(unit: Work, invoice: Invoice, state: InvoiceState) -> None:
    after_paid(unit, state)
    chase.on_paid(unit, invoice.id)
    buyer = queries.get_customer(unit, invoice.customer_id)
    queue_mail(
        unit,
        [
            Mail(
                "invoice.paid",
                "invoice",
                invoice.id,
                recipient=buyer.email,
                locale=invoice.locale,
                customer_id=invoice.customer_id,
                payload={},
            )
        ],
    )
