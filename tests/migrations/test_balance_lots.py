"""A database that holds balances: what was there becomes lots, used in the order in which it came."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from alembic import command
from builders import make_customer, make_merchant, working
from database import Cluster, Database
from fakes import FakeGateway, FakeGateways, FakeMailer, MachineTime

from billing.engine import Engine
from core.db import connect, make_engine
from core.settings import Settings
from core.vault import Vault
from ops.migrate import alembic_config

pytestmark = pytest.mark.database

# 100 came, 60 went, 50 came, 80 went, which needs both; 5 came after all.
_LIVED = """
    SET session_replication_role = replica;
    INSERT INTO balance_entries (merchant_id, id, customer_id, amount, kind, source_kind, source_id, at)
    SELECT c.merchant_id, gen_random_uuid(), c.id, v.amount, v.kind, 'x', gen_random_uuid(), v.at
    FROM customers c, (VALUES
        (100, 'overpaid', timestamptz '2027-01-01'), (-60, 'applied', '2027-01-02'),
        (50, 'credited', '2027-01-03'), (-80, 'refunded', '2027-01-04'),
        (5, 'credited', '2027-01-05')) v (amount, kind, at);
"""


@pytest.fixture
def lived(cluster: Cluster) -> Iterator[Database]:
    name = f"{cluster.role_prefix}_lots_{secrets.token_hex(3)}"
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
    with working(engine, merchant) as unit:
        make_customer(unit)
        make_customer(unit)
    engine.close()
    _migrate(database, "0030")
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(_LIVED)
    yield database
    cluster.drop(name)


def _migrate(database: Database, to: str) -> None:
    engine = make_engine(database.owner_url, pool_size=1)
    try:
        with engine.connect() as connection:
            config = alembic_config(connection, database.role_prefix)
            (command.downgrade if to == "0030" else command.upgrade)(config, to)
            connection.commit()
    finally:
        engine.dispose()


def test_each_entry_becomes_a_lot_and_each_use_finds_the_oldest_lots(lived: Database) -> None:
    _migrate(lived, "0031")
    with psycopg.connect(lived.admin_url) as connection:
        lots = connection.execute(
            "SELECT l.customer_id, l.amount, l.kind, l.expires_at, l.amount - coalesce((SELECT "
            "sum(amount) FROM balance_uses u WHERE u.lot_id = l.id), 0) FROM balance_lots l "
            "ORDER BY l.customer_id, l.at"
        ).fetchall()
        one = [(100, "money", None, 0), (50, "money", None, 10), (5, "money", None, 5)]
        assert [(row[1], row[2], row[3], int(row[4])) for row in lots] == one + one
        uses = connection.execute(
            "SELECT e.amount, u.amount, l.amount FROM balance_uses u JOIN balance_entries e "
            "ON e.id = u.entry_id JOIN balance_lots l ON l.id = u.lot_id "
            "AND l.customer_id = e.customer_id ORDER BY e.customer_id, e.at, l.at"
        ).fetchall()
        assert uses == [(-60, 60, 100), (-80, 40, 100), (-80, 40, 50)] * 2
    # And back, as long as nothing was given or topped up.
    _migrate(lived, "0030")
    _migrate(lived, "0031")
    with psycopg.connect(lived.admin_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE balance_lots SET kind = 'promotional'")
    with pytest.raises(Exception, match="credit that expires"):
        _migrate(lived, "0030")
