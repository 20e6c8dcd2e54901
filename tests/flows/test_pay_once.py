"""One-offs: an invoice of their own, by number or by card, and the ways an invoice is closed."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from builders import START, make_customer, make_method, working
from sqlalchemy import select

from billing.engine import Engine
from billing.flows.pay_once import OneOffLine, pay_once
from billing.flows.void import mark_uncollectible, void_invoice
from core.errors import Conflict, EngineError
from core.merchant import Merchant
from core.tables import audit
from dunning.tables import dunning_cases
from invoices.queries import get_invoice, lines_of
from invoices.service import record_settled


def test_two_lines_are_taxed_together(engine: Engine, merchant: Merchant) -> None:
    # 2 x 33,333 and 33,333: PPN of 99,999 once, 10,999.89 -> 11,000; shown 7,333 and 3,667.
    with working(engine, merchant) as unit:
        invoice = pay_once(
            unit,
            make_customer(unit).id,
            [OneOffLine("Pelatihan", 33_333, 2), OneOffLine({"id": "Jasa", "en": "Work"}, 33_333)],
            external_id="order-7",
        )
        lines = lines_of(unit, invoice.id)
    assert (invoice.subtotal_amount, invoice.tax_amount) == (99_999, 11_000)
    assert sum(line.tax_amount for line in lines) == 11_000
    assert {line.description["en"] for line in lines} == {"Pelatihan", "Work"}
    assert (invoice.kind, invoice.period_start, invoice.external_id) == ("one_off", None, "order-7")
    assert (invoice.due_on, invoice.collect_at) == (date(2027, 1, 17), START)


def test_by_card_it_is_charged_now_or_by_the_payer(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        customer = make_customer(unit).id
        method = make_method(unit, customer)
        line = [OneOffLine("Jasa", 10_000)]
        now = pay_once(unit, customer, line, collection="automatic", payment_method_id=method)
        later = pay_once(unit, customer, line, collection="automatic", interactive=True)
    assert (now.collect_at, now.due_on) == (START, date(2027, 1, 10))
    assert later.collect_at is None


def test_prices_with_the_tax_in_them(engine: Engine, merchant: Merchant) -> None:
    # X22: inclusive 99,000: PPN 9,811, DPP 89,189.
    with working(engine, merchant) as unit:
        invoice = pay_once(
            unit, make_customer(unit).id, [OneOffLine("Jasa", 99_000)], tax_mode="inclusive"
        )
    assert (invoice.subtotal_amount, invoice.tax_amount, invoice.total_amount) == (
        89_189,
        9_811,
        99_000,
    )


@pytest.mark.parametrize(
    ("lines", "terms", "code"),
    [
        ([], {}, "invalid_lines"),
        ([OneOffLine("Jasa", -1)], {}, "invalid_unit_amount"),
        ([OneOffLine("Jasa", 1, 0)], {}, "invalid_quantity"),
        ([OneOffLine(" ", 1)], {}, "invalid_description"),
        ([OneOffLine("Jasa", 1)], {"due_on": date(2027, 1, 9)}, "invalid_due_on"),
        ([OneOffLine("Jasa", 1)], {"collection": "automatic"}, "payment_method_needed"),
    ],
)
def test_what_is_wrong_is_refused(
    engine: Engine, merchant: Merchant, lines: list[OneOffLine], terms: dict[str, Any], code: str
) -> None:
    with pytest.raises(EngineError) as caught, working(engine, merchant) as unit:
        pay_once(unit, make_customer(unit).id, lines, **terms)
    assert caught.value.code == code


def test_only_what_was_never_paid_is_voided(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        customer = make_customer(unit).id
        paid, open_ = (pay_once(unit, customer, [OneOffLine("Jasa", 10_000)]) for _ in range(2))
        record_settled(unit, paid.id, paid=1)
        with pytest.raises(Conflict, match="credit note"):
            void_invoice(unit, paid.id, reason="mistake")
        void_invoice(unit, open_.id, reason="mistake")
        with pytest.raises(Conflict):
            void_invoice(unit, open_.id, reason="mistake")
        cases = dict(
            unit.session.execute(select(dunning_cases.c.invoice_id, dunning_cases.c.state)).all()
        )
        noted = unit.session.execute(
            select(audit.c.after).where(audit.c.action == "invoice.void")
        ).scalar_one()
    assert cases == {paid.id: "open", open_.id: "stopped"}
    assert noted == {"status": "void", "reason": "mistake"}


def test_what_was_written_off_can_still_be_paid(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        invoice = pay_once(unit, make_customer(unit).id, [OneOffLine("Jasa", 10_000)])
        assert mark_uncollectible(unit, invoice.id, reason="gone").status == "uncollectible"
        assert record_settled(unit, invoice.id, paid=11_100).status == "paid"
        assert str(get_invoice(unit, invoice.id).tax_point_on) == "2027-01-10"


def test_totals_can_not_be_overrun(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        invoice = pay_once(unit, make_customer(unit).id, [OneOffLine("Jasa", 10_000)])
        with pytest.raises(Conflict, match="only 11100 is due"):
            record_settled(unit, invoice.id, paid=11_101)
        part = record_settled(unit, invoice.id, paid=100)
        assert (part.due, part.became_paid) == (11_000, False)
        full = record_settled(unit, invoice.id, paid=11_000)
        assert (full.due, full.became_paid, full.tax_became_due) == (0, True, True)
        back = record_settled(unit, invoice.id, paid=-11_000)
        assert (back.status, back.became_open, back.due) == ("open", True, 11_000)
