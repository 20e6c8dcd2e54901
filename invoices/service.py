"""Writes of invoices: numbers without gaps, issued rows, and what was paid or credited of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text, update

from core import ids
from core.bulk import insert_rows
from core.errors import Conflict
from core.money import Money
from core.work import Work
from invoices import queries
from invoices.queries import Invoice
from invoices.status import (
    InvoiceStatus,
    is_only_credited,
    move,
    require_voidable,
    status_after_allocation,
)
from invoices.tables import invoice_lines, invoices


@dataclass(frozen=True, slots=True)
class InvoiceState:
    """An invoice after what was paid or credited of it changed; amounts in whole rupiah.

    ``became_paid``: nothing is due any more, by this change. ``became_open``: it was paid and is
    due again. ``tax_point_on`` is set once, when the tax became owed.
    """

    id: UUID
    customer_id: UUID
    subscription_id: UUID | None
    kind: str
    number: str
    status: str
    locale: str
    collection: str
    currency: str
    billing_zone: str
    total: int
    tax: int
    paid: int
    credited: int
    due: int
    period_start: date | None
    issued_on: date
    due_on: date
    tax_point_on: date | None
    became_paid: bool = False
    became_open: bool = False
    # This change is the tax point: the caller books the tax as owed.
    tax_became_due: bool = False


_RAISE = text(
    """
    UPDATE number_series SET last_number = last_number + :count
    WHERE merchant_id = :merchant_id AND kind = :kind AND branch = '' AND year = :year
    RETURNING last_number
    """
)
# Several may make it at once, and two unique indexes hold them apart: naming one of them as the
# conflict would leave the other to refuse.
_OPEN = text(
    """
    INSERT INTO number_series (merchant_id, id, kind, branch, year)
    VALUES (:merchant_id, :id, :kind, '', :year)
    ON CONFLICT DO NOTHING
    """
)


def take_numbers(
    unit: Work, kind: Literal["invoice", "credit_note"], year: int, count: int
) -> range:
    """Take the next ``count`` numbers of a series; they are given back if this rolls back.

    The counter's row stays locked until the end of the transaction: call it last before the
    inserts. A transaction that takes of both kinds takes those of credit notes first, or holds
    both before (`hold_series`).
    """
    if count < 1:
        return range(0)
    last = _raise(unit, kind, year, count)
    return range(last - count + 1, last + 1)


def hold_series(unit: Work) -> None:
    """Lock this year's counters in their order, for work that may number invoices before notes.

    Whoever takes of both kinds takes those of credit notes first; where that can not be kept,
    both are held beforehand, so that two transactions never wait for each other.
    """
    year = unit.today.year
    for kind in ("credit_note", "invoice"):
        _raise(unit, kind, year, 0)


def _raise(unit: Work, kind: str, year: int, count: int) -> int:
    """Raise a counter and keep it locked; the first of a year makes it."""
    series = {"merchant_id": unit.merchant_id, "kind": kind, "year": year}
    found = unit.session.execute(_RAISE, {**series, "count": count}).scalar_one_or_none()
    if found is None:
        named = {**series, "id": unit.derive("number_series", kind, "", year)}
        unit.session.execute(_OPEN, named)
        found = unit.session.execute(_RAISE, {**series, "count": count}).scalar_one()
    return int(found)


def insert_invoices(
    unit: Work, rows: Sequence[Mapping[str, Any]], lines: Sequence[Mapping[str, Any]]
) -> None:
    """Insert issued invoices with their lines, two statements for any number of them."""
    insert_rows(unit.session, invoices, rows)
    insert_rows(unit.session, invoice_lines, lines)


def record_settled(
    unit: Work,
    invoice_id: UUID,
    *,
    paid: int = 0,
    credited: int = 0,
    at: datetime | None = None,
    tax_on: date | None = None,
) -> InvoiceState:
    """Lock an invoice and move what is paid and credited of it; status and events follow.

    The caller has written the allocation or the credit note; this keeps the totals. Records
    ``invoice.paid``, ``invoice.part_paid`` or, where credit notes took it all and no money came,
    ``invoice.credited``. When ``became_paid`` the caller goes on with `billing.service.after_paid`.

    Args:
        paid: whole rupiah allocated now; negative when a payment was taken back.
        credited: whole rupiah credited now.
        at: business time of the payment, by default now.
        tax_on: the tax point where the money came before we heard of it, by default its day.

    Raises:
        NotFound: ``invoice_not_found``.
        Conflict: ``invoice_not_payable`` for a draft or void invoice, ``exceeds_due`` when more
            would be paid or credited than is due.
    """
    before = queries.get_invoice(unit, invoice_id, lock=True)
    status = InvoiceStatus(before.status)
    if status in {InvoiceStatus.DRAFT, InvoiceStatus.VOID}:
        raise Conflict("invoice_not_payable", f"an invoice that is {status} takes no money")
    now_paid, now_credited = before.paid_amount + paid, before.credited_amount + credited
    if before.is_offer and 0 < now_paid + now_credited < before.total_amount:
        raise Conflict("invoice_is_offer", f"{before.number} is paid whole, or not at all")
    if now_paid < 0 or now_credited < 0 or now_paid + now_credited > before.total_amount:
        raise Conflict("exceeds_due", f"only {before.due_amount} is due on {before.number}")

    after = status_after_allocation(
        status,
        *(Money(n, before.currency) for n in (before.total_amount, now_paid, now_credited)),
    )
    became_paid = after is InvoiceStatus.PAID and status is not InvoiceStatus.PAID
    became_open = status is InvoiceStatus.PAID and after is InvoiceStatus.OPEN
    moment = at or unit.now
    values: dict[str, Any] = {
        "status": after.value,
        "paid_amount": now_paid,
        "credited_amount": now_credited,
    }
    tax_point_on = before.tax_point_on
    if became_paid:
        # What it offered is done with this, in the same transaction.
        values["is_offer"] = False
        values |= {"paid_at": moment, "paid_on": unit.merchant.today(moment), "collect_at": None}
        # What was only credited never becomes taxable; its tax is given back with the credit.
        if tax_point_on is None and now_paid > 0:
            tax_point_on = tax_on or unit.merchant.today(moment)
            values["tax_point_on"] = tax_point_on
    if became_open:
        values |= {"paid_at": None, "paid_on": None}
    unit.session.execute(
        update(invoices)
        .where(invoices.c.merchant_id == unit.merchant_id, invoices.c.id == invoice_id)
        .values(**values)
    )
    state = _state(
        before,
        status=after,
        paid=now_paid,
        credited=now_credited,
        tax_point_on=tax_point_on,
        became_paid=became_paid,
        became_open=became_open,
    )
    _tell(unit, state, paid)
    return state


def close_unpaid(unit: Work, invoice_id: UUID, to: Literal["void", "uncollectible"]) -> Invoice:
    """Void an open invoice that was never paid nor credited, or write an open one off.

    The books are the caller's; the customer's row is locked before.

    Raises:
        NotFound: ``invoice_not_found``.
        Conflict: ``invoice_not_voidable`` or an illegal move.
    """
    before = queries.get_invoice(unit, invoice_id, lock=True)
    status = InvoiceStatus(before.status)
    if to == "uncollectible" and before.is_offer:
        raise Conflict("invoice_is_offer", f"nothing is owed for {before.number}: void it instead")
    if to == "void":
        require_voidable(
            status,
            Money(before.paid_amount, before.currency),
            Money(before.credited_amount, before.currency),
        )
    after = move(status, InvoiceStatus(to))
    unit.session.execute(
        update(invoices)
        .where(invoices.c.merchant_id == unit.merchant_id, invoices.c.id == invoice_id)
        .values(status=after.value, closed_at=unit.now, collect_at=None)
    )
    unit.event(
        "invoice.voided" if to == "void" else "invoice.uncollectible",
        "invoice",
        invoice_id,
        {**payload_of(before), "due": before.due_amount},
        customer_id=before.customer_id,
    )
    return before


def payload_of(invoice: Invoice | InvoiceState) -> dict[str, Any]:
    """Give what every event about an invoice says of it."""
    total = invoice.total_amount if isinstance(invoice, Invoice) else invoice.total
    payload: dict[str, Any] = {
        "invoice": ids.public("invoice", invoice.id),
        "number": invoice.number,
        "kind": invoice.kind,
        "customer": ids.public("customer", invoice.customer_id),
        "total": total,
        "currency": invoice.currency,
    }
    if invoice.subscription_id is not None:
        payload["subscription"] = ids.public("subscription", invoice.subscription_id)
    return payload


def _tell(unit: Work, state: InvoiceState, paid: int) -> None:
    if not state.became_paid and paid <= 0:
        return
    type_ = "invoice.paid" if state.became_paid else "invoice.part_paid"
    if state.became_paid and is_only_credited(state.status, state.paid, state.credited):
        type_ = "invoice.credited"  # nothing is due any more, and no money came
    unit.event(
        type_,
        "invoice",
        state.id,
        {
            **payload_of(state),
            "paid": state.paid,
            "credited": state.credited,
            "due": state.due,
        },
        customer_id=state.customer_id,
    )


def _state(
    invoice: Invoice,
    *,
    status: InvoiceStatus,
    paid: int,
    credited: int,
    tax_point_on: date | None,
    became_paid: bool,
    became_open: bool,
) -> InvoiceState:
    if invoice.number is None or invoice.issued_on is None or invoice.due_on is None:
        raise ValueError(f"invoice {invoice.id} is not issued")
    return InvoiceState(
        id=invoice.id,
        customer_id=invoice.customer_id,
        subscription_id=invoice.subscription_id,
        kind=invoice.kind,
        number=invoice.number,
        status=status.value,
        locale=invoice.locale,
        collection=invoice.collection,
        currency=invoice.currency,
        billing_zone=invoice.billing_zone,
        total=invoice.total_amount,
        tax=invoice.tax_amount,
        paid=paid,
        credited=credited,
        due=invoice.total_amount - paid - credited,
        period_start=invoice.period_start,
        issued_on=invoice.issued_on,
        due_on=invoice.due_on,
        tax_point_on=tax_point_on,
        became_paid=became_paid,
        became_open=became_open,
        tax_became_due=became_paid and invoice.tax_point_on != tax_point_on,
    )
