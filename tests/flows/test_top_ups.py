"""A balance that is topped up: it rises when money is booked, and what is left of it goes back."""

from __future__ import annotations

from uuid import UUID

import pytest
from builders import make_customer, set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import update
from stage import Stage, jakarta, make_stage

from billing import queries
from billing.credits.queries import lots_of
from billing.credits.tables import balance_lots
from billing.engine import Engine
from billing.flows import refund, top_up
from billing.flows.credit import credit_invoice
from billing.flows.offers import offer
from billing.flows.part_reversal import book_part
from billing.flows.pay_once import OneOffLine, pay_once
from billing.flows.reconcile import resolve_due
from billing.flows.settle import settle
from billing.flows.void import mark_uncollectible, void_invoice
from billing.ledger.tables import postings
from billing.tables import balance_entries
from core import ids
from core.errors import Conflict, InvalidRequest
from core.tables import merchants
from dunning.tables import dunning_cases
from invoices.tables import invoice_lines, tax_points
from payments.gateway import Answer
from payments.tables import payment_orders, payments, reviews

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def asked(stage: Stage, amount: int = 100_000) -> tuple[UUID, UUID]:
    """A customer who wants to top up: (customer, invoice)."""
    with stage.work() as unit:
        customer = make_customer(unit).id
        return customer, top_up.ask(unit, customer, amount).id


def by_number(stage: Stage, invoice: UUID) -> UUID:
    """He takes a number and pays it; returns the payment."""
    with stage.work() as unit:
        offer(unit, invoice)
    stage.drain()
    return stage.pays(invoice)


def topped_up(stage: Stage, amount: int = 100_000) -> tuple[UUID, UUID, UUID]:
    customer, invoice = asked(stage, amount)
    return customer, invoice, by_number(stage, invoice)


def spend(stage: Stage, customer: UUID, amount: int) -> UUID:
    with stage.work() as unit:
        return pay_once(unit, customer, [OneOffLine("Jasa", amount)]).id


def held(stage: Stage, customer: UUID) -> int:
    with stage.work() as unit:
        return queries.balance(unit, customer)


def booked(stage: Stage, account: str) -> int:
    return sum(row.amount for row in stage.rows(postings, account=account))


def test_the_balance_rises_when_the_money_is_booked_and_not_before(stage: Stage) -> None:
    customer, invoice_id = asked(stage)
    invoice = stage.invoice(invoice_id)
    assert (invoice.total_amount, invoice.tax_amount, invoice.due_amount) == (100_000, 0, 100_000)
    assert [line.description["id"] for line in stage.rows(invoice_lines)] == ["Isi saldo"]
    with stage.work() as unit:
        offer(unit, invoice_id)
    stage.drain()
    assert held(stage, customer) == 0
    assert booked(stage, "customer_credit") == 0
    stage.audit()

    stage.pays(invoice_id)
    paid = stage.invoice(invoice_id)
    assert (paid.status, stage.rows(tax_points)) == ("paid", [])
    assert held(stage, customer) == 100_000
    assert (booked(stage, "customer_credit"), booked(stage, "top_up_asked")) == (-100_000, 0)
    assert booked(stage, "one_off_revenue") == booked(stage, "output_vat") == 0
    assert stage.row(balance_lots).expires_at is None
    stage.audit()
    assert stage.invoice(spend(stage, customer, 50_000)).status == "paid"
    assert held(stage, customer) == 44_500
    stage.audit()


def test_a_top_up_pays_what_is_open_and_is_not_paid_by_a_balance(stage: Stage) -> None:
    customer, first = asked(stage)
    owed = spend(stage, customer, 40_000)
    with stage.work() as unit:
        second = top_up.ask(unit, customer, 30_000).id
    by_number(stage, first)
    assert stage.invoice(owed).status == "paid"
    assert stage.invoice(second).paid_amount == 0
    assert held(stage, customer) == 55_600
    with stage.work() as unit:
        third = top_up.ask(unit, customer, 20_000).id
    assert stage.invoice(third).paid_amount == 0
    stage.audit()


def test_nobody_is_reminded_of_a_top_up_and_after_a_week_it_lapses(stage: Stage) -> None:
    customer, invoice = asked(stage)
    stage.live_until(jakarta("2027-01-12 23:59"))
    assert stage.invoice(invoice).status == "open"
    assert not stage.rows(dunning_cases)
    assert not stage.rows(payment_orders)
    stage.live_until(jakarta("2027-01-13 00:00"))
    assert stage.invoice(invoice).status == "void"
    assert (held(stage, customer), booked(stage, "top_up_asked")) == (0, 0)
    stage.audit()


def test_a_number_that_runs_out_is_not_followed_by_another(
    stage: Stage, machine: MachineTime
) -> None:
    _, invoice = asked(stage)
    with stage.work() as unit:
        offer(unit, invoice)
    stage.drain()
    [order] = stage.rows(payment_orders)
    settle(stage.engine, stage.id, order.order_id, Answer("failed", transaction_status="expire"),
           because="test")  # fmt: skip
    stage.drain()
    assert len(stage.rows(payment_orders)) == 1
    assert stage.invoice(invoice).collect_at == jakarta("2027-01-13 00:00")
    stage.live_until(jakarta("2027-01-14 00:00"))
    assert stage.invoice(invoice).status == "void"
    stage.audit()


