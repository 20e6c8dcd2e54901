"""A backup restored after a month of charges; data wiped while the gateway remembers."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from database import Cluster, Database
from lived import by_card, pay_open_accounts
from simulated import running_simulator
from sqlalchemy import update
from world import ME, START, World, make_world

from billing.flows.clock import jump
from billing.flows.onboard import update_merchant
from billing.flows.subscribe import subscribe
from core.db import connect
from core.tables import merchants
from invoices.tables import invoices
from ops import backup, restore
from ops.doctor import examine
from ops.pg_tools import ToolError
from ops.schema import CATALOGUE, differences, snapshot
from payments.tables import payment_orders, payments

pytestmark = [pytest.mark.database, pytest.mark.slow]


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with running_simulator() as url:
        yield url


@contextmanager
def a_database(cluster: Cluster) -> Iterator[Database]:
    name = f"{cluster.role_prefix}_backup_{secrets.token_hex(3)}"
    yield cluster.create(name)
    cluster.drop(name)


def a_business(world: World) -> None:
    """Three customers: two by card, one by virtual account."""
    price = world.plan("toko", 149_000)
    for name in ("Dewi", "Siti"):
        by_card(world, name, price)
    customer = world.customer("Budi")
    with world.work() as unit:
        subscribe(unit, customer_id=customer, price_id=price, collection="invoice")
    world.drain()
    pay_open_accounts(world)


def login_of(database: Database) -> str:
    return f"{database.role_prefix}_login"


def moved(world: World, database: Database) -> World:
    """The same installation on another database."""
    engine = replace(
        world.engine,
        settings=replace(world.engine.settings, database_url=database.app_url),
        db=connect(database.app_url, role_prefix=database.role_prefix, pool_size=4),
    )
    return replace(world, engine=engine)


def test_a_backup_restored_after_a_month_charges_nobody_twice(
    cluster: Cluster, simulator: str, tmp_path: Path
) -> None:
    file = tmp_path / "tagihan.backup"
    with a_database(cluster) as first, a_database(cluster) as second:
        world = make_world(first, simulator)
        a_business(world)
        world.advance(START + timedelta(days=20))
        backup.dump(first.owner_url, file)
        # A month of charges that the backup knows nothing of.
        later = START + timedelta(days=50)
        world.advance(later)
        pay_open_accounts(world)
        before = world.desk.summary()
        charged_by_lost = {row.order_id for row in world.rows(payments)}
        totals = {row.id: row.total_amount for row in world.rows(invoices)}
        world.engine.close()

        named = restore.load(second.owner_url, file, second.role_prefix, login_of(second))
        again = moved(world, second)
        assert [one.slug for one in named] == ["kasirku"]
        assert mode_of(again) == "recovering"
        assert examine(again.engine.db, again.machine.at).broken == ()
        known = {row.order_id for row in again.rows(payments)}
        assert known < charged_by_lost
        # The world went on meanwhile: business time is where the gateway's clock stands.
        jump(again.engine, again.merchant_id, later, ME)
        again.drain()
        again.wait(hours=1)
        # What was caught up is charged in the morning's window, spread by a hash of the invoice.
        again.advance(later + timedelta(hours=3))

        after = again.desk.summary()
        assert after["orders"] == before["orders"]
        assert after["charged_more_than_once"] == []
        assert (after["charges"], after["charged"]) == (before["charges"], before["charged"])
        assert {row.order_id for row in again.rows(payments)} == charged_by_lost
        assert {row.id: row.total_amount for row in again.rows(invoices)} == totals
        assert examine(again.engine.db, again.machine.at).broken == ()
        resume(again)
        again.advance(later + timedelta(days=31))
        pay_open_accounts(again)
        assert again.desk.summary()["charged_more_than_once"] == []
        assert again.desk.summary()["charges"] > before["charges"]
        assert examine(again.engine.db, again.machine.at).broken == ()
        again.engine.close()


def test_a_wiped_installation_derives_other_order_ids(cluster: Cluster, simulator: str) -> None:
    """The same merchant on the same Midtrans account, set up anew: no old order pays anything."""
    with a_database(cluster) as first, a_database(cluster) as second:
        world = make_world(first, simulator)
        a_business(world)
        world.advance(START + timedelta(days=40))
        old = set(world.desk.book())
        world.engine.close()

        anew = on_the_account_of(world, make_world(second, simulator))
        a_business(anew)
        anew.advance(START + timedelta(days=75))
        pay_open_accounts(anew)

        ours = {row.order_id for row in anew.rows(payment_orders)}
        paid = {row.order_id for row in anew.rows(payments)}
        assert ours
        assert ours & old == set()
        assert paid <= ours
        book = anew.desk.book()
        assert all(book[order_id]["times_taken"] == 1 for order_id in paid)
        assert examine(anew.engine.db, anew.machine.at).broken == ()
        anew.engine.close()


def on_the_account_of(old: World, new: World) -> World:
    """The new installation uses the old one's account at Midtrans."""
    keys = {"server_key": old.desk.server_key, "client_key": old.desk.client_key}
    update_merchant(new.engine, new.merchant_id, keys, ME)
    jump(new.engine, new.merchant_id, START + timedelta(days=40), ME)
    return replace(new, desk=old.desk)


def test_a_restored_database_is_what_the_migrations_make(
    cluster: Cluster, simulator: str, tmp_path: Path
) -> None:
    file = tmp_path / "tagihan.backup"
    with a_database(cluster) as first, a_database(cluster) as second:
        world = make_world(first, simulator)
        backup.dump(first.owner_url, file)
        restore.load(second.owner_url, file, second.role_prefix, login_of(second))

        with psycopg.connect(second.app_url) as connection:
            found = snapshot(connection, second.role_prefix)

        assert differences(found, CATALOGUE.read_text(encoding="utf-8")) == []
        assert file.stat().st_mode & 0o077 == 0
        world.engine.close()


def test_a_file_that_is_no_backup_leaves_everything_as_it_was(
    cluster: Cluster, tmp_path: Path
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a backup")
    with a_database(cluster) as database, pytest.raises(ToolError, match="pg_restore failed"):
        restore.load(database.owner_url, file, database.role_prefix, login_of(database))


def test_a_login_that_does_not_see_everything_makes_no_backup(
    cluster: Cluster, tmp_path: Path
) -> None:
    with a_database(cluster) as database, pytest.raises(ToolError, match="only a part"):
        backup.dump(database.app_url, tmp_path / "half.backup")
    assert list(tmp_path.iterdir()) == []


def mode_of(world: World) -> str:
    with world.work() as unit:
        return str(unit.merchant.mode)


def resume(world: World) -> None:
    with world.work() as unit:
        unit.session.execute(
            update(merchants)
            .where(merchants.c.merchant_id == world.merchant_id)
            .values(mode="running")
        )
