"""`tagihan catalogue`: what is sold as a file: written, planned, applied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from billing.catalogue.comparing import Comparison
from billing.catalogue.document import parse
from billing.catalogue.reading import CatalogueError
from billing.catalogue.sentences import problem_text, step_text
from billing.engine import Engine
from billing.flows.catalogues import apply_catalogue, export_catalogue, plan_catalogue
from core.errors import Conflict
from ops.commands import language_option
from ops.instance import load
from ops.merchant import OPERATOR, an_engine, find_merchant

_WORDS = {
    "none": ("Tidak ada yang berubah.", "Nothing changes."),
    "keep": (
        "Langganan yang ada tidak berubah: tiap langganan tetap memakai versi harganya.",
        "Existing subscriptions do not change: each keeps the version of its price.",
    ),
    "unchanged": ("{n} tetap seperti adanya", "{n} stay as they are"),
    "unnamed": ("tidak disebut dan dibiarkan: {names}", "not named and left alone: {names}"),
    "agree": ("Lakukan?", "Do it?"),
    "done": ("{n} perubahan dilakukan.", "{n} changes were made."),
    "stale": (
        "Katalog sudah berubah sejak rencana dibuat; tidak ada yang dilakukan.",
        "The catalogue has changed since the plan was made; nothing was done.",
    ),
}
_MARKS = {"create": "+", "publish": "+", "edit": "~", "retire": "-", "stop": "-"}
_merchant = click.option(
    "--merchant", metavar="SLUG", help="Whose; needed where there are several."
)
_file = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
_json = click.option("--json", "as_json", is_flag=True, help="Answer JSON instead of text.")


@click.group(help="The catalogue as a file: what is sold is written, compared and applied.")
def group() -> None:
    """The group of commands."""


@group.command("export")
@_merchant
def export(merchant: str | None) -> None:
    """Write what is sold as YAML to the standard output."""
    with an_engine() as engine, engine.work(find_merchant(engine, merchant), OPERATOR) as unit:
        click.echo(export_catalogue(unit), nl=False)


@group.command("plan")
@_file
@_merchant
@_json
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False),
              help="Keep the plan there, for `apply --plan`.")  # fmt: skip
@language_option
def plan(
    file: Path, merchant: str | None, *, as_json: bool, out: Path | None, language: str | None
) -> None:
    """Say what FILE would change; exits 2 where it would change something, 1 where it is wrong."""
    text = _text(file)
    with an_engine() as engine:
        spoken = _language(language)
        found = _planned(engine, merchant, text, spoken)
    if out is not None:
        out.write_text(json.dumps(_plain(found), indent=2) + "\n", encoding="utf-8")
    _tell(found, spoken, as_json=as_json)
    raise SystemExit(2 if found.steps else 0)


@group.command("apply")
@_file
@_merchant
@_json
@click.option("--plan", "kept", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Do what this plan showed, or nothing.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do it without asking.")
@language_option
def apply(
    file: Path, merchant: str | None, *, as_json: bool, kept: Path | None, yes: bool,
    language: str | None,
) -> None:  # fmt: skip
    """Make what is sold what FILE says: all of it or nothing.

    It shows the plan and asks; with --plan it does what that plan showed. A plan that has become
    stale is refused. Subscriptions keep the version they have.
    """
    text, spoken = _text(file), _language(language)
    with an_engine() as engine:
        if kept is not None:
            seen = _keys(kept)
        else:
            shown = _planned(engine, merchant, text, spoken)
            _tell(shown, spoken, as_json=as_json)
            seen = [step.key for step in shown.steps]
            if not seen:
                return
            if not yes:
                click.confirm(_say("agree", spoken), abort=True)
        try:
            with engine.work(find_merchant(engine, merchant), OPERATOR) as unit:
                done = apply_catalogue(unit, text, seen)
        except CatalogueError as wrong:
            raise _refusal(wrong, spoken) from wrong
        except Conflict as stale:
            raise _stale(stale, spoken) from stale
    if kept is not None:
        _tell(done, spoken, as_json=as_json)
    if not as_json:
        click.echo(_say("done", spoken).format(n=len(done.steps)))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except ValueError:
        raise click.ClickException(f"{file} is no UTF-8") from None


def _language(asked: str | None) -> str:
    if asked is not None:
        return asked
    setting = load().language
    return setting if setting in ("id", "en") else "en"


def _say(name: str, language: str) -> str:
    return _WORDS[name][0 if language == "id" else 1]


def _planned(engine: Engine, merchant: str | None, text: str, language: str) -> Comparison:
    try:
        parse(text)  # a file that can not be is told without a merchant
        with engine.work(find_merchant(engine, merchant), OPERATOR) as unit:
            return plan_catalogue(unit, text)
    except CatalogueError as wrong:
        raise _refusal(wrong, language) from wrong


def _refusal(wrong: CatalogueError, language: str) -> click.ClickException:
    return click.ClickException("\n".join(problem_text(one, language) for one in wrong.problems))


def _stale(stale: Conflict, language: str) -> click.ClickException:
    gone, added = (stale.detail.get(name) or [] for name in ("gone", "added"))
    lines = [_say("stale", language)]
    lines += [f"  - {one}" for one in gone]  # type: ignore[attr-defined]
    lines += [f"  + {one}" for one in added]  # type: ignore[attr-defined]
    return click.ClickException("\n".join(lines))


def _keys(kept: Path) -> list[str]:
    try:
        return [str(one["key"]) for one in json.loads(kept.read_text(encoding="utf-8"))["steps"]]
    except (ValueError, KeyError, TypeError):
        raise click.ClickException(f"{kept} is no plan of `tagihan catalogue plan --out`") from None


def _tell(found: Comparison, language: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_plain(found), indent=2, ensure_ascii=False))
        return
    for step in found.steps:
        title, under = step_text(step, language)
        click.echo(f"{_MARKS[step.act]} {title}")
        for line in under:
            click.echo(f"    {line}")
    click.echo(_say("keep" if found.steps else "none", language))
    told = [_say("unchanged", language).format(n=found.unchanged)] if found.unchanged else []
    if found.unnamed:
        told.append(_say("unnamed", language).format(names=", ".join(found.unnamed)))
    if told:
        click.echo("; ".join(told))


def _plain(found: Comparison) -> dict[str, Any]:
    steps = []
    for step in found.steps:
        says = {one: [t, *u] for one in ("id", "en") for t, u in [step_text(step, one)]}
        steps.append(
            {
                "key": step.key, "act": step.act, "kind": step.kind, "code": step.code,
                "version": step.version, "subscriptions": step.keepers,
                "own_prices": step.own_prices, "content": step.content, "before": step.before,
                "says": says,
            }
        )  # fmt: skip
    return {"steps": steps, "unchanged": found.unchanged, "unnamed": list(found.unnamed)}