def test_what_is_paid_after_it_lapsed_is_balance_all_the_same(stage: Stage) -> None:
    customer, invoice = asked(stage)
    with stage.work() as unit:
        offer(unit, invoice)
        void_invoice(unit, invoice, reason="mistake")
    stage.drain()
    stage.pays(invoice)
    assert held(stage, customer) == 100_000
    stage.audit()


def test_of_a_top_up_partly_used_what_is_left_is_refunded(stage: Stage) -> None:
    customer, _, payment = topped_up(stage)
    spend(stage, customer, 50_000)  # 55,500 with PPN
    with pytest.raises(Conflict) as refused, stage.work() as unit:
        refund.request_refund(unit, payment, 60_000)
    assert refused.value.code == "balance_spent"
    with stage.work() as unit:
        refund.request_refund(
            unit, payment, 44_500,
            payee={"bank": "BCA", "account_number": "1234567890", "account_name": "Budi"},
        )  # fmt: skip
    assert held(stage, customer) == 0
    stage.audit()
    with pytest.raises(Conflict) as refused, stage.work() as unit:
        refund.request_refund(unit, payment, 1_000)
    assert refused.value.code == "balance_spent"
    stage.audit()


def test_a_top_up_is_refunded_out_of_its_own_lot_first(stage: Stage) -> None:
    customer, _, _ = topped_up(stage, 100_000)
    with stage.work() as unit:
        second = top_up.ask(unit, customer, 70_000).id
    payment = by_number(stage, second)
    with stage.work() as unit:
        refund.request_refund(
            unit, payment, 70_000,
            payee={"bank": "BCA", "account_number": "1234567890", "account_name": "Budi"},
        )  # fmt: skip
        lots = {lot.amount: lot.left for lot in lots_of(unit, [customer])[customer]}
    assert lots == {100_000: 100_000}
    stage.audit()


def test_by_the_merchants_terms_topped_up_money_ends_and_is_income(stage: Stage) -> None:
    with stage.engine.db.begin(stage.id) as session:
        session.execute(
            update(merchants).where(merchants.c.merchant_id == stage.id).values(top_up_days=30)
        )
    customer, _, payment = topped_up(stage)
    stage.live_until(jakarta("2027-02-04 23:59"))
    assert held(stage, customer) == 100_000
    stage.live_until(jakarta("2027-02-05 00:00"))
    assert held(stage, customer) == 0
    assert booked(stage, "expired_balance") == -100_000
    with pytest.raises(Conflict) as refused, stage.work() as unit:
        refund.request_refund(unit, payment, 1_000)
    assert refused.value.code == "balance_spent"
    stage.audit()


def test_a_bank_that_takes_a_top_up_back_takes_what_is_left_of_it(stage: Stage) -> None:
    customer, invoice, payment = topped_up(stage)
    spend(stage, customer, 50_000)
    order = stage.row(payment_orders, id=stage.row(payments, id=payment).payment_order_id)
    settle(stage.engine, stage.id, order.order_id,
           Answer("reversed", amount=order.amount, transaction_status="chargeback"),
           because="test")  # fmt: skip
    assert held(stage, customer) == 0
    assert stage.invoice(invoice).status == "void"
    assert booked(stage, "bad_debt") == 55_500
    assert booked(stage, "top_up_asked") == 0
    assert [row.detail["missing"] for row in stage.rows(reviews, kind="reversed_after_use")] == [
        55_500
    ]
    stage.drain()
    stage.audit()


def test_a_part_that_a_bank_takes_back_leaves_the_balance(stage: Stage) -> None:
    customer, invoice, payment = topped_up(stage)
    with stage.work() as unit:
        book_part(unit, payment, 30_000)
    assert held(stage, customer) == 70_000
    assert stage.invoice(invoice).due_amount == 30_000
    stage.live_until(jakarta("2027-03-01 00:00"))
    assert len(stage.rows(payment_orders)) == 1
    stage.audit()


def test_a_top_up_is_neither_credited_nor_written_off(stage: Stage) -> None:
    _, invoice = asked(stage)
    with pytest.raises(Conflict) as refused, stage.work() as unit:
        credit_invoice(unit, invoice, reason="goodwill", source_kind="request",
                       source_id=ids.fresh())  # fmt: skip
    assert refused.value.code == "top_up_is_no_debt"
    with pytest.raises(Conflict) as refused, stage.work() as unit:
        mark_uncollectible(unit, invoice, reason="x")
    assert refused.value.code == "top_up_is_no_debt"
    stage.audit()


@pytest.mark.parametrize("amount", [0, 9_999, 100_000_001])
def test_too_little_and_too_much_are_refused(stage: Stage, amount: int) -> None:
    with pytest.raises(InvalidRequest) as refused:
        asked(stage, amount)
    assert refused.value.code == "invalid_amount"


def test_the_same_key_asks_once(stage: Stage) -> None:
    customer, _ = asked(stage)
    found = set()
    for _ in range(2):
        with stage.work() as unit:
            found.add(top_up.ask(unit, customer, 50_000, key="k-1").id)
    assert len(found) == 1
    set_clock(stage.engine, stage.id, jakarta("2027-01-06 09:00"))
    assert not stage.rows(balance_entries)
    resolve_due(stage.engine, stage.id)
    stage.audit()
