"""The databases that tests get: the schema of the migrations, empty, under logins without power."""

from __future__ import annotations

import psycopg
import pytest
from database import Database, admin


@pytest.mark.parametrize("turn", [1, 2])
def test_what_one_test_writes_the_next_does_not_see(database: Database, turn: int) -> None:
    with admin(database.admin_url) as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
        connection.execute("INSERT INTO alembic_version VALUES (%s)", [f"turn {turn}"])
        # A table of no migration is a breach of the walls for whoever examines this database next.
        assert connection.execute("SELECT to_regclass('scribble')").fetchone() == (None,)
        connection.execute("CREATE TABLE scribble (n bigint)")


def test_the_application_signs_in_as_nobody(database: Database) -> None:
    with psycopg.connect(database.app_url) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolinherit, rolcreaterole FROM pg_roles "
            "WHERE rolname = current_user"
        ).fetchone()
        assert row == (False, False, False, False)
        connection.execute("SELECT set_config('role', %s, true)", [f"{database.role_prefix}_app"])


def test_a_fresh_database_is_another_one(database: Database, fresh_database: Database) -> None:
    assert database.name != fresh_database.name
    with psycopg.connect(fresh_database.owner_url) as connection:
        connection.execute("SELECT version_num FROM alembic_version")
