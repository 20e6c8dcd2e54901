"""`tagihan clock ...`: the commands; what they do is in `ops.clock`."""

from __future__ import annotations

import click

from ops.commands import NEEDS, begin, finish, language_option, merchant_option, module


@click.group(
    "clock",
    epilog="A SPAN is days, hours or weeks (40d, 6h, 2w), or a date (2027-01-31: its first instant "
    "where the merchant bills). For example:\n\n\b\n"
    "  tagihan clock advance 40d\n"
    "  tagihan clock jump 2027-02-01 --language en",
)
def group() -> None:
    """The clock of a test merchant: read it, live on, or skip time.

    Only merchants with a test clock can be moved, such as the one of `tagihan up`. Time never
    goes back.
    """


@group.command()
@merchant_option
@language_option
def show(merchant: str | None, language: str | None) -> None:
    """Show the time that the merchant lives in."""
    _run("show", None, merchant, language)


@group.command()
@click.argument("span")
@merchant_option
@language_option
def advance(span: str, merchant: str | None, language: str | None) -> None:
    """Live through a SPAN and tell what happens.

    Everything that falls due on the way is done on its day: renewals, charges, reminders, mails.
    SPAN is 40d, 6h, 2w or a date such as 2027-01-31.
    """
    _run("advance", span, merchant, language)


@group.command()
@click.argument("span")
@merchant_option
@language_option
def jump(span: str, merchant: str | None, language: str | None) -> None:
    """Skip a SPAN: time passes and nothing is done.

    What a data centre without power lives through. All that fell due meanwhile is caught up
    afterwards, at the new time. SPAN is 40d, 6h, 2w or a date such as 2027-01-31.
    """
    _run("jump", span, merchant, language)


def _run(action: str, span: str | None, merchant: str | None, language: str | None) -> None:
    settings = begin("clock", needs=NEEDS, quiet=True)
    clock = module("ops.clock")
    finish(clock.main(settings, action=action, span=span, merchant=merchant, language=language))
