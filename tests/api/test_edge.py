"""What stands before every route: readiness, HEAD, and headers that depend on the installation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from api_house import House, open_house
from database import Database

from billing.engine import Engine
from core.schema_head import head


@contextmanager
def standing_at(database: Database, statement: str) -> Iterator[None]:
    """The database with another note of its revision."""
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute(statement)
        try:
            yield
        finally:
            admin.execute("GRANT SELECT ON alembic_version TO PUBLIC")
            admin.execute("REVOKE SELECT ON alembic_version FROM PUBLIC")
            admin.execute(f"GRANT SELECT ON alembic_version TO {database.role_prefix}_lookup")
            admin.execute(f"UPDATE alembic_version SET version_num = '{head()}'")


@contextmanager
def without_a_column(database: Database) -> Iterator[None]:
    """A migration of the future that took away what this program still reads."""
    rename = "ALTER TABLE plans RENAME COLUMN {} TO {}"
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute(rename.format("code", "code_"))
        try:
            yield
        finally:
            admin.execute(rename.format("code_", "code"))


@pytest.mark.parametrize(
    ("statement", "schema", "reason"),
    [
        ("UPDATE alembic_version SET version_num = '0003'", "behind", "0003"),
        # As it was before a database told its revision to anybody.
        ("REVOKE SELECT ON alembic_version FROM {lookup}", "behind", "tagihan migrate"),
    ],
)
def test_a_database_of_another_revision_is_not_ready_and_says_what_to_do(
    house: House, database: Database, statement: str, schema: str, reason: str
) -> None:
    lookup = f"{database.role_prefix}_lookup"
    with standing_at(database, statement.format(lookup=lookup)):
        answer = house.nobody.call("GET", "/ready")

    told = answer.json()
    assert (answer.status_code, told["status"], told["schema"]) == (503, "not_ready", schema)
    assert reason in told["reason"]
    assert house.nobody.get("/ready")["reason"] is None


def test_a_database_that_a_newer_version_migrated_is_served_until_it_is_up(
    house: House, database: Database
) -> None:
    with standing_at(database, "UPDATE alembic_version SET version_num = '9999'"):
        told = house.nobody.get("/ready")
        assert (told["status"], told["schema"]) == ("ready", "ahead")
        with without_a_column(database):
            answer = house.nobody.call("GET", "/ready")
    assert (answer.status_code, answer.json()["schema"]) == (503, "ahead")
    assert "start the program that migrated it" in answer.json()["reason"]


def test_a_database_that_is_away_is_the_reason(down: House) -> None:
    told = down.nobody.call("GET", "/ready").json()

    assert (told["database"], told["schema"]) == ("unreachable", "unknown")
    assert "DATABASE_URL" in told["reason"]


@pytest.mark.parametrize(
    "path",
    [
        "/health", "/ready", "/docs", "/docs/start.js", "/docs/swagger-ui.css",
        "/api/v1/openapi.json", "/api/v1/customers", "/api/v1/customers/x", "/i/none",
        "/staff/nobody/sign-in", "/nothing",
    ],
)  # fmt: skip
def test_head_answers_as_get_does_without_the_body(house: House, path: str) -> None:
    headers = {"Authorization": f"Bearer {house.keys[0]}"}

    asked = house.client.get(path, headers=headers)
    head_only = house.client.head(path, headers=headers)

    assert (head_only.status_code, head_only.content) == (asked.status_code, b"")
    for name in ("content-type", "content-length", "cache-control"):
        assert (name in head_only.headers) == (name in asked.headers)
    assert head_only.headers["content-type"] == asked.headers["content-type"]
    assert head_only.headers["tagihan-request-id"]


def test_head_does_not_open_what_get_does_not(house: House) -> None:
    assert house.client.head("/api/v1/customers").status_code == 401
    assert house.client.head("/api/v1/refunds/none/reject").status_code == 405


@pytest.mark.parametrize(
    ("url", "told"),
    [("https://bayar.example", "max-age=31536000"), ("http://127.0.0.1:8400", None)],
)
def test_browsers_are_told_to_stay_with_https_where_that_is_our_address(
    engine: Engine, url: str, told: str | None
) -> None:
    behind = replace(engine, settings=replace(engine.settings, public_url=url))
    with open_house(behind, merchants=False) as house:
        for path in ("/health", "/docs", "/api/v1/customers", "/staff/nobody/sign-in"):
            answer = house.client.get(path)
            assert answer.headers.get("strict-transport-security") == told, path
