"""What every command begins and ends with: its settings, its logs, its exit code."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from typing import Any

import click

from core import logs
from core.settings import Settings, SettingsError
from ops import instance, processes

# What a process that touches merchants' secrets can not do without.
NEEDS = ("DATABASE_URL", "TAGIHAN_MASTER_KEY")

language_option = click.option(
    "--language",
    type=click.Choice(["id", "en"]),
    help="Indonesian or English, whatever TAGIHAN_LANGUAGE and the merchant say.",
)
merchant_option = click.option(
    "--merchant", metavar="SLUG", help="Whose clock; not needed where only one merchant lives here."
)


def begin(process: str, *, needs: tuple[str, ...] = (), quiet: bool = False) -> Settings:
    """Read the settings, arrange the logs, and hold on to the supervisor where there is one."""
    processes.follow_parent()
    settings = load(needs)
    logs.configure(
        process,
        level="warning" if quiet else settings.log_level,
        style="console" if quiet else settings.log_format,
        secrets=settings.secrets(),
    )
    return settings


def load(needs: tuple[str, ...] = ()) -> Settings:
    """The settings of this process; `SettingsError` lists all that is wrong with them."""
    environ = instance.full_environ(os.environ)
    if "DATABASE_URL" in needs and not environ.get("DATABASE_URL"):
        raise SettingsError(
            ["DATABASE_URL is not set, and no instance was started here by `tagihan up`"]
        )
    return Settings.from_environ(environ, needs=needs)


def stop_event() -> threading.Event:
    """Set by Ctrl-C, by SIGTERM and by the end of the supervisor: finish what is under way."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def module(name: str) -> Any:
    """A module of a command, imported only when it is needed."""
    return importlib.import_module(name)


def finish(code: int | None) -> None:
    """End the process with the command's answer."""
    sys.exit(code or 0)
