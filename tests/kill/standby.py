"""A primary and a standby of it that streams what was committed, until the line is cut."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from database import Database

from ops import embedded, embedded_place
from ops.embedded import Embedded
from ops.migrate import migrate

_OPTIONS = {"fsync": "off", "wal_level": "replica", "max_wal_senders": "4", "hot_standby": "on"}
_SECONDS = 30


@dataclass
class Pair:
    """Two servers; ``url`` leads to the one that takes commits."""

    primary: embedded.Database
    standby_admin: str = field(repr=False)

    def database(self, *, promoted: bool = False) -> Database:
        """The one database of ours, on the primary or on what was its standby."""
        found = self.primary

        def url(one: str) -> str:
            return _at(one, urlsplit(self.standby_admin).port) if promoted else one

        return Database(
            name="tagihan",
            app_url=url(found.app_url),
            owner_url=url(found.owner_url),
            admin_url=url(found.admin_url).replace("/postgres", "/tagihan"),
            role_prefix="tagihan",
        )

    def cut_the_line(self) -> None:
        """Wait until the standby has all there is; from now on it gets nothing more."""
        [[position]] = _ask(self.primary.admin_url, "SELECT pg_current_wal_flush_lsn()")
        caught_up = f"SELECT pg_last_wal_replay_lsn() >= '{position}'"
        _until(lambda: _ask(self.standby_admin, caught_up) == [(True,)], "the standby is behind")
        _do(self.standby_admin, "ALTER SYSTEM SET primary_conninfo = ''")
        _do(self.standby_admin, "SELECT pg_reload_conf()")
        receives = "SELECT count(*) FROM pg_stat_wal_receiver"
        _until(lambda: _ask(self.standby_admin, receives) == [(0,)], "the line is not cut")

    def lose_the_primary(self) -> None:
        """It dies at once, with all that it has not shipped; the standby takes its place."""
        pid = int((self.primary.data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        _do(self.standby_admin, f"SELECT pg_promote(true, {_SECONDS})")
        _until(
            lambda: _ask(self.standby_admin, "SELECT pg_is_in_recovery()") == [(False,)],
            "the standby was not promoted",
        )


class _Standby(Embedded):
    """A server whose roles and databases came with its data."""

    def _ready(self, place: embedded_place.Place) -> embedded.Database:
        passwords = place.passwords()
        admin_url = self._url("postgres", passwords["admin"], "postgres")
        self._connect(admin_url, place).close()
        return embedded.Database("", "", admin_url, self._port, "", place.data)


@contextmanager
def primary_and_standby(folder: Path) -> Iterator[Pair]:
    """Both on this machine's loopback, gone at the end."""
    folder.chmod(0o711)
    first = Embedded(folder / "first", 0, options=_OPTIONS)
    second = _Standby(folder / "second", 0, options=_OPTIONS)
    try:
        primary = first.start()
        migrate(primary.owner_url, "tagihan", urlsplit(primary.app_url).username)
        _copy(first, folder / "second", primary.admin_url)
        standby = second.start()
        yield Pair(primary, standby.admin_url)
    finally:
        for server in (first, second):
            with suppress(Exception):
                server.stop()


def _copy(first: Embedded, home: Path, admin_url: str) -> None:
    """Take a base backup of the primary as a standby's data, as PostgreSQL's own user."""
    assert first.place is not None
    place = embedded_place.prepare(home)
    embedded_place.write_private(place.secrets, json.dumps(first.place.passwords()))
    marker = place.folder / embedded_place.MARKER
    marker.write_text(json.dumps({"home": str(home)}) + "\n", encoding="utf-8")
    place.data.mkdir(mode=0o700)
    who: dict[str, Any] = {}
    if place.uid >= 0:
        os.chown(place.data, place.uid, place.gid)
        who = {"user": place.uid, "group": place.gid, "extra_groups": []}
    subprocess.run(
        [
            str(place.binaries / "bin" / "pg_basebackup"), "--dbname", admin_url,
            "--pgdata", str(place.data), "--write-recovery-conf", "--wal-method=stream",
            "--checkpoint=fast",
        ],
        check=True, capture_output=True, timeout=_SECONDS, cwd="/", **who,
    )  # fmt: skip


def _at(url: str, port: int | None) -> str:
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{port}"))


def _do(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        connection.execute(statement.encode())


def _ask(url: str, question: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        return connection.execute(question.encode()).fetchall()


def _until(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)
