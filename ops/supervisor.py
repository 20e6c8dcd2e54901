"""`tagihan up`: the whole of Tagihan on one machine, from one command to one screen."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from sqlalchemy.exc import SQLAlchemyError

from core.settings import Settings
from ops import database_check, hold, instance, migrate
from ops.children import Child, Part
from ops.embedded import Database, Embedded, EmbeddedError, check_port_free
from ops.hold import UpError
from ops.live import Teller

__all__ = ["Supervisor", "UpError", "needed_parts", "run"]

_STOP_SECONDS = 10
_STEPS_WIDTH = 34


class Supervisor:
    """Starts every part in order, keeps them alive, and stops them in the reverse order."""

    def __init__(
        self,
        environ: Mapping[str, str],
        say: Callable[[str], None] = hold.say,
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
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
                signal.signal(number, self._asked_to_stop)
        watched = hold.has_terminal()
        with hold.only_one(self._home):
            try:
                self._start()
                while not (self._stop.wait(0.2) or (watched and not hold.has_terminal())):
                    self._look_after()
            except (EmbeddedError, database_check.UnusableDatabaseError) as error:
                raise UpError(str(error)) from None
            finally:
                self._shut_down()

    def _start(self) -> None:
        settings = self._settings
        hold.stop_leftovers(self._home, self._say)
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
        hold.forget(self._home)
        if self._children:
            self._say("Stopped. The data stay; the next start takes seconds.")

    def _asked_to_stop(self, number: int, _frame: object) -> None:
        if self._stop.is_set() and number == signal.SIGINT:
            for child in self._children:  # asked twice: do not wait for work under way
                child.wait_stopped(0)
        self._stop.set()

    def _write_processes(self) -> None:
        found = (child.process() for child in self._children)
        hold.remember(self._home, [process for process in found if process is not None])

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
    Supervisor(os.environ if environ is None else environ).run()


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
