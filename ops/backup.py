"""`tagihan backup FILE`: one consistent file of the whole database, taken while it is in use.

What is needed beside it to read it again is not in it: the master keys, under which gateway keys
and card tokens are sealed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psycopg

from core.settings import Settings
from ops import database_check, pg_tools


def dump(owner_url: str, file: Path) -> None:
    """Write a backup in PostgreSQL's custom format; whole or not at all, readable by us only.

    Row-level security stays on: the owner's own policy lets it see everything, and a role that
    saw less would be refused instead of leaving rows out.

    Raises:
        ToolError: no fitting ``pg_dump``, or it failed.
    """
    with psycopg.connect(owner_url, connect_timeout=10) as connection:
        major = connection.info.server_version // 10_000
        _refuse_blind(connection)
    half = file.with_name(f"{file.name}.part")
    half.unlink(missing_ok=True)
    os.close(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        pg_tools.run(
            pg_tools.find("pg_dump", major),
            owner_url,
            ["--format=custom", "--enable-row-security", "--no-owner", "--file", str(half)],
        )
        half.replace(file)
    finally:
        half.unlink(missing_ok=True)


def _refuse_blind(connection: psycopg.Connection) -> None:
    """Refuse a login that row-level security would show less than everything."""
    row = connection.execute(
        """
        SELECT count(*) FROM pg_class c
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relrowsecurity
            AND NOT (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user)
            AND NOT EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid
                AND p.polname = 'owner' AND pg_has_role(current_user, p.polroles[1], 'USAGE'))
        """
    ).fetchone()
    if row and row[0]:
        raise pg_tools.ToolError(
            f"this login would see only a part of {row[0]} tables; set "
            "TAGIHAN_OWNER_DATABASE_URL to the login that owns the tables"
        )


def main(settings: Settings, file: Path) -> int:
    """``tagihan backup``: 1 where it can not be done, with one clear line."""
    if settings.owner_database_url is None:
        raise ValueError("DATABASE_URL is not set")
    try:
        dump(settings.owner_database_url, file)
    except (pg_tools.ToolError, OSError, psycopg.Error) as error:
        if database_check.is_unreachable(error):
            raise
        print(f"no backup was made: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    size = file.stat().st_size
    print(f"wrote {file} ({size / 1_000_000:.1f} MB)")
    print(
        "Keep TAGIHAN_MASTER_KEY apart from it: without that key, gateway keys and saved cards in "
        "the backup can not be read."
    )
    return 0
