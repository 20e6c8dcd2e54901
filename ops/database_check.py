"""Whether a DATABASE_URL can be used, told in one line where it can not."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg

_OLDEST = 150_000  # PostgreSQL 15: the oldest that the tests run on


class UnusableDatabaseError(Exception):
    """The server can not be reached or used; the message holds no password."""


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
