"""Charges of a linked GoPay over the wire: renewed, refused, confirmed by PIN or not, ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from builders import CONSENT
from payers import let_it_be_collected, receive, resolve_until_closed, status_body, taken
from sqlalchemy import Row, update
from wallets import account_id, holder, subscriber, switch_on, wallet
from world import World

from billing.flows import cards
from billing.flows.charge import send_due, send_one
from billing.flows.consents import consent
from billing.flows.methods import set_order
from billing.flows.offers import offer
from billing.flows.pay_once import OneOffLine, pay_once
from billing.flows.settle import settle
from billing.flows.wallet_pay import pay_with_wallet
from billing.tables import mandates, subscriptions
from core.tables import events, merchants, messages
from dunning.tables import dunning_cases
from invoices.tables import invoices
from ops.doctor import examine, render
from payments.gateway import Answer
from payments.tables import payment_orders, payments, reviews

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


def test_a_holder_who_pays_with_a_wallet_he_unlinked_ends_it_at_once(world: World) -> None:
    customer, method, _ = subscriber(world, "Sari")
    world.drain()
    holder(world, account_id(world, method), "unlink")
    with world.work() as unit:
        lines = [OneOffLine("Setup", 50_000)]
        one = pay_once(unit, customer, lines, collection="invoice", interactive=True)
        order = pay_with_wallet(unit, one.id, method)
    send_one(world.engine, world.merchant_id, order)

    assert world.order_of(one.id).state == "failed"
    assert (wallet(world, method).state, wallet(world, method).token_sealed) == ("ended", None)
    assert world.rows(mandates, ended_at=None) == []
    [told] = world.rows(events, type="method.ended")
    assert told.payload["kind"] == "gopay"
    assert {case.failures for case in world.rows(dunning_cases)} <= {0}, "he asked for it himself"
    pay_by_va(world, one.id)
    assert world.invoice(one.id).status == "paid"


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


def test_a_pin_that_comes_after_we_gave_up_is_booked(world: World) -> None:
    _, _, subscription = subscriber(world, "Sari", amount=150_000)
    world.drain()
    [first] = world.rows(invoices, subscription_id=subscription)
    order = world.order_of(first.id)
    # The gateway says that it ran out, and its page took the PIN all the same.
    gone = Answer(
        "failed", order_id=order.order_id, amount=order.amount, currency="IDR", code="407",
        transaction_status="expire", payment_type="gopay",
    )  # fmt: skip
    settle(world.engine, world.merchant_id, order.order_id, gone, because="test")
    assert world.order_of(first.id).state == "failed"
    world.desk.pay(order_id=order.order_id)
    receive(world, status_body(world, order.order_id))
    world.drain()
    assert world.invoice(first.id).status == "paid"


def test_a_wallet_that_is_blocked_is_no_fault_of_the_merchants_keys(world: World) -> None:
    _, method, subscription = subscriber(world, "Sari")
    world.drain()
    balance(world, blocked=True)  # the simulator's gateway answers 410
    invoice = renewed(world, subscription, hours=1)
    assert (world.order_of(invoice.id).state, world.order_of(invoice.id).code) == ("failed", "410")
    [case] = world.rows(dunning_cases, invoice_id=invoice.id)
    assert case.decline_class == "hard"
    assert world.rows(reviews) == []
    assert wallet(world, method).state == "active"


@pytest.mark.parametrize(
    "fault", ["drop_before", "drop_after", "500_before", "503_after", "html_502"]
)
def test_one_charge_of_a_wallet_whatever_the_line_does(world: World, fault: str) -> None:
    _, _, subscription = subscriber(world, "Sari")
    world.drain()
    [row] = world.rows(subscriptions, id=subscription)
    world.advance(row.next_at + timedelta(seconds=1))
    [invoice] = [one for one in world.rows(invoices) if one.status == "open"]
    let_it_be_collected(world, invoice.id)
    world.desk.fault("charge", fault)
    send_due(world.engine, world.merchant_id)
    assert resolve_until_closed(world, invoice.id) == "paid"
    assert len(taken(world, invoice.id)) == 1
    assert len(world.rows(payment_orders, invoice_id=invoice.id)) == 1


def test_an_account_that_can_not_be_read_is_charged_later_and_not_refused(world: World) -> None:
    _, _, subscription = subscriber(world, "Sari")
    world.drain()
    [row] = world.rows(subscriptions, id=subscription)
    world.advance(row.next_at + timedelta(seconds=1))
    [invoice] = [one for one in world.rows(invoices) if one.status == "open"]
    let_it_be_collected(world, invoice.id)
    world.desk.fault("account", "500_before")
    send_due(world.engine, world.merchant_id)
    order = world.order_of(invoice.id)
    assert (order.state, order.in_doubt) == ("created", False), "nothing was asked for"
    world.wait(minutes=1)
    send_due(world.engine, world.merchant_id)
    assert world.invoice(invoice.id).status == "paid"


def test_after_a_restored_backup_the_account_is_read_before_it_is_charged(world: World) -> None:
    _, method, subscription = subscriber(world, "Sari")
    world.drain()
    # In the lost days its holder ended it and linked another one, of which the backup knows nothing.
    holder(world, account_id(world, method), "unlink")
    with world.work() as unit:
        unit.session.execute(update(merchants).values(mode="recovering"))
    before = len(world.desk.book())
    invoice = renewed(world, subscription, hours=1)
    assert invoice.status == "open"
    assert len(world.desk.book()) == before
    assert wallet(world, method).ended_because in ("wallet_unlinked", "unlinked")
    assert world.rows(mandates, ended_at=None) == []


def test_a_card_stands_in_for_a_wallet_that_was_unlinked(world: World) -> None:
    customer, method, subscription = subscriber(world, "Sari")
    world.drain()
    with world.work() as unit:
        card = cards.new_card(unit, customer, "card-sari")
        consent(unit, customer, card, CONSENT)
        order = cards.check_card(world.engine, unit, customer, card, world.desk.card_token())
    send_one(world.engine, world.merchant_id, order)
    [check] = [one for one in world.rows(payment_orders) if one.kind == "check"]
    world.desk.confirm(check.order_id)
    world.wait(minutes=6)
    world.drain()
    with world.work() as unit:
        set_order(unit, customer, [method, card])
    holder(world, account_id(world, method), "unlink")
    invoice = renewed(world, subscription, hours=3)
    assert invoice.status == "paid"
    orders = world.rows(payment_orders, invoice_id=invoice.id)
    assert min((one.channel, one.state) for one in orders) == ("card", "paid")
