"""A payment whose fee was booked under two names: both stay, one is marked, a person is told."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from alembic import command
from builders import make_merchant
from database import Cluster, Database
from fakes import FakeGateway, FakeGateways, FakeMailer, MachineTime

from billing.engine import Engine
from core.db import connect, make_engine
from core.settings import Settings
from core.vault import Vault
from ops.migrate import alembic_config

pytestmark = pytest.mark.database

_TOLD_TWICE = """
    SET session_replication_role = replica;
    INSERT INTO payments (merchant_id, id, payment_order_id, customer_id, order_id, channel, amount,
        status, paid_at, created_at)
    SELECT merchant_id, merchant_id, merchant_id, merchant_id, 'A-1', 'card', 111000, 'settled',
        now(), now() FROM merchants;
    INSERT INTO settlement_files (merchant_id, id, name, sha256, size, state, summary, read_at,
        read_by, closed_at, closed_by)
    SELECT merchant_id, gen_random_uuid(), name, sha256(CAST(name AS bytea)), 1, 'booked', '{}',
        now(), 'x', closed_at, 'x'
    FROM merchants, (VALUES ('a', timestamptz '2027-01-05'), ('b', '2027-01-06')) v(name, closed_at);
    INSERT INTO settlement_rows (merchant_id, id, file_id, line, key, kind, order_id, transaction_id,
        gross, fee, ppn, net, rounding, told_at, day, payment_id, booked_key)
    SELECT merchant_id, gen_random_uuid(), id, 2, 'payment:' || name, 'payment',
        CASE name WHEN 'a' THEN 'A-1' ELSE '' END, 't-1', 111000, 5219, 574, 105207, 0, now(),
        '2027-01-05', merchant_id, name FROM settlement_files;
"""


@pytest.fixture
def told_twice(cluster: Cluster) -> Iterator[Database]:
    name = f"{cluster.role_prefix}_twice_{secrets.token_hex(3)}"
    database = cluster.create(name)
    engine = Engine(
        settings=Settings(database_url=database.app_url, role_prefix=database.role_prefix),
        db=connect(database.app_url, role_prefix=database.role_prefix, pool_size=2),
        vault=Vault([("test", bytes(32))]),
        gateways=FakeGateways(FakeGateway()),
        mailer=FakeMailer(),
        real_now=MachineTime(),
    )
    make_merchant(engine)
    engine.close()
    _migrate(database, "0026")
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(_TOLD_TWICE)
    yield database
    cluster.drop(name)


def _migrate(database: Database, to: str) -> None:
    engine = make_engine(database.owner_url, pool_size=1)
    try:
        with engine.connect() as connection:
            config = alembic_config(connection, database.role_prefix)
            (command.downgrade if to == "0026" else command.upgrade)(config, to)
            connection.commit()
    finally:
        engine.dispose()


def test_a_fee_that_was_booked_twice_is_shown_to_a_person_and_never_a_third_time(
    told_twice: Database,
) -> None:
    _migrate(told_twice, "0027")
    with psycopg.connect(told_twice.admin_url) as connection:
        marked = connection.execute(
            "SELECT r.booked_key, o.booked_key FROM settlement_rows r JOIN settlement_rows o "
            "ON o.id = r.same_as"
        ).fetchall()
        assert marked == [("b", "a")]
        named = connection.execute(
            "SELECT d.kind, d.state, d.theirs, r.booked_key, s.step FROM differences d "
            "JOIN settlement_rows r ON r.id = d.row_id "
            "JOIN difference_steps s ON s.difference_id = d.id"
        ).fetchall()
        assert named == [("duplicate_row", "open", 111_000, "b", "found")]
        connection.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("UPDATE settlement_rows SET same_as = NULL")
