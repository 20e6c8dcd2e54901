"""A backup restored after a month in which a charge failed and the customer paid another way."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from database import Cluster, Database
from lived import ask, by_card
from simulated import running_simulator
from world import ME, START, World, make_world

from billing.flows.charge import send_due
from billing.flows.clock import jump
from billing.flows.offers import offer
from core.db import connect
from invoices.tables import invoices
from ops import backup, restore
from ops.doctor import examine
from payments.tables import payments

pytestmark = [pytest.mark.database, pytest.mark.kill, pytest.mark.slow]

BACKUP = START + timedelta(days=20)
# The first renewal is on 5 February, the payday after it on the 25th.
LATER = START + timedelta(days=37)


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with running_simulator() as url:
        yield url


@contextmanager
def a_database(cluster: Cluster) -> Iterator[Database]:
    name = f"{cluster.role_prefix}_month_{secrets.token_hex(3)}"
    yield cluster.create(name)
    cluster.drop(name)


def until_the_backup(world: World, file: Path, database: Database) -> None:
    """A customer by card whose first month is paid; then the backup is made."""
    by_card(world, "Dewi", world.plan("toko", 149_000))
    world.advance(BACKUP)
    backup.dump(database.owner_url, file)


@contextmanager
def restored(world: World, file: Path, database: Database) -> Iterator[World]:
    """The same installation from the backup, at the time where the gateway's clock stands."""
    world.engine.close()
    restore.load(
        database.owner_url, file, database.role_prefix, f"{database.role_prefix}_login"
    )  # fmt: skip
    settings = replace(world.engine.settings, database_url=database.app_url)
    db = connect(database.app_url, role_prefix=database.role_prefix, pool_size=4)
    again = replace(world, engine=replace(world.engine, settings=settings, db=db))
    jump(again.engine, again.merchant_id, LATER, ME)
    again.drain()
    again.wait(hours=1)
    again.drain()
    try:
        yield again
    finally:
        again.engine.close()


def the_renewal(world: World) -> UUID:
    [renewal] = [row for row in world.rows(invoices) if row.period_start > START.date()]
    found: UUID = renewal.id
    return found


def test_a_charge_that_failed_and_then_succeeded_is_found_again(
    cluster: Cluster, simulator: str, tmp_path: Path
) -> None:
    """Attempt 1 was declined and attempt 2 paid, both after the backup."""
    file = tmp_path / "tagihan.backup"
    with a_database(cluster) as first, a_database(cluster) as second:
        world = make_world(first, simulator)
        until_the_backup(world, file, first)
        world.desk.fault("charge", "decline", code="51")
        world.advance(LATER)
        assert world.invoice(the_renewal(world)).status == "paid"
        before = world.desk.summary()
        assert (before["charges"], before["transactions"]) == (2, 3)

        with restored(world, file, second) as again:
            again.advance(LATER + timedelta(days=20))

            after = again.desk.summary()
            assert again.invoice(the_renewal(again)).status == "paid"
            assert (after["charges"], after["orders"]) == (before["charges"], before["orders"])
            assert {row.order_id for row in again.rows(payments)} == set(before["orders"])
            assert examine(again.engine.db, again.machine.at).broken == ()


# The attempt about to be sent has one id and the number that was paid instead has another: both are
# derived, and both are asked about.
def test_a_charge_that_failed_and_was_paid_by_virtual_account_is_not_made_again(
    cluster: Cluster, simulator: str, tmp_path: Path
) -> None:
    """The customer opened the invoice's page after the decline and paid to a number there."""
    file = tmp_path / "tagihan.backup"
    with a_database(cluster) as first, a_database(cluster) as second:
        world = make_world(first, simulator)
        until_the_backup(world, file, first)
        world.desk.fault("charge", "decline", code="51")
        world.advance(START + timedelta(days=31, hours=6))
        renewal = the_renewal(world)
        assert world.invoice(renewal).status == "open"
        with world.work() as unit:
            offer(unit, renewal)
        send_due(world.engine, world.merchant_id)
        order_id = world.order_of(renewal).order_id
        world.desk.pay(order_id=order_id)
        ask(world, order_id)
        assert world.invoice(renewal).status == "paid"
        world.advance(LATER)
        before = world.desk.summary()

        with restored(world, file, second) as again:
            again.advance(LATER + timedelta(days=20))

            after = again.desk.summary()
            assert after["orders"] == before["orders"], "the customer paid this month already"
            assert {row.order_id for row in again.rows(payments)} == set(before["orders"])
            assert examine(again.engine.db, again.machine.at).broken == ()
