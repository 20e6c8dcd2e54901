"""Where it is proven: a PostgreSQL of our own that is thrown away, a fresh database a history."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from ops.embedded import Embedded
from ops.migrate import migrate

# Nothing needs to reach the disk, and nothing may happen by itself: a run is decided by its seed.
QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "2GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    # Which of two rows was committed first is asked of the server, whatever our clocks show.
    "track_commit_timestamp": "on",
}

# SQL of a planted bug (`ops.prove.bugs`): guards of the database that are taken away.
SPOILED: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    """One database: as the application signs in, and as the superuser who looks on."""

    app_url: str = field(repr=False)
    admin_url: str = field(repr=False)
    role_prefix: str


class Place:
    """A server with a migrated database to copy from."""

    def __init__(
        self, admin_url: str, app_url: str, *, template: str, owner: str, role_prefix: str
    ) -> None:
        self._admin_url, self._app_url = admin_url, app_url
        self._template, self._owner, self._prefix = template, owner, role_prefix

    @contextmanager
    def room(self, name: str) -> Iterator[Room]:
        """A database with the schema and nothing else, dropped afterwards (0.1 s)."""
        self._admin(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)),
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                sql.Identifier(name), sql.Identifier(self._template), sql.Identifier(self._owner)
            ),
            sql.SQL("ALTER DATABASE {} SET deadlock_timeout = '10min'").format(
                sql.Identifier(name)
            ),
        )
        with psycopg.connect(_in(self._admin_url, name), autocommit=True) as admin:
            for statement in SPOILED:
                admin.execute(statement)
        try:
            yield Room(_in(self._app_url, name), _in(self._admin_url, name), self._prefix)
        finally:
            self._admin(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def _admin(self, *statements: Any) -> None:
        with psycopg.connect(self._admin_url, autocommit=True, connect_timeout=10) as admin:
            for statement in statements:
                admin.execute(statement)


def _in(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def _by_socket(url: str, sockets: Path) -> str:
    """The same login by a socket of the file system: a statement takes less time."""
    parts = urlsplit(url)
    query = f"host={quote(str(sockets))}&port={parts.port}"
    login = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@", query=query))


@contextmanager
def throwaway() -> Iterator[Place]:
    """An embedded server in a folder that is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="tagihan-prove-"))
    folder.chmod(0o711)  # PostgreSQL may have to run as another user, who must get through
    sockets = folder / "sockets"
    sockets.mkdir()
    sockets.chmod(0o777)
    server = Embedded(
        folder / "home", 0, options={**QUICK, "unix_socket_directories": str(sockets)}
    )
    try:
        found = server.start()
        login = urlsplit(found.app_url).username or ""
        owner = urlsplit(found.owner_url).username or ""
        migrate(found.owner_url, "tagihan", login)
        yield Place(
            _by_socket(found.admin_url, sockets),
            _by_socket(found.app_url, sockets),
            template="tagihan", owner=owner, role_prefix="tagihan",
        )  # fmt: skip
    finally:
        server.stop()
        outside = folder / "home" / "postgres.json"
        if outside.exists():
            told = json.loads(outside.read_text(encoding="utf-8"))
            shutil.rmtree(told["folder"], ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
