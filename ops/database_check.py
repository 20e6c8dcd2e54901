"""Whether a DATABASE_URL can be used, told in one line where it can not."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_OLDEST = 150_000  # PostgreSQL 15: the oldest that the tests run on


class UnusableDatabaseError(Exception):
    """The server can not be reached or used; the message holds no password."""


def is_unreachable(error: BaseException | None) -> bool:
    """Whether an error, or what it came of, says that nobody answers at the database's address."""
    while error is not None:
        orig = error.orig if isinstance(error, OperationalError) else error
        if isinstance(orig, psycopg.OperationalError) and orig.sqlstate is None:
            return "FATAL" not in str(orig)  # a server that refuses a login does answer
        if isinstance(error, PoolTimeoutError):
            return True
        error = error.__cause__
    return False


def no_answer(url: str | None) -> str:
    """The one line for a database that does not answer; without user and password."""
    try:
        parts = make_url(url or "")
        where = f"{parts.host or 'localhost'}:{parts.port or 5432}"
    except (SQLAlchemyError, ValueError):
        where = "DATABASE_URL"
    return f"the database at {where} does not answer: start it with `make run`, or set DATABASE_URL"


def check(url: str) -> str:
    """The server's version, such as ``15.9``; `UnusableDatabaseError` says why not in one line."""
    parts = urlsplit(url)
    where = f"{parts.hostname or 'a local socket'}:{parts.port or 5432}{parts.path}"
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            number = connection.info.server_version
            row = connection.execute("SHOW server_version").fetchone()
    except psycopg.Error as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if parts.password:
            reason = reason.replace(parts.password, "[struck out]")
        raise UnusableDatabaseError(
            f"DATABASE_URL can not be used: {where} as {parts.username or 'the default user'}: "
            f"{reason}"
        ) from None
    if number < _OLDEST:
        raise UnusableDatabaseError(
            f"DATABASE_URL points to PostgreSQL {number // 10_000}; Tagihan needs 15 or newer"
        )
    return str(row[0]).split()[0] if row else str(number)
