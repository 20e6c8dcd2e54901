"""Whether a DATABASE_URL can be used, told in one line where it can not."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_OLDEST = 150_000  # PostgreSQL 15: the oldest that the tests run on
_PAUSE_SECONDS = 2.0
# libpq tells a refused login by words only.
_FATAL = re.compile(r"(?:FATAL|PANIC):\s+([^\n]+)")
_TRIED = re.compile(r'connection to server at "([^"]+)"(?: \([^)]*\))?, port (\d+) failed')
_MISSING = re.compile(r'(?:relation|role) "[a-z_]+"')
# These do not pass by themselves; starting, stopping and being full do.
_LASTING = ("authentication failed", "does not exist", "no pg_hba.conf entry", "not permitted",
            "permission denied", "is not currently accepting")  # fmt: skip
_REFUSING = frozenset({"28", "3D", "53", "57"})
_UNPREPARED = frozenset({"42P01", "22023", "42704", "42501"})
_GONE = frozenset({"57P01", "57P02", "57P03"})


class UnusableDatabaseError(Exception):
    """The server can not be reached or used; the message holds no password."""


def explain(error: BaseException | None, url: str | None) -> str | None:
    """One line for a database that can not be used; None where the error is about anything else.

    Args:
        url: where commands look for the database; names the place where the error does not.
    """
    while error is not None:
        if isinstance(error, UnusableDatabaseError):
            return str(error)
        orig = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(orig, psycopg.Error):
            told = _of_server(orig, url)
            if told is not None:
                return told
        if isinstance(error, PoolTimeoutError):
            return no_answer(url)
        error = error.__cause__
    return None


def is_unreachable(error: BaseException | None) -> bool:
    """Whether an error says that the database can not be had: silent, refusing, or empty."""
    return explain(error, None) is not None


def is_passing(error: BaseException | None) -> bool:
    """Whether waiting may help: nobody answers, the server starts or stops, or is full."""
    words = str(error)
    return is_unreachable(error) and not any(one in words for one in _LASTING)


def no_answer(url: str | None, words: str = "") -> str:
    """The one line for a database that does not answer; without user and password."""
    where = _place(url, words)
    return f"the database at {where} does not answer: start it with `make run`, or set DATABASE_URL"


def wait_for_database(url: str, stop: threading.Event, say: Callable[[str], None]) -> bool:
    """Wait until the database lets us in; False where ``stop`` came first.

    What may pass is said once and waited for. What does not pass by itself, such as a wrong
    password, is raised: `explain` has its words.
    """
    said = ""
    while not stop.is_set():
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if not is_passing(error):
                raise
            line = f"{explain(error, url)}; trying again every {_PAUSE_SECONDS:g} s"
            if line != said:
                say(line)
            said = line
            stop.wait(_PAUSE_SECONDS)
        else:
            return True
    return False


def _of_server(error: psycopg.Error, url: str | None) -> str | None:
    words = str(error)
    if error.sqlstate in _UNPREPARED:
        # No table, or no role to act under: the migrations were never run there.
        missing = _MISSING.search(words)
        if missing is None:
            return None
        return (
            f"the database at {_place(url, '')} gives no {missing[0]} to this login: bring "
            "it to the present schema with `tagihan migrate`"
        )
    if not isinstance(error, psycopg.OperationalError):
        return None
    fatal = _FATAL.search(words)
    if fatal is not None and (error.sqlstate is None or error.sqlstate[:2] in _REFUSING):
        return f"the database at {_place(url, words)} refuses: {fatal[1].strip()}{_advice(words)}"
    if error.sqlstate is None or error.sqlstate in _GONE:
        return no_answer(url, words)
    return None


def _advice(words: str) -> str:
    if any(one in words for one in _LASTING):
        return "; check DATABASE_URL"
    if "slots" in words or "too many" in words:
        return "; stop what is not needed, raise max_connections or lower TAGIHAN_DB_POOL_SIZE"
    return "; try again in a moment"


def _place(url: str | None, words: str) -> str:
    """Host and port, as the failed connection names them or as the address does."""
    tried = _TRIED.search(words)
    if tried is not None:
        return f"{tried[1]}:{tried[2]}"
    try:
        parts = make_url(url or "")
    except (SQLAlchemyError, ValueError):
        return "DATABASE_URL"
    return f"{parts.host or 'localhost'}:{parts.port or 5432}"


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
