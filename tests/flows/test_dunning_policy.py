"""A dunning policy is published in versions: open cases keep theirs, the command line shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, make_stage

from billing.engine import Engine
from dunning.queries import load_policies
from dunning.service import publish_policy
from dunning.tables import dunning_cases
from ops import merchant as commands

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def test_open_cases_keep_the_version_they_were_opened_with(stage: Stage) -> None:
    _, _, first = stage.invoice_customer()
    with stage.work() as unit:
        _, published = publish_policy(unit, {"invoice_end_days": 45})
    _, _, second = stage.invoice_customer()

    with stage.work() as unit:
        versions = {
            row.invoice_id: load_policies(unit, [row.policy_id])[row.policy_id].version
            for row in stage.rows(dunning_cases)
        }
    assert (published.version, versions) == (2, {first: 1, second: 2})
    stage.drain()
    stage.audit()


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (("p.toml", "retry_days = [2, 5]"), "retry_days             2, 5"),
        (("p.json", json.dumps({"payday_from": None, "payday_to": None})), "payday_from            off"),
        (("p.toml", "retry_days = [5, 2]"), "must rise and start at 1 or later [invalid_dunning_policy] (retry_days)"),
        (("p.json", "[1]"), "an object of names and values is wanted"),
        (("p.toml", "retry_days"), "p.toml: "),
    ],
)  # fmt: skip
def test_the_command_publishes_a_file(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: tuple[str, str], told: str
) -> None:
    monkeypatch.setattr(commands, "load", lambda needs: needs)
    monkeypatch.setattr(commands, "build_engine", lambda _: stage.engine)
    monkeypatch.setattr(Engine, "close", lambda _: None)
    path = tmp_path / file[0]
    path.write_text(file[1], encoding="utf-8")
    with stage.work() as unit:
        slug = unit.merchant.slug
    done = CliRunner().invoke(commands.group, ["dunning", slug, str(path)])

    assert told in done.output
    assert (done.exit_code == 0) == ("version                2" in done.output)
