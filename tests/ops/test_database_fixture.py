"""The databases that tests get: the schema of the migrations, empty, under logins without power."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from database import Database, admin


@pytest.fixture(scope="module", autouse=True)
def no_table_is_left() -> Iterator[None]:
    """A table of no migration is a breach of the walls for whoever examines this database next."""
    urls: set[str] = set()
    _seen.append(urls)
    yield
    for url in _seen.pop():
        with admin(url) as connection:
            connection.execute("DROP TABLE IF EXISTS scribble")


_seen: list[set[str]] = []


@pytest.mark.parametrize("turn", [1, 2])
def test_what_one_test_writes_the_next_does_not_see(database: Database, turn: int) -> None:
    _seen[-1].add(database.admin_url)
    with admin(database.admin_url) as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
        connection.execute("CREATE TABLE IF NOT EXISTS scribble (n bigint)")
        assert connection.execute("SELECT count(*) FROM scribble").fetchone() == (0,)
        connection.execute("INSERT INTO scribble VALUES (%s)", [turn])


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
