"""`tagihan simulate`: a catalogue and a portfolio played forward, without touching anything."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
import yaml

from billing.catalogue.document import parse
from billing.catalogue.reading import CatalogueError
from billing.catalogue.sentences import problem_text
from billing.flows.catalogues import export_catalogue
from core.clock import utc_now
from core.errors import InvalidRequest
from dunning.policies import DEFAULT_POLICY, Policy
from dunning.queries import current_policy
from ops.commands import finish, language_option
from ops.instance import load
from ops.merchant import OPERATOR, an_engine, find_merchant
from ops.simulate.chart import chart
from ops.simulate.figures import Changed, Figures, compared
from ops.simulate.people import Chances, Offer, Person, Seller
from ops.simulate.playing import play
from ops.simulate.portfolio import Size, made_up, read_only, seller_of, standing
from ops.simulate.selling import offers_of, under
from ops.simulate.words import as_json, comparison, customers_csv, months_csv, say, table

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be played; files may be missing."""

    catalogue: Path | None
    against: Path | None
    policy: Path | None
    against_policy: Path | None
    chances: Path | None
    merchant: str | None
    portfolio: str
    subscriptions: int
    sign_ups: int
    months: int
    seed: str
    begin: date | None
    out: Path | None
    language: str | None
    as_json: bool


@dataclass(slots=True)
class _Stage:
    seller: Seller
    policy: Policy
    begin: date
    offers: tuple[Offer, ...]
    people: list[Person] = field(default_factory=list)


def main(asked: Asked) -> int:
    """Play once, or twice to compare; tell it, and write the files where a folder is named."""
    language = _language(asked)
    try:
        stage = _stage(asked)
        chances = Chances.from_dict(_read(asked.chances))
        other_policy = Policy.from_dict(_read(asked.against_policy))
        if not stage.people:
            size = Size(asked.subscriptions, asked.sign_ups)
            stage.people = list(
                made_up(
                    asked.seed, size=size, offers=stage.offers, chances=chances,
                    first=stage.begin, months=asked.months, zone=stage.seller.zone,
                )
            )  # fmt: skip
        others = stage.people
        if asked.against is not None:
            sold = offers_of(_catalogue(asked.against, language))
            others = [under(person, sold) for person in stage.people]
    except InvalidRequest as wrong:
        raise click.ClickException(f"{wrong.message} [{wrong.code}]") from wrong
    runs = [(say("a", language), _played(asked, stage, chances, stage.policy, stage.people))]
    changed: list[Changed] = []
    if asked.against is not None or asked.against_policy is not None:
        policy = other_policy if asked.against_policy is not None else stage.policy
        runs.append((say("b", language), _played(asked, stage, chances, policy, others)))
        changed = compared(runs[0][1], runs[1][1])
    _tell(asked, runs, changed, language)
    return 0


def _stage(asked: Asked) -> _Stage:
    """What is sold, by whom and to whom; the database is asked only where a file does not say."""
    language = _language(asked)
    policy = Policy.from_dict(_read(asked.policy)) if asked.policy else None
    if asked.catalogue is not None and asked.portfolio == "made-up" and asked.merchant is None:
        offers = offers_of(_catalogue(asked.catalogue, language))
        begin = asked.begin or utc_now().date().replace(day=1)
        seller = Seller(pkp_since=date(2000, 1, 1))
        return _Stage(seller, policy or DEFAULT_POLICY, begin, offers)
    with an_engine() as engine, engine.work(
        find_merchant(engine, asked.merchant), OPERATOR
    ) as unit:  # fmt: skip
        now = read_only(unit)
        found = current_policy(unit)
        seller = seller_of(unit)
        text = None if asked.catalogue else export_catalogue(unit)
        sold = parse(text) if text is not None else _catalogue(asked.catalogue, language)
        people = standing(unit) if asked.portfolio == "standing" else []
        begin = (
            unit.merchant.today(now)
            if people
            else asked.begin or unit.merchant.today(now).replace(day=1)
        )
        offers = offers_of(sold) if not people or asked.catalogue else ()
    if people and asked.catalogue is not None:
        people = [under(person, offers) for person in people]
    chosen = policy or (found[1] if found else DEFAULT_POLICY)
    return _Stage(seller, chosen, begin, offers, people)


