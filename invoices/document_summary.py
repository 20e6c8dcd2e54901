"""The rows under the lines: subtotal, PPN with its bases, total, what is paid and what is left."""

from __future__ import annotations

from invoices.document_facts import DocumentFacts, TaxFacts
from invoices.document_view import SummaryRow
from invoices.document_words import LABELS
from invoices.wording import rupiah


def summary_of(facts: DocumentFacts, language: str) -> tuple[SummaryRow, ...]:
    """Lay out the sums of a document, PPN only where the seller may charge it.

    Prices that include PPN show it as the part of the total that it is; other prices add it.
    """
    labels = LABELS[language]
    gross = facts.tax is not None and facts.tax.mode == "inclusive"
    rows = [
        SummaryRow(
            labels["subtotal_gross" if gross else "subtotal"], rupiah(facts.subtotal), "plain"
        )
    ]
    if facts.tax is not None:
        rows += _tax_rows(facts.tax, language)
    total = labels["total_credit" if facts.kind == "credit_note" else "total"]
    rows.append(SummaryRow(total, rupiah(facts.total), "total"))
    if facts.kind == "invoice" and facts.status != "draft":
        if facts.paid:
            rows.append(SummaryRow(labels["paid"], rupiah(-facts.paid), "plain"))
        if facts.credited:
            rows.append(SummaryRow(labels["credited"], rupiah(-facts.credited), "plain"))
        rows.append(SummaryRow(labels["due"], rupiah(facts.due), "due"))
    return tuple(rows)


def _tax_rows(tax: TaxFacts, language: str) -> list[SummaryRow]:
    """DPP, DPP nilai lain where it is used, and PPN at its statutory rate."""
    labels = LABELS[language]
    rows = [SummaryRow(labels["base"], rupiah(tax.base), "tax")]
    rate = f"{labels['ppn']} {tax.statutory_percent}%"
    if tax.other_base is not None:
        over, under = tax.base_factor
        rows.append(
            SummaryRow(f"{labels['other_base']} ({over}/{under})", rupiah(tax.other_base), "tax")
        )
        rate += f" × DPP Nilai Lain ({over}/{under})"
    if tax.mode == "inclusive":
        rate += f", {labels['included']}"
    if not tax.collected:
        rate += f", {labels['not_collected']}"
    return [*rows, SummaryRow(rate, rupiah(tax.tax), "tax")]
