"""PPN over a change of the rate: asked at 10% in March 2022, paid at 11% in April."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from builders import make_customer, make_price, make_subscription, set_clock
from database import Database
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import create_engine, update
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows.credit import CreditNote, credit_invoice
from billing.flows.documents import invoice_document
from billing.flows.reversal import take_back
from billing.flows.settle import settle
from billing.flows.void import void_invoice
from billing.ledger.tables import journals, postings
from billing.reports.explain import explain_invoice
from core import ids
from core.tables import merchants
from invoices.adapters.html import render_page
from invoices.tables import credit_notes, tax_points
from ops.doctor import examine, render
from payments.gateway import Answer
from payments.tables import payment_orders

_owner: list[str] = []


@pytest.fixture(autouse=True)
def owner(database: Database) -> None:
    _owner[:] = [database.owner_url.replace("postgresql://", "postgresql+psycopg://")]


def by_owner(sql: str) -> None:
    """What no flow does: written behind the engine's back."""
    engine = create_engine(_owner[0])
    with engine.begin() as connection:
        connection.exec_driver_sql(sql)
    engine.dispose()


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2022-03-28 09:00")


def asked(stage: Stage, amount: int = 1_000_000, *, locale: str = "id", **terms: Any) -> UUID:
    """An invoice of March: 1,000,000 and 100,000 of PPN."""
    with stage.work() as unit:
        customer = make_customer(unit, locale=locale)
        price = make_price(unit, amount, **terms)
        invoice_id = make_subscription(unit, customer=customer, price=price).invoice_id
    assert invoice_id is not None
    stage.drain()
    return invoice_id


def to(stage: Stage, at: str) -> None:
    set_clock(stage.engine, stage.id, jakarta(at))


def pay(stage: Stage, invoice_id: UUID, amount: int | None = None) -> None:
    """The customer pays the open number, or a part of it."""
    stage.drain()
    if amount is not None:
        [order] = stage.rows(payment_orders, invoice_id=invoice_id, state="pending")
        by_owner(
            f"ALTER TABLE payment_orders DISABLE TRIGGER USER;"
            f"UPDATE payment_orders SET amount = {amount} WHERE id = '{order.id}';"
            f"ALTER TABLE payment_orders ENABLE TRIGGER USER"
        )
    stage.pays(invoice_id)


def books(stage: Stage) -> dict[str, int]:
    """What stands on the accounts of tax and price; what is owed or deferred is positive."""
    found = {"vat_not_due": 0, "output_vat": 0, "deferred_revenue": 0, "one_off_revenue": 0}
    for row in stage.rows(postings):
        if row.account in found:
            found[row.account] -= row.amount
    return {name: amount for name, amount in found.items() if amount}


def healthy(stage: Stage) -> None:
    report = examine(stage.engine.db, stage.machine.at)
    assert not report.broken, render(report)


def credit(stage: Stage, invoice_id: UUID, gross: int | None = None) -> CreditNote:
    with stage.work() as unit:
        return credit_invoice(
            unit, invoice_id, reason="mistake", source_kind="request", source_id=ids.fresh(),
            gross_amount=gross,
        )  # fmt: skip


# 1,100,000 x 11/111 = 109,009.009, cut as it was in 2022.
@pytest.mark.parametrize(("price", "mode"), [(1_000_000, "exclusive"), (1_100_000, "inclusive")])
def test_the_rate_of_the_payment_is_owed_and_the_price_gives_way(
    stage: Stage, price: int, mode: str
) -> None:
    invoice_id = asked(stage, price, tax_mode=mode)
    assert books(stage) == {"vat_not_due": 100_000, "deferred_revenue": 1_000_000}
    to(stage, "2022-04-02 10:00")
    pay(stage, invoice_id)
    assert books(stage) == {"output_vat": 109_009, "deferred_revenue": 990_991}
    invoice = stage.invoice(invoice_id)
    assert (invoice.total_amount, invoice.tax_amount, invoice.status) == (
        1_100_000,
        100_000,
        "paid",
    )
    [point] = stage.rows(tax_points)
    assert (point.waited_amount, point.owed_amount) == (100_000, 109_009)
    assert point.terms["statutory"] == "11/100"
    stage.audit()


