"""Whoever examines a database can only read it: the role has no way to write, and no secret."""

from __future__ import annotations

import secrets

import psycopg
import pytest
from builders import make_merchant
from database import Cluster, Database, admin
from psycopg import sql
from sqlalchemy.exc import DBAPIError

from billing.engine import Engine
from core.clock import utc_now
from core.db import connect
from ops.cli import _told
from ops.database_check import UnusableDatabaseError
from ops.doctor import examine
from ops.migrate import migrate

pytestmark = pytest.mark.database

# Every way to change a table, its definition or what comes after it.
POWERS = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


def test_the_reader_may_select_and_nothing_else(database: Database) -> None:
    reader = f"{database.role_prefix}_reader"
    with admin(database.admin_url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind IN ('r', 'p', 'v', 'm')"
        ).fetchall()
        for (table,) in tables:
            for power in POWERS:
                one = connection.execute(
                    "SELECT has_table_privilege(%s, %s::regclass, %s)", [reader, table, power]
                ).fetchone()
                assert one == (False,), f"{power} on {table}"
                if power in ("INSERT", "UPDATE", "REFERENCES"):
                    one = connection.execute(
                        "SELECT has_any_column_privilege(%s, %s::regclass, %s)",
                        [reader, table, power],
                    ).fetchone()
                    assert one == (False,), f"{power} on a column of {table}"
        assert len(tables) > 30
        other = connection.execute(
            "SELECT (SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relnamespace = "
            "'public'::regnamespace AND (has_sequence_privilege(%(r)s, oid, 'UPDATE') "
            "OR has_sequence_privilege(%(r)s, oid, 'USAGE'))), "
            "has_schema_privilege(%(r)s, 'public', 'CREATE'), (SELECT count(*) FROM pg_proc "
            "WHERE pronamespace = 'public'::regnamespace AND prosecdef), "
            "(SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member "
            "WHERE r.rolname = %(r)s), (SELECT rolbypassrls OR rolsuper OR rolcreaterole "
            "OR rolcanlogin FROM pg_roles WHERE rolname = %(r)s)",
            {"r": reader},
        ).fetchone()
    # Sequences it may turn, tables it may make, functions of others, roles it is in, powers.
    assert other == (0, False, 0, 0, False)


def test_what_is_read_is_read_only_even_where_a_grant_would_allow_more(engine: Engine) -> None:
    with pytest.raises(DBAPIError, match="read-only transaction"), engine.db.reader() as session:
        session.connection().exec_driver_sql("CREATE TABLE public.scribble (n int)")


def test_the_doctor_sees_every_merchant_under_a_login_that_can_do_nothing_else(
    engine: Engine, database: Database
) -> None:
    merchants = {make_merchant(engine).slug for _ in range(2)}
    login = f"{database.role_prefix}_look_{secrets.token_hex(3)}"
    with admin(database.admin_url) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN NOINHERIT PASSWORD 'look'").format(sql.Identifier(login))
        )
        connection.execute(
            sql.SQL("GRANT {} TO {}").format(
                sql.Identifier(f"{database.role_prefix}_reader"), sql.Identifier(login)
            )
        )
    try:
        url = psycopg.conninfo.conninfo_to_dict(database.app_url)
        of_its_own = (
            f"postgresql://{login}:look@{url['host']}:{url.get('port', 5432)}/{url['dbname']}"
        )
        db = connect(of_its_own, role_prefix=database.role_prefix, pool_size=1)
        try:
            assert examine(db, utc_now()).broken == ()
            with db.reader() as session:
                seen = session.connection().exec_driver_sql("SELECT slug FROM merchants").scalars()
                assert merchants <= set(seen)
            with pytest.raises(DBAPIError, match="permission denied"):
                db.begin(make_merchant(engine).merchant_id).__enter__()
        finally:
            db.close()
    finally:
        with admin(database.admin_url) as connection:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(login)))


def test_a_server_that_lets_nobody_make_roles_is_told_what_to_ask_for(
    cluster: Cluster, fresh_database: Database
) -> None:
    login = f"{cluster.role_prefix}_host_{secrets.token_hex(3)}"
    with admin(cluster.admin_url) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'hosted'").format(sql.Identifier(login))
        )
    try:
        url = psycopg.conninfo.conninfo_to_dict(fresh_database.owner_url)
        hosted = (
            f"postgresql://{login}:hosted@{url['host']}:{url.get('port', 5432)}/{url['dbname']}"
        )
        with pytest.raises(UnusableDatabaseError) as caught:
            migrate(hosted, f"{cluster.role_prefix}_none")
    finally:
        with admin(cluster.admin_url) as connection:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(login)))

    line = str(caught.value)
    assert f"the login {login} may not create roles" in line
    assert f"{cluster.role_prefix}_none_reader" in line
    # One line and exit code 1, no traceback.
    assert _told(caught.value) == (line, 1)
