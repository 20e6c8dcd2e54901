"""Logins of one installation; the roles that transactions run under come with `ops.migrate`."""

from __future__ import annotations

from psycopg import Connection, sql


def ensure_login(admin: Connection, name: str, password: str, *, owner: bool = False) -> None:
    """Make a login that is no superuser, or give it this password again.

    The ``owner`` migrates and makes the roles. Anyone else inherits nothing: such a login can do
    nothing until a transaction says under which role it runs.
    """
    known = admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    verb = "ALTER" if known else "CREATE"
    powers = "INHERIT CREATEROLE" if owner else "NOINHERIT NOCREATEROLE"
    admin.execute(
        sql.SQL(f"{verb} ROLE {{}} LOGIN NOCREATEDB {powers} PASSWORD {{}}").format(
            sql.Identifier(name), sql.Literal(password)
        )
    )
