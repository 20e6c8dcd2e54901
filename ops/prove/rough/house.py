"""A house of real processes: a server, schedulers, workers, an API, a gateway, a mail box.

They are the commands as shipped, in a folder that is thrown away. They can be killed, paused for
longer than a lease, and started again; the server can be stopped as by `pg_ctl -m immediate`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import requests

from ops import instance, processes
from ops.embedded import Database, Embedded, EmbeddedError, free_port
from ops.erase import outside_of
from ops.migrate import migrate

CONNECT_SECONDS, READ_SECONDS, MARGIN_SECONDS = 1, 3, 1
LEASE_SECONDS = CONNECT_SECONDS + READ_SECONDS + MARGIN_SECONDS
# After so long the gateway's "no such order" is believed; nothing is kept on the wire for longer.
QUARANTINE_SECONDS = 10
READY_SECONDS = 60
# Who is killed need not survive a power cut, but what was committed has to survive his death.
_QUICK = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "1GB"}
PREFIX = "tagihan-rough-"


@dataclass
class Process:
    """One process of ours: its role, its environment, where it writes what it says."""

    name: str
    role: str
    environ: dict[str, str] = field(repr=False)
    log: Path
    bug: str | None = None
    popen: subprocess.Popen[bytes] | None = None
    waker: subprocess.Popen[bytes] | None = None
    _began: int = 0  # where in the log this life of it begins

    def start(self, lifeline: int) -> None:
        """Start it; it ends with whoever holds the other end of the lifeline."""
        planted = ["ops.prove.rough.planted", self.bug] if self.bug else ["ops.cli"]
        arguments = self.role.split() if self.bug is None else [*planted[1:], *self.role.split()]
        with self.log.open("ab") as log:
            self._began = log.tell()
            self.popen = subprocess.Popen(
                [sys.executable, "-m", planted[0], *arguments],
                env={**self.environ, processes.LIFELINE: str(lifeline)},
                pass_fds=(lifeline,),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    @property
    def is_ready(self) -> bool:
        """Whether it has said so in this life; an API does not say it."""
        with self.log.open("rb") as log:
            log.seek(self._began)
            return b" ready" in log.read()

    @property
    def has_fallen(self) -> bool:
        """Whether it ended, and not by our hand."""
        return self.popen is not None and self.popen.poll() not in (None, -signal.SIGKILL)

    def kill(self) -> None:
        """SIGKILL, also of one that is paused; nothing of it runs afterwards."""
        if self.popen is not None:
            self.popen.kill()
            self.popen.wait(30)
        if self.waker is not None and self.waker.poll() is None:
            os.killpg(self.waker.pid, signal.SIGKILL)
            self.waker.wait(30)

    def pause(self, seconds: int) -> None:
        """SIGSTOP now and SIGCONT later, by somebody who outlives us: nobody stays stopped."""
        assert self.popen is not None
        pid = str(self.popen.pid)
        script = 'kill -STOP "$0" && sleep "$1" && kill -CONT "$0"'
        self.waker = subprocess.Popen(
            ["/bin/sh", "-c", script, pid, str(seconds)], start_new_session=True
        )

    @property
    def is_paused(self) -> bool:
        return self.waker is not None and self.waker.poll() is None


class House:
    """The folder, the server and the processes of one run."""

    def __init__(self, seed: str, bug: str | None = None, postgres: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.folder.chmod(0o711)  # PostgreSQL may have to run as another user, who must get through
        self.home = self.folder / "home"
        self.bug = bug
        self.keep = False
        self.processes: list[Process] = []
        self.restarts = 0
        self.server = Embedded(self.home, 0, options=_QUICK, binaries=postgres)
        self.server_lock = threading.Lock()
        self._theirs, self._ours = os.pipe()
        self._seed = seed
        # The gateway's own port is told to nobody but us: everybody else calls through the wire.
        self.simulator_port, self.wire_port, self.news_port = free_port(), free_port(), free_port()
        self.environ: dict[str, str] = {}
        self._database: Database | None = None

    # --- addresses ------------------------------------------------------------------------------

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.environ['TAGIHAN_API_PORT']}"

    @property
    def simulator_url(self) -> str:
        return f"http://127.0.0.1:{self.simulator_port}"

    @property
    def admin_url(self) -> str:
        """The database as its superuser sees it, past all walls."""
        assert self._database is not None
        return urlunsplit(urlsplit(self._database.admin_url)._replace(path="/tagihan"))

    def look(self) -> psycopg.Connection:
        """A connection that looks on."""
        return psycopg.connect(self.admin_url, autocommit=True, connect_timeout=5)

    # --- beginning ------------------------------------------------------------------------------

    def open(self) -> None:
        """Start the server, bring it to the schema, say what processes are told."""
        self._database = found = self.server.start()
        self.environ = self._environ(found)
        instance.write_running(
            self.home, {name: told for name, told in self.environ.items() if _is_ours(name)}
        )
        login = urlsplit(found.app_url).username or ""
        migrate(found.owner_url, "tagihan", login)

    def _environ(self, database: Database) -> dict[str, str]:
        kept = {name: told for name, told in os.environ.items() if not _is_ours(name)}
        drawn = hashlib.sha256(f"{self._seed}: master key".encode()).digest()
        ports = {f"TAGIHAN_{name}_PORT": str(free_port()) for name in ("API", "MAILBOX", "SMTP")}
        return {
            **kept, **ports,
            "DATABASE_URL": database.app_url,
            "TAGIHAN_OWNER_DATABASE_URL": database.owner_url,
            "TAGIHAN_DB_PORT": str(database.port),
            "TAGIHAN_DB_POOL_SIZE": "6",
            "TAGIHAN_HOME": str(self.home),
            "TAGIHAN_MASTER_KEY": f"rough:{base64.b64encode(drawn).decode()}",
            "TAGIHAN_OPERATOR_KEY": f"op_{hashlib.sha256(drawn).hexdigest()}",
            "TAGIHAN_SIMULATOR_PORT": str(self.wire_port),
            "TAGIHAN_TICK_SECONDS": "1",
            "TAGIHAN_GATEWAY_CONNECT_SECONDS": str(CONNECT_SECONDS),
            "TAGIHAN_GATEWAY_READ_SECONDS": str(READ_SECONDS),
            "TAGIHAN_LEASE_MARGIN_SECONDS": str(MARGIN_SECONDS),
            "TAGIHAN_QUARANTINE_SECONDS": str(QUARANTINE_SECONDS),
            "TAGIHAN_LOG_FORMAT": "json",
            "PYTHONUNBUFFERED": "1",
        }  # fmt: skip

    def add(self, role: str, count: int = 1, *, bug: bool = True) -> list[Process]:
        """Start ``count`` processes of a role; ``bug``: with what is planted."""
        (self.folder / "logs").mkdir(exist_ok=True)
        made = []
        for n in range(1, count + 1):
            name = role.split(maxsplit=1)[0] + (f"-{n}" if count > 1 else "")
            log = self.folder / "logs" / f"{name}.log"
            one = Process(name, role, self.environ, log, self.bug if bug else None)
            one.start(self._theirs)
            made.append(one)
        self.processes += made
        return made

    def restart(self, process: Process) -> None:
        """Start one again that has ended."""
        process.start(self._theirs)

    def fallen(self) -> list[str]:
        """Who ended by himself, and the last that he said."""
        return [
            f"{one.name}: {one.log.read_text(errors='replace').strip()[-300:]}"
            for one in self.processes if one.has_fallen
        ]  # fmt: skip

    def wait_for(self, url: str) -> None:
        """Wait until something answers there.

        Raises:
            EmbeddedError: it does not.
        """
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.answers(url):
                return
            if fallen := self.fallen():
                raise EmbeddedError(fallen[0])
            time.sleep(0.1)
        raise EmbeddedError(f"nobody answers at {url}; the logs are in {self.folder / 'logs'}")

    def answers(self, url: str = "") -> bool:
        """Whether something answers there; by default the API."""
        with contextlib.suppress(requests.RequestException), requests.Session() as session:
            session.trust_env = False
            return session.get(url or f"{self.api_url}/health", timeout=5).status_code < 500
        return False

    # --- trouble --------------------------------------------------------------------------------

    def restart_server(self) -> None:
        """What `pg_ctl restart -m immediate` does: no goodbye, and recovery from the log."""
        with self.server_lock:
            place = self.server.place
            running = place.running_server() if place is not None else None
            if running is None:
                return
            processes.stop(running, signal.SIGQUIT, signal.SIGKILL)
            self.server.stop()
            self.server.start()
            self.restarts += 1

    # --- the end --------------------------------------------------------------------------------

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """One command of ours, as an operator types it."""
        return subprocess.run(
            [sys.executable, "-m", "ops.cli", *command],
            env=self.environ, capture_output=True, text=True, check=False, timeout=120,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def close(self) -> None:
        """Stop everything; the folder goes too, unless somebody has to look at it."""
        for one in reversed(self.processes):
            if one.is_running and one.popen is not None:
                one.popen.send_signal(signal.SIGCONT)
                one.popen.terminate()
        deadline = time.monotonic() + 8
        for one in reversed(self.processes):
            if one.popen is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    one.popen.wait(max(0.1, deadline - time.monotonic()))
                one.kill()
        with self.server_lock:
            self.server.stop()
        for end in (self._ours, self._theirs):
            with contextlib.suppress(OSError):
                os.close(end)
        if not self.keep:
            outside = outside_of(self.home)
            if outside is not None:
                shutil.rmtree(outside, ignore_errors=True)
            shutil.rmtree(self.folder, ignore_errors=True)


def _is_ours(name: str) -> bool:
    return name.startswith(("TAGIHAN_", "SMTP_", "MIDTRANS_", "DATABASE_URL", "MAIL_", "PG"))


@contextlib.contextmanager
def a_house(seed: str, bug: str | None = None, postgres: Path | None = None) -> Iterator[House]:
    """A house whose server runs; whatever happens, no process is left."""
    house = House(seed, bug, postgres)
    try:
        house.open()
        yield house
    except Exception:
        house.keep = True  # somebody has to look
        raise
    finally:
        house.close()
