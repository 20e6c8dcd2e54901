"""`tagihan audit ...`: the commands; what they do is in `ops.audit`."""

from __future__ import annotations

from typing import Any

import click

from ops.commands import NEEDS, begin, finish, module

merchant_option = click.option("--merchant", metavar="SLUG", help="Only this merchant's trail.")


@click.group(
    "audit",
    epilog="A head kept elsewhere shows later that nothing before it was cut off or rewritten:\n\n"
    "\b\n"
    "  tagihan audit head >> heads.txt\n"
    "  tagihan audit verify --head kasirku:120:5f2c...",
)
def group() -> None:
    """The audit trail: who changed what, sealed so that it can not be changed unseen."""


@group.command()
@merchant_option
@click.option("--head", "heads", multiple=True, metavar="HEAD",
              help="A line of `tagihan audit head`, or its hash; may be repeated.")  # fmt: skip
def verify(merchant: str | None, heads: tuple[str, ...]) -> None:
    """Find rows that were changed, deleted, inserted, moved or cut off; exits 1 and names them."""
    settings = begin("audit", needs=NEEDS, quiet=True)
    audit = module("ops.audit")
    finish(audit.main_verify(settings, merchant, [_head(audit, one) for one in heads]))


def _head(audit: Any, given: str) -> Any:
    try:
        return audit.WantedHead(given)
    except ValueError:
        told = f"{given!r} is no head: HASH, COUNT:HASH or SLUG:COUNT:HASH"
        raise click.BadParameter(told, param_hint="--head") from None


@group.command()
@merchant_option
def head(merchant: str | None) -> None:
    """Print where each trail ends: SLUG:COUNT:HASH, to be kept out of reach of the database."""
    settings = begin("audit", needs=NEEDS, quiet=True)
    finish(module("ops.audit").main_head(settings, merchant))
