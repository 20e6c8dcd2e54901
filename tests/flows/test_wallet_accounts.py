"""The account of a linked wallet: what ends it, and that its id is kept nowhere in the clear."""

from __future__ import annotations

from datetime import timedelta

import pytest
from payers import receive
from wallets import account_id, linked, subscriber, switch_on, wallet
from world import World

from billing.flows.accounts import ask_now, step_due
from billing.flows.charge import send_one
from billing.flows.ingest import ingest_due
from billing.flows.wallet_pay import pay_with_wallet
from billing.tables import mandates, subscriptions
from invoices.tables import invoices
from payments.gateway import AccountAnswer
from payments.tables import notifications, payment_orders

pytestmark = pytest.mark.database


@pytest.fixture(autouse=True)
def _on(world: World) -> None:
    switch_on(world)


def test_one_404_of_an_account_does_not_end_a_consent_for_good(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys of another merchant for an hour, and an impatient person: 404 proves nothing."""
    _, method, _ = subscriber(world, "Sari")
    world.drain()
    with world.work() as unit:
        gateway = world.engine.gateways.of(unit.merchant)
    monkeypatch.setattr(
        gateway, "account", lambda _: AccountAnswer("ended", code="404", message="no such account")
    )
    for _ in range(10):
        ask_now(world.engine, world.merchant_id, method)
    world.wait(hours=25)
    step_due(world.engine, world.merchant_id)
    monkeypatch.undo()
    assert wallet(world, method).state == "active"
    assert len(world.rows(mandates, ended_at=None)) == 1


def test_an_account_that_is_not_found_for_days_is_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, method, _ = subscriber(world, "Sari")
    world.drain()
    with world.work() as unit:
        gateway = world.engine.gateways.of(unit.merchant)
    said = AccountAnswer("ended", code="404", message="no such account")
    monkeypatch.setattr(gateway, "account", lambda _: said)
    began = world.machine.at
    while wallet(world, method).state == "active" and world.machine.at - began < timedelta(days=9):
        world.wait(hours=1)
        step_due(world.engine, world.merchant_id)
    assert timedelta(days=1) < world.machine.at - began < timedelta(days=4)
    assert world.rows(mandates, ended_at=None) == []


def test_who_gives_up_his_pin_at_night_is_not_charged_at_night(world: World) -> None:
    _, method, subscription = subscriber(world, "Sari", amount=99_000)
    world.drain()
    [row] = world.rows(subscriptions, id=subscription)
    world.advance(row.next_at + timedelta(seconds=1))
    newest = max(
        world.rows(invoices, subscription_id=subscription), key=lambda one: one.period_start
    )
    planned = newest.collect_at
    assert planned is not None
    assert planned > world.clock_at() + timedelta(hours=2)
    world.desk.control("POST", "wallets", phone="628215023424", balance=0)
    with world.work() as unit:
        order = pay_with_wallet(unit, newest.id, method)
    send_one(world.engine, world.merchant_id, order)
    world.desk.control("POST", "wallets", phone="628215023424", balance=900_000)
    world.drain()
    assert [one.initiated_by for one in world.rows(payment_orders, invoice_id=newest.id)] == [
        "customer"
    ]
    [waits] = world.rows(invoices, id=newest.id)
    assert waits.collect_at == planned


def test_news_of_an_account_are_kept_without_its_id(world: World) -> None:
    method = linked(world, world.customer("Sari"))
    account = account_id(world, method)
    said = {
        "account_id": account, "account_status": "ENABLED", "payment_type": "gopay",
        "status_code": "200",
    }  # fmt: skip
    assert receive(world, said) == "new"
    assert receive(world, said) == "copy"
    with world.work() as unit:
        kept = unit.session.connection().exec_driver_sql(
            "SELECT notifications::text FROM notifications"
        )
        assert not [row for row in kept.scalars() if account in row]
    ingest_due(world.engine, world.merchant_id)
    assert [one.outcome for one in world.rows(notifications) if one.kind == "pay_account"] == [
        "the account is enabled"
    ]