def _played(
    asked: Asked, stage: _Stage, chances: Chances, policy: Policy, people: Sequence[Person]
) -> Figures:
    began = time.perf_counter()
    last = [began]

    def progress(done: int) -> None:
        now = time.perf_counter()
        if now - last[0] >= 2:
            last[0] = now
            rate = round(done / (now - began))
            print(f"{done:,} / {len(people):,}  {rate:,}/s", file=sys.stderr, flush=True)

    return play(
        people, seed=asked.seed, seller=stage.seller, chances=chances, policy=policy,
        first=stage.begin, months=asked.months, progress=progress,
    )  # fmt: skip


def _tell(
    asked: Asked, runs: list[tuple[str, Figures]], changed: list[Changed], language: str
) -> None:
    said: dict[str, Any] = {
        name: str(getattr(asked, name))
        for name in (
            "catalogue",
            "against",
            "policy",
            "against_policy",
            "chances",
            "seed",
            "months",
        )
    }
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)
        files = {
            "months.csv": months_csv(runs), "simulation.svg": chart(runs, language),
            "simulation.json": as_json(runs, changed, said) + "\n",
        }  # fmt: skip
        if changed:
            files["customers.csv"] = customers_csv(changed)
        for name, content in files.items():
            (asked.out / name).write_text(content, encoding="utf-8")
    if asked.as_json:
        print(as_json(runs, changed, said))
        return
    for name, figures in runs:
        print(f"{name}\n{table(figures, language)}\n")
    if changed:
        print(comparison(runs[0][1], runs[1][1], changed, language) + "\n")
    print(say("net", language))


def _catalogue(file: Path | None, language: str) -> Any:
    assert file is not None
    try:
        return parse(file.read_text(encoding="utf-8"))
    except CatalogueError as wrong:
        told = [f"{one.line}: {problem_text(one, language)}" for one in wrong.problems]
        raise click.ClickException(f"{file}:\n" + "\n".join(told)) from wrong


def _read(file: Path | None) -> dict[str, Any]:
    """A policy or chances from a file, YAML or JSON."""
    if file is None:
        return {}
    text = file.read_text(encoding="utf-8")
    found = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    if not isinstance(found, dict):
        raise click.ClickException(f"{file} is no table")
    return found


def _language(asked: Asked) -> str:
    spoken = asked.language or load().language
    return spoken if spoken in ("id", "en") else "id"


@click.command("simulate", help="Play a catalogue and a portfolio forward; nothing is touched.")
@click.argument("catalogue", type=_FILE, required=False)
@click.option("--against", type=_FILE, help="Another catalogue to compare with.")
@click.option("--policy", type=_FILE, help="A dunning policy, as published over the API.")
@click.option("--against-policy", type=_FILE, help="Another dunning policy to compare with.")
@click.option("--chances", type=_FILE, help="Declines, recovery, churn, usage (YAML or JSON).")
@click.option("--portfolio", type=click.Choice(["made-up", "standing"]), default="made-up",
              show_default=True, help="Of a seed, or the database's subscriptions.")  # fmt: skip
@click.option("--merchant", metavar="SLUG", help="Whose; needed where there are several.")
@click.option(
    "--subscriptions", default=1_000, show_default=True, type=click.IntRange(1, 1_000_000)
)
@click.option("--sign-ups", default=30, show_default=True, type=click.IntRange(0, 100_000),
              help="So many come each month.")  # fmt: skip
@click.option("--months", default=24, show_default=True, type=click.IntRange(1, 120))
@click.option("--seed", default="1", show_default=True, help="Everything follows from it.")
@click.option(
    "--begin", type=click.DateTime(["%Y-%m-%d"]), help="First month; by default this one."
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False),
              help="Write tables, JSON and the chart into this folder.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Answer JSON instead of text.")
@language_option
def group(begin: datetime | None, **given: Any) -> None:
    """The command; without CATALOGUE it is what the database sells."""
    first = None if begin is None else begin.date().replace(day=1)
    finish(main(Asked(begin=first, **given)))
