"""What is stored tells no secret, and what must not be edited can not be."""

from __future__ import annotations

import pytest
from payers import (
    first_payment,
    paid_answer,
    receive,
    replaced,
    status_body,
    va_customer,
)
from sqlalchemy import text
from world import World

from billing.flows import cards, charge, settle
from billing.flows.collect import collect_due
from billing.flows.void import void_invoice
from core.db import make_engine
from ops.worker import run_bell
from payments.gateway import Answer
from payments.tables import notifications, payment_methods, payment_orders, reviews

pytestmark = pytest.mark.database


def test_the_token_of_an_answer_about_something_else_is_not_kept(world: World) -> None:
    customer = world.customer("Tono")
    with world.work() as unit:
        method = cards.new_card(unit, customer, "card-tono")
        order = cards.check_card(world.engine, unit, customer, method, world.desk.card_token())
    charge.send_one(world.engine, world.merchant_id, order)
    [check] = world.rows(payment_orders, id=order)
    settle.settle(
        world.engine, world.merchant_id, check.order_id,
        Answer("paid", order_id="another-order", amount=5, currency="IDR",
               transaction_status="capture", saved_token="the card of somebody else"),
        because="test",
    )  # fmt: skip
    [saved] = world.rows(payment_methods, id=method)

    assert world.rows(payment_orders, id=order)[0].state == "review"
    assert saved.state == "pending"


def test_the_token_of_a_declined_card_is_not_kept(world: World) -> None:
    customer = world.customer("Tono")
    with world.work() as unit:
        method = cards.new_card(unit, customer, "card-tono")
        order = cards.check_card(world.engine, unit, customer, method, world.desk.card_token())
    charge.send_one(world.engine, world.merchant_id, order)
    [check] = world.rows(payment_orders, id=order)
    settle.settle(
        world.engine, world.merchant_id, check.order_id,
        Answer("failed", order_id=check.order_id, amount=check.amount, currency="IDR", code="43",
               transaction_status="deny", saved_token="481111-1114-stolen"),
        because="test",
    )  # fmt: skip

    assert world.rows(payment_methods, id=method)[0].state != "active"


def test_a_stored_notification_holds_nothing_that_can_take_money(world: World) -> None:
    _, invoice_id = first_payment(world, "Sari")
    body = status_body(world, world.order_of(invoice_id).order_id)
    receive(world, {**body, "saved_token_id": "481111xyz1114"})
    [row] = world.rows(notifications)

    assert not {"saved_token_id", "token_id", "signature_key"} & row.body.keys()


def test_database_errors_do_not_tell_what_was_written(world: World) -> None:
    assert make_engine("postgresql://nobody@127.0.0.1:1/none").hide_parameters


def test_a_withdrawn_order_nobody_knows_is_not_asked_about_without_pause(world: World) -> None:
    gateway = replaced(world)
    gateway.charges.append(Answer("unknown", message="time-out"))
    invoice_id = va_customer(world)
    assert world.order_of(invoice_id).state == "unknown"
    with world.work() as unit:
        void_invoice(unit, invoice_id, reason="test")
    run_bell(world.engine, world.merchant_id, "order.resolve")

    assert gateway.count("status") <= 2


def test_a_bank_that_refuses_numbers_is_not_asked_without_end(world: World) -> None:
    gateway = replaced(world)
    gateway.charges.extend([Answer("failed", code="402", message="not activated")] * 500)
    va_customer(world)
    for _ in range(20):
        collect_due(world.engine, world.merchant_id)
        charge.send_due(world.engine, world.merchant_id)

    assert gateway.count("charge") <= 3
    assert world.rows(reviews) != []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT number FROM invoices",
        "SELECT email FROM customers",
        "UPDATE clocks SET at = at",
        "UPDATE payment_orders SET state = state",
        "SELECT body FROM notifications",
        "SELECT server_key_sealed FROM merchants",
    ],
)
def test_the_lookup_role_reads_only_whose_turn_it_is(world: World, statement: str) -> None:
    from sqlalchemy.exc import ProgrammingError

    with pytest.raises(ProgrammingError, match="permission denied"), world.engine.db.lookup() as s:
        s.execute(text(statement))


def test_the_namespace_of_all_order_ids_can_not_be_changed(world: World) -> None:
    """A changed namespace derives other order ids: everything open would be charged anew."""
    from sqlalchemy.exc import DBAPIError

    with pytest.raises(DBAPIError), world.work() as unit:
        unit.session.execute(text("UPDATE merchants SET namespace = decode(repeat('ab',16),'hex')"))


def test_what_a_payment_took_can_not_be_edited(world: World) -> None:
    from sqlalchemy.exc import DBAPIError

    invoice_id = va_customer(world)
    order = world.order_of(invoice_id)
    settle.settle(
        world.engine, world.merchant_id, order.order_id, paid_answer(order), because="test"
    )
    with pytest.raises(DBAPIError), world.work() as unit:
        unit.session.execute(text("UPDATE payments SET amount = amount + 1"))
