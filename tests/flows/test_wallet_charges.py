"""Charges of a linked GoPay over the wire: renewed, refused, confirmed by PIN or not, ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Row
from wallets import account_id, holder, subscriber, switch_on, wallet
from world import World

from billing.flows.charge import send_one
from billing.flows.offers import offer
from billing.tables import mandates, subscriptions
from core.tables import events, messages
from dunning.tables import dunning_cases
from invoices.tables import invoices
from ops.doctor import examine, render
from payments.tables import payment_orders, payments

pytestmark = pytest.mark.database


@pytest.fixture(autouse=True)
def _whole(world: World) -> Any:
    switch_on(world)
    yield
    report = examine(world.engine.db, world.machine.at)
    assert not report.broken, render(report)


def renewed(world: World, subscription: UUID, *, hours: float = 0) -> Row[Any]:
    """Live past the next renewal's charge, and some hours more; the newest invoice."""
    [row] = world.rows(subscriptions, id=subscription)
    world.advance(row.next_at + timedelta(seconds=1))
    newest = max(
        world.rows(invoices, subscription_id=subscription), key=lambda one: one.period_start
    )
    if newest.collect_at:
        world.advance(newest.collect_at + timedelta(hours=hours))
    return world.invoice(newest.id)


def balance(world: World, **change: Any) -> None:
    """Change what is in the wallet."""
    world.desk.control("POST", "wallets", phone="628215023424", **change)


def confirm(world: World, invoice_id: UUID) -> None:
    """The holder gives the PIN, and machine time passes until we ask."""
    world.desk.pay(order_id=world.order_of(invoice_id).order_id)
    world.wait(minutes=6)


def pay_by_va(world: World, invoice_id: UUID) -> None:
    """The payer takes a number from the invoice's page and pays it."""
    with world.work() as unit:
        order = offer(unit, invoice_id, None)
    send_one(world.engine, world.merchant_id, order)
    world.desk.pay(order_id=world.order_of(invoice_id).order_id)
    world.wait(minutes=6)
    world.drain()


def test_two_renewals_are_charged_to_the_wallet_once_each(world: World) -> None:
    _, _, subscription = subscriber(world, "Sari")
    world.drain()
    for _ in range(2):
        balance(world, rotate=True)  # its charge token changes: it is read again before each
        assert renewed(world, subscription, hours=1).status == "paid"

    orders = world.rows(payment_orders)
    assert [(one.channel, one.state, one.sends) for one in orders] == [
        ("gopay_linked", "paid", 1)
    ] * 3
    assert {one.channel for one in world.rows(payments)} == {"gopay_linked"}
    assert len(world.desk.book()) == 3


def test_an_unlinked_wallet_ends_with_its_consent_and_the_renewal_is_paid_by_va(
    world: World,
) -> None:
    _, method, subscription = subscriber(world, "Sari")
    world.drain()
    holder(world, account_id(world, method), "unlink")
    before = len(world.desk.book())
    invoice = renewed(world, subscription, hours=1)

    assert invoice.status == "open"
    assert len(world.desk.book()) == before, "nothing was asked of a wallet that is not linked"
    assert (wallet(world, method).state, wallet(world, method).token_sealed) == ("ended", None)
    assert world.rows(mandates, ended_at=None) == []
    [case] = world.rows(dunning_cases, invoice_id=invoice.id)
    assert case.state == "open"

    pay_by_va(world, invoice.id)
    assert world.invoice(invoice.id).status == "paid"


def test_too_little_in_the_wallet_is_tried_again(world: World) -> None:
    _, method, subscription = subscriber(world, "Sari")
    world.drain()
    balance(world, balance=0)
    invoice = renewed(world, subscription, hours=1)
    assert invoice.status == "open"
    [case] = world.rows(dunning_cases, invoice_id=invoice.id)
    assert (case.decline_class, case.decline_code) == ("soft", "201")
    assert wallet(world, method).state == "active"

    balance(world, balance=500_000)
    world.advance(world.clock_at() + timedelta(days=4))
    assert world.invoice(invoice.id).status == "paid"


def test_a_pin_that_is_given_in_time_pays(world: World) -> None:
    _, _, subscription = subscriber(world, "Sari", amount=150_000)
    world.drain()
    [first] = world.rows(invoices, subscription_id=subscription)
    confirm(world, first.id)
    world.drain()
    assert world.invoice(first.id).status == "paid"

    invoice = renewed(world, subscription)
    order = world.order_of(invoice.id)
    assert (order.state, order.channel) == ("pending", "gopay_linked")
    assert order.instructions["redirect_url"].startswith(world.desk.url)
    [mail] = world.rows(messages, kind="payment.confirm_needed", subject_id=invoice.id)
    assert mail.state == "sent"
    assert len(world.rows(events, type="payment.confirm_needed")) == 2
    confirm(world, invoice.id)
    world.drain()
    assert world.invoice(invoice.id).status == "paid"


def test_a_pin_that_nobody_gives_runs_out_and_the_invoice_is_chased(world: World) -> None:
    _, method, subscription = subscriber(world, "Sari", amount=150_000)
    world.drain()
    [first] = world.rows(invoices, subscription_id=subscription)
    confirm(world, first.id)
    world.drain()
    invoice = renewed(world, subscription, hours=2)

    assert world.order_of(invoice.id).state == "failed"
    [case] = world.rows(dunning_cases, invoice_id=invoice.id)
    assert (case.decline_class, case.decline_code) == ("customer_action", "407")
    assert wallet(world, method).state == "active", "the wallet is as good as before"
    world.advance(world.clock_at() + timedelta(days=5))
    assert len(world.rows(payment_orders, invoice_id=invoice.id)) == 1, (
        "nobody is asked for a PIN again and again"
    )
    pay_by_va(world, invoice.id)
    assert world.invoice(invoice.id).status == "paid"
