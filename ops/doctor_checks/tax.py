"""PPN that is owed: what the rules of each tax point's day make of it, and as much in the books."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from core.money import Money
from invoices.tax_points import TaxPart, tax_inside
from invoices.tax_tables import NO_TAX
from invoices.tax_terms import TaxTerms, terms_for
from ops.doctor_checks.check import Broken, Check, Found, Moment, by_sql, found, name_of, slugs

_POINTS = text(
    """
    SELECT t.merchant_id, t.invoice_id, i.number, i.tax, t.kind, t.source, t.tax_on,
        t.gross_amount, t.waited_amount, t.owed_amount, t.terms
    FROM tax_points t
    JOIN invoices i ON i.merchant_id = t.merchant_id AND i.id = t.invoice_id
    ORDER BY t.merchant_id, t.invoice_id, t.n
    """
)


def _points(session: Session, _: Moment) -> Found:
    """Work every tax point out again from the table of its day."""

    def broken() -> Iterator[Broken]:
        names = slugs(session)
        rows = session.execute(_POINTS.execution_options(yield_per=2000))
        for (merchant_id, invoice_id), group in groupby(
            rows, key=lambda row: (row.merchant_id, row.invoice_id)
        ):
            listed = list(group)
            for why in _faults(listed):
                what = name_of("invoice", invoice_id, listed[0].number)
                yield Broken(names.get(merchant_id, "-"), what, why)

    return found(broken())


def _faults(rows: list[Row[Any]]) -> Iterator[str]:
    document = TaxTerms.from_json(rows[0].tax)
    earlier: list[TaxPart] = []
    for row in rows:
        part = TaxPart(
            row.tax_on,
            Money(row.gross_amount),
            Money(row.waited_amount),
            Money(row.owed_amount),
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
    Check(
        "tax-point-rules",
        "PPN is owed as the rules of the day the money came make it.",
        _points,
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
