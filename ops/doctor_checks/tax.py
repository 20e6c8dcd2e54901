"""PPN that is owed: what the rules of each tax point's day make of it, and as much in the books."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from core.money import Money
from invoices.tax_points import TaxPart, tax_inside
from invoices.tax_tables import NO_TAX
from invoices.tax_terms import TaxTerms, terms_for
from ops.doctor_checks.check import by_case, by_sql

_POINTS = """
    SELECT t.merchant_id, 'invoice' AS kind, t.invoice_id AS id, i.number AS label,
        concat('[', i.tax, ',', t.points, ']') AS said
    FROM (
        SELECT merchant_id, invoice_id, json_agg(json_build_array(
            kind, tax_on, gross_amount, waited_amount, owed_amount, terms) ORDER BY n) AS points
        FROM tax_points GROUP BY merchant_id, invoice_id
    ) t JOIN invoices i ON i.merchant_id = t.merchant_id AND i.id = t.invoice_id
"""


@dataclass(frozen=True, slots=True)
class _Point:
    """A tax point as the query tells it."""

    kind: str
    tax_on: str
    gross: int
    waited: int
    owed: int
    terms: Any


def _by_the_rules(said: list[Any]) -> str | None:
    """Work every tax point of an invoice out again from the table of its day."""
    document, points = said
    faults = list(_faults(document, [_Point(*point) for point in points]))
    return "; ".join(faults) or None


def _faults(tax: Any, rows: list[_Point]) -> Iterator[str]:
    document = TaxTerms.from_json(tax)
    earlier: list[TaxPart] = []
    for row in rows:
        part = TaxPart(
            date.fromisoformat(row.tax_on),
            Money(row.gross),
            Money(row.waited),
            Money(row.owed),
            TaxTerms.from_json(row.terms),
        )
        if row.kind in ("payment", "balance"):
            yield from _of_payment(part, earlier, document)
        elif row.kind == "reversal":
            there = replace(
                part, gross=-part.gross, waited=-part.waited, owed=-part.owed, on=part.on
            )
            if not any(replace(one, on=part.on) == there for one in earlier):
                yield f"takes back {there.owed} on {part.on}, which no payment made owed"
        elif part.owed != part.waited:
            yield f"{row.kind}: {part.owed} owed of {part.waited}"
        earlier.append(part)


def _of_payment(part: TaxPart, earlier: list[TaxPart], document: TaxTerms) -> Iterator[str]:
    terms = part.terms
    if terms.code != NO_TAX:
        ruled = terms_for(terms.code, terms.mode, part.on, pkp=True)
        if not (terms.reads_the_same(ruled) and terms.makes_same_tax(ruled)):
            yield f"{terms.statutory} on {terms.base_factor} is not the rule of {part.on}"
    if terms.makes_same_tax(document):
        owed = part.waited
    else:
        same = [one for one in earlier if one.terms.makes_same_tax(terms)]
        paid = sum((one.gross for one in same), part.gross)
        owed = tax_inside(paid, terms) - sum((one.owed for one in same), Money(0))
    if owed != part.owed:
        yield f"owed {part.owed} for {part.gross} on {part.on}, the rule makes {owed}"


CHECKS = (
    by_case(
        "tax-point-rules",
        "PPN is owed as the rules of the day the money came make it.",
        _POINTS,
        _by_the_rules,
    ),
    by_sql(
        "tax-point-booked",
        "The books hold as PPN owed exactly what the tax points say, less what credits gave back.",
        """
        SELECT merchant_id, 'invoice' AS kind, invoice_id AS id, NULL::text AS label,
            format('tax points make %s owed, the books %s', sum(owed), sum(booked)) AS why
        FROM (
            SELECT merchant_id, invoice_id, owed_amount AS owed, 0 AS booked FROM tax_points
            UNION ALL
            SELECT j.merchant_id, j.subject_id, 0, -p.amount
            FROM journals j JOIN postings p
                ON p.merchant_id = j.merchant_id AND p.journal_id = j.id
            WHERE p.account = 'output_vat' AND j.kind IN ('invoice_issued', 'invoice_voided',
                'tax_became_due', 'tax_point_reversed')
            UNION ALL
            SELECT i.merchant_id, i.id, -i.tax_amount, 0 FROM invoices i
            WHERE i.status = 'void' AND EXISTS (SELECT 1 FROM tax_points t
                WHERE t.merchant_id = i.merchant_id AND t.invoice_id = i.id AND t.kind = 'issue')
        ) x GROUP BY merchant_id, invoice_id HAVING sum(owed) <> sum(booked)
        """,
    ),
    by_sql(
        "credit-tax-booked",
        "A credit note gives back in the books the PPN that it shows.",
        """
        SELECT c.merchant_id, 'credit_note' AS kind, c.id, c.number AS label,
            format('shows %s, the books %s', c.tax_amount, coalesce(sum(p.amount), 0)) AS why
        FROM credit_notes c
        LEFT JOIN journals j ON j.merchant_id = c.merchant_id AND j.subject_id = c.id
            AND j.kind = 'credit_note_issued'
        LEFT JOIN postings p ON p.merchant_id = j.merchant_id AND p.journal_id = j.id
            AND p.account IN ('output_vat', 'vat_not_due')
        GROUP BY c.merchant_id, c.id, c.number, c.tax_amount
        HAVING coalesce(sum(p.amount), 0) <> c.tax_amount
        """,
    ),
)
