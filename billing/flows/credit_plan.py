"""Which credit notes give lines back: each within its own document, the rest on what that credits.

A change's invoice comes to its charge less what was unused of the old line. When that charge is
given back, its own invoice gives back at most what it came to. The rest was paid on the invoice
its credit line credits, and is given back there (R43, R54: each note by its own document).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from sqlalchemy import select

from billing.flows.credit_rows import load_creditable
from billing.flows.tax_points import credit_as_recorded
from core.money import Money
from core.work import Work
from invoices.credit_notes import CreditableDocument, credit_lines, split_by_source
from invoices.queries import Invoice, InvoiceLine, get_invoice, lines_of
from invoices.tables import invoice_lines

GoesTo = Literal["invoice", "balance", "both"]


@dataclass(frozen=True, slots=True)
class PlannedCredit:
    """A credit note to be written. Whole rupiah; ``total = net + tax = to_invoice + to_balance``.

    ``lines`` are amounts to give back by line, in the lines' terms; ``in_place_of`` says which
    part of a line stands for which later line.
    """

    invoice_id: UUID
    number: str | None
    lines: tuple[tuple[UUID, int], ...]
    in_place_of: tuple[tuple[UUID, UUID, int], ...]
    net: int
    tax: int
    to_invoice: int
    to_balance: int

    @property
    def amount(self) -> int:
        return sum(amount for _, amount in self.lines)

    @property
    def total(self) -> int:
        return self.net + self.tax

    @property
    def goes_to(self) -> GoesTo:
        if self.to_invoice and self.to_balance:
            return "both"
        return "invoice" if self.to_invoice else "balance"

    def later(self) -> dict[UUID, dict[UUID, int]]:
        """Give ``in_place_of`` as `credit_invoice` takes it."""
        found: dict[UUID, dict[UUID, int]] = {}
        for line, later, amount in self.in_place_of:
            found.setdefault(line, {})[later] = amount
        return found


@dataclass(slots=True)
class _Note:
    invoice: Invoice
    document: CreditableDocument
    lines: list[InvoiceLine]
    amounts: dict[UUID, int] = field(default_factory=dict)
    later: dict[tuple[UUID, UUID], int] = field(default_factory=dict)

    @property
    def room(self) -> int:
        if self.invoice.status not in ("open", "paid"):
            return 0
        return self.document.room.amount - sum(self.amounts.values())


def plan_credits(
    unit: Work, wanted: Iterable[tuple[UUID, UUID, int]], *, without: Collection[UUID] = ()
) -> tuple[PlannedCredit, ...]:
    """Share amounts out over credit notes, one for each invoice; reads, and writes nothing.

    Args:
        wanted: invoice, line and what to give back of it, in the line's terms.
        without: invoices that are voided before the notes are written.
    """
    desk = _Desk(unit, without)
    for invoice_id, line_id, amount in wanted:
        desk.give(invoice_id, line_id, amount, origin=line_id)
    return tuple(_planned(unit, note) for note in desk.notes.values() if note.amounts)


@dataclass(slots=True)
class _Desk:
    unit: Work
    without: Collection[UUID]
    notes: dict[UUID, _Note] = field(default_factory=dict)

    def give(self, invoice_id: UUID, line_id: UUID, amount: int, *, origin: UUID) -> int:
        """Give back what the line's invoice has room for, the rest further back.

        Returns:
            What found no room at all.
        """
        note = self._note(invoice_id)
        here = max(min(amount, note.room), 0)
        if here:
            note.amounts[line_id] = note.amounts.get(line_id, 0) + here
            if origin != line_id:
                key = (line_id, origin)
                note.later[key] = note.later.get(key, 0) + here
        left = amount - here
        for line in note.lines:
            if left and line.credits_line_id is not None:
                passed = min(left, -line.amount)
                back = _invoice_of(self.unit, line.credits_line_id)
                left -= passed - self.give(back, line.credits_line_id, passed, origin=origin)
        return left

    def _note(self, invoice_id: UUID) -> _Note:
        if invoice_id not in self.notes:
            invoice = get_invoice(self.unit, invoice_id)
            document = load_creditable(self.unit, invoice, without=self.without)
            self.notes[invoice_id] = _Note(invoice, document, lines_of(self.unit, invoice_id))
        return self.notes[invoice_id]


def _planned(unit: Work, note: _Note) -> PlannedCredit:
    document, currency = note.document, note.document.currency
    others: dict[UUID, Money] = {}
    for (line, _), amount in note.later.items():
        others[line] = others.get(line, Money(0, currency)) + Money(amount, currency)
    draft = credit_lines(
        document, {line: Money(n, currency) for line, n in note.amounts.items()}, others
    )
    to_invoice, to_balance = split_by_source(draft.total, Money(note.invoice.due_amount, currency))
    recorded = credit_as_recorded(
        unit, note.invoice, draft, to_invoice=to_invoice, to_balance=to_balance
    )
    draft = recorded.draft if recorded else draft
    return PlannedCredit(
        invoice_id=note.invoice.id,
        number=note.invoice.number,
        lines=tuple(note.amounts.items()),
        in_place_of=tuple((*key, amount) for key, amount in note.later.items()),
        net=draft.net.amount,
        tax=draft.tax.amount,
        to_invoice=to_invoice.amount,
        to_balance=to_balance.amount,
    )


def _invoice_of(unit: Work, line_id: UUID) -> UUID:
    found: UUID = unit.session.execute(
        select(invoice_lines.c.invoice_id).where(
            invoice_lines.c.merchant_id == unit.merchant_id, invoice_lines.c.id == line_id
        )
    ).scalar_one()
    return found
