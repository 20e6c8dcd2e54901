"""Bring a database to the present schema: roles first, then migrations, one run at a time."""

from __future__ import annotations

import re
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import ProgrammingError

from core.db import make_engine
from core.settings import Settings
from ops.database_check import UnusableDatabaseError

ROLES = ("app", "lookup", "reader")
_LOCK = 0x7461676968616E  # "tagihan": one migration run at a time in a database
_NOT_ALLOWED = "42501"


def migrate(url_owner: str, role_prefix: str = "tagihan", login: str | None = None) -> str:
    """Create the roles, grant them to ``login`` (default: the owner itself), migrate to head.

    Needs a login that may create roles and owns the database; safe to run again and from several
    processes at once. Returns the revision reached.
    """
    engine = make_engine(url_owner, pool_size=1)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            create_roles(connection, role_prefix, login)
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            connection.commit()
            command.upgrade(alembic_config(connection, role_prefix), "head")
            connection.commit()
            return current_revision(connection)
    finally:
        engine.dispose()


def create_roles(connection: Connection, prefix: str, login: str | None) -> None:
    """Create the three roles that own nothing, once a cluster, and let ``login`` take them on."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,40}", prefix):
        raise ValueError(f"TAGIHAN_DB_ROLE_PREFIX {prefix!r}: use small letters, digits and _")
    for role in (f"{prefix}_{name}" for name in ROLES):
        known = connection.execute(
            text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = :r"), {"r": role}
        ).scalar_one_or_none()
        if known:
            raise RuntimeError(f"role {role} may bypass row security; drop it or choose a prefix")
        if known is None:
            _create(connection, role)
        taker = connection.execute(
            text("SELECT quote_ident(coalesce(:login, current_user))"), {"login": login}
        ).scalar_one()
        has = connection.execute(
            text("SELECT pg_has_role(coalesce(:login, current_user), :r, 'MEMBER')"),
            {"login": login, "r": role},
        ).scalar_one()
        if not has or login is None:
            connection.exec_driver_sql(f"GRANT {role} TO {taker}")
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    listed = ", ".join(f"{prefix}_{name}" for name in ROLES)
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {listed}")


def _create(connection: Connection, role: str) -> None:
    wanted = f"CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS"
    try:
        connection.exec_driver_sql(wanted)
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _NOT_ALLOWED:
            raise
        prefix = role.rpartition("_")[0]
        listed = ", ".join(f"{prefix}_{name}" for name in ROLES)
        me = connection.execute(text("SELECT current_user")).scalar_one()
        raise UnusableDatabaseError(
            f"the login {me} may not create roles, and role {role} is not there. Whoever runs the "
            f"server makes {listed} ({wanted}), grants them to {me} WITH ADMIN OPTION, or gives "
            f"{me} CREATEROLE; then `tagihan migrate` goes on. Without these roles nothing holds "
            "merchants apart, so there is no way around them"
        ) from None


def alembic_config(connection: Connection, role_prefix: str) -> Config:
    """Alembic's settings for one run; there is no ini file to keep true."""
    config = Config()
    folder = Path(__file__).resolve().parent.parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["role_prefix"] = role_prefix
    return config


def current_revision(connection: Connection) -> str:
    """The revision the database stands at."""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def main(settings: Settings) -> str:
    """``tagihan migrate``: migrate as the owner, let the app's login take on the roles."""
    if settings.owner_database_url is None or settings.database_url is None:
        raise RuntimeError("set DATABASE_URL, or use `tagihan up`, which brings its own database")
    login = make_url(settings.database_url).username
    owner = make_url(settings.owner_database_url).username
    revision = migrate(
        settings.owner_database_url, settings.role_prefix, None if login == owner else login
    )
    return f"schema at revision {revision}"
