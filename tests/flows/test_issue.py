"""Issuing: the whole of an invoice commits, once, with a number that leaves no gap."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from builders import make_customer, make_merchant, make_price, make_subscription, working
from sqlalchemy import select, text

from billing.drafts import InvoiceDraft
from billing.engine import Engine
from billing.flows.credit_balance import add_balance
from billing.flows.issue import issue
from billing.flows.issue_rows import content_hash
from billing.ledger.tables import journals, postings
from billing.records import Customer
from core import ids
from core.errors import InvalidRequest
from core.merchant import Merchant
from core.money import Money
from core.tables import events, messages
from core.work import Work
from invoices.lines import LineKind, describe, full_line
from invoices.queries import get_invoice, lines_of, list_invoices
from invoices.tables import invoices
from payments.tables import allocations


def one_off(
    customer: Customer, amount: int = 100_000, *, collection: Any = "invoice", **fields: Any
) -> InvoiceDraft:
    line = full_line(
        LineKind.ONE_OFF, describe(LineKind.ONE_OFF, "Pemasangan"), unit_amount=Money(amount)
    )
    return InvoiceDraft(
        customer=customer,
        kind="one_off",
        lines=(line,),
        tax_mode="exclusive",
        collection=collection,
        zone=customer.billing_zone,
        due_on=date(2027, 1, 17),
        change_id=ids.fresh(),
        **fields,
    )


def give_balance(unit: Work, customer: Customer, amount: int) -> None:
    add_balance(
        unit, customer.id, amount, kind="overpaid", source_kind="payment", source_id=ids.fresh()
    )


def book_of(unit: Work, invoice_id: Any) -> dict[tuple[str, str], int]:
    rows = unit.session.execute(
        select(journals.c.kind, postings.c.account, postings.c.amount)
        .join(postings, postings.c.journal_id == journals.c.id)
        .where(journals.c.subject_id == invoice_id)
    )
    return {(row.kind, row.account): row.amount for row in rows}


def test_an_invoice_is_whole_when_it_is_issued(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        customer = make_customer(unit, company="PT Maju", npwp="01.234.567.8-901.000")
        [issued] = issue(unit, [one_off(customer)])
    with working(engine, merchant) as unit:
        invoice = get_invoice(unit, issued.id)
        [line] = lines_of(unit, issued.id)
        row = unit.session.execute(select(invoices)).mappings().one()
        mails = list(unit.session.execute(select(messages.c.kind, messages.c.subject_id)))
        told = list(unit.session.execute(select(events.c.type, events.c.payload)))
        books = book_of(unit, issued.id)

    # 100,000 + 11/12 of 12%: PPN 11,000.
    assert (invoice.subtotal_amount, invoice.tax_amount, invoice.total_amount) == (
        100_000,
        11_000,
        111_000,
    )
    assert invoice.number == "INV-2027-000001"
    assert (invoice.status, invoice.issued_on, invoice.collect_at) == (
        "open",
        date(2027, 1, 10),
        invoice.issued_at,
    )
    assert row["seller"]["legal_name"] == "PT Awan Sejahtera"
    assert row["seller"]["pkp_since"] == "2020-01-01"
    assert row["buyer"] == {
        "name": customer.name, "company": "PT Maju", "address": None,
        "email": customer.email, "npwp": "012345678901000",
    }  # fmt: skip
    assert row["tax"]["code"] == "standard"
    assert line.derivation == {"rule": "product", "unit_amount": 100_000, "quantity": 1}
    assert mails == [("invoice.issued", issued.id)]
    assert [kind for kind, _ in told if kind.startswith("invoice.")] == ["invoice.issued"]
    assert customer.name not in json.dumps([payload for _, payload in told])
    assert books == {
        ("invoice_issued", "receivable"): 111_000,
        ("invoice_issued", "one_off_revenue"): -100_000,
        ("invoice_issued", "vat_not_due"): -11_000,
    }


def test_the_hash_covers_what_the_document_says(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        [issued] = issue(unit, [one_off(make_customer(unit))])
    with working(engine, merchant) as unit:
        row = dict(unit.session.execute(select(invoices)).mappings().one())
        lines = [
            {**{name: getattr(line, name) for name in line.__slots__}}
            for line in lines_of(unit, issued.id)
        ]
    assert content_hash(row, lines) == bytes(row["content_hash"])
    assert content_hash({**row, "total_amount": 1}, lines) != bytes(row["content_hash"])


def test_the_same_key_is_issued_once(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        draft = one_off(make_customer(unit))
        first = issue(unit, [draft])
        again = issue(unit, [draft])
    with working(engine, merchant) as unit:
        later = issue(unit, [draft])
        assert len(list_invoices(unit)) == 1
    assert len(first) == 1
    assert (again, later) == ([], [])


def test_balance_is_used_oldest_first_up_to_the_total(engine: Engine, merchant: Merchant) -> None:
    # 150,000 of balance on two invoices over 111,000: 111,000 and 39,000.
    with working(engine, merchant) as unit:
        customer = make_customer(unit)
        give_balance(unit, customer, 150_000)
        first, second = issue(unit, [one_off(customer), one_off(customer)])
        assert (first.status, first.paid, first.due) == ("paid", 111_000, 0)
        assert (second.status, second.paid, second.due) == ("open", 39_000, 72_000)
    with working(engine, merchant) as unit:
        used = list(unit.session.execute(select(allocations.c.kind, allocations.c.amount)))
        left = unit.session.execute(text("SELECT sum(amount) FROM balance_entries")).scalar_one()
        paid = get_invoice(unit, first.id)
        books = book_of(unit, second.id)
    assert sorted(amount for _, amount in used) == [39_000, 111_000]
    assert left == 0
    assert (paid.paid_on, paid.tax_point_on, paid.collect_at) == (
        date(2027, 1, 10),
        date(2027, 1, 10),
        None,
    )
    # 11,000 × 39,000 / 111,000 = 3,864.86: that much of the tax is owed now.
    assert books["balance_used", "receivable"] == -39_000
    assert books["tax_became_due", "output_vat"] == -3_865


def test_a_total_of_nothing_is_paid_without_a_charge_or_a_mail(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        [issued] = issue(unit, [one_off(make_customer(unit), 0)])
        assert (issued.status, issued.total) == ("paid", 0)
    with working(engine, merchant) as unit:
        assert get_invoice(unit, issued.id).collect_at is None
        assert list(unit.session.execute(select(messages.c.id))) == []


def test_a_negative_total_is_refused(engine: Engine, merchant: Merchant) -> None:
    with pytest.raises(InvalidRequest, match="below zero"), working(engine, merchant) as unit:
        issue(unit, [one_off(make_customer(unit), -5)])


def test_a_seller_who_is_no_pkp_charges_no_tax(engine: Engine) -> None:
    merchant = make_merchant(
        engine, pkp_since=None, number_pattern="{prefix}/{year}/{roman_month}/{n:04d}"
    )
    with working(engine, merchant) as unit:
        [issued] = issue(unit, [one_off(make_customer(unit))])
        assert (issued.tax, issued.total, issued.number) == (0, 100_000, "INV/2027/I/0001")


def test_numbers_follow_the_period_then_the_subscription(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        price = make_price(unit)
        made = [make_subscription(unit, price=price) for _ in range(5)]
        numbers = [get_invoice(unit, one.invoice_id).number for one in made if one.invoice_id]
    assert numbers == [f"INV-2027-{n:06d}" for n in range(1, 6)]
