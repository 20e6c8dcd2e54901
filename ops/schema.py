"""The catalogue of the database as text, so that nothing of the schema can go missing unseen.

Alembic compares tables and columns; it sees no policy, trigger, grant, nor a change in a check or
in a partial index's WHERE. This text holds them all and reads the same on PostgreSQL 15 and 18.
"""

from __future__ import annotations

import difflib
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import psycopg
from psycopg.rows import scalar_row

from ops import instance
from ops.embedded import Embedded
from ops.migrate import migrate

CATALOGUE = Path(__file__).resolve().parents[1] / "migrations" / "catalogue.txt"

# Each gives one text a row. ``alembic_version`` and its like are Alembic's own; who may read them
# is ours.
_MINE = (
    "c.relnamespace = current_schema()::regnamespace AND c.relname !~ '^alembic_' "
    "AND c.relkind IN ('r', 'p')"
)
_GRANTED = "c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')"
_QUERIES: tuple[str, ...] = (
    f"""
    SELECT format('table %s row security %s %s', c.relname,
        CASE WHEN c.relrowsecurity THEN 'on' ELSE 'off' END,
        CASE WHEN c.relforcerowsecurity THEN 'forced' ELSE 'not forced' END)
    FROM pg_class c WHERE {_MINE}
    """,  # noqa: S608 - constants
    f"""
    SELECT format('column %s.%s %s%s%s%s', c.relname, a.attname,
        format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
        CASE a.attidentity WHEN '' THEN '' ELSE ' identity ' || a.attidentity::text END,
        coalesce(CASE a.attgenerated WHEN '' THEN ' default ' ELSE ' generated ' END
            || pg_get_expr(d.adbin, d.adrelid), ''))
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE {_MINE} AND a.attnum > 0 AND NOT a.attisdropped
    """,  # noqa: S608
    f"""
    SELECT format('constraint %s.%s %s%s', c.relname, k.conname, pg_get_constraintdef(k.oid),
        CASE WHEN k.convalidated THEN '' ELSE ' not valid' END)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE {_MINE} AND k.contype IN ('c', 'f', 'p', 'u', 'x')
    """,  # noqa: S608
    f"""
    SELECT format('index %s%s', pg_get_indexdef(i.indexrelid),
        CASE WHEN i.indisvalid THEN '' ELSE ' invalid' END)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE {_MINE}
    """,  # noqa: S608
    f"""
    SELECT format('trigger %s %s', CASE t.tgenabled WHEN 'O' THEN 'on' ELSE 'off' END,
        pg_get_triggerdef(t.oid))
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE {_MINE} AND NOT t.tgisinternal
    """,  # noqa: S608
    """
    SELECT format('function %s(%s) returns %s%s md5 %s', p.proname,
        pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid),
        CASE WHEN p.prosecdef THEN ' security definer' ELSE '' END, md5(p.prosrc))
    FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace
    """,
    f"""
    SELECT format('policy %s.%s %s for %s to %s using (%s) check (%s)', c.relname, p.polname,
        CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, p.polcmd,
        (SELECT string_agg(coalesce(r.rolname, 'public'), ', ' ORDER BY r.rolname)
            FROM unnest(p.polroles) g LEFT JOIN pg_roles r ON r.oid = g),
        pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE {_MINE}
    """,  # noqa: S608
    f"""
    SELECT format('grant %s to %s: %s', c.relname, coalesce(r.rolname, 'public'),
        string_agg(x.privilege_type, ', ' ORDER BY x.privilege_type))
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) x
    LEFT JOIN pg_roles r ON r.oid = x.grantee
    WHERE {_GRANTED} AND x.grantee <> c.relowner GROUP BY c.relname, r.rolname
    """,  # noqa: S608
    f"""
    SELECT format('grant %s.%s to %s: %s', c.relname, a.attname, coalesce(r.rolname, 'public'),
        string_agg(x.privilege_type, ', ' ORDER BY x.privilege_type))
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    CROSS JOIN LATERAL aclexplode(a.attacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee
    WHERE {_MINE} AND NOT a.attisdropped AND x.grantee <> c.relowner
    GROUP BY c.relname, a.attname, r.rolname
    """,  # noqa: S608
)


def snapshot(connection: psycopg.Connection, role_prefix: str) -> str:
    """Write down everything of the schema, a line each, sorted; the roles under neutral names."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        cursor.execute(
            "SELECT r.rolname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = "
            "to_regclass('merchants')"
        )
        owner = cursor.fetchone() or ""
        lines = [line for query in _QUERIES for line in cursor.execute(query).fetchall()]
    return "\n".join(sorted(_neutral(line, role_prefix, owner) for line in lines)) + "\n"


def differences(found: str, committed: str) -> list[str]:
    """What the database lacks (``-``) and what it has too much (``+``); empty when they agree."""
    lines = difflib.unified_diff(
        committed.splitlines(), found.splitlines(), lineterm="", n=0, fromfile="", tofile=""
    )
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def _neutral(line: str, role_prefix: str, owner: str) -> str:
    line = re.sub(r"\s+", " ", line).strip().replace(" public.", " ")
    line = re.sub(rf"\b{re.escape(role_prefix)}_(app|lookup|reader)\b", r"<\1>", line)
    # The table owner's name can be a word that means something else everywhere but in a policy.
    if owner and line.startswith("policy "):
        line = re.sub(rf" to {re.escape(owner)} using ", " to <owner> using ", line)
    return line


@contextmanager
def _database() -> Iterator[tuple[psycopg.Connection, str]]:
    """The instance's database, or a fresh one from the migrations where there is none."""
    settings = instance.load()
    if settings.database_url is not None:
        with psycopg.connect(settings.database_url, connect_timeout=10) as connection:
            yield connection, settings.role_prefix
        return
    with tempfile.TemporaryDirectory(prefix="tagihan-schema-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL may have to run as another user
        server = Embedded(Path(folder) / "home", 0, options={"fsync": "off"})
        try:
            urls = server.start()
            migrate(urls.owner_url, "tagihan", "tagihan_login")
            with psycopg.connect(urls.owner_url) as connection:
                yield connection, "tagihan"
        finally:
            server.stop()


@click.group("schema")
def group() -> None:
    """The database's tables, checks, indexes, triggers, policies and grants."""


@group.command()
def check() -> None:
    """Compare the database with migrations/catalogue.txt.

    Where no database is set, a fresh one is made of the migrations and compared.
    """
    with _database() as (connection, role_prefix):
        found = differences(
            snapshot(connection, role_prefix), CATALOGUE.read_text(encoding="utf-8")
        )
    if found:
        click.echo("The database is not what the migrations make:")
        click.echo("\n".join(found))
        sys.exit(1)
    click.echo("The schema is what the migrations make.")


@group.command()
def write() -> None:
    """Write migrations/catalogue.txt anew, after a migration."""
    with _database() as (connection, role_prefix):
        CATALOGUE.write_text(snapshot(connection, role_prefix), encoding="utf-8")
    click.echo(f"wrote {CATALOGUE.name}")


if __name__ == "__main__":
    group()
