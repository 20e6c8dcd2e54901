"""The command line: `tagihan COMMAND`; each command loads only what it needs."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import click

from core import logs
from core.settings import Settings, SettingsError
from ops import instance, processes

# What a process that touches merchants' secrets can not do without.
_NEEDS = ("DATABASE_URL", "TAGIHAN_MASTER_KEY")
_GROUPS = {"merchant": ("ops.merchant", "Merchants: add, list, show, change, their keys.")}


class Commands(click.Group):
    """The commands below, and groups that live in modules of their own, loaded when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, those of other modules too."""
        return sorted([*super().list_commands(ctx), *_GROUPS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported only now."""
        if cmd_name not in _GROUPS:
            return super().get_command(ctx, cmd_name)
        group: click.Command = importlib.import_module(_GROUPS[cmd_name][0]).group
        return group

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List commands without importing any other module."""
        rows = [
            (
                name,
                _GROUPS[name][1]
                if name in _GROUPS
                else self.commands[name].get_short_help_str(150),
            )
            for name in self.list_commands(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def tagihan() -> None:
    """Tagihan: subscription billing for Indonesian businesses that collect through Midtrans.

    Every setting comes from the environment: see `tagihan settings`.
    """


@tagihan.command()
def up() -> None:
    """Run everything on this machine: database, API, worker, scheduler, simulator, mailbox."""
    from ops import supervisor

    try:
        supervisor.run()
    except supervisor.UpError as error:
        raise click.ClickException(str(error)) from None


@tagihan.command()
def api() -> None:
    """Serve the HTTP API and the pages."""
    settings = _begin("api", needs=(*_NEEDS, "TAGIHAN_OPERATOR_KEY"))
    _module("ops.run_api").main(settings)


@tagihan.command()
def worker() -> None:
    """Do due work: renew, charge, issue, mail. Any number may run."""
    settings = _begin("worker", needs=_NEEDS)
    _module("ops.worker").main(settings, _stop_event())


@tagihan.command()
def scheduler() -> None:
    """Ring when something is due. More than one may run."""
    settings = _begin("scheduler", needs=("DATABASE_URL",))
    _module("scheduler").main(settings, _stop_event())


@tagihan.command()
def mailbox() -> None:
    """Catch mail on TAGIHAN_SMTP_PORT and show it on TAGIHAN_MAILBOX_PORT."""
    settings = _begin("mailbox")
    _module("ops.mailbox").main(settings)


@tagihan.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def simulator(arguments: tuple[str, ...]) -> None:
    """Run the Midtrans simulator; `--help` tells its own options."""
    given = list(arguments)
    if not {"-h", "--help"} & set(given):
        settings = _begin("simulator")
        if "--port" not in given:
            given += ["--port", str(settings.simulator_port)]
        if "--state" not in given:
            # Midtrans does not forget when we restart; neither may its stand-in.
            given += ["--state", str(settings.home / "simulator")]
    sys.exit(_module("simulator").run(given) or 0)


@tagihan.command()
def migrate() -> None:
    """Bring the database to the present schema; roles first. Safe to repeat."""
    settings = _begin("migrate", needs=("DATABASE_URL",))
    click.echo(_module("ops.migrate").main(settings))


@tagihan.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("demo-output"),
    show_default=True,
    help="Where documents and the diary are put.",
)
@click.option("--sabotage", type=click.Choice(["double-charge", "lost-invoice", "ledger"]),
              help="Break one thing on purpose; the demo must find it and end in 1.")  # fmt: skip
def demo(output: Path, sabotage: str | None) -> None:
    """A year in the lives of eight customers, on a throw-away instance, checked at the end."""
    _exit(_module("ops.demo").main(output=output, sabotage=sabotage))


@tagihan.command()
@click.option("--json", "as_json", is_flag=True, help="Answer JSON instead of text.")
def doctor(as_json: bool) -> None:
    """Check the money invariants on the live database; exits 1 and names what is broken."""
    settings = _begin("doctor", needs=("DATABASE_URL",), quiet=True)
    _exit(_module("ops.doctor").main(settings, as_json=as_json))


@tagihan.command()
@click.argument("invoice")
def explain(invoice: str) -> None:
    """Show the arithmetic of every line of an INVOICE (its number or its id)."""
    settings = _begin("explain", needs=("DATABASE_URL",), quiet=True)
    _exit(_module("ops.explain").main(settings, invoice))


@tagihan.group()
def clock() -> None:
    """The clock of a test merchant: show it, move it on."""


@clock.command("show")
@click.option("--merchant", help="Its slug or id; not needed where there is only one.")
def clock_show(merchant: str | None) -> None:
    """Show the time that the merchant lives in."""
    settings = _begin("clock", needs=_NEEDS, quiet=True)
    _exit(_module("ops.clock").main(settings, action="show", span=None, merchant=merchant))


@clock.command("advance")
@click.argument("span")
@click.option("--merchant", help="Its slug or id; not needed where there is only one.")
def clock_advance(span: str, merchant: str | None) -> None:
    """Move on by a SPAN such as 40d, 6h or 2w, or to a date (2027-01-31), and live through it."""
    settings = _begin("clock", needs=_NEEDS, quiet=True)
    _exit(_module("ops.clock").main(settings, action="advance", span=span, merchant=merchant))


@tagihan.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(file: Path) -> None:
    """Write a backup of the database to FILE."""
    settings = _begin("backup", needs=("DATABASE_URL",), quiet=True)
    _exit(_module("ops.backup").main(settings, file))


@tagihan.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--yes", is_flag=True, help="Replace what the database holds, without asking.")
def restore(file: Path, yes: bool) -> None:
    """Restore FILE into the database; the gateway is asked about everything since."""
    settings = _begin("restore", needs=("DATABASE_URL",), quiet=True)
    if not yes:
        click.confirm("This replaces everything in the database. Go on?", abort=True)
    _exit(_module("ops.restore").main(settings, file))


@tagihan.command("settings")
@click.option("--markdown", is_flag=True, help="The page docs/reference/settings.md.")
def show_settings(markdown: bool) -> None:
    """List every setting, its default and what it is now; secrets are not shown."""
    reference = _module("ops.settings_reference")
    if markdown:
        click.echo(reference.page(), nl=False)
    else:
        click.echo(reference.now(_load(())), nl=False)


def main() -> None:
    """The console script: wrong settings end in 2, all of them listed; a silent database in 1."""
    try:
        tagihan(prog_name="tagihan")
    except Exception as error:
        told = _told(error)
        if told is None:
            raise
        message, code = told
        click.echo(message, err=True)
        sys.exit(code)


def _told(error: Exception) -> tuple[str, int] | None:
    """What is said of an error that is nobody's bug, and the exit code; None for all others."""
    if isinstance(error, SettingsError):
        lines = ["These settings need attention:", *(f"  - {one}" for one in error.problems)]
        return "\n".join(lines), 2
    database_check = _module("ops.database_check")
    if not database_check.is_unreachable(error):
        return None
    url = instance.full_environ(os.environ).get("DATABASE_URL")
    return str(database_check.no_answer(url)), 1


def _begin(process: str, *, needs: tuple[str, ...] = (), quiet: bool = False) -> Settings:
    """Read the settings, arrange the logs, and hold on to the supervisor where there is one."""
    processes.follow_parent()
    settings = _load(needs)
    logs.configure(
        process,
        level="warning" if quiet else settings.log_level,
        style="console" if quiet else settings.log_format,
        secrets=settings.secrets(),
    )
    return settings


def _stop_event() -> threading.Event:
    """Set by Ctrl-C, by SIGTERM and by the end of the supervisor: finish what is under way."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _load(needs: tuple[str, ...]) -> Settings:
    environ = instance.full_environ(os.environ)
    if "DATABASE_URL" in needs and not environ.get("DATABASE_URL"):
        raise SettingsError(
            ["DATABASE_URL is not set, and no instance was started here by `tagihan up`"]
        )
    return Settings.from_environ(environ, needs=needs)


def _module(name: str) -> Any:
    return importlib.import_module(name)


def _exit(code: int | None) -> None:
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
