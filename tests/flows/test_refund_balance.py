"""Refunds of money that settled no invoice: paid twice, or paid after the invoice was voided."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from builders import make_price, make_subscription
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, make_stage

from billing.engine import Engine
from billing.flows import refund
from billing.flows.credit import credit_invoice
from billing.flows.pay_once import OneOffLine, pay_once
from billing.flows.settle import settle
from billing.flows.void import void_invoice
from billing.ledger.tables import journals, postings
from billing.queries import balance, get_customer
from billing.tables import balance_entries
from core.errors import Conflict, InvalidRequest
from core.tables import messages
from invoices.tables import credit_notes
from payments.gateway import Answer
from payments.tables import payment_orders, payments, refunds, reviews

TOTAL = 166_500
PAYEE = {"bank": "BCA", "account_number": "1234567890", "account_name": "Budi"}


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def paid_after_void(stage: Stage) -> tuple[UUID, UUID]:
    """A virtual account paid after its invoice was voided: (customer, payment)."""
    customer, _, invoice_id = stage.invoice_customer()
    stage.drain()
    with stage.work() as unit:
        void_invoice(unit, invoice_id, reason="mistake")
    return customer, stage.pays(invoice_id)


def card_after_void(stage: Stage, *, settled: bool) -> tuple[UUID, UUID]:
    """A card was charged, the answer lost; meanwhile the invoice was voided."""
    customer, _, invoice_id = stage.card_customer()
    stage.gateway.charges.append(Answer("unknown", message="time-out"))
    stage.drain()
    with stage.work() as unit:
        void_invoice(unit, invoice_id, reason="mistake")
    [order] = stage.rows(payment_orders, invoice_id=invoice_id)
    stage.gateway.has_order(order.order_id, order.amount, settled=settled)
    settle(
        stage.engine, stage.id, order.order_id, stage.gateway.status(order.order_id),
        because="test",
    )  # fmt: skip
    return customer, stage.payment_of(order.order_id)


def ask(stage: Stage, payment_id: UUID, amount: int | None = None, **how: Any) -> UUID:
    with stage.work("billing@awan.example") as unit:
        return refund.request_refund(unit, payment_id, amount, **how)


def held(stage: Stage, customer: UUID) -> int:
    with stage.work() as unit:
        return balance(unit, customer)


def test_a_number_paid_after_the_void_goes_back_by_hand(stage: Stage) -> None:
    customer, payment_id = paid_after_void(stage)
    assert held(stage, customer) == TOTAL
    refund_id = ask(stage, payment_id, payee=PAYEE, note="Dibayar setelah dibatalkan")
    row = stage.row(refunds)
    assert (row.invoice_id, row.credit_note_id, row.amount) == (None, None, TOTAL)
    assert (row.route, row.state) == ("manual", "awaiting_transfer")
    # On its way it can not be spent, and the books still hold it for the customer.
    assert held(stage, customer) == 0
    stage.audit()
    with stage.work() as unit:
        refund.complete_manual(unit, refund_id, proof="TRF-1")
    assert stage.row(refunds).state == "succeeded"
    assert stage.row(payments).refunded_amount == TOTAL
    assert stage.rows(credit_notes) == []
    stage.audit()
    stage.drain()
    [mail] = [one for one in stage.mailer.sent if "mengembalikan Rp166.500" in one.subject]
    assert "rekening bank dengan transfer" in mail.text
    assert "Dibayar setelah dibatalkan" in mail.text


@pytest.mark.parametrize(("settled", "road"), [(False, "cancel"), (True, "refund")])
def test_a_card_charged_for_nothing_goes_back_by_the_gateway(
    stage: Stage, *, settled: bool, road: str
) -> None:
    customer, payment_id = card_after_void(stage, settled=settled)
    ask(stage, payment_id)
    stage.drain()
    row = stage.row(refunds)
    assert (row.route, row.state, row.credit_note_id) == (road, "succeeded", None)
    assert held(stage, customer) == 0
    stage.audit()


def test_a_refund_that_fails_gives_the_balance_back(stage: Stage) -> None:
    customer, payment_id = card_after_void(stage, settled=True)
    ask(stage, payment_id, 66_500)
    stage.gateway.refund_script.append("failed")
    stage.drain()
    assert stage.row(refunds).state == "failed"
    assert held(stage, customer) == TOTAL
    stage.audit()
    ask(stage, payment_id)  # all of it may be asked for again
    stage.drain()
    assert held(stage, customer) == 0
    stage.audit()


def test_a_transfer_decided_against_gives_the_balance_back(stage: Stage) -> None:
    customer, payment_id = paid_after_void(stage)
    refund_id = ask(stage, payment_id, payee=PAYEE)
    with stage.work() as unit:
        refund.reject(unit, refund_id, because="the customer keeps it")
    assert held(stage, customer) == TOTAL
    stage.audit()


def test_what_the_customer_has_used_is_not_there_to_be_refunded(stage: Stage) -> None:
    customer, payment_id = paid_after_void(stage)
    with stage.work() as unit:
        pay_once(
            unit, customer, [OneOffLine("Pelatihan", 100_000)], collection="invoice",
            key=str(uuid4()),
        )  # fmt: skip
    assert held(stage, customer) == TOTAL - 111_000
    with pytest.raises(Conflict) as caught:
        ask(stage, payment_id)
    assert caught.value.code == "balance_spent"
    assert "55500" in str(caught.value)
    ask(stage, payment_id, 55_500, payee=PAYEE)
    assert held(stage, customer) == 0
    stage.audit()


def overpaid(stage: Stage) -> UUID:
    """A number over the whole is paid while the invoice was credited in part: 55,500 too much."""
    _, _, invoice_id = stage.invoice_customer()
    stage.drain()
    with stage.work() as unit:
        credit_invoice(
            unit, invoice_id, reason="mistake", gross_amount=55_500, source_kind="request",
            source_id=uuid4(),
        )  # fmt: skip
    return stage.pays(invoice_id)


def test_the_excess_of_a_payment_goes_back_without_a_credit_note(stage: Stage) -> None:
    payment_id = overpaid(stage)
    with pytest.raises(InvalidRequest) as caught:
        ask(stage, payment_id, 55_501)
    assert caught.value.code == "refund_exceeds_unallocated"
    ask(stage, payment_id, payee=PAYEE)
    row = stage.row(refunds)
    assert (row.amount, row.credit_note_id) == (55_500, None)
    stage.audit()


def test_the_invoice_can_be_named_where_a_payment_was_more_than_it(stage: Stage) -> None:
    payment_id = overpaid(stage)
    order = stage.row(payment_orders, kind="instrument", state="paid")
    ask(stage, payment_id, 11_100, invoice_id=order.invoice_id, payee=PAYEE)
    row = stage.row(refunds)
    assert (row.invoice_id, row.amount) == (order.invoice_id, 11_100)
    # Once the excess is gone too, the invoice is what is left.
    ask(stage, payment_id, payee=PAYEE)
    ask(stage, payment_id, 1_000, payee=PAYEE)
    assert [one.invoice_id is None for one in stage.rows(refunds, refunds.c.refund_key)] == [
        False, True, False,
    ]  # fmt: skip
    stage.audit()


def test_a_credit_whose_refund_failed_can_be_sent_another_way(stage: Stage) -> None:
    customer, _, _ = stage.card_customer()
    stage.drain()
    payment = stage.row(payments)
    stage.settles(payment.id)
    ask(stage, payment.id, 55_500)
    stage.gateway.refund_script.append("failed")
    stage.drain()
    assert held(stage, customer) == 55_500
    # The credit note stands; the money it gave back is the customer's and needs no second one.
    ask(stage, payment.id, 55_500)
    stage.drain()
    row = stage.row(refunds, credit_note_id=None)
    assert (row.state, held(stage, customer)) == ("succeeded", 0)
    assert len(stage.rows(credit_notes)) == 1
    stage.audit()


def test_a_refund_under_a_key_of_the_callers_is_booked_as_itself(stage: Stage) -> None:
    _, payment_id = card_after_void(stage, settled=True)
    ask(stage, payment_id, key="from the caller")
    stage.drain()
    assert stage.row(journals, kind="refund_paid").subject_id == stage.row(refunds).id
    assert stage.row(messages, kind="refund.requested").subject_id == stage.row(refunds).id
    assert stage.row(balance_entries, kind="refunded").amount == -TOTAL
    stage.audit()


def test_money_the_bank_took_back_before_its_transfer_pays_no_other_invoice(stage: Stage) -> None:
    customer, payment_id = paid_after_void(stage)
    ask(stage, payment_id, payee=PAYEE)
    with stage.work() as unit:
        made = make_subscription(
            unit, customer=get_customer(unit, customer), price=make_price(unit, 100_000)
        )
    taken = Answer(
        "failed", amount=TOTAL, transaction_status="deny", payment_type="echannel"
    )  # Mandiri Bill's way to say that it was reversed
    order_id = stage.row(payments, id=payment_id).order_id
    settle(stage.engine, stage.id, order_id, taken, because="test")
    assert stage.row(payments, id=payment_id).status == "reversed"
    assert made.invoice_id is not None
    invoice = stage.invoice(made.invoice_id)
    assert (invoice.status, invoice.paid_amount) == ("open", 0)
    assert (stage.row(refunds).state, held(stage, customer)) == ("failed", 0)
    assert not [one for one in stage.rows(reviews) if one.kind == "reversed_after_use"]
    stage.audit()


@pytest.mark.parametrize("own", [0, 60_000])
def test_a_chargeback_while_a_refund_is_in_doubt_gives_the_money_once(
    stage: Stage, own: int
) -> None:
    customer, payment_id = card_after_void(stage, settled=True)
    ask(stage, payment_id)
    stage.gateway.refund_script.append("lost_before_effect")
    refund.send_due(stage.engine, stage.id)
    if own:  # of another payment: it covers a part of the bank's while the refund is away
        with stage.work() as unit:
            other = pay_once(unit, customer, [OneOffLine("Pelatihan", 100_000)]).id
        stage.drain()
        stage.pays(other)
        with stage.work() as unit:
            credit_invoice(
                unit, other, reason="mistake", gross_amount=own, source_kind="request",
                source_id=uuid4(),
            )  # fmt: skip
    assert stage.row(refunds).state == "unknown"
    order_id = stage.row(payments, id=payment_id).order_id
    taken = Answer(
        "reversed", order_id=order_id, amount=TOTAL, currency="IDR",
        transaction_status="chargeback",
    )  # fmt: skip
    settle(stage.engine, stage.id, order_id, taken, because="test")
    assert held(stage, customer) == 0
    stage.gateway.status_script.append(taken)
    stage.machine.passes(minutes=10)
    refund.send_due(stage.engine, stage.id)
    assert (stage.row(refunds).state, held(stage, customer)) == ("failed", own)
    assert sum(one.amount for one in stage.rows(postings, account="bad_debt")) == 0
    assert "refund.kept" not in [one.kind for one in stage.rows(messages)]
    stage.audit()
