"""Two merchants with the same holder's phone: neither hears, charges nor ends the other's wallet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from database import Database
from payers import receive
from wallets import account_id, linked, switch_on, wallet
from world import World, make_world

from billing.flows.accounts import step_due
from billing.flows.cards import end_method

pytestmark = pytest.mark.database


@pytest.fixture
def neighbour(database: Database, simulator: str, world: World) -> Iterator[World]:
    """Another merchant of the same installation, with keys of its own."""
    made = make_world(database, simulator, slug="tetangga")
    yield made
    made.engine.close()


def test_news_of_anothers_account_move_nothing(world: World, neighbour: World) -> None:
    for one in (world, neighbour):
        switch_on(one)
    mine = linked(world, world.customer("Sari"))
    theirs = linked(neighbour, neighbour.customer("Sari"))
    account = account_id(neighbour, theirs)
    neighbour.desk.control("POST", "pay-accounts", account_id=account, action="unlink")

    body = {
        "account_id": account, "account_status": "DISABLED", "payment_type": "gopay",
        "status_code": "204",
    }  # fmt: skip
    receive(world, body)
    world.drain()
    assert wallet(world, mine).state == "active"
    assert wallet(neighbour, theirs).state == "active", "it was told to the wrong merchant"

    receive(neighbour, body)
    neighbour.drain()
    assert wallet(neighbour, theirs).state == "ended"
    assert wallet(world, mine).state == "active"


def test_each_ends_its_own(world: World, neighbour: World) -> None:
    for one in (world, neighbour):
        switch_on(one)
    mine = linked(world, world.customer("Sari"))
    theirs = linked(neighbour, neighbour.customer("Sari"))
    with world.work() as unit:
        end_method(unit, mine, "requested")
    assert step_due(neighbour.engine, neighbour.merchant_id) == 0
    world.drain()
    assert wallet(world, mine).token_sealed is None
    assert wallet(neighbour, theirs).state == "active"
