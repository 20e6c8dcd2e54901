"""The schema is what the migrations make, and nothing of it can be taken away unseen."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from alembic import command
from database import Cluster, Database

from core.db import make_engine
from ops.migrate import alembic_config
from ops.schema import CATALOGUE, differences, snapshot

pytestmark = pytest.mark.database

# What Alembic does not see, and how each is taken away. Row by row: kind, name, statement.
_PARTS = """
    SELECT 'policy', p.polname || ' on ' || c.relname,
        format('DROP POLICY %I ON %I', p.polname, c.relname)
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    UNION ALL
    SELECT 'trigger', t.tgname, format('DROP TRIGGER %I ON %I', t.tgname, c.relname)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'trigger off', t.tgname, format('ALTER TABLE %I DISABLE TRIGGER %I', c.relname, t.tgname)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'constraint', k.conname, format('ALTER TABLE %I DROP CONSTRAINT %I CASCADE', c.relname,
        k.conname)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE k.contype IN ('c', 'u', 'f') AND c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', i.indexrelid::regclass::text, format('DROP INDEX %s', i.indexrelid::regclass)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    WHERE c.relnamespace = 'public'::regnamespace AND NOT EXISTS (
        SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid)
    UNION ALL
    SELECT 'force', c.relname, format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', c.relname)
    FROM pg_class c WHERE c.relforcerowsecurity
    UNION ALL
    SELECT 'row security', c.relname, format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', c.relname)
    FROM pg_class c WHERE c.relrowsecurity
    UNION ALL
    SELECT 'function', p.proname, format('CREATE OR REPLACE FUNCTION %I() RETURNS trigger '
        'LANGUAGE plpgsql AS ''BEGIN RETURN NEW; END''', p.proname)
    FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'grant', c.relname || ' ' || r.rolname, format('REVOKE %s ON %I FROM %I',
        x.privilege_type, c.relname, r.rolname)
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) x JOIN pg_roles r ON r.oid = x.grantee
    WHERE c.relkind = 'r' AND x.grantee <> c.relowner AND c.relnamespace = 'public'::regnamespace
    ORDER BY 1, 2
"""


@pytest.fixture(scope="module")
def migrated(cluster: Cluster) -> Iterator[Database]:
    name = f"{cluster.role_prefix}_schema_{secrets.token_hex(3)}"
    yield cluster.create(name)
    cluster.drop(name)


def test_the_catalogue_in_the_repository_is_current(migrated: Database) -> None:
    with psycopg.connect(migrated.app_url) as connection:
        found = snapshot(connection, migrated.role_prefix)

    # After a migration: python -m ops.schema write
    assert differences(found, CATALOGUE.read_text(encoding="utf-8")) == []


def test_taking_any_one_part_away_shows(migrated: Database) -> None:
    unseen, seen = [], 0
    with psycopg.connect(migrated.admin_url) as connection:
        before = snapshot(connection, migrated.role_prefix)
        for kind, name, statement in connection.execute(_PARTS).fetchall():
            connection.execute("SAVEPOINT whole")
            connection.execute(statement)
            if snapshot(connection, migrated.role_prefix) == before:
                unseen.append(f"{kind} {name}")
            seen += 1
            connection.execute("ROLLBACK TO SAVEPOINT whole")
        after = snapshot(connection, migrated.role_prefix)
        connection.rollback()

    assert unseen == []
    assert after == before
    assert seen > 300


def test_a_weaker_check_a_wider_index_and_a_softer_policy_show(migrated: Database) -> None:
    softer = [
        """ALTER TABLE payments DROP CONSTRAINT ck_payments_amount,
            ADD CONSTRAINT ck_payments_amount CHECK (amount >= 0)""",
        """DROP INDEX uq_payment_orders_one_open_attempt;
            CREATE UNIQUE INDEX uq_payment_orders_one_open_attempt
            ON payment_orders (merchant_id, invoice_id)
            WHERE kind = 'attempt' AND state = 'sent'""",
        "ALTER POLICY merchant_wall ON invoices USING (true)",
        "GRANT UPDATE ON postings TO PUBLIC",
        "ALTER TABLE invoices ALTER COLUMN due_on TYPE timestamptz",
    ]
    with psycopg.connect(migrated.admin_url) as connection:
        before = snapshot(connection, migrated.role_prefix)
        for statement in softer:
            connection.execute("SAVEPOINT whole")
            connection.execute(statement)
            assert snapshot(connection, migrated.role_prefix) != before, statement
            connection.execute("ROLLBACK TO SAVEPOINT whole")
        connection.rollback()


def test_tables_in_code_and_in_the_database_are_the_same(migrated: Database) -> None:
    engine = make_engine(migrated.owner_url, pool_size=1)
    try:
        with engine.connect() as connection:
            command.check(alembic_config(connection, migrated.role_prefix))
    finally:
        engine.dispose()
