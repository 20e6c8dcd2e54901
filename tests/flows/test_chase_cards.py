"""A card given while another is being tried: the refusal is the old one's, the try the new one's."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from builders import set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows import cards, collect
from billing.flows.charge import send_due
from billing.flows.collect import collect_due
from billing.flows.renew import renew_due
from billing.flows.settle import settle
from dunning.tables import dunning_cases
from payments.gateway import Answer
from payments.tables import payment_methods, payment_orders

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def charge_in_doubt(stage: Stage) -> tuple[UUID, Any]:
    """The renewal of 5 February was sent and nobody answered: the customer and the order."""
    customer_id, _, _ = stage.card_customer()
    stage.drain()
    set_clock(stage.engine, stage.id, jakarta("2027-02-05 10:30"))
    renew_due(stage.engine, stage.id)
    collect_due(stage.engine, stage.id)
    stage.gateway.charges.append(Answer("unknown", message="time-out"))
    send_due(stage.engine, stage.id)
    return customer_id, stage.row(payment_orders, state="unknown")


def another_card(stage: Stage, customer_id: UUID) -> UUID:
    """The customer saves another card, which takes over subscriptions and open invoices."""
    method_id = stage.card(customer_id, b"another")
    with stage.work() as unit:
        cards.use_method(unit, customer_id, method_id)
    return method_id


def refuse(stage: Stage, order_id: str, code: str) -> None:
    refusal = Answer(
        "failed", transaction_status="deny", payment_type="credit_card", code=code
    )  # fmt: skip
    settle(stage.engine, stage.id, order_id, refusal, because="status asked")


def test_a_holders_stop_ends_the_card_that_was_charged_and_no_other(stage: Stage) -> None:
    customer_id, order = charge_in_doubt(stage)
    new = another_card(stage, customer_id)
    refuse(stage, order.order_id, "R0")
    states = {method.id: method.state for method in stage.rows(payment_methods)}
    assert states == {order.payment_method_id: "ended", new: "active"}


@pytest.mark.parametrize("code", ["14", "51", "R0"])
def test_a_card_given_meanwhile_is_tried_at_once(stage: Stage, code: str) -> None:
    customer_id, order = charge_in_doubt(stage)
    new = another_card(stage, customer_id)
    set_clock(stage.engine, stage.id, jakarta("2027-02-05 11:00"))
    refuse(stage, order.order_id, code)
    stage.live_until(jakarta("2027-02-05 11:01"))
    assert stage.invoice(order.invoice_id).status == "paid"
    charged = {one.n: one.payment_method_id for one in stage.rows(payment_orders)
               if one.invoice_id == order.invoice_id}  # fmt: skip
    assert charged == {1: order.payment_method_id, 2: new}


def test_a_card_that_is_refused_too_is_tried_once_and_then_as_planned(stage: Stage) -> None:
    customer_id, order = charge_in_doubt(stage)
    another_card(stage, customer_id)
    refuse(stage, order.order_id, "51")
    stage.decline("51", times=9)
    stage.live_until(jakarta("2027-02-07 12:00"))
    tries = [one.opened_at for one in stage.rows(payment_orders, payment_orders.c.n)
             if one.invoice_id == order.invoice_id]  # fmt: skip
    assert [at.date().day for at in tries] == [5, 5, 6]


def test_a_card_given_while_an_invoice_without_one_is_looked_at_is_charged(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer_id, _, _ = stage.card_customer()
    stage.drain()
    with stage.work() as unit:
        [old] = [one.id for one in stage.rows(payment_methods)]
        cards.end_method(unit, old, "test")
    set_clock(stage.engine, stage.id, jakarta("2027-02-05 10:30"))
    renew_due(stage.engine, stage.id)
    finding = collect._nothing_to_charge

    def late(*args: Any) -> None:
        monkeypatch.undo()
        another_card(stage, customer_id)
        finding(*args)

    monkeypatch.setattr(collect, "_nothing_to_charge", late)
    stage.drain()
    assert stage.rows(dunning_cases) == []
    [renewed] = [one for one in stage.rows(payment_orders) if one.n == 1 and one.state == "paid"
                 and one.opened_at.month == 2]  # fmt: skip
    assert stage.invoice(renewed.invoice_id).status == "paid"
