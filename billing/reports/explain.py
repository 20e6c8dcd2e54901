"""Why an invoice says what it says: its lines' arithmetic, tax, money, orders and books, read once.

Reads by merchant only, so it serves a request inside one merchant and the command line's reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from billing.ledger.chart import CHART, Account
from core.errors import NotFound
from core.money import Money
from invoices.derivation import arithmetic
from invoices.tax_points import TaxPart
from invoices.tax_terms import TaxTerms
from invoices.tax_wording import tax_point_steps
from invoices.wording import percent, period_text, rupiah


@dataclass(frozen=True, slots=True)
class LineStory:
    """One line: what it is, how its amount came about, its share of the tax."""

    position: int
    text: str
    period: str
    arithmetic: str
    amount: int
    tax: int


@dataclass(frozen=True, slots=True)
class MoneyStory:
    """Money or a credit that counted towards the invoice; ``amount`` lowers what is due."""

    at: datetime
    kind: str
    reference: str
    amount: int


@dataclass(frozen=True, slots=True)
class StepStory:
    """One step of an order, in business time."""

    at: datetime
    before: str | None
    after: str
    because: str


@dataclass(frozen=True, slots=True)
class OrderStory:
    """One order at the gateway, with every step it took."""

    n: int
    order_id: str
    kind: str
    channel: str
    amount: int
    state: str
    code: str | None
    steps: tuple[StepStory, ...]


@dataclass(frozen=True, slots=True)
class JournalStory:
    """One journal about the invoice: debits positive, named as a bookkeeper names them."""

    on: date
    kind: str
    postings: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that made an invoice what it is. Amounts are whole rupiah."""

    number: str
    status: str
    merchant: str
    seller: str
    buyer: str
    locale: str
    zone: str
    issued_on: date
    due_on: date
    subtotal: int
    tax: int
    total: int
    paid: int
    credited: int
    due: int
    tax_point_on: date | None
    lines: tuple[LineStory, ...]
    tax_steps: tuple[tuple[str, str], ...]
    money: tuple[MoneyStory, ...]
    orders: tuple[OrderStory, ...]
    journals: tuple[JournalStory, ...]


def explain_invoice(
    session: Session, merchant_id: UUID, invoice_id: UUID, *, language: str | None = None
) -> Explanation:
    """Read and explain one issued invoice.

    Args:
        language: ``id`` or ``en``; the invoice's own where it is not said.

    Raises:
        NotFound: ``invoice_not_found``.
    """
    key = {"m": merchant_id, "i": invoice_id}
    row = session.execute(_INVOICE, key).mappings().one_or_none()
    if row is None or row["number"] is None:
        raise NotFound("invoice_not_found", "there is no such invoice")
    words = language or row["locale"]
    buyer = row["buyer"]
    return Explanation(
        number=row["number"],
        status=row["status"],
        merchant=row["slug"],
        seller=row["seller"]["legal_name"],
        buyer=buyer.get("company") or buyer.get("name") or "",
        locale=words,
        zone=row["billing_zone"],
        issued_on=row["issued_on"],
        due_on=row["due_on"],
        subtotal=row["subtotal_amount"],
        tax=row["tax_amount"],
        total=row["total_amount"],
        paid=row["paid_amount"],
        credited=row["credited_amount"],
        due=row["due_amount"],
        tax_point_on=row["tax_point_on"],
        lines=tuple(_line(line, words) for line in session.execute(_LINES, key).mappings()),
        tax_steps=tax_steps(row["tax"], row["subtotal_amount"], words)
        + tax_point_steps(
            TaxTerms.from_json(row["tax"]),
            [_part(point) for point in session.execute(_TAX_POINTS, key)],
            words,
        ),
        money=tuple(MoneyStory(*one) for one in session.execute(_MONEY, key)),
        orders=_orders(session, key),
        journals=_journals(session, key, words),
    )


def tax_steps(tax: Mapping[str, Any], subtotal: int, language: str) -> tuple[tuple[str, str], ...]:
    """Tell the tax in (label, arithmetic) rows; none where the seller charges no PPN."""
    if not tax or tax.get("code") == "none":
        return ()
    terms = TaxTerms.from_json(tax)
    steps: list[tuple[str, str]] = []
    inside = ("sudah di dalam harga", "already in the price")[language == "en"]
    other = tax.get("other_base")
    if other is not None:
        factor = f"{terms.base_factor.numerator}/{terms.base_factor.denominator}"
        steps.append(("DPP nilai lain", f"{rupiah(subtotal)} × {factor} = {rupiah(int(other))}"))
    exact = subtotal * terms.effective
    shown = f"{percent(terms.statutory)}"
    if terms.base_factor != 1:
        shown += f" × {terms.base_factor.numerator}/{terms.base_factor.denominator}"
    label = f"PPN {percent(terms.statutory)}"
    if terms.is_inside:
        steps.append((label, f"{rupiah(int(tax['tax']))} {inside}"))
    else:
        steps.append(
            (label, f"{rupiah(subtotal)} × {shown} = {_rounded(exact, int(tax['stated']))}")
        )
    if not terms.collected:
        steps.append((label, ("tidak dipungut", "not collected")[language == "en"]))
    return tuple(steps)


