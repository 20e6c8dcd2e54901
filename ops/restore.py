"""`tagihan restore FILE`: the database as it was, and every order since asked about before sending.

What happened after the backup is known to the gateway alone. The same business keys lead to the
same order ids, so each merchant comes back ``recovering``: before an order is sent for the first
time the gateway is asked what it knows of it, and nobody is charged twice.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from core.clock import utc_now
from core.db import make_engine
from core.settings import Settings
from ops import database_check, pg_tools, recover, restored_trail
from ops.migrate import create_roles, migrate


def load(
    owner_url: str,
    file: Path,
    role_prefix: str,
    login: str | None,
    heads: Mapping[str, str] | None = None,
) -> list[recover.Begun]:
    """Replace what the database holds by a backup; returns what was done for each merchant.

    Until all of it is there and every merchant is ``recovering``, the application's roles have no
    rights on the tables: a process that is still running can do nothing in between.

    Raises:
        ToolError: no fitting ``pg_restore``, not a backup, or it failed; the database is then as
            it was before, or without rights for the application.
    """
    with psycopg.connect(owner_url, connect_timeout=10) as connection:
        major = connection.info.server_version // 10_000
    program = pg_tools.find("pg_restore", major)
    content = pg_tools.run(program, owner_url, ["--list", str(file)]).splitlines()
    if not any(" TABLE DATA " in line and " merchants " in line for line in content):
        raise pg_tools.ToolError(f"{file} is no backup of Tagihan")
    engine = make_engine(owner_url, pool_size=1)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as roles:
            create_roles(roles, role_prefix, login)
    finally:
        engine.dispose()
    rights = [line for line in content if " ACL " in line]
    # Who owned the tables then may have another name than who owns them now.
    rest = [
        line for line in content if " ACL " not in line and not (
            " POLICY " in line and line.split()[6:7] == ["owner"]
        )
    ]  # fmt: skip
    _restore(program, owner_url, file, rest, ["--clean", "--if-exists"])
    _see_everything(owner_url)
    migrate(owner_url, role_prefix, login)
    with psycopg.connect(owner_url) as connection:
        begun = recover.begin(connection, "restored", utc_now(), heads=heads)
    _restore(program, owner_url, file, rights, [])
    return begun


def _restore(program: str, url: str, file: Path, content: list[str], more: list[str]) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".list", encoding="utf-8") as chosen:
        chosen.write("\n".join(content) + "\n")
        chosen.flush()
        pg_tools.run(
            program,
            url,
            [
                "--dbname", make_url(url).database or "", "--single-transaction", "--no-owner",
                "--enable-row-security", "--use-list", chosen.name, *more, str(file),
            ],
        )  # fmt: skip


def _see_everything(owner_url: str) -> None:
    """Give the owner its view again."""
    with psycopg.connect(owner_url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relkind IN ('r', 'p') "
            "AND relnamespace = current_schema()::regnamespace ORDER BY relname"
        ).fetchall()
        for (table,) in tables:
            connection.execute(
                sql.SQL(
                    "CREATE POLICY owner ON {} TO CURRENT_USER USING (true) WITH CHECK (true)"
                ).format(sql.Identifier(table))
            )


def main(settings: Settings, file: Path) -> int:
    """``tagihan restore``: 1 where it can not be done, with one clear line."""
    if settings.owner_database_url is None or settings.database_url is None:
        raise ValueError("DATABASE_URL is not set")
    login = make_url(settings.database_url).username
    owner = make_url(settings.owner_database_url).username
    trail = restored_trail.heads(settings.owner_database_url)
    try:
        begun = load(
            settings.owner_database_url,
            file,
            settings.role_prefix,
            None if login == owner else login,
            {slug: str(head) for slug, head in trail.items()},
        )
    except (pg_tools.ToolError, OSError, psycopg.Error) as error:
        if database_check.is_unreachable(error):
            raise
        print(f"nothing was restored: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print(f"restored {file}: {len(begun)} merchants, all of them recovering")
    for line in recover.told(begun):
        print(line)
    for line in restored_trail.told(settings.owner_database_url, trail):
        print(line)
    return 0