@pytest.mark.parametrize(
    ("locale", "said", "rows"),
    [
        (
            "id",
            "PPN di dalam pembayaran ini Rp109.009, bukan Rp100.000",
            "PPN terutang 2 April 2022",
        ),
        (
            "en",
            "inside this payment is therefore Rp109.009, not Rp100.000",
            "PPN owed 2 April 2022",
        ),
    ],
)
def test_page_file_mail_and_explanation_tell_why_the_tax_differs(
    stage: Stage, mailer: FakeMailer, locale: str, said: str, rows: str
) -> None:
    invoice_id = asked(stage, locale=locale)
    to(stage, "2022-04-02 10:00")
    pay(stage, invoice_id)
    stage.drain()
    with stage.work() as unit:
        document = invoice_document(unit, invoice_id)
        told = explain_invoice(unit.session, stage.id, invoice_id)
    assert said in render_page(document.view)
    assert said in document.filed.notes[0]
    assert document.pdf().startswith(b"%PDF")
    assert said in mailer.sent[-1].text
    assert rows in [label for label, _ in told.tax_steps]
    assert "Rp1.100.000 × 11/111 = Rp109.009" in dict(told.tax_steps)[rows]


def test_parts_on_both_sides_each_owe_the_tax_of_their_day(stage: Stage) -> None:
    invoice_id = asked(stage)
    pay(stage, invoice_id, 400_000)
    # 100,000 x 400,000/1,100,000 = 36,363.6
    assert books(stage)["output_vat"] == 36_364
    to(stage, "2022-04-02 10:00")
    pay(stage, invoice_id)
    # 700,000 x 11/111 = 69,369.4 instead of the 63,636 that still waited
    assert books(stage) == {"output_vat": 36_364 + 69_369, "deferred_revenue": 994_267}
    assert [
        (row.waited_amount, row.owed_amount) for row in stage.rows(tax_points, tax_points.c.n)
    ] == [
        (36_364, 36_364),
        (63_636, 69_369),
    ]
    stage.audit()


def test_void_before_the_payment_touches_no_tax(stage: Stage) -> None:
    invoice_id = asked(stage)
    to(stage, "2022-04-02 10:00")
    with stage.work() as unit:
        void_invoice(unit, invoice_id, reason="mistake")
    assert (books(stage), stage.rows(tax_points)) == ({}, [])
    stage.drain()
    stage.audit()


def test_12_percent_on_11_twelfths_owes_what_11_percent_asked(
    engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime
) -> None:
    stage = make_stage(engine, gateway, mailer, machine, at="2024-12-28 09:00")
    invoice_id = asked(stage)
    to(stage, "2025-01-02 10:00")
    pay(stage, invoice_id)
    assert books(stage) == {"output_vat": 110_000, "deferred_revenue": 1_000_000}
    [point] = stage.rows(tax_points)
    assert (point.terms["statutory"], point.terms["base_factor"]) == ("3/25", "11/12")
    stage.audit()


def test_a_whole_credit_gives_back_the_tax_that_was_really_owed(stage: Stage) -> None:
    invoice_id = asked(stage)
    to(stage, "2022-04-02 10:00")
    pay(stage, invoice_id)
    note = credit(stage, invoice_id)
    assert (note.net, note.tax, note.total) == (990_991, 109_009, 1_100_000)
    assert books(stage) == {}
    assert stage.row(credit_notes, id=note.id).tax["statutory"] == "11/100"
    stage.audit()


@pytest.mark.parametrize("mode", ["exclusive", "inclusive"])
def test_credits_in_parts_add_up_to_the_tax_of_parts_on_both_sides(stage: Stage, mode: str) -> None:
    price = 1_000_000 if mode == "exclusive" else 1_100_000
    invoice_id = asked(stage, price, tax_mode=mode)
    pay(stage, invoice_id, 400_000)
    to(stage, "2022-04-02 10:00")
    pay(stage, invoice_id, 300_000)
    # of the open 400,000 the first notes take away debt, the rest gives money back
    for gross in (150_000, 333_333, 77):
        credit(stage, invoice_id, gross)
        healthy(stage)
    credit(stage, invoice_id)
    assert books(stage) == {}
    assert sum(row.total_amount for row in stage.rows(credit_notes)) == 1_100_000
    healthy(stage)


