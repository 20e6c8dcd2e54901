"""The tax point: PPN of a prepaid invoice is owed when money comes, by the rules of that day.

What the customer was asked to pay does not change after issue, and is what was paid. Where the
rules changed in between, the tax is found inside the payment and the price gives way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from core.money import Money, zero
from invoices.tax_tables import NO_TAX, ROUNDING_TABLE, TAX_TABLE, RoundingRow, TaxRow
from invoices.tax_terms import TaxTerms, terms_for


@dataclass(frozen=True, slots=True)
class TaxPart:
    """What one payment did to the tax of an invoice; what is taken back is negative.

    Attributes:
        on: the tax point, a civil date in the seller's zone.
        gross: money that was allocated.
        waited: PPN that waited for it, as the document charged it.
        owed: PPN by the rules of ``on``.
        terms: those rules, in the document's own mode.
    """

    on: date
    gross: Money
    waited: Money
    owed: Money
    terms: TaxTerms

    @property
    def difference(self) -> Money:
        """More (positive) or less (negative) PPN than the document charged."""
        return self.owed - self.waited

    @property
    def base(self) -> Money:
        """DPP of the payment: what is left of it for the price."""
        return self.gross - self.owed

    @property
    def other_base(self) -> Money | None:
        """DPP nilai lain of the payment; shown, never calculated with."""
        factor = self.terms.base_factor
        return None if factor == 1 else self.base.times(factor)


def terms_at_tax_point(
    document: TaxTerms,
    on: date,
    *,
    pkp: bool,
    treatment: str,
    table: Sequence[TaxRow] = TAX_TABLE,
    rounding_table: Sequence[RoundingRow] = ROUNDING_TABLE,
) -> TaxTerms:
    """Choose the rules of the tax point for a document.

    Args:
        document: the rules it was issued by.
        on: the tax point; for prepaid services the day the money came.
        pkp: whether the seller may charge PPN on that day.
        treatment: the seller's, for a document issued before there was any PPN to charge.
    """
    code = treatment if document.code == NO_TAX else document.code
    return terms_for(code, document.mode, on, pkp=pkp, table=table, rounding_table=rounding_table)


def tax_at_payment(
    gross: Money,
    on: date,
    *,
    due_before: Money,
    waiting: Money,
    document: TaxTerms,
    rules: TaxTerms,
    earlier: Iterable[TaxPart] = (),
) -> TaxPart:
    """Say how much PPN a payment makes owed, and how much of what waits it takes away.

    Of what waits a payment takes the share it is of the debt, the last payment all the rest. By
    unchanged rules that is what is owed. By changed rules the tax is inside the payment; parts
    that were paid by the same rules are rounded together, so a payment in ten parts owes what one
    payment owes.

    Args:
        gross: whole rupiah that the payment settles, more than zero.
        due_before: what was due before it.
        waiting: PPN of the invoice whose tax point has not come yet.
        document: the rules the invoice was issued by.
        rules: those of the day the money came.
        earlier: what earlier payments made owed, those taken back included.

    Source: decision on PPN belum terutang; PER-11/PJ/2025 art. 31; billing rule R53.
    """
    waited = waiting.share(gross.amount, due_before.amount)
    if rules.makes_same_tax(document):
        return TaxPart(on, gross, waited, waited, rules)
    same = [part for part in earlier if part.terms.makes_same_tax(rules)]
    nothing = zero(gross.currency)
    paid = sum((part.gross for part in same), gross)
    owed = tax_inside(paid, rules) - sum((part.owed for part in same), nothing)
    return TaxPart(on, gross, waited, owed, rules)


def tax_inside(gross: Money, terms: TaxTerms) -> Money:
    """Find the tax inside an amount that was paid."""
    if not terms.collected:
        return zero(gross.currency)
    return replace(terms, mode="inclusive").tax_of(gross)


def has_changed(document: TaxTerms, parts: Iterable[TaxPart]) -> bool:
    """Say whether a reader has to be told: other rules, even where they make the same tax."""
    return any(
        not part.terms.reads_the_same(document) or not part.difference.is_zero for part in parts
    )


def amounts_differ(parts: Iterable[TaxPart]) -> bool:
    """Say whether the books hold other tax than the document charged."""
    return any(not part.difference.is_zero for part in parts)


def tax_given_back(
    parts: Sequence[TaxPart],
    *,
    waiting: Money,
    due: Money,
    to_invoice: Money,
    to_balance: Money,
    balance_before: Money,
    tax_before: Money,
) -> tuple[Money, Money]:
    """Divide the tax of a credit note by what the books hold: not owed yet, and owed.

    Cumulative like every credit: notes that give back all that was paid return exactly the tax
    that became owed by it.

    Args:
        parts: the tax points of the invoice.
        waiting: its PPN that is not owed yet.
        due: what is due before the note.
        to_invoice: the part of the note that lowers the debt.
        to_balance: the part that was paid.
        balance_before: paid money that earlier notes gave back.
        tax_before: the owed PPN they gave back.

    Returns:
        ``(not_due, owed)``; together the tax of the note.
    """
    nothing = zero(due.currency)
    not_due = nothing if due.is_zero else waiting.share(to_invoice.amount, due.amount)
    paid = sum((part.gross for part in parts), nothing)
    owed = sum((part.owed for part in parts), nothing)
    if paid.is_zero or to_balance.is_zero:
        return not_due, nothing
    so_far = min(balance_before + to_balance, paid)
    back = owed.share(so_far.amount, paid.amount) - tax_before
    return not_due, min(max(back, nothing), to_balance)
