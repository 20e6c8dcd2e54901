"""PPN of a document: one exact figure per document, rounded once, spread over its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from core.errors import InvalidRequest
from core.money import Money, zero
from invoices.tax_tables import (
    ROUNDING_TABLE,
    TAX_TABLE,
    Rounding,
    RoundingRow,
    TaxRow,
    is_pkp,
    rounding_for,
    tax_row,
)
from invoices.tax_terms import TaxMode, TaxTerms, terms_for

__all__ = [
    "TaxMode",
    "TaxResult",
    "TaxRow",
    "TaxTerms",
    "compute_tax",
    "credit_note_tax",
    "is_pkp",
    "rounding_for",
    "tax_by_terms",
    "tax_row",
    "terms_for",
]


@dataclass(frozen=True, slots=True)
class TaxResult:
    """The tax of one document. Amounts in whole rupiah.

    ``base`` is the DPP, ``other_base`` the DPP nilai lain (``None`` when the factor is 1),
    ``tax`` what is charged, ``total`` what is to be paid, ``per_line`` the tax shown beside each
    line. ``stated`` is what an exempt supply prints without charging it; else it equals ``tax``.
    """

    terms: TaxTerms
    base: Money
    other_base: Money | None
    tax: Money
    stated: Money
    total: Money
    per_line: tuple[Money, ...]

    @property
    def code(self) -> str:
        return self.terms.code

    @property
    def mode(self) -> TaxMode:
        return self.terms.mode

    @property
    def statutory(self) -> Fraction:
        return self.terms.statutory

    @property
    def base_factor(self) -> Fraction:
        return self.terms.base_factor

    @property
    def rounding(self) -> Rounding:
        return self.terms.rounding

    @property
    def valid_from(self) -> date:
        return self.terms.valid_from

    def to_json(self) -> dict[str, str | int | bool | None]:
        """Write the result for the invoice's row; ``TaxTerms.from_json`` reads its terms back."""
        return {
            **self.terms.to_json(),
            "collected": self.terms.collected,
            "base": self.base.amount,
            "other_base": None if self.other_base is None else self.other_base.amount,
            "tax": self.tax.amount,
            "stated": self.stated.amount,
            "total": self.total.amount,
        }


def compute_tax(
    nets: Sequence[Money],
    *,
    treatment: str,
    mode: TaxMode,
    on: date,
    pkp: bool,
    currency: str = "IDR",
    table: Sequence[TaxRow] = TAX_TABLE,
    rounding_table: Sequence[RoundingRow] = ROUNDING_TABLE,
) -> TaxResult:
    """Compute the tax of a document whose lines share one treatment.

    The lines are added up first and the tax is rounded once, from the exact price; PPN never
    comes from a rounded DPP. The parts shown per line are the largest-remainder split of it.

    Args:
        nets: amounts of the lines after discounts, credits negative; with the tax in them when
            ``mode`` is inclusive.
        treatment: one of ``TREATMENTS``.
        on: the tax point, a civil date in the seller's zone.
        pkp: whether the seller may charge PPN on that date.

    Source: PMK 131/2024; PER-11/PJ/2025 art. 129; billing rules R50 to R53.
    """
    terms = terms_for(treatment, mode, on, pkp=pkp, table=table, rounding_table=rounding_table)
    return tax_by_terms(nets, terms, currency=currency)


def tax_by_terms(nets: Sequence[Money], terms: TaxTerms, *, currency: str = "IDR") -> TaxResult:
    """Compute the tax of a document by terms that are already chosen."""
    price = sum(nets, zero(currency))
    stated = terms.tax_of(price)
    tax = stated if terms.collected else zero(currency)
    base = price - tax if terms.is_inside else price
    return TaxResult(
        terms=terms,
        base=base,
        other_base=terms.other_base_of(price),
        tax=tax,
        stated=stated,
        total=base + tax,
        per_line=_spread(tax, nets),
    )


def credit_note_tax(
    credited: Money,
    *,
    terms: TaxTerms,
    document_price: Money,
    document_tax: Money,
    credited_before: Money,
    tax_credited_before: Money,
) -> Money:
    """Compute the tax of a credit note, cumulatively.

    The tax of everything credited so far, this note included, less what earlier notes gave back:
    notes that together credit the document return exactly the tax that was charged.

    Args:
        credited: line amounts this note gives back, positive, in the document's own mode.
        document_price: sum of the document's line amounts.
        document_tax: the tax the document charged.
        credited_before: line amounts given back by earlier notes.
        tax_credited_before: tax given back by earlier notes.

    Raises:
        InvalidRequest: ``credit_exceeds_document``.

    Source: billing rule R54.
    """
    so_far = credited_before + credited
    if so_far > document_price:
        raise InvalidRequest(
            "credit_exceeds_document",
            f"{so_far} would be credited of a document over {document_price}",
        )
    if so_far == document_price:
        return document_tax - tax_credited_before
    if not terms.collected:
        return zero(credited.currency)
    owed = min(terms.tax_of(so_far), document_tax)
    return max(owed - tax_credited_before, zero(credited.currency))


def _spread(tax: Money, nets: Sequence[Money]) -> tuple[Money, ...]:
    if tax.is_zero:
        return tuple(zero(tax.currency) for _ in nets)
    return tax.allocate([net.amount for net in nets])
