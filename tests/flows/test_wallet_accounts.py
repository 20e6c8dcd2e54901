"""The account of a linked wallet: what ends it, and that its id is kept nowhere in the clear."""

from __future__ import annotations

from datetime import timedelta

import pytest
from wallets import subscriber, switch_on, wallet
from world import World

from billing.flows.accounts import ask_now, step_due
from billing.tables import mandates
from payments.gateway import AccountAnswer

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
