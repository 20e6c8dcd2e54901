"""Reads and row locks of invoices and their lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Select, cast, func, select, tuple_

from core.errors import NotFound
from core.work import Work
from invoices.tables import credit_note_lines, credit_notes, invoice_lines, invoices


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice's row without its snapshots. Amounts in whole rupiah, dates civil dates."""

    id: UUID
    external_id: str | None
    customer_id: UUID
    subscription_id: UUID | None
    kind: str
    period_start: date | None
    period_end: date | None
    change_id: UUID
    status: str
    number: str | None
    currency: str
    locale: str
    subtotal_amount: int
    tax_amount: int
    total_amount: int
    paid_amount: int
    credited_amount: int
    due_amount: int
    tax: dict[str, Any]
    is_offer: bool
    collection: str
    payment_method_id: UUID | None
    billing_zone: str
    issued_at: datetime | None
    issued_on: date | None
    due_on: date | None
    paid_at: datetime | None
    paid_on: date | None
    closed_at: datetime | None
    collect_at: datetime | None
    tax_point_on: date | None
    metadata: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """A line as it was issued, with how it came about. A credit's amount is negative."""

    id: UUID
    invoice_id: UUID
    position: int
    kind: str
    description: dict[str, str]
    quantity: int
    unit_amount: int
    amount: int
    tax_amount: int
    discount_amount: int
    period_start: date | None
    period_end: date | None
    price_id: UUID | None
    credits_line_id: UUID | None
    extra_id: UUID | None
    derivation: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LineInForce:
    """A billed line that reaches beyond a date, with what was given back of it so far.

    ``by_changes`` is what lines of later invoices and notes of changes credited, ``by_hand`` what
    people credited; both 0 or more. ``due_amount`` and ``status`` are those of its invoice.
    """

    id: UUID
    invoice_id: UUID
    status: str
    due_amount: int
    paid_amount: int
    price_id: UUID | None
    extra_id: UUID | None
    description: dict[str, str]
    amount: int
    derivation: dict[str, Any]
    period_start: date
    period_end: date
    tax: dict[str, Any]
    invoice_start: date
    by_changes: int
    by_hand: int


_INVOICE = tuple(invoices.c[name] for name in Invoice.__slots__)
_LINE = tuple(invoice_lines.c[name] for name in InvoiceLine.__slots__)

# Credit notes that follow from a change, a pause or an end; any other was written by a person.
AUTOMATIC_SOURCES = ("change", "pause", "cancel", "subscription_end")


def get_invoice(unit: Work, invoice_id: UUID, *, lock: bool = False) -> Invoice:
    """Read an invoice; ``lock`` takes its row until the end of the transaction.

    Raises:
        NotFound: ``invoice_not_found``.
    """
    query = _invoices(unit).where(invoices.c.id == invoice_id)
    row = unit.session.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound("invoice_not_found", "there is no such invoice")
    return Invoice(**row._mapping)


def find_invoice(
    unit: Work, *, number: str | None = None, external_id: str | None = None
) -> Invoice | None:
    """Look an invoice up by its number or by the integrator's id."""
    query = _invoices(unit)
    if number is None and external_id is None:
        raise ValueError("an invoice is found by its number or by its external id")
    if number is not None:
        query = query.where(invoices.c.number == number)
    if external_id is not None:
        query = query.where(invoices.c.external_id == external_id)
    row = unit.session.execute(query).one_or_none()
    return None if row is None else Invoice(**row._mapping)


def existing(unit: Work, invoice_ids: Iterable[UUID]) -> set[UUID]:
    """Say which of these invoices are there already."""
    found = unit.session.execute(
        select(invoices.c.id).where(
            invoices.c.merchant_id == unit.merchant_id,
            invoices.c.id.in_(sorted(set(invoice_ids))),
        )
    )
    return set(found.scalars())


