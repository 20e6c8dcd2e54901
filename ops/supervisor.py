"""`tagihan up`: the whole of Tagihan on one machine, from one command to one screen."""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

from sqlalchemy.exc import SQLAlchemyError

from core.settings import Settings
from ops import database_check, instance, migrate, processes
from ops.children import Child, Part
from ops.embedded import Database, Embedded, EmbeddedError, check_port_free
from ops.embedded_place import write_private
from ops.live import Teller

_STOP_SECONDS = 10
_STEPS_WIDTH = 34


class UpError(Exception):
    """Tagihan can not start; the message is one clear line."""


class Supervisor:
    """Starts every part in order, keeps them alive, and stops them in the reverse order."""

    def __init__(
        self,
        environ: Mapping[str, str],
        say: Callable[[str], None] = print,
        parts: Callable[[Settings], list[Part]] | None = None,
    ) -> None:
        self._environ = {name: value for name, value in environ.items() if value}
        self._settings = instance.load(environ)
        self._home = self._settings.home
        self._say = say
        self._parts = parts or needed_parts
        self._children: list[Child] = []
        self._embedded: Embedded | None = None
        self._stop = threading.Event()
        self._held: list[str] | None = None
        self._teller: Teller | None = None

    def run(self) -> None:
        """Run until Ctrl-C, SIGTERM or a closed terminal; whatever happens, nothing is left."""
        try:
            self._home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UpError(
                f"TAGIHAN_HOME can not be {self._home}: {error.strerror}; set it to another folder"
            ) from None
        if instance.is_foreign(self._home):
            raise UpError(
                f"TAGIHAN_HOME {self._home} holds other files and nothing of Tagihan's; "
                "set it to an empty folder, or to one that does not exist yet"
            )
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        with _only_one(self._home):
            try:
                self._start()
                while not self._stop.wait(0.2):
                    self._look_after()
            except (EmbeddedError, database_check.UnusableDatabaseError) as error:
                raise UpError(str(error)) from None
            finally:
                self._shut_down()

    def _start(self) -> None:
        settings = self._settings
        self._stop_leftovers()
        parts = self._parts(settings)
        for part in parts:
            if part.port is not None:
                host = settings.bind if part.name == "api" else "127.0.0.1"
                check_port_free(
                    part.port, f"TAGIHAN_{part.name.upper()}_PORT", f"the {part.name}", host
                )
        if any(part.name == "mailbox" for part in parts):
            check_port_free(settings.smtp_port, "TAGIHAN_SMTP_PORT", "catching mail")
        environ = self._prepare_database()
        settings = self._settings = Settings.from_environ(environ)
        with self._step("Migrating") as done:
            done(_migrate(settings))
        self._teller = teller = Teller(settings)
        logs = self._home / "logs"
        self._children += [Child(part, environ, logs, self._hear, teller.line) for part in parts]
        for child in self._children:
            child.start()
            self._write_processes()
        for child in self._children:
            if self._stop.is_set():
                return
            with self._step(f"Starting {child.part.name}") as done:
                problem = child.wait_ready()
                if problem is not None and not self._stop.is_set():
                    raise UpError(problem)
                done(child.part.purpose)
        self._show(settings)

    def _show(self, settings: Settings) -> None:
        """The first screen in one piece: what the parts say meanwhile comes after it."""
        self._held = []
        try:
            screen = _welcome(settings)
        finally:
            held, self._held = self._held, None
        self._say("\n" + screen)
        for line in held:
            self._say(line)

    def _hear(self, line: str) -> None:
        """What a part says: shown now, or after the screen that is being prepared."""
        held = self._held
        if held is None:
            self._say(line)
        else:
            held.append(line)

    def _prepare_database(self) -> dict[str, str]:
        """Start or reach the database; answers the environment that the parts run in."""
        settings = self._settings
        made = instance.ensure_keys(self._home, self._environ)
        if self._environ.get("DATABASE_URL"):
            with self._step("Connecting to PostgreSQL") as done:
                version = database_check.check(settings.owner_database_url or "")
                done(f"{version}, from DATABASE_URL")
        else:
            self._embedded = Embedded(
                self._home, settings.db_port, role_prefix=settings.role_prefix
            )
            with self._step("Starting embedded PostgreSQL") as done:
                database = self._embedded.start()
                outside = not database.data.is_relative_to(self._home)
                where = f", data in {database.data}" if outside else ""
                done(f"{database.version} on port {database.port}{where}")
            made |= _urls(database)
        ports = {f"TAGIHAN_{name}_PORT": str(getattr(settings, f"{name.lower()}_port"))
                 for name in ("API", "SIMULATOR", "MAILBOX", "SMTP", "DB")}  # fmt: skip
        found = {**ports, "TAGIHAN_PUBLIC_URL": settings.public_url,
                 "TAGIHAN_DB_ROLE_PREFIX": settings.role_prefix, **made}  # fmt: skip
        instance.write_running(self._home, found)
        return {
            **found,
            **self._environ,
            "TAGIHAN_HOME": str(self._home),
            "TAGIHAN_LOG_FORMAT": "json",
            "PYTHONUNBUFFERED": "1",
        }

    def _look_after(self) -> None:
        if self._embedded is not None and self._embedded.died():
            self._say("PostgreSQL ended; starting it again")
            self._embedded.stop()
            self._embedded.start()
            self._write_processes()
        revived = [child.revive() for child in self._children]
        if any(revived):
            self._write_processes()

    def _shut_down(self) -> None:
        if self._children:
            self._say("Stopping ...")
        for child in reversed(self._children):
            child.ask_to_stop()
        deadline = time.monotonic() + _STOP_SECONDS
        for child in reversed(self._children):
            child.wait_stopped(deadline - time.monotonic())
        if self._teller is not None:
            self._teller.close()
        if self._embedded is not None:
            self._embedded.stop()
        self._processes_file.unlink(missing_ok=True)
        if self._children:
            self._say("Stopped. The data stay; the next start takes seconds.")

    def _asked_to_stop(self, number: int, _frame: object) -> None:
        if self._stop.is_set() and number == signal.SIGINT:
            for child in self._children:  # asked twice: do not wait for work under way
                child.wait_stopped(0)
        self._stop.set()

    @property
    def _processes_file(self) -> Path:
        return self._home / "processes.json"

    def _write_processes(self) -> None:
        """Remember who was started, for a next start after this process was killed."""
        found = [child.process() for child in self._children]
        listed = [{"pid": p.pid, "started": p.started} for p in found if p is not None]
        write_private(self._processes_file, json.dumps(listed) + "\n")

    def _stop_leftovers(self) -> None:
        """End parts of an earlier run; its PostgreSQL is found by its data directory."""
        try:
            listed = json.loads(self._processes_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        left = [processes.Process(one["pid"], one["started"]) for one in listed]
        alive = [process for process in left if processes.is_alive(process)]
        if alive:
            self._say(f"Stopping {len(alive)} processes left over from an earlier run ...")
        for process in alive:
            processes.stop(process, signal.SIGTERM, signal.SIGKILL, grace_seconds=5)

    @contextlib.contextmanager
    def _step(self, title: str) -> Iterator[Callable[[str], None]]:
        """One progress line: what was done, the result, and how long it took."""
        began = time.monotonic()
        said: list[str] = []
        yield said.append
        taken = time.monotonic() - began
        self._say(f"{title:<{_STEPS_WIDTH}} {taken:5.1f} s  {' '.join(said)}".rstrip())


def run(environ: Mapping[str, str] | None = None) -> None:
    """Run the supervisor in this process."""
    Supervisor(os.environ if environ is None else environ, _say_flushed).run()


def _migrate(settings: Settings) -> str:
    try:
        return migrate.main(settings)
    except (RuntimeError, SQLAlchemyError) as error:
        # The first line is the server's; what SQLAlchemy adds below it is for developers.
        reason = str(error).strip().partition("\n")[0]
        raise UpError(
            f"the database can not be migrated: {reason} - docs/reference/settings.md says what "
            "DATABASE_URL needs"
        ) from None


def _welcome(settings: Settings) -> str:
    try:
        screen = importlib.import_module("ops.welcome").screen
    except ModuleNotFoundError:
        return f"Tagihan runs at {settings.public_url}. Ctrl-C stops it."
    return str(screen(settings))


def needed_parts(settings: Settings) -> list[Part]:
    """The processes that these settings call for, in the order they are started."""
    parts = []
    if settings.uses_simulator:
        parts.append(Part("simulator", "stands in for Midtrans", settings.simulator_port))
    if settings.mail_host == "127.0.0.1" and settings.mail_port == settings.smtp_port:
        parts.append(Part("mailbox", "catches all mail", settings.mailbox_port))
    parts += [
        Part("api", "the HTTP API and the pages", settings.api_port),
        Part("worker", "renews, charges, issues, mails"),
        Part("scheduler", "rings when something is due"),
    ]
    return parts


def _urls(database: Database) -> dict[str, str]:
    return {
        "DATABASE_URL": database.app_url,
        "TAGIHAN_OWNER_DATABASE_URL": database.owner_url,
    }


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the home for as long as this process lives, however it ends."""
    handle: IO[str] = (home / "lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.seek(0)
        raise UpError(
            f"Tagihan already runs in {home} (process {handle.read().strip() or 'unknown'}); "
            "stop it first, or set TAGIHAN_HOME to another folder"
        ) from None
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    with handle:
        yield


def _say_flushed(line: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone; stopping must go on
        print(line, flush=True)
