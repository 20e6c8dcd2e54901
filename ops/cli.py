"""The command line: `tagihan COMMAND`; each command loads only what it needs."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import click

from core.settings import SettingsError
from ops import instance
from ops.commands import NEEDS, begin, finish, language_option, load, module, stop_event

_GROUPS = {
    "audit": ("ops.audit_commands", "The audit trail: whether it is whole, and where it ends."),
    "catalogue": ("ops.catalogue_commands", "The catalogue as a file: export, plan, apply."),
    "clock": ("ops.clock_commands", "A test merchant's clock: read it, live on, or skip time."),
    "merchant": ("ops.merchant", "Merchants: add, list, show, change, their keys and people."),
    "move": ("ops.move_commands", "Subscribers of a price brought to another version of it."),
    "reconcile": ("ops.reconcile", "Hold Midtrans' book against ours, by its report or by asking."),
    "recover": ("ops.recover_commands", "After a restore or a fail-over: find what was lost."),
    "simulate": ("ops.simulate.command", "Play a catalogue and a portfolio forward; compare two."),
    "schema": ("ops.schema", "The database's tables, checks and walls against the migrations."),
}


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
    settings = begin("api", needs=(*NEEDS, "TAGIHAN_OPERATOR_KEY"))
    module("ops.run_api").main(settings)


@tagihan.command()
def worker() -> None:
    """Do due work: renew, charge, issue, mail. Any number may run."""
    settings = begin("worker", needs=NEEDS)
    module("ops.worker").main(settings, stop_event())


@tagihan.command()
def scheduler() -> None:
    """Ring when something is due. More than one may run."""
    settings = begin("scheduler", needs=("DATABASE_URL",))
    module("scheduler").main(settings, stop_event())


@tagihan.command()
def mailbox() -> None:
    """Catch mail on TAGIHAN_SMTP_PORT and show it on TAGIHAN_MAILBOX_PORT."""
    settings = begin("mailbox")
    module("ops.mailbox").main(settings)


@tagihan.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def simulator(arguments: tuple[str, ...]) -> None:
    """Run the Midtrans simulator; `--help` tells its own options.

    Without options it is the one of this home, and keeps its book there.
    """
    given = list(arguments)
    if not {"-h", "--help"} & set(given):
        settings = begin("simulator")
        usual = ["--port", str(settings.simulator_port)]
        if not given:
            # The one of this home. Midtrans does not forget when we restart; neither may it.
            usual += ["--state", str(settings.home / "simulator")]
        given = usual + given  # what is given comes last, and so overrules
    sys.exit(module("simulator").run(given) or 0)


@tagihan.command()
def migrate() -> None:
    """Bring the database to the present schema; roles first. Safe to repeat."""
    settings = begin("migrate", needs=("DATABASE_URL",))
    click.echo(module("ops.migrate").main(settings))


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
    """A year in the lives of ten customers, told and checked.

    Lived over HTTP on a throw-away instance, which leaves nothing but the documents.
    """
    finish(module("ops.demo").main(output=output, sabotage=sabotage))


@tagihan.command()
@click.option("--json", "as_json", is_flag=True, help="Answer JSON instead of text.")
@click.option("--last", is_flag=True, help="Tell what the last night's examination found.")
@click.option("--replay", is_flag=True, help="Work every stored line out again, all of them.")
def doctor(as_json: bool, last: bool, *, replay: bool) -> None:
    """Check the money invariants on the live database; exits 1 and names what is broken."""
    settings = begin("doctor", needs=("DATABASE_URL",), quiet=True)
    if replay:
        finish(module("ops.replay.command").main(settings, as_json=as_json))
    finish(module("ops.doctor").main(settings, as_json=as_json, last=last))


@tagihan.command()
@click.option("--sandbox", is_flag=True, help="Try Midtrans' sandbox with MIDTRANS_SERVER_KEY.")
@click.option("--url", help="Try what stands at this address instead, with those keys.")
@click.option("--json", "as_json", is_flag=True, help="Answer JSON instead of text.")
@click.option("--by-hand", is_flag=True, help="Ask you to pay and confirm where that is needed.")
def certify(sandbox: bool, url: str | None, as_json: bool, by_hand: bool) -> None:
    """Try the contract of the gateway, case by case, and report every difference.

    Without an option the simulator is tried; the other two are compared with it. Exits 1 where
    something differs; what it opened is ended again; never runs against production.
    """
    settings = begin("certify", quiet=True)
    command = module("ops.certify.command")
    finish(command.main(settings, sandbox=sandbox, url=url, as_json=as_json, by_hand=by_hand))


@tagihan.command()
@click.option("--seed", default="1", show_default=True, help="Everything follows from it.")
@click.option("--subscriptions", default=12, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--months", default=3, show_default=True, type=click.IntRange(1, 120))
@click.option("--days", type=click.IntRange(1, 3660), help="Instead of months.")
@click.option("--histories", default=5, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--history", type=click.IntRange(0), help="Only this one of the seed's histories.")
@click.option("--without", default="", help="Kinds of fault that do not strike, by comma.")
@click.option("--trouble", default=1, show_default=True, type=click.IntRange(1, 5),
              help="How many times as often faults strike.")  # fmt: skip
@click.option("--quick", is_flag=True, help="As many as fit into 20 seconds, counted live.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 64),
              help="How many histories are lived at once.")  # fmt: skip
@click.option("--life", default="mixed", show_default=True,
              type=click.Choice(["mixed", "months", "years", "items", "turns", "scenes"]),
              help="Plans people choose: all from days to months, monthly, or yearly.")  # fmt: skip
@click.option("--sweep", type=click.IntRange(1, 10_000),
              help="So many small histories instead, that strike at every crash site.")  # fmt: skip
@click.option("--within", type=click.FloatRange(0.1, 600), metavar="MINUTES",
              help="Begin no further history after so many minutes.")  # fmt: skip
@click.option("--with-bug", "bug", help="Plant a known mistake; `list` tells all of them.")
@click.option("--rough", is_flag=True,
              help="Real processes instead, killed and paused for some minutes.")  # fmt: skip
@click.option("--minutes", default=3.0, show_default=True, type=click.FloatRange(0.1, 600),
              help="How long the rough one harms; it rests for some more.")  # fmt: skip
@click.option("--postgres", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Rough on this PostgreSQL, such as /usr/lib/postgresql/15.")  # fmt: skip
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False),
              help="Write all figures there.")  # fmt: skip
def prove(
    bug: str | None, json_file: Path | None, months: int, days: int | None, *,
    rough: bool, minutes: float, postgres: Path | None, **wanted: Any,
) -> None:  # fmt: skip
    """Try that nobody is charged twice and nobody is forgotten, with every fault we know.

    The engine as it is, on a PostgreSQL of its own that is thrown away, before a gateway that loses
    answers; processes die at any statement. Exits 1 where a promise is broken, and tells how.
    With --rough it is real processes that die, by SIGKILL, before the simulator behind a bad line.
    """
    if rough:
        roughly = module("ops.prove.rough.command")
        asked = roughly.Wanted(wanted["seed"], minutes, bug, postgres)
        finish(roughly.main(asked, json_file))
    command = module("ops.prove.command")
    finish(command.main(command.Wanted(bug=bug, days=days or 30 * months, **wanted), json_file))


@tagihan.command()
def gateway() -> None:
    """Tell how fast Midtrans is called, and when the charges that wait will be done.

    Exits 1 while a merchant's Midtrans does not answer.
    """
    begin("gateway", needs=NEEDS, quiet=True)
    finish(module("ops.gateway").main())


@tagihan.command()
@click.argument("invoice", required=False)
@language_option
def explain(invoice: str | None, language: str | None) -> None:
    """Show the arithmetic of an INVOICE, and all that happened to it.

    INVOICE is its number (as printed) or its id (inv_...); without it the newest.
    """
    settings = begin("explain", needs=("DATABASE_URL",), quiet=True)
    finish(module("ops.explain").main(settings, invoice, language))


@tagihan.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(file: Path) -> None:
    """Write a backup of the database to FILE."""
    settings = begin("backup", needs=("DATABASE_URL",), quiet=True)
    finish(module("ops.backup").main(settings, file))


@tagihan.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--yes", is_flag=True, help="Replace what the database holds, without asking.")
def restore(file: Path, yes: bool) -> None:
    """Restore FILE into the database; the gateway is asked about everything since."""
    settings = begin("restore", needs=("DATABASE_URL",), quiet=True)
    if not yes:
        click.confirm("This replaces everything in the database. Go on?", abort=True)
    finish(module("ops.restore").main(settings, file))


@tagihan.command()
@click.option("--orphans", is_flag=True, help="Remove what root put elsewhere for a home now gone.")
@click.option("--yes", is_flag=True, help="Remove it without asking.")
def erase(orphans: bool, yes: bool) -> None:
    """Remove the instance in TAGIHAN_HOME for good: database, keys, mail, logs."""
    finish(
        module("ops.erase").main(
            instance.home_of(os.environ),
            orphans=orphans,
            agree=lambda told: yes or click.confirm(f"Remove {told}. For good?"),
        )
    )


@tagihan.command("settings")
@click.option("--markdown", is_flag=True, help="The page docs/reference/settings.md.")
def show_settings(markdown: bool) -> None:
    """List every setting, its default and what it is now; secrets are not shown."""
    reference = module("ops.settings_reference")
    if markdown:
        click.echo(reference.page(), nl=False)
    else:
        click.echo(reference.now(load()), nl=False)


def main() -> None:
    """The console script: wrong settings end in 2, all listed; an unusable database in 1."""
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
    url = instance.full_environ(os.environ).get("DATABASE_URL")
    line = module("ops.database_check").explain(error, url)
    return (str(line), 1) if line else None


if __name__ == "__main__":
    main()
