"""`tagihan move`: subscribers are shown, told and let go again from the command line."""

from __future__ import annotations

import base64
import json
import os

import pytest
from builders import make_merchant, make_price, make_subscription, working
from click.testing import CliRunner
from database import Database

from billing.engine import build_engine
from core.settings import Settings
from ops.cli import tagihan
from plans.service import publish_price

pytestmark = pytest.mark.database


def test_a_move_is_previewed_begun_listed_and_undone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.app_url)
    monkeypatch.setenv("TAGIHAN_DB_ROLE_PREFIX", database.role_prefix)
    key = base64.b64encode(bytes(32)).decode()
    monkeypatch.setenv("TAGIHAN_MASTER_KEY", f"test:{key}")
    engine = build_engine(Settings.from_environ(os.environ))
    merchant = make_merchant(engine, pkp_since=None)
    with working(engine, merchant) as unit:
        old = make_price(unit, 150_000)
        new = publish_price(unit, old.plan_id, unit_amount=175_000, interval_unit="month")
        make_subscription(unit, price=old)
    engine.close()
    runner = CliRunner()

    def call(*words: str, **more: str) -> tuple[int, str]:
        done = runner.invoke(tagihan, ["move", *words], **more)  # type: ignore[arg-type]
        return done.exit_code, done.output

    which = (old.plan_code, "--from", str(old.version), "--to", str(new.version))
    code, said = call("preview", *which)
    assert (code, "Rp150.000 -> Rp175.000" in said) == (0, True), said
    assert "1 are moved; their next invoices come to Rp25.000 more." in said
    assert call("start", *which, input="n\n")[0] == 1
    assert call("list")[1] == "No subscribers are being moved.\n"
    code, said = call("start", *which, "--yes", "--json")
    [begun] = json.loads(said)
    assert (code, begun["state"], begun["left"]) == (0, "running", 1)
    code, said = call("start", *which, "--yes")
    assert (code, "not finished" in said) == (1, True)
    assert "undoing" in call("undo", begun["id"])[1]
    assert "has the versions" in call("preview", old.plan_code, "--from", "9", "--to", "8")[1]
    assert call("preview", "none", "--from", "1", "--to", "2")[0] == 1