def _part(row: Any) -> TaxPart:
    return TaxPart(
        row.tax_on, Money(row.gross_amount), Money(row.waited_amount), Money(row.owed_amount),
        TaxTerms.from_json(row.terms),
    )  # fmt: skip


def _rounded(exact: Fraction, amount: int) -> str:
    if exact == amount:
        return rupiah(amount)
    whole, rest = divmod(round(exact * 100), 100)
    return f"{rupiah(whole)},{rest:02d} → {rupiah(amount)}"


def _line(line: Mapping[Any, Any], language: str) -> LineStory:
    description = line["description"]
    period = ""
    if line["period_start"] is not None and line["period_end"] is not None:
        period = period_text(line["period_start"], line["period_end"], language)
    return LineStory(
        line["position"],
        description.get(language) or description.get("id") or "",
        period,
        arithmetic(line["derivation"], language),
        line["amount"],
        line["tax_amount"],
    )


def _orders(session: Session, key: Mapping[str, Any]) -> tuple[OrderStory, ...]:
    steps: dict[UUID, list[StepStory]] = {}
    for row in session.execute(_STEPS, key):
        steps.setdefault(row.payment_order_id, []).append(
            StepStory(row.business_at, row.from_state, row.to_state, row.because)
        )
    return tuple(
        OrderStory(
            row.n, row.order_id, row.kind, row.channel, row.amount, row.state, row.code,
            tuple(steps.get(row.id, ())),
        )
        for row in session.execute(_ORDERS, key)
    )  # fmt: skip


def _journals(session: Session, key: Mapping[str, Any], language: str) -> tuple[JournalStory, ...]:
    told: dict[UUID, tuple[date, str, list[tuple[str, int]]]] = {}
    for row in session.execute(_JOURNALS, key):
        account = CHART[Account(row.account)]
        name = account.name_en if language == "en" else account.name_id
        told.setdefault(row.id, (row.occurred_on, row.kind, []))[2].append((name, row.amount))
    return tuple(JournalStory(on, kind, tuple(rows)) for on, kind, rows in told.values())


_INVOICE = text(
    """
    SELECT i.number, i.status, i.locale, i.billing_zone, i.issued_on, i.due_on, i.subtotal_amount,
        i.tax_amount, i.total_amount, i.paid_amount, i.credited_amount, i.due_amount, i.tax,
        i.seller, i.buyer, i.tax_point_on, m.slug
    FROM invoices i JOIN merchants m ON m.merchant_id = i.merchant_id
    WHERE i.merchant_id = :m AND i.id = :i
    """
)
_LINES = text(
    """
    SELECT position, description, period_start, period_end, derivation, amount, tax_amount
    FROM invoice_lines WHERE merchant_id = :m AND invoice_id = :i ORDER BY position
    """
)
_TAX_POINTS = text(
    """
    SELECT tax_on, gross_amount, waited_amount, owed_amount, terms
    FROM tax_points WHERE merchant_id = :m AND invoice_id = :i ORDER BY n
    """
)
_MONEY = text(
    """
    SELECT a.at, a.kind, coalesce(p.order_id, '') AS reference, a.amount
    FROM allocations a LEFT JOIN payments p ON p.merchant_id = a.merchant_id AND p.id = a.payment_id
    WHERE a.merchant_id = :m AND a.invoice_id = :i
    UNION ALL
    SELECT issued_at, 'credit_note', number, to_invoice_amount FROM credit_notes
    WHERE merchant_id = :m AND invoice_id = :i AND to_invoice_amount > 0
    UNION ALL
    SELECT c.issued_at, CASE c.source_kind WHEN 'refund' THEN 'refund' ELSE 'to_balance' END,
        c.number, -c.to_balance_amount FROM credit_notes c
    WHERE c.merchant_id = :m AND c.invoice_id = :i AND c.to_balance_amount > 0
    ORDER BY 1, 2, 3
    """
)
_ORDERS = text(
    """
    SELECT id, n, order_id, kind, channel, amount, state, code FROM payment_orders
    WHERE merchant_id = :m AND invoice_id = :i ORDER BY n
    """
)
_STEPS = text(
    """
    SELECT s.payment_order_id, s.business_at, s.from_state, s.to_state, s.because
    FROM payment_order_steps s JOIN payment_orders o
        ON o.merchant_id = s.merchant_id AND o.id = s.payment_order_id
    WHERE o.merchant_id = :m AND o.invoice_id = :i
    ORDER BY s.at, s.business_at, s.from_state NULLS FIRST
    """
)
_JOURNALS = text(
    """
    SELECT j.id, j.occurred_on, j.kind, p.account, p.amount
    FROM journals j JOIN postings p ON p.merchant_id = j.merchant_id AND p.journal_id = j.id
    WHERE j.merchant_id = :m AND (j.subject_id = :i
        OR j.subject_id IN (SELECT id FROM credit_notes
            WHERE merchant_id = :m AND invoice_id = :i)
        OR j.subject_id IN (SELECT payment_id FROM allocations
            WHERE merchant_id = :m AND invoice_id = :i AND payment_id IS NOT NULL))
    ORDER BY j.occurred_at, j.kind, j.id, p.position
    """
)
