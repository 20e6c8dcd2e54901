"""A card's token that does not open holds back its own charge, and nobody else's."""

from __future__ import annotations

import pytest
from builders import make_customer
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import update
from stage import Stage, make_stage

from billing.engine import Engine
from billing.flows.cards import check_card, new_card
from billing.flows.charge import send_due
from billing.flows.collect import collect_due
from billing.flows.reconcile import resolve_due
from invoices.tables import invoices
from payments.gateway import Answer
from payments.tables import payment_methods, payment_orders, reviews

# Sealed under a key that is no longer there; cut off; not sealed at all.
BROKEN = [b"\x03old" + b"x" * 40, b"\x01", b""]


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2026-12-10 09:00")


@pytest.mark.parametrize("sealed", BROKEN)
def test_a_fresh_card_that_does_not_open_stops_nobody_elses_charge(
    stage: Stage, sealed: bytes
) -> None:
    with stage.work() as unit:
        customer = make_customer(unit)
        method = new_card(unit, customer.id, "k")
        order = check_card(stage.engine, unit, customer.id, method, "tok")
        unit.session.execute(
            update(payment_orders).where(payment_orders.c.id == order).values(request_sealed=sealed)
        )
    _, _, good = stage.card_customer()
    collect_due(stage.engine, stage.id)
    send_due(stage.engine, stage.id)  # a person waits for the check: it comes first
    stage.drain()

    assert stage.invoice(good).status == "paid"
    held = stage.row(payment_orders, id=order)
    assert (held.state, held.sends) == ("created", 0)
    [told] = stage.rows(reviews)
    assert (told.kind, told.subject_id) == ("secret_unreadable", order)


def test_a_saved_card_that_does_not_open_is_not_sent_again_without_it(stage: Stage) -> None:
    _, _, first = stage.card_customer()
    stage.gateway.charges.append(Answer("unknown", message="time-out"))
    collect_due(stage.engine, stage.id)
    send_due(stage.engine, stage.id)
    [order] = stage.rows(payment_orders, invoice_id=first)
    with stage.work() as unit:
        unit.session.execute(update(payment_methods).values(token_sealed=BROKEN[0]))
    stage.gateway.orders.pop(order.order_id, None)  # it never came there
    stage.machine.passes(hours=1)
    resolve_due(stage.engine, stage.id)

    assert stage.gateway.count("charge") == 1
    assert [row.kind for row in stage.rows(reviews)] == ["secret_unreadable"]
    assert stage.row(invoices).status == "open"
