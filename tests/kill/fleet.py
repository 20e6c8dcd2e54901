"""Real processes of ours for a test to kill: started with a lifeline, killed, started again."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx
from database import Database
from simulated import ROOT

from core.clock import utc_now
from ops.processes import LIFELINE

MASTER_KEY = bytes(range(32))
CONNECT_SECONDS = 1
READ_SECONDS = 2


@dataclass
class Process:
    """One process of ours; ``lease_seconds`` tells the workers' orders apart in the database."""

    name: str
    command: str
    lease_seconds: int
    environ: dict[str, str]
    log: Path
    started_at: datetime = field(default_factory=utc_now)
    popen: subprocess.Popen[bytes] | None = None

    def start(self, lifeline: int) -> None:
        """Start it; it ends with the test, however that ends."""
        self.started_at = utc_now()
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "ops.cli", self.command],
                cwd=ROOT,
                env={**self.environ, LIFELINE: str(lifeline)},
                pass_fds=(lifeline,),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone: nothing of it runs afterwards."""
        assert self.popen is not None
        assert self.popen.poll() is None, f"{self.name} died by itself: {self.tail()}"
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait(10)

    def tail(self) -> str:
        """The last that it said."""
        return self.log.read_text(errors="replace")[-2000:]


class Fleet:
    """Schedulers, workers and an API of one installation on one database.

    Each worker has a lease of its own length, so the database says whose an order was.
    """

    def __init__(self, database: Database, folder: Path, **settings: str) -> None:
        self._folder = folder
        self._settings = settings
        self._database = database
        self.api_port = free_port()
        self.processes: list[Process] = []
        self._theirs, self._ours = os.pipe()

    def environ(self, margin: int = 1) -> dict[str, str]:
        """What a process of this installation is told."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TAGIHAN_", "MIDTRANS_", "SMTP_", "DATABASE_URL"))
        }
        return {
            **kept,
            "DATABASE_URL": self._database.app_url,
            "TAGIHAN_DB_ROLE_PREFIX": self._database.role_prefix,
            "TAGIHAN_DB_POOL_SIZE": "6",
            "TAGIHAN_HOME": str(self._folder / "home"),
            "TAGIHAN_MASTER_KEY": f"test:{base64.b64encode(MASTER_KEY).decode()}",
            "TAGIHAN_OPERATOR_KEY": "op_" + "k" * 30,
            "TAGIHAN_API_PORT": str(self.api_port),
            "TAGIHAN_TICK_SECONDS": "1",
            "TAGIHAN_GATEWAY_CONNECT_SECONDS": str(CONNECT_SECONDS),
            "TAGIHAN_GATEWAY_READ_SECONDS": str(READ_SECONDS),
            "TAGIHAN_LEASE_MARGIN_SECONDS": str(margin),
            **self._settings,
        }

    def add(self, command: str, *, margin: int = 1) -> Process:
        """Start one more process; ``margin`` is how much longer than a call its leases last."""
        name = f"{command}-{sum(one.command == command for one in self.processes) + 1}"
        process = Process(
            name=name,
            command=command,
            lease_seconds=CONNECT_SECONDS + READ_SECONDS + margin,
            environ=self.environ(margin),
            log=self._folder / f"{name}.log",
        )
        self.processes.append(process)
        process.start(self._theirs)
        return process

    def restart(self, process: Process) -> None:
        """Start it again at once."""
        process.start(self._theirs)

    def wait_for_api(self, seconds: float = 30) -> None:
        """Wait until the API answers."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"http://127.0.0.1:{self.api_port}/health").status_code < 500:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError("the API does not answer")

    def close(self) -> None:
        """Kill what still runs."""
        for process in self.processes:
            if process.popen is not None and process.popen.poll() is None:
                process.kill()
        os.close(self._ours)
        os.close(self._theirs)


@contextmanager
def a_fleet(database: Database, folder: Path, **settings: str) -> Iterator[Fleet]:
    """A fleet without processes yet; none is left at the end."""
    fleet = Fleet(database, folder, **settings)
    try:
        yield fleet
    finally:
        fleet.close()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