def test_a_payment_that_is_taken_back_takes_its_tax_with_it(stage: Stage) -> None:
    invoice_id = asked(stage)
    to(stage, "2022-04-02 10:00")
    pay(stage, invoice_id)
    [order] = stage.rows(payment_orders, state="paid")
    with stage.work() as unit:
        take_back(unit, order, stage.invoice(invoice_id), Answer("reversed"))
    assert books(stage) == {"vat_not_due": 100_000, "deferred_revenue": 1_000_000}
    pay(stage, invoice_id)
    assert books(stage) == {"output_vat": 109_009, "deferred_revenue": 990_991}
    kinds = [row.kind for row in stage.rows(tax_points, tax_points.c.n)]
    assert kinds == ["payment", "reversal", "payment"]


def test_what_was_paid_before_midnight_and_heard_of_later_follows_its_own_day(stage: Stage) -> None:
    invoice_id = asked(stage)
    [order] = stage.rows(payment_orders, invoice_id=invoice_id, state="pending")
    to(stage, "2022-04-01 09:00")
    settle(
        stage.engine, stage.id, order.order_id,
        Answer(
            "paid", amount=order.amount, settled=True, transaction_status="settlement",
            settled_at=datetime(2022, 3, 31, 16, 59, tzinfo=UTC),
        ),
        because="test",
    )  # fmt: skip
    assert books(stage)["output_vat"] == 100_000
    assert str(stage.invoice(invoice_id).tax_point_on) == "2022-03-31"


def test_a_seller_who_became_pkp_owes_the_tax_inside_what_was_paid(stage: Stage) -> None:
    with stage.work() as unit:
        unit.session.execute(update(merchants).values(pkp_since=jakarta("2022-04-01 09:00").date()))
    invoice_id = asked(stage, 1_110_000)
    assert books(stage) == {"deferred_revenue": 1_110_000}
    to(stage, "2022-04-02 10:00")
    pay(stage, invoice_id)
    assert books(stage) == {"output_vat": 110_000, "deferred_revenue": 1_000_000}
    note = credit(stage, invoice_id)
    assert (note.tax, books(stage)) == (110_000, {})
    stage.audit()


def test_a_seller_whose_tax_point_is_the_issue_owes_nothing_at_the_payment(
    engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime
) -> None:
    stage = make_stage(
        engine, gateway, mailer, machine, at="2022-03-28 09:00", tax_point="on_issue"
    )
    invoice_id = asked(stage)
    to(stage, "2022-04-02 10:00")
    pay(stage, invoice_id)
    assert books(stage) == {"output_vat": 100_000, "deferred_revenue": 1_000_000}
    assert [row.kind for row in stage.rows(tax_points)] == ["issue"]
    stage.audit()


def test_the_migration_finds_the_tax_points_of_a_business_that_lived(stage: Stage) -> None:
    # By unchanged rules: that is all there was before tax points were recorded.
    paid, parted, credited = asked(stage), asked(stage), asked(stage)
    pay(stage, paid)
    pay(stage, parted, 123_457)
    credit(stage, credited, 55_555)
    credit(stage, paid)
    credit(stage, parted)
    said = ("invoice_id", "n", "kind", "source", "tax_on", "gross_amount", "waited_amount",
            "owed_amount", "terms")  # fmt: skip
    before = {tuple(str(getattr(row, name)) for name in said) for row in stage.rows(tax_points)}
    assert len(before) >= 2

    path = Path(__file__).parents[2] / "migrations/versions/20261123_1000_tax_points.py"
    spec = importlib.util.spec_from_file_location("tax_points_migration", path)
    assert spec is not None
    assert spec.loader is not None
    migration = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(migration)
    by_owner("DELETE FROM tax_points")
    by_owner(migration._FILL)

    after = {tuple(str(getattr(row, name)) for name in said) for row in stage.rows(tax_points)}
    assert after == before
    assert stage.rows(journals)
    healthy(stage)
