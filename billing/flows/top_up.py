"""Topping a balance up: asked for by an invoice that sells nothing, on the balance once paid."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, update

from billing import queries
from billing.credits.lots import MONEY, in_order, take
from billing.credits.queries import entries_of_payment, lots_of
from billing.credits.service import NewLot, lower_balances, raise_balance
from billing.drafts import InvoiceDraft
from billing.flows.issue import issue
from billing.flows.reviews import open_review
from billing.flows.void import void_invoice
from billing.ledger.balance_postings import balance_topped_up, top_up_taken_back
from billing.ledger.service import Subject, post
from core import ids
from core.calendars import civil_date, instant_of
from core.errors import InvalidRequest
from core.money import Money
from core.work import Work
from invoices.lines import LineKind, describe, full_line
from invoices.queries import Invoice, get_invoice
from invoices.tables import invoices

MINIMUM: Final = 10_000
MAXIMUM: Final = 100_000_000
# How long the link waits for its payer, in days.
WAITS_DAYS: Final = 7


def ask(
    unit: Work,
    customer_id: UUID,
    amount: int,
    *,
    key: str | None = None,
    external_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Invoice:
    """Write down that a customer wants to add to his balance; he pays it like any invoice.

    Nothing is owed by it: it is never chased, nothing of the balance pays it, and after
    `WAITS_DAYS` it lapses. The balance rises when the money is booked.

    Args:
        amount: whole rupiah.
        key: the caller's idempotency key: the same key gives the same invoice.

    Raises:
        NotFound: ``customer_not_found``. InvalidRequest: ``invalid_amount``.
    """
    if not MINIMUM <= amount <= MAXIMUM:
        raise InvalidRequest(
            "invalid_amount", f"a top-up is {MINIMUM} to {MAXIMUM} rupiah", field="amount"
        )
    queries.lock_customers(unit, [customer_id])
    customer = queries.get_customer(unit, customer_id)
    today = civil_date(unit.now, customer.billing_zone)
    draft = InvoiceDraft(
        customer=customer,
        kind="top_up",
        lines=(
            full_line(
                LineKind.TOP_UP, describe(LineKind.TOP_UP, ""), unit_amount=Money(amount),
                quantity=1,
            ),
        ),
        tax_mode="exclusive",
        collection="invoice",
        zone=customer.billing_zone,
        due_on=today + timedelta(days=WAITS_DAYS),
        change_id=unit.derive("top_up", key) if key else ids.fresh(),
        collect="by_payer",
        external_id=external_id,
        metadata=metadata or {},
    )  # fmt: skip
    issued = issue(unit, [draft])
    invoice = get_invoice(unit, unit.derive("invoice", *draft.key))
    if issued:
        _wait(unit, invoice)
        unit.audit(
            "top_up.request",
            "invoice",
            invoice.id,
            after={"number": invoice.number, "total": invoice.total_amount},
        )
    return invoice


def paid(
    unit: Work, customer_id: UUID, invoice_id: UUID, payment_id: UUID, amount: int, *, key: str
) -> None:
    """Money of a top-up is booked: it is a lot of the balance from now on.

    Args:
        key: the order id that took it.
    """
    days = unit.merchant.top_up_days
    expires_at = None if days is None else ends_after(unit, days)
    raise_balance(
        unit,
        {
            "merchant_id": unit.merchant_id,
            "id": unit.derive("balance", "topped_up", payment_id),
            "customer_id": customer_id,
            "amount": amount,
            "kind": "topped_up",
            "source_kind": "payment",
            "source_id": payment_id,
            "at": unit.now,
        },
        (NewLot(amount, MONEY, expires_at),),
    )
    post(
        unit,
        [balance_topped_up(key, unit.today, amount=Money(amount), customer_id=customer_id)],
        Subject("payment", payment_id),
    )
    unit.event(
        "balance.credited",
        "payment",
        payment_id,
        {
            "amount": amount,
            "because": "topped_up",
            "customer": ids.public("customer", customer_id),
            "invoice": ids.public("invoice", invoice_id),
        },
        customer_id=customer_id,
    )


def taken_back(
    unit: Work, invoice: Row[Any], payment_id: UUID, allocation_id: UUID, amount: int, *, key: str
) -> None:
    """The bank took money of a top-up back: what is left of it goes, what was used is a loss.

    Args:
        allocation_id: the allocation that says how much the invoice lost.
        key: what the journal is known by; a part has its own.
    """
    lots = in_order(
        lots_of(unit, [invoice.customer_id]).get(invoice.customer_id, ()),
        unit.now,
        kinds=(MONEY,),
        first=entries_of_payment(unit, payment_id),
    )
    taken = min(amount, sum(lot.left for lot in lots))
    if taken:
        entry = {
            "merchant_id": unit.merchant_id,
            "id": unit.derive("balance", "reversed", allocation_id),
            "customer_id": invoice.customer_id,
            "amount": -taken,
            "kind": "reversed",
            "source_kind": "allocation",
            "source_id": allocation_id,
            "at": unit.now,
        }
        lower_balances(unit, [(entry, take(lots, taken))])
    lost = amount - taken
    if lost:
        open_review(unit, "reversed_after_use", "payment", payment_id, {"missing": lost})
    journal = top_up_taken_back(
        key, unit.today, taken=Money(taken), lost=Money(lost), customer_id=invoice.customer_id
    )
    post(unit, [journal], Subject("payment", payment_id))
    if get_invoice(unit, invoice.id).paid_amount == 0:
        # Nobody owes us that he leaves money with us.
        void_invoice(unit, invoice.id, reason="taken_back")


def lapse(unit: Work, invoice_id: UUID) -> bool:
    """Void a top-up that nobody paid in its days; says whether it was."""
    queries.lock_customers(unit, [get_invoice(unit, invoice_id).customer_id])
    invoice = get_invoice(unit, invoice_id, lock=True)
    if invoice.status != "open" or invoice.kind != "top_up":
        return False
    if unit.now < _lapses_at(invoice) or invoice.paid_amount:
        _wait(unit, invoice)
        return False
    void_invoice(unit, invoice_id, reason="not_paid_in_time")
    return True


def ends_after(unit: Work, days: int) -> datetime:
    """The instant at which what comes today ends: it can be used on ``days`` more days."""
    return instant_of(unit.today + timedelta(days=days + 1), unit.merchant.billing_zone)


def _lapses_at(invoice: Invoice) -> datetime:
    assert invoice.due_on is not None  # it is issued
    return instant_of(invoice.due_on + timedelta(days=1), invoice.billing_zone)


def _wait(unit: Work, invoice: Invoice) -> None:
    """Look at it again when it lapses; what was paid in part stays."""
    unit.session.execute(
        update(invoices)
        .where(
            invoices.c.merchant_id == unit.merchant_id,
            invoices.c.id == invoice.id,
            invoices.c.status == "open",
        )
        .values(collect_at=None if invoice.paid_amount else _lapses_at(invoice))
    )
