"""`tagihan move`: subscribers brought to another version of their price: shown, begun, undone."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any

import click

from billing.flows.move_rows import Moved, progress_of
from billing.flows.moves import preview_move, start_move, undo_move
from billing.moves.queries import Move, list_moves
from core import ids
from core.errors import EngineError
from core.work import Work
from invoices.wording import rupiah
from ops.merchant import OPERATOR, an_engine, find_merchant
from plans.queries import Price, find_plan, get_price, prices_of

_merchant = click.option(
    "--merchant", metavar="SLUG", help="Whose; needed where there are several."
)
_json = click.option("--json", "as_json", is_flag=True, help="Answer JSON instead of text.")
_plan = click.argument("plan")
_from = click.option("--from", "old", type=int, required=True, metavar="VERSION",
                     help="The version they have.")  # fmt: skip
_to = click.option("--to", "new", type=int, required=True, metavar="VERSION",
                   help="The version they are to have.")  # fmt: skip
_not_before = click.option(
    "--not-before", type=click.DateTime(["%Y-%m-%d"]), help="The earliest day of a new price."
)
_notice = click.option("--notice-days", type=int, help="Days between the mail and the new price.")


@click.group(help="Bring the subscribers of a price to another version of it.")
def group() -> None:
    """The group of commands."""


@group.command("list")
@_merchant
@_json
def list_(merchant: str | None, *, as_json: bool) -> None:
    """Say which moves there are, and how far each is."""
    with an_engine() as engine, engine.work(find_merchant(engine, merchant), OPERATOR) as unit:
        _tell([_plain(unit, one) for one in list_moves(unit)], as_json=as_json)


@group.command("preview")
@_plan
@_from
@_to
@_not_before
@_notice
@_merchant
@_json
def preview(
    plan: str, *, old: int, new: int, not_before: datetime | None, notice_days: int | None,
    merchant: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Show each subscriber's next invoice at both versions; writes nothing."""
    with an_engine() as engine, engine.work(find_merchant(engine, merchant), OPERATOR) as unit:
        every = _every(unit, plan, old, new, not_before=not_before, days=notice_days)
        shown = [_member(one) for one in every]
    if as_json:
        click.echo(json.dumps(shown, indent=2))
        return
    for one in shown:
        if one["excepted"]:
            click.echo(f"- {one['subscription']} left out: {one['excepted']}")
        else:
            was, becomes = (rupiah(one[name]) for name in ("old_total", "new_total"))
            click.echo(f"~ {one['subscription']} from {one['effective_on']}: {was} -> {becomes}")
    moved = [one for one in shown if not one["excepted"]]
    more = sum(one["new_total"] - one["old_total"] for one in moved)
    out = Counter(one["excepted"] for one in shown if one["excepted"])
    left = "".join(f", {n} left out ({why})" for why, n in sorted(out.items()))
    click.echo(f"{len(moved)} are moved{left}; their next invoices come to {rupiah(more)} more.")


@group.command("start")
@_plan
@_from
@_to
@_not_before
@_notice
@_merchant
@_json
@click.option("--yes", is_flag=True, help="Do it without asking.")
def start(
    plan: str, *, old: int, new: int, not_before: datetime | None, notice_days: int | None,
    merchant: str | None, as_json: bool, yes: bool,
) -> None:  # fmt: skip
    """Announce the new version to its subscribers and move each with his own next period."""
    with an_engine() as engine:
        whose = find_merchant(engine, merchant)
        if not yes:
            with engine.work(whose, OPERATOR) as unit:
                every = _every(unit, plan, old, new, not_before=not_before, days=notice_days)
            moved = sum(one.excepted is None for one in every)
            click.confirm(f"{moved} subscribers are told by mail. Do it?", abort=True)
        with engine.work(whose, OPERATOR) as unit:
            try:
                move = start_move(
                    unit, *_versions(unit, plan, old, new),
                    not_before=not_before.date() if not_before else None, notice_days=notice_days,
                )  # fmt: skip
            except EngineError as wrong:
                raise click.ClickException(wrong.message) from wrong
            _tell([_plain(unit, move)], as_json=as_json)


@group.command("undo")
@click.argument("move")
@_merchant
@_json
def undo(move: str, merchant: str | None, *, as_json: bool) -> None:
    """Take back what has not happened yet; whose renewal came first has the new version."""
    with an_engine() as engine, engine.work(find_merchant(engine, merchant), OPERATOR) as unit:
        try:
            undone = undo_move(unit, ids.parse("price_move", move))
        except EngineError as wrong:
            raise click.ClickException(wrong.message) from wrong
        _tell([_plain(unit, undone)], as_json=as_json)


def _every(
    unit: Work, plan: str, old: int, new: int, *, not_before: datetime | None, days: int | None
) -> list[Moved]:
    first, second = _versions(unit, plan, old, new)
    found: list[Moved] = []
    while True:
        after = found[-1].case.row.id if found else None
        try:
            page = preview_move(
                unit, first, second, not_before=not_before.date() if not_before else None,
                notice_days=days, after=after,
            )  # fmt: skip
        except EngineError as wrong:
            raise click.ClickException(wrong.message) from wrong
        if not page:
            return found
        found += page


def _versions(unit: Work, code: str, old: int, new: int) -> tuple[Any, Any]:
    plan = find_plan(unit, code=code)
    if plan is None:
        raise click.ClickException(f"There is no plan {code!r}.")
    listed: dict[int, Price] = {one.version: one for one in prices_of(unit, plan.id)}
    for version in (old, new):
        if version not in listed:
            known = ", ".join(str(one) for one in sorted(listed))
            raise click.ClickException(f"{code} has the versions {known}.")
    return listed[old].id, listed[new].id


def _member(one: Moved) -> dict[str, Any]:
    return {
        "subscription": ids.public("subscription", one.case.row.id),
        "excepted": one.excepted,
        "effective_on": one.period.start.isoformat() if one.period else None,
        "old_total": one.old.total.amount if one.old else None,
        "new_total": one.new.total.amount if one.new else None,
    }


def _plain(unit: Work, move: Move) -> dict[str, Any]:
    old, new = get_price(unit, move.from_price_id), get_price(unit, move.to_price_id)
    done = progress_of(unit, move)
    return {
        "id": ids.public("price_move", move.id), "plan": old.plan_code,
        "from": old.version, "to": new.version, "state": move.state,
        "not_before": move.not_before.isoformat(), "notice_days": move.notice_days,
        "waiting": done.waiting, "applied": done.applied, "replaced": done.replaced,
        "excepted": done.excepted, "left": done.left,
    }  # fmt: skip


def _tell(moves: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(moves, indent=2))
        return
    for one in moves:
        out = sum(one["excepted"].values())
        click.echo(
            f"{one['id']}  {one['plan']} {one['from']} -> {one['to']}  {one['state']}: "
            f"{one['waiting']} wait, {one['applied']} moved, {one['replaced']} changed otherwise, "
            f"{out} left out, {one['left']} to do"
        )
    if not moves:
        click.echo("No subscribers are being moved.")