def list_invoices(
    unit: Work,
    *,
    customer_id: UUID | None = None,
    subscription_id: UUID | None = None,
    status: str | None = None,
    number: str | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[Invoice]:
    """Give a page of invoices, newest first; ``after`` is the last row's (created_at, id)."""
    query = _invoices(unit).order_by(invoices.c.created_at.desc(), invoices.c.id.desc())
    filters = {
        "customer_id": customer_id,
        "subscription_id": subscription_id,
        "status": status,
        "number": number,
    }
    for name, value in filters.items():
        if value is not None:
            query = query.where(invoices.c[name] == value)
    if after is not None:
        query = query.where(tuple_(invoices.c.created_at, invoices.c.id) < after)
    return [Invoice(**row._mapping) for row in unit.session.execute(query.limit(limit))]


def lines_of(unit: Work, invoice_id: UUID) -> list[InvoiceLine]:
    """List the lines of an invoice in their order."""
    rows = unit.session.execute(
        select(*_LINE)
        .where(
            invoice_lines.c.merchant_id == unit.merchant_id,
            invoice_lines.c.invoice_id == invoice_id,
        )
        .order_by(invoice_lines.c.position)
    )
    return [InvoiceLine(**row._mapping) for row in rows]


def lock_open_invoices(unit: Work, subscription_id: UUID) -> list[Invoice]:
    """Lock the open invoices of a subscription in id order and read them."""
    rows = unit.session.execute(
        _invoices(unit)
        .where(invoices.c.subscription_id == subscription_id, invoices.c.status == "open")
        .order_by(invoices.c.id)
        .with_for_update()
    )
    return [Invoice(**row._mapping) for row in rows]


def lines_in_force(unit: Work, subscription_id: UUID, on: date) -> list[LineInForce]:
    """List what was billed of a subscription beyond ``on``, oldest first.

    Lines of void and written-off invoices give nothing back, and offers are no bills yet.
    """
    line, inv = invoice_lines.c, invoices.c
    rows = unit.session.execute(
        select(
            line.id, line.invoice_id, inv.status, inv.due_amount, inv.paid_amount, line.price_id,
            line.extra_id, line.description, line.amount, line.derivation, line.period_start,
            line.period_end,
            inv.tax, inv.period_start.label("invoice_start"),
        )
        .join(invoices, (inv.merchant_id == line.merchant_id) & (inv.id == line.invoice_id))
        .where(
            line.merchant_id == unit.merchant_id,
            inv.subscription_id == subscription_id,
            inv.status.in_(("open", "paid")),
            ~inv.is_offer,
            line.kind.in_(("recurring", "stub", "charge")),
            line.period_end > on,
        )
        .order_by(line.period_start, inv.created_at, line.position)
    ).all()  # fmt: skip
    line_ids = [row.id for row in rows]
    credited, by_hand = _given_back(unit, line_ids)
    if rows:
        # A note for a later line is no credit of the line it stands on, but of that later one.
        for_others, by_others = in_place_of(unit, subscription_id)
        for line_id in line_ids:
            moved = by_others.get(line_id, 0) - for_others.get(line_id, 0)
            credited[line_id] = credited.get(line_id, 0) + moved
    return [
        LineInForce(
            **row._mapping, by_changes=credited.get(row.id, 0), by_hand=by_hand.get(row.id, 0)
        )
        for row in rows
    ]


def in_place_of(
    unit: Work, subscription_id: UUID | None
) -> tuple[dict[UUID, int], dict[UUID, int]]:
    """Sum what notes gave back in place of later lines: by the line on the note, by the later.

    A change's invoice comes to its charge less its credit line. What its charge is worth beyond
    that is given back on the invoice the credit line credits; the note's derivation says so.
    """
    noted, note, inv = credit_note_lines.c, credit_notes.c, invoices.c
    on: dict[UUID, int] = {}
    instead: dict[UUID, int] = {}
    if subscription_id is None:
        return on, instead
    rows = unit.session.execute(
        select(noted.invoice_line_id, noted.derivation)
        .join(
            credit_notes,
            (note.merchant_id == noted.merchant_id) & (note.id == noted.credit_note_id),
        )
        .join(invoices, (inv.merchant_id == note.merchant_id) & (inv.id == note.invoice_id))
        .where(noted.merchant_id == unit.merchant_id, inv.subscription_id == subscription_id)
    )
    for line_id, derivation in rows:
        for later, amount in derivation.get("in_place_of", {}).items():
            on[line_id] = on.get(line_id, 0) + amount
            instead[UUID(later)] = instead.get(UUID(later), 0) + amount
    return on, instead


def _given_back(unit: Work, line_ids: Sequence[UUID]) -> tuple[dict[UUID, int], dict[UUID, int]]:
    """Sum the credits of lines in the lines' own terms: with tax where prices hold it."""
    credit, inv = invoice_lines.c, invoices.c
    on_invoices = unit.session.execute(
        select(credit.credits_line_id, -func.sum(credit.amount))
        .join(invoices, (inv.merchant_id == credit.merchant_id) & (inv.id == credit.invoice_id))
        .where(
            credit.merchant_id == unit.merchant_id,
            credit.credits_line_id.in_(line_ids),
            inv.status != "void",
            ~inv.is_offer,
        )
        .group_by(credit.credits_line_id)
    )
    by_changes = {row[0]: int(row[1]) for row in on_invoices}
    by_hand: dict[UUID, int] = {}
    noted, note = credit_note_lines.c, credit_notes.c
    on_notes = unit.session.execute(
        select(
            noted.invoice_line_id,
            note.source_kind,
            func.sum(cast(func.jsonb_extract_path_text(noted.derivation, "amount"), BigInteger)),
        )
        .join(
            credit_notes,
            (note.merchant_id == noted.merchant_id) & (note.id == noted.credit_note_id),
        )
        .where(noted.merchant_id == unit.merchant_id, noted.invoice_line_id.in_(line_ids))
        .group_by(noted.invoice_line_id, note.source_kind)
    )
    for line_id, source, amount in on_notes:
        into = by_changes if source in AUTOMATIC_SOURCES else by_hand
        into[line_id] = into.get(line_id, 0) + int(amount)
    return by_changes, by_hand


def _invoices(unit: Work) -> Select[Any]:
    return select(*_INVOICE).where(invoices.c.merchant_id == unit.merchant_id)
