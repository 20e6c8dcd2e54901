"""After a restore: what the lost days did at the gateway is found before anything is sent."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from builders import set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import update
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows import charge
from billing.flows.charge import send_due
from billing.flows.collect import collect_due
from billing.flows.decide import resolve_review
from billing.flows.reconcile import resolve_due
from billing.flows.renew import renew_due
from billing.flows.settle import settle
from billing.flows.void import void_invoice
from core.tables import merchants
from payments.gateway import Answer
from payments.order_ids import order_id as derive_order_id
from payments.tables import payment_orders, payments, reviews

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def restored(stage: Stage) -> Any:
    """A backup of the morning of the first renewal, its attempt written and not sent."""
    stage.card_customer()
    stage.drain()
    set_clock(stage.engine, stage.id, jakarta("2027-02-05 10:30"))
    renew_due(stage.engine, stage.id)
    collect_due(stage.engine, stage.id)
    with stage.work() as unit:
        unit.session.execute(
            update(merchants).where(merchants.c.merchant_id == stage.id).values(mode="recovering")
        )
    return stage.row(payment_orders, state="created")


def other_order(stage: Stage, invoice_id: UUID, n: int, kind: str = "attempt") -> str:
    """The order id of another attempt at the invoice."""
    start = str(stage.invoice(invoice_id).period_start)
    with stage.work() as unit:
        return derive_order_id(unit.merchant.namespace, str(invoice_id), start, kind, n)


def hours_pass(stage: Stage, hours: int = 2) -> None:
    for _ in range(hours * 6):
        stage.machine.passes(minutes=10)
        collect_due(stage.engine, stage.id)
        send_due(stage.engine, stage.id)
        resolve_due(stage.engine, stage.id)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_a_paid_attempt_is_found_behind_orders_the_gateway_never_knew(stage: Stage, n: int) -> None:
    """Dropped orders, and those refused without a transaction, leave no trace at the gateway."""
    order = restored(stage)
    stage.gateway.has_order(other_order(stage, order.invoice_id, n), order.amount, settled=True)
    hours_pass(stage)
    assert stage.gateway.count("charge") == 1  # January's
    assert stage.invoice(order.invoice_id).status == "paid"
    stage.audit()


def test_a_card_that_was_paid_on_a_page_in_the_lost_days_is_booked_and_not_charged_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = restored(stage)
    lost = other_order(stage, order.invoice_id, 1, "instrument")
    known = stage.gateway.status
    paid = Answer(
        "paid", order_id=lost, amount=order.amount, currency="IDR", channel="card",
        transaction_id="t-9", transaction_status="settlement", settled=True,
    )  # fmt: skip
    monkeypatch.setattr(stage.gateway, "status", lambda at: paid if at == lost else known(at))
    hours_pass(stage)
    assert stage.gateway.count("charge") == 1  # January's
    assert stage.invoice(order.invoice_id).status == "paid"
    found = stage.row(payment_orders, order_id=lost)
    assert (found.kind, found.channel, found.state) == ("instrument", "snap", "paid")
    assert stage.row(payments, order_id=lost).channel == "card"
    stage.audit()


def test_who_dies_while_asking_around_asks_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = restored(stage)
    stage.gateway.has_order(other_order(stage, order.invoice_id, 2), order.amount, settled=True)

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(charge, "ask_around", die)
        with pytest.raises(KeyboardInterrupt):
            send_due(stage.engine, stage.id)
    hours_pass(stage)
    assert stage.gateway.count("charge") == 1
    assert stage.invoice(order.invoice_id).status == "paid"


def test_an_attempt_that_still_waits_is_withdrawn_before_another_is_sent(stage: Stage) -> None:
    order = restored(stage)
    waiting = other_order(stage, order.invoice_id, 2)
    asked, cancel = stage.gateway.status, stage.gateway.cancel
    state = "pending"

    def status(order_id: str) -> Answer:
        if order_id != waiting:
            return asked(order_id)
        outcome: Any = "pending" if state == "pending" else "failed"
        return Answer(
            outcome, order_id=waiting, amount=order.amount, currency="IDR", transaction_status=state
        )

    def canceled(order_id: str, *, idempotency_key: str) -> Any:
        nonlocal state
        if order_id != waiting:
            return cancel(order_id, idempotency_key=idempotency_key)
        state = "cancel"
        return stage.gateway._act(lambda: True)

    stage.gateway.status = status  # type: ignore[method-assign]
    stage.gateway.cancel = canceled  # type: ignore[method-assign]
    hours_pass(stage)
    sent = [order_id for call, order_id in stage.gateway.calls if call == "charge"][1:]
    assert state == "cancel"
    assert sent == [other_order(stage, order.invoice_id, 3)]
    assert stage.invoice(order.invoice_id).status == "paid"


@pytest.mark.parametrize("amount", [0, 1])
def test_news_of_an_order_that_the_backup_has_not_sent_is_taken_in(
    stage: Stage, amount: int
) -> None:
    order = restored(stage)
    news = Answer(
        "paid", order_id=order.order_id, amount=order.amount + amount, currency="IDR",
        settled=True, transaction_status="settlement",
    )  # fmt: skip
    state = settle(stage.engine, stage.id, order.order_id, news, because="notification")
    assert state == ("review" if amount else "paid")
    assert len(stage.rows(payments, order_id=order.order_id)) == (0 if amount else 1)


@pytest.mark.parametrize("n", [1, 2])
def test_a_charge_that_was_given_back_after_the_backup_is_not_made_again(
    stage: Stage, n: int
) -> None:
    """Charged and canceled whole in the lost days: the restored invoice looks unpaid."""
    order = restored(stage)
    order_id = other_order(stage, order.invoice_id, n)
    stage.gateway.has_order(order_id, order.amount, settled=False).state = "cancel"
    hours_pass(stage)
    stage.live_until(jakarta("2027-03-04 12:00"))
    assert stage.gateway.count("charge") == 1  # January's
    assert stage.row(payment_orders, order_id=order_id).state == "review"
    matter = stage.row(reviews, kind="canceled_elsewhere")
    assert stage.invoice(order.invoice_id).status == "open"

    with stage.work() as unit:
        void_invoice(unit, order.invoice_id, reason="mistake")
        resolve_review(unit, matter.id, decision="failed", reason="uang sudah dikembalikan")
    stage.drain()
    assert stage.gateway.count("charge") == 1
    assert stage.row(payment_orders, order_id=order_id).state == "failed"
    stage.audit()
