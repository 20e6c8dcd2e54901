"""A method pays only for its own customer: what was there passes, a stranger's card stops it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from alembic import command
from builders import make_customer, make_merchant, make_method, make_subscription
from database import Cluster, Database
from fakes import FakeGateway, FakeGateways, FakeMailer, MachineTime

from billing.engine import Engine
from billing.flows.collect import collect_due
from core.actor import system
from core.db import connect, make_engine
from core.settings import Settings
from core.vault import Vault
from ops.migrate import alembic_config

pytestmark = pytest.mark.database

_NAMED = ("mandates", "subscriptions", "invoices", "payment_orders")
_STRANGER = "UPDATE {} SET customer_id = %s WHERE payment_method_id = %s"


@pytest.fixture
def lived(cluster: Cluster) -> Iterator[tuple[Database, UUID, UUID]]:
    """A customer who pays by card, and another one: (database, the card, the other)."""
    name = f"{cluster.role_prefix}_whose_{secrets.token_hex(3)}"
    database = cluster.create(name)
    engine = Engine(
        settings=Settings(database_url=database.app_url, role_prefix=database.role_prefix),
        db=connect(database.app_url, role_prefix=database.role_prefix, pool_size=2),
        vault=Vault([("test", bytes(32))]),
        gateways=FakeGateways(FakeGateway()),
        mailer=FakeMailer(),
        real_now=MachineTime(),
    )
    merchant = make_merchant(engine)
    with engine.work(merchant.merchant_id, system("test")) as unit:
        payer, other = make_customer(unit), make_customer(unit)
        method = make_method(unit, payer.id)
        make_subscription(unit, customer=payer, payment_method_id=method)
    collect_due(engine, merchant.merchant_id)
    yield database, method, other.id
    engine.close()
    cluster.drop(name)


def _migrate(database: Database, to: str) -> None:
    engine = make_engine(database.owner_url, pool_size=1)
    try:
        with engine.connect() as connection:
            config = alembic_config(connection, database.role_prefix)
            (command.downgrade if to == "0010" else command.upgrade)(config, to)
            connection.commit()
    finally:
        engine.dispose()


def test_a_database_that_lived_is_migrated_with_its_methods_in_the_order_of_saving(
    lived: tuple[Database, UUID, UUID],
) -> None:
    database, method, _ = lived
    _migrate(database, "0010")
    _migrate(database, "0011")

    with psycopg.connect(database.admin_url) as connection:
        rows = connection.execute("SELECT id, rank FROM payment_methods").fetchall()
    assert rows == [(method, 0)]


def test_the_migration_stops_at_the_card_of_a_stranger_and_changes_nothing(
    lived: tuple[Database, UUID, UUID],
) -> None:
    database, method, other = lived
    _migrate(database, "0010")
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(_STRANGER.format("subscriptions"), (other, method))
        found = connection.execute("SELECT id FROM subscriptions").fetchone()
    assert found is not None

    with pytest.raises(RuntimeError, match=f"another customer.*subscriptions {found[0]}"):
        _migrate(database, "0011")

    with psycopg.connect(database.admin_url) as connection:
        columns = connection.execute(
            "SELECT 1 FROM information_schema.columns "
            "WHERE table_name = 'payment_methods' AND column_name = 'rank'"
        ).fetchall()
    assert columns == []


@pytest.mark.parametrize("table", _NAMED)
def test_the_database_refuses_the_card_of_another_customer(
    lived: tuple[Database, UUID, UUID], table: str
) -> None:
    database, method, other = lived
    with psycopg.connect(database.admin_url) as connection:
        # What is frozen would refuse as well: the key has to refuse by itself.
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute(_STRANGER.format(table), (other, method))
