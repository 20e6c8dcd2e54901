"""An asynchronous standby is promoted that lacks the last commits: nothing of them is done twice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from database import Database
from kill.standby import primary_and_standby
from lived import by_card, pay_open_accounts
from simulated import running_simulator
from world import ME, START, World, make_world

from billing.flows.clock import jump
from billing.flows.recover_mails import release
from billing.flows.recover_sweep import resume, sweep
from billing.flows.subscribe import subscribe
from core.db import connect
from core.tables import messages
from invoices.tables import invoices
from ops import recover
from ops.doctor import examine
from payments.tables import payment_orders, payments

pytestmark = [pytest.mark.database, pytest.mark.kill, pytest.mark.slow]

SHIPPED = START + timedelta(days=20)
# The first renewals are on 5 February.
LOST = START + timedelta(days=33)


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with running_simulator() as url:
        yield url


def a_business(world: World) -> None:
    """Two customers by card, one by virtual account, all of them paid for January."""
    price = world.plan("toko", 149_000)
    for name in ("Dewi", "Siti"):
        by_card(world, name, price)
    customer = world.customer("Budi")
    with world.work() as unit:
        subscribe(unit, customer_id=customer, price_id=price, collection="invoice")
    world.drain()
    pay_open_accounts(world)
    world.advance(SHIPPED)


def moved(world: World, database: Database) -> World:
    settings = replace(world.engine.settings, database_url=database.app_url)
    db = connect(database.app_url, role_prefix=database.role_prefix, pool_size=4)
    return replace(world, engine=replace(world.engine, settings=settings, db=db))


def test_commits_that_were_not_shipped_are_met_again_and_not_repeated(
    simulator: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder: Path = tmp_path_factory.mktemp("servers")
    with primary_and_standby(folder) as pair:
        world = make_world(pair.database(), simulator)
        a_business(world)
        pair.cut_the_line()
        world.advance(LOST)
        pay_open_accounts(world)
        before = world.desk.summary()
        paid = {row.order_id: row.amount for row in world.rows(payments)}
        numbers = {row.number: row.id for row in world.rows(invoices)}
        mailed = [one.message_id for one in world.mails.sent]
        pair.lose_the_primary()
        with contextlib.suppress(Exception):
            world.engine.close()

        promoted = pair.database(promoted=True)
        again = moved(world, promoted)
        assert {row.order_id for row in again.rows(payments)} < set(paid), "nothing was lost"
        with psycopg.connect(promoted.owner_url) as owner:
            [begun] = recover.begin(owner, "failed_over", again.machine.at)
        assert begun.slug == "kasirku"
        assert sweep(again.engine, again.merchant_id).unanswered == []
        jump(again.engine, again.merchant_id, LOST, ME)
        again.drain()
        again.advance(LOST + timedelta(days=1))

        after = again.desk.summary()
        assert after["charged_more_than_once"] == []
        assert (after["charges"], after["orders"]) == (before["charges"], before["orders"])
        assert {row.order_id: row.amount for row in again.rows(payments)} == paid
        assert all(numbers.get(row.number, row.id) == row.id for row in again.rows(invoices)), (
            "a number of the lost time was given to another invoice"
        )
        assert resume(again.engine, again.merchant_id, ME) == []
        assert len(again.rows(messages, state="held")) > 0
        release(again.engine, again.merchant_id, lambda one: one in mailed, ME)
        again.drain()
        sent = [one.message_id for one in again.mails.sent]
        assert len(sent) == len(set(sent)), "a second e-mail"
        assert again.rows(payment_orders, state="unknown") == []
        assert examine(again.engine.db, again.machine.at).broken == ()

        again.advance(LOST + timedelta(days=30))
        pay_open_accounts(again)
        assert again.desk.summary()["charged_more_than_once"] == []
        assert len(again.rows(payments)) == len(paid) + 3
        assert examine(again.engine.db, again.machine.at).broken == ()
        again.engine.close()
