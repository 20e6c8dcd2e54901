"""A throw-away instance: the same processes, a temporary home, free ports, fixed keys."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from billing.engine import Engine, build_engine
from core.settings import Settings
from ops import migrate
from ops.children import Child, Part
from ops.embedded import Database, Embedded, free_port
from ops.erase import outside_of

# Everything the story derives hangs on this; it guards nothing that outlives the demo.
SEED = "tagihan demo 1"
# Documents carry links. They must read the same whatever port happens to be free.
PUBLIC_URL = "https://tagihan.larasa.example"

_QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_STOP_SECONDS = 10
_PREFIX = "tagihan-demo-"
_LOCK = "lock"


def seeded(purpose: str) -> bytes:
    """32 bytes for one purpose, the same every time."""
    return hashlib.sha256(f"{SEED}: {purpose}".encode()).digest()


@dataclass
class Instance:
    """The running instance; ``engine`` is a window into its database for setup and checks."""

    settings: Settings
    database: Database
    engine: Engine
    problems: list[str] = field(default_factory=list)
    _children: dict[str, Child] = field(default_factory=dict)

    @property
    def api_url(self) -> str:
        """Where the API really listens."""
        return f"http://127.0.0.1:{self.settings.api_port}"

    def stop(self, part: str) -> None:
        """Stop one process for good, as an operator would."""
        child = self._children.pop(part)
        child.ask_to_stop()
        child.wait_stopped(_STOP_SECONDS)

    def start(self, *parts: Part, environ: dict[str, str]) -> None:
        """Start processes side by side and wait until all are ready.

        Raises:
            RuntimeError: one did not start; its own words are in the message.
        """
        started = [
            Child(part, environ, self.settings.home / "logs", partial(self._hear, part.name))
            for part in parts
        ]
        for child in started:
            child.start()
            self._children[child.part.name] = child
        for child in started:
            problem = child.wait_ready()
            if problem is not None:
                raise RuntimeError(problem)

    def _hear(self, name: str, line: str) -> None:
        """Keep what a process says about its own health; the diary is read from the database."""
        if line.startswith((f"{name}: ", f"{name} ended")):
            self.problems.append(line)

    def stop_all(self) -> None:
        """Stop every process that still runs, in the reverse order."""
        for child in reversed(self._children.values()):
            child.ask_to_stop()
        deadline = time.monotonic() + _STOP_SECONDS
        for child in reversed(self._children.values()):
            child.wait_stopped(deadline - time.monotonic())
        self._children.clear()


@dataclass(frozen=True, slots=True)
class Running:
    """An instance with the environment its processes get."""

    instance: Instance
    environ: dict[str, str]

    def start_scheduler(self) -> None:
        """Start the scheduler, at first and after it was dark."""
        self.instance.start(_SCHEDULER, environ=self.environ)

    def stop_scheduler(self) -> None:
        """Stop the scheduler: time may pass, nobody rings."""
        self.instance.stop(_SCHEDULER.name)


_SCHEDULER = Part("scheduler", "rings when something is due")


@contextmanager
def throw_away() -> Iterator[Running]:
    """Run an instance; whatever happens, no process and no file is left."""
    sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    folder.chmod(0o711)  # PostgreSQL may have to run as another user, who must get through
    held = _hold(folder)
    home = folder / "home"
    server = Embedded(home, 0, options=_QUICK)
    instance: Instance | None = None
    try:
        database = server.start()
        environ = _environ(home, database)
        settings = Settings.from_environ(environ)
        migrate.main(settings)
        instance = Instance(settings, database, build_engine(settings))
        instance.start(
            Part("simulator", "Midtrans, simulated", settings.simulator_port),
            Part("mailbox", "catches all mail", settings.mailbox_port),
            Part("api", "the HTTP API and the pages", settings.api_port),
            Part("worker", "renews, charges, issues, mails"),
            _SCHEDULER,
            environ=environ,
        )
        yield Running(instance, environ)
    finally:
        if instance is not None:
            instance.stop_all()
            instance.engine.close()
        server.stop()
        place = server.place
        if place is not None and home not in place.folder.parents:
            shutil.rmtree(place.folder, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def sweep(where: Path) -> None:
    """Remove what demos left that were killed by force; one that still runs holds its lock."""
    for lock in where.glob(f"{_PREFIX}*/{_LOCK}"):
        with contextlib.suppress(OSError), lock.open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            outside = outside_of(lock.parent / "home")
            if outside is not None:
                shutil.rmtree(outside, ignore_errors=True)
            shutil.rmtree(lock.parent, ignore_errors=True)


def _hold(folder: Path) -> int:
    """Lock a folder for as long as this process lives; it has no lock file before it is locked."""
    new = folder / "lock.new"
    handle = os.open(new, os.O_WRONLY | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    new.rename(folder / _LOCK)
    return handle


def _environ(home: Path, database: Database) -> dict[str, str]:
    """The environment of the instance: nothing of ours from outside but where programs are."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAGIHAN_", "SMTP_", "MIDTRANS_", "DATABASE_URL", "MAIL_", "PG"))
    }
    ports = {f"TAGIHAN_{name}_PORT": str(free_port())
             for name in ("API", "SIMULATOR", "MAILBOX", "SMTP")}  # fmt: skip
    return {
        **inherited,
        **ports,
        "TAGIHAN_DB_PORT": str(database.port),
        "DATABASE_URL": database.app_url,
        "TAGIHAN_OWNER_DATABASE_URL": database.owner_url,
        "TAGIHAN_HOME": str(home),
        "TAGIHAN_PUBLIC_URL": PUBLIC_URL,
        "TAGIHAN_MASTER_KEY": f"demo:{base64.b64encode(seeded('master key')).decode()}",
        "TAGIHAN_OPERATOR_KEY": "op_" + seeded("operator key").hex(),
        "TAGIHAN_TICK_SECONDS": "1",
        "TAGIHAN_LOG_FORMAT": "json",
        "PYTHONUNBUFFERED": "1",
    }
