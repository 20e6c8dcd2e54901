"""`tagihan recover ...`: what is done after a restore or a fail-over, before and after work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ops.commands import begin, module
from ops.merchant import OPERATOR, an_engine, find_merchant


@click.group(
    "recover",
    epilog="After `tagihan restore`, or after `tagihan recover begin` on a promoted standby:\n\n"
    "\b\n"
    "  tagihan recover ask             # before a worker is started\n"
    "  tagihan merchant resume SLUG    # when all is caught up\n"
    "  tagihan recover mails SLUG --sent-log mail.log",
)
def group() -> None:
    """After a restore or a fail-over: find what was lost, and repeat none of it."""


@group.command("begin")
@click.option("--lost-from", type=click.DateTime(["%Y-%m-%dT%H:%M:%S"]),
              metavar="UTC", help="The last moment that is surely there.")  # fmt: skip
def begin_care(lost_from: Any) -> None:
    """A standby was promoted: have every merchant ask before it sends.

    `tagihan restore` does the same by itself. No worker, scheduler or API of ours may run yet.
    """
    settings = begin("recover", needs=("DATABASE_URL",), quiet=True)
    for line in module("ops.recover").after_fail_over(settings, lost_from):
        click.echo(line)


@group.command("ask")
@click.argument("slug", required=False)
def ask(slug: str | None) -> None:
    """Ask Midtrans about every open invoice and every payment; book what is found.

    Exits 1 where it did not answer everything: run it again.
    """
    sweep = module("billing.flows.recover_sweep").sweep
    left = False
    with an_engine() as engine:
        wanted = None if slug is None else find_merchant(engine, slug)
        for merchant_id, name in module("ops.recover").recovering(engine, wanted):
            swept = sweep(engine, merchant_id)
            left = left or bool(swept.unanswered) or swept.halted is not None
            click.echo(
                f"{name}: asked about {swept.invoices} open invoices and {swept.payments} "
                f"payments, found {swept.found} orders that were not known"
            )
            if swept.halted is not None:
                click.echo(f"    not finished: {swept.halted}")
            for what in swept.unanswered[:20]:
                click.echo(f"    no answer about {what}")
            for what in swept.waiting[:20]:
                click.echo(f"    {what}: found an order that waits until another one is decided")
    if left:
        raise click.ClickException("Midtrans did not answer everything: ask again in some minutes")


@group.command("mails")
@click.argument("slug")
@click.option("--sent-log", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="The mail server's log: what is named in it is not sent again.")  # fmt: skip
@click.option("--send-all", is_flag=True, help="Send all of them, whatever was sent before.")
@click.option("--drop-all", is_flag=True, help="Send none of them.")
def mails(slug: str, sent_log: Path | None, send_all: bool, drop_all: bool) -> None:
    """Decide on the mails that were held back because they may have been sent before.

    Without an option: how many there are.
    """
    if sum((sent_log is not None, send_all, drop_all)) > 1:
        raise click.UsageError("one of --sent-log, --send-all and --drop-all")
    flow = module("billing.flows.recover_mails")
    with an_engine() as engine:
        merchant_id = find_merchant(engine, slug)
        if sent_log is None and not send_all and not drop_all:
            with engine.work(merchant_id, OPERATOR) as unit:
                click.echo(f"{slug}: {flow.held(unit)} mails are held back")
            return
        log = sent_log.read_text(encoding="utf-8", errors="replace") if sent_log else ""
        known = flow.named_in(log)
        sent, left = flow.release(
            engine, merchant_id, lambda one: drop_all or one in known, OPERATOR
        )
    click.echo(f"{slug}: {sent} mails are sent now, {left} are left alone")
