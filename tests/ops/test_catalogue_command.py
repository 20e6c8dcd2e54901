"""`tagihan catalogue`: a file is planned, applied, refused with its line, written again."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from builders import make_merchant
from click.testing import CliRunner
from database import Database

from billing.engine import build_engine
from core.settings import Settings
from ops.cli import tagihan

pytestmark = pytest.mark.database

FILE = """\
tagihan: 1
plans:
  pro:
    name: Paket Pro
    prices:
      - {interval_unit: month, unit_amount: 150_000}
"""


@pytest.fixture
def runner(database: Database, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("DATABASE_URL", database.app_url)
    monkeypatch.setenv("TAGIHAN_DB_ROLE_PREFIX", database.role_prefix)
    key = base64.b64encode(bytes(32)).decode()
    monkeypatch.setenv("TAGIHAN_MASTER_KEY", f"test:{key}")
    engine = build_engine(Settings.from_environ(os.environ))
    make_merchant(engine)
    engine.close()
    return CliRunner()


def test_a_file_is_planned_applied_and_written_again(runner: CliRunner, tmp_path: Path) -> None:
    file, kept = tmp_path / "katalog.yaml", tmp_path / "rencana.json"
    file.write_text(FILE, encoding="utf-8")
    planned = runner.invoke(tagihan, ["catalogue", "plan", str(file), "--out", str(kept)])
    assert planned.exit_code == 2, planned.output
    assert "+ new price of pro\n    interval_unit: month" in planned.output
    refused = runner.invoke(tagihan, ["catalogue", "apply", str(file)], input="n\n")
    assert refused.exit_code == 1
    done = runner.invoke(tagihan, ["catalogue", "apply", str(file), "--plan", str(kept)])
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "2 changes were made.")
    again = runner.invoke(tagihan, ["catalogue", "apply", str(file), "--plan", str(kept)])
    assert (again.exit_code, again.output.splitlines()[0]) == (0, "Nothing changes.")
    written = runner.invoke(tagihan, ["catalogue", "export"])
    file.write_text(written.output, encoding="utf-8")
    same = runner.invoke(tagihan, ["catalogue", "plan", str(file), "--language", "id"])
    assert (same.exit_code, same.output.splitlines()[0]) == (0, "Tidak ada yang berubah.")

    file.write_text(FILE.replace("150_000", "175_000"), encoding="utf-8")
    told = runner.invoke(tagihan, ["catalogue", "plan", str(file), "--json", "--out", str(kept)])
    [step] = json.loads(told.output)["steps"]
    assert (step["act"], step["version"], step["content"]["unit_amount"]) == ("publish", 1, 175_000)
    file.write_text(FILE.replace("150_000", "200_000"), encoding="utf-8")
    stale = runner.invoke(tagihan, ["catalogue", "apply", str(file), "--plan", str(kept)])
    assert stale.exit_code == 1
    assert "The catalogue has changed since the plan was made" in stale.output
    assert stale.output.count("publish price pro v1") == 2


def test_what_is_wrong_is_told_with_its_line_and_key_in_both_languages(
    runner: CliRunner, tmp_path: Path
) -> None:
    file = tmp_path / "katalog.yaml"
    file.write_text(FILE.replace("150_000", "150.5").replace("month", "moon"), encoding="utf-8")
    english = runner.invoke(tagihan, ["catalogue", "plan", str(file), "--language", "en"])
    assert english.exit_code == 1
    first, second = english.output.splitlines()
    assert (
        first == "Error: line 6, plans.pro.prices[0].interval_unit: one of: day, week, month, year"
    )
    assert second.startswith("line 6, plans.pro.prices[0].unit_amount: a whole number without a")
    indonesian = runner.invoke(tagihan, ["catalogue", "apply", str(file), "--language", "id"])
    assert "baris 6, plans.pro.prices[0].interval_unit: pilih salah satu" in indonesian.output
