"""Two at once on the same rows: whoever comes second sees what the first did, or waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from builders import make_price, set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import Row, text
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows import refund, refund_send
from billing.flows.cancel import cancel
from billing.flows.change_plan import change
from billing.flows.charge import drop_moot, lease, send_due
from billing.flows.collect import collect_due
from billing.flows.credit import credit_invoice
from billing.flows.offers import offer
from billing.flows.orders import open_attempt
from billing.flows.reconcile import resolve_due
from billing.flows.renew import renew_due
from billing.flows.settle import settle
from billing.tables import balance_entries, subscriptions
from core import ids
from core.errors import Conflict, EngineError
from core.work import Work
from invoices.tables import invoices
from payments.gateway import Answer
from payments.tables import payment_orders, payments, refunds

TIMES = 6


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-29 09:00")


def meanwhile(stage: Stage, first: Callable[[Work], Any], then: Callable[[], Any]) -> Any:
    """Do one thing in a transaction, another while that is not committed yet, then commit.

    The other one runs to its end, or until it waits for a lock of the first.
    """
    outcome: list[Any] = []
    thread = threading.Thread(target=lambda: outcome.append(then()))
    with stage.work() as unit:
        first(unit)
        thread.start()
        waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        deadline = time.monotonic() + 5
        while thread.is_alive() and time.monotonic() < deadline:
            with stage.engine.db.lookup() as session:
                if session.execute(waits).scalar_one():
                    break
            time.sleep(0.02)
    thread.join()
    [found] = outcome
    return found


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Do all of them at the same moment; what each gave, or the code it was refused with."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        gate.wait(10)
        try:
            return call()
        except EngineError as error:
            return error.code

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def renewal(stage: Stage, **terms: Any) -> tuple[UUID, UUID, Row[Any]]:
    """A card customer whose second invoice is about to be charged: its attempt is written."""
    customer, subscription, _ = stage.card_customer(**terms)
    stage.drain()
    set_clock(stage.engine, stage.id, jakarta("2027-02-28 10:00"))
    renew_due(stage.engine, stage.id)
    collect_due(stage.engine, stage.id)
    [invoice] = stage.rows(invoices, subscription_id=subscription, status="open")
    return customer, subscription, invoice


def charged(stage: Stage, invoice_id: UUID) -> list[int]:
    """What was really asked of the gateway for an invoice."""
    return [
        row.amount
        for row in stage.rows(payment_orders, payment_orders.c.n, invoice_id=invoice_id)
        if row.order_id in stage.gateway.orders
    ]


def credit(unit: Work, invoice: Row[Any], gross: int) -> None:
    credit_invoice(
        unit, invoice.id, reason="mistake", gross_amount=gross, source_kind="request",
        source_id=ids.fresh(),
    )  # fmt: skip


def test_a_charge_sent_while_its_invoice_is_credited_asks_for_no_more_than_is_due(
    stage: Stage,
) -> None:
    _, _, invoice = renewal(stage)

    meanwhile(
        stage,
        lambda unit: credit(unit, invoice, 66_500),
        lambda: send_due(stage.engine, stage.id),
    )
    stage.drain()

    # 150,000 and PPN are 166,500; 66,500 of it was credited
    assert charged(stage, invoice.id) == [100_000]
    assert stage.rows(balance_entries) == []
    stage.audit()


def test_a_charge_that_waits_for_nobody_else_is_sent_to_its_caller_after_the_credit(
    stage: Stage,
) -> None:
    """Who asks for one order waits for its invoice instead of leaving it for later."""
    _, _, invoice = renewal(stage)
    [order] = stage.rows(payment_orders, invoice_id=invoice.id)

    taken = meanwhile(
        stage,
        lambda unit: credit(unit, invoice, 66_500),
        lambda: lease(stage.engine, stage.id, limit=1, only=order.id),
    )

    assert (taken.leased, taken.moot) == ([], [order.order_id])


def test_an_order_that_was_sent_meanwhile_is_not_dropped(stage: Stage) -> None:
    """One worker found it moot, another sent it when its amount had come back."""
    _, _, invoice = renewal(stage)
    [order] = stage.rows(payment_orders, invoice_id=invoice.id)
    stage.gateway.charges.append(Answer("unknown", message="lost"))
    send_due(stage.engine, stage.id)

    drop_moot(stage.engine, stage.id, [order.order_id])

    assert stage.row(payment_orders, id=order.id).state == "unknown"
    with stage.work() as unit, pytest.raises(Conflict):
        open_attempt(unit, invoice.id, initiated_by="customer")


def test_a_refund_that_is_on_its_way_is_not_given_up_by_a_chargeback(stage: Stage) -> None:
    customer, _, first = stage.card_customer()
    stage.drain()
    [payment] = stage.rows(payments, customer_id=customer)
    stage.settles(payment.id)
    with stage.work() as unit:
        refund_id = refund.request_refund(unit, payment.id, 50_000)

    meanwhile(
        stage,
        lambda unit: refund_send._lease(stage.engine, unit, 10),
        lambda: settle(
            stage.engine, stage.id, payment.order_id,
            Answer("reversed", order_id=payment.order_id, amount=payment.amount,
                   transaction_status="chargeback", settled=True),
            because="notification",
        ),
    )  # fmt: skip

    assert stage.row(payments, id=payment.id).status == "reversed"
    assert stage.row(refunds, id=refund_id).state == "sent"
    assert stage.row(invoices, id=first).status == "open"


def test_a_notification_and_a_reaper_book_a_payment_once(stage: Stage) -> None:
    _, _, invoice = renewal(stage)
    stage.gateway.charges.append(Answer("unknown", message="lost after the effect"))
    [order] = stage.rows(payment_orders, invoice_id=invoice.id)
    send_due(stage.engine, stage.id)
    stage.gateway.has_order(order.order_id, order.amount, settled=True)
    stage.machine.passes(hours=1)
    news = stage.gateway.status(order.order_id)

    def hear() -> str:
        return settle(stage.engine, stage.id, order.order_id, news, because="notification")

    at_once(*[hear] * 3, *[lambda: resolve_due(stage.engine, stage.id)] * 3)

    assert len(stage.rows(payments, order_id=order.order_id)) == 1
    stage.audit()


def test_the_page_and_the_collector_write_one_charge(stage: Stage) -> None:
    for n in range(TIMES):
        _, subscription, _ = stage.card_customer(100_000 + n)
        stage.drain()
        set_clock(stage.engine, stage.id, jakarta("2027-02-28 10:00"))
        renew_due(stage.engine, stage.id)
        [invoice] = stage.rows(invoices, subscription_id=subscription, status="open")
        set_clock(stage.engine, stage.id, jakarta("2027-02-28 12:00"))

        def by_hand(its: UUID = invoice.id, method: Any = invoice.payment_method_id) -> UUID:
            with stage.work() as unit:
                return open_attempt(unit, its, initiated_by="customer", payment_method_id=method)

        at_once(by_hand, by_hand, lambda: collect_due(stage.engine, stage.id))

        assert len(stage.rows(payment_orders, invoice_id=invoice.id)) == 1
        stage.drain()  # nothing may be paid before it was issued, once the clock goes back
        set_clock(stage.engine, stage.id, jakarta("2027-01-29 09:00"))
    set_clock(stage.engine, stage.id, jakarta("2027-02-28 12:00"))
    stage.drain()
    stage.audit()


def test_a_number_paid_while_the_plan_changes_is_booked_and_nothing_is_asked_twice(
    stage: Stage,
) -> None:
    with stage.work() as unit:
        dearer = make_price(unit, 300_000).id
    for n in range(TIMES):
        customer, subscription, invoice_id = stage.invoice_customer(150_000 + n)
        stage.drain()

        def upgrade(its: UUID = subscription) -> None:
            with stage.work() as unit:
                change(unit, its, price_id=dearer, mode="prorate")

        at_once(upgrade, partial(stage.pays, invoice_id))
        stage.drain()
        paid = sum(row.amount for row in stage.rows(payments, customer_id=customer))
        assert paid == stage.row(invoices, id=invoice_id).total_amount
        stage.audit()


def test_two_people_change_a_plan_and_one_of_them_is_told(stage: Stage) -> None:
    with stage.work() as unit:
        dearer = make_price(unit, 300_000).id
    for n in range(TIMES):
        _, subscription, _ = stage.card_customer(150_000 + n)
        stage.drain()

        def upgrade(its: UUID = subscription) -> bool:
            with stage.work() as unit:
                return change(unit, its, price_id=dearer, mode="prorate").applied

        assert sorted(map(str, at_once(upgrade, upgrade))) == ["True", "nothing_to_change"]
        assert len(stage.rows(invoices, subscription_id=subscription, kind="change")) == 1
    stage.drain()
    stage.audit()


def test_a_charge_that_comes_through_while_its_subscription_is_cancelled_is_kept_for_the_customer(
    stage: Stage,
) -> None:
    for n in range(TIMES):
        customer, subscription, invoice = renewal(stage, amount=150_000 + n)
        stage.gateway.charges.append(Answer("unknown", message="lost after the effect"))
        send_due(stage.engine, stage.id)
        [order] = stage.rows(payment_orders, invoice_id=invoice.id)
        stage.gateway.has_order(order.order_id, order.amount, settled=True)
        news = stage.gateway.status(order.order_id)

        def end(its: UUID = subscription) -> None:
            with stage.work() as unit:
                cancel(unit, its, when="now")

        def hear(its: str = order.order_id, news: Answer = news) -> str:
            return settle(stage.engine, stage.id, its, news, because="notification")

        at_once(end, hear)
        stage.drain()

        assert stage.row(subscriptions, id=subscription).status == "canceled"
        assert [row.amount for row in stage.rows(payments, order_id=order.order_id)] == [
            order.amount
        ]
        _held_or_owed(stage, customer)
        set_clock(stage.engine, stage.id, jakarta("2027-01-29 09:00"))
    stage.audit()


def _held_or_owed(stage: Stage, customer: UUID) -> None:
    """Nothing of what was paid is lost: it paid an invoice, or it is the customer's balance."""
    rows: Sequence[Row[Any]] = stage.rows(balance_entries, customer_id=customer)
    held = sum(row.amount for row in rows)
    assert held >= 0
    assert not stage.rows(invoices, customer_id=customer, status="open")


def test_two_who_ask_for_a_number_get_the_same(stage: Stage) -> None:
    _, _, invoice = renewal(stage)
    stage.decline("14")
    stage.drain()

    def number() -> UUID:
        with stage.work() as unit:
            return offer(unit, invoice.id)

    assert len(set(at_once(*[number] * 4))) == 1
