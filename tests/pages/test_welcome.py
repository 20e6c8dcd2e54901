"""The first screen: a business made from the examples, once, however often it starts."""

from __future__ import annotations

import json
import shlex
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from database import Database
from simulated import running_simulator
from sqlalchemy import func, select, text

from billing.engine import build_engine
from billing.flows.people import find_merchant_id, sign_in
from billing.tables import customers
from core.setting_values import MasterKey
from core.settings import Settings
from invoices.tables import invoices
from ops.first_kept import ME, Kept
from ops.first_merchant import first_instant
from ops.welcome import screen


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with running_simulator() as url:
        yield url


@pytest.fixture(autouse=True)
def nobody_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker runs here: what is left to do stays, however long the screen waits."""
    monkeypatch.setattr("ops.welcome._IDLE_SECONDS", 0.0)


@pytest.fixture
def settings(database: Database, simulator: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database.app_url,
        role_prefix=database.role_prefix,
        home=tmp_path,
        simulator_port=int(simulator.rsplit(":", 1)[1]),
        master_keys=(MasterKey("k1", bytes(32)),),
    )


def count(settings: Settings) -> tuple[int, int]:
    """How many customers and invoices there are."""
    engine = build_engine(settings)
    merchant_id = find_merchant_id(engine, "larasa")
    assert merchant_id is not None
    with engine.work(merchant_id, ME) as unit:
        found = tuple(
            int(unit.session.execute(select(func.count()).select_from(table)).scalar_one())
            for table in (customers, invoices)
        )
    engine.close()
    return found[0], found[1]


def test_the_first_screen_has_all_that_is_promised(settings: Settings) -> None:
    shown = screen(settings)
    # Dewi 349 000, Budi 899 000, Siti 149 000, Linda 899 000, Maria 349 000; Made is on trial.
    for wanted in (
        "Larasa (PT Larasa Contoh Nusantara)",
        "MRR Rp2.645.000 from 5 subscriptions",
        "Larasa Tumbuh   Rp349.000 a month   Rp3.490.000 a year",
        "/bayar/larasa",
        "/staff/larasa/sign-in",
        "/docs",
        "clock advance 40d",
    ):
        assert wanted in shown
    assert max(len(line) for line in shown.splitlines() if "curl -sK" not in line) <= 80
    # Three commands of several lines each; what a shell reads of them is whole.
    pasted = shown[shown.index("curl -sK") : shown.index("Let time pass")].strip().split("\n\n")
    subscribe, show, explain = (shlex.split(one.replace("\\\n", "")) for one in pasted)
    assert json.loads(subscribe[subscribe.index("-d") + 1])["payment"] == {"virtual_account": True}
    assert show[show.index("|") - 1].endswith(f"/api/v1/invoices/{explain[-1]}")
    kept = Kept.read(settings.home)
    assert kept.staff_password in shown
    assert kept.api_key not in shown
    for name in ("demo.json", "curl"):
        assert stat.S_IMODE((settings.home / name).stat().st_mode) == 0o600
    engine = build_engine(settings)
    assert sign_in(engine, "larasa", kept.staff_email, kept.staff_password, source="test")
    engine.close()


def test_the_second_start_changes_nothing(settings: Settings) -> None:
    first, made = screen(settings), count(settings)
    assert screen(settings) == first
    assert count(settings) == made == (7, 5)


def test_a_start_that_was_cut_off_is_finished_by_the_next(settings: Settings) -> None:
    screen(settings)
    made = count(settings)
    kept = json.loads((settings.home / "demo.json").read_text())
    (settings.home / "demo.json").write_text(json.dumps({**kept, "populated": False}))
    assert "MRR Rp2.645.000 from 5" in screen(settings)
    assert count(settings) == made


def test_real_keys_charge_nobody(settings: Settings) -> None:
    real = replace(settings, midtrans_server_key="SB-Mid-server-x", midtrans_client_key="C")
    shown = screen(real)
    assert "Midtrans is real here (sandbox): nobody was charged" in shown
    assert "/gateways/midtrans/larasa" in shown
    assert "/bayar/" not in shown
    assert "SB-Mid-server-x" not in shown
    assert count(real) == (0, 0)
    engine = build_engine(real)
    with engine.db.lookup() as session:
        assert session.execute(text("SELECT gateway FROM merchants")).scalar_one() == "sandbox"
    engine.close()


def test_what_is_missing_becomes_a_line_and_not_a_crash(settings: Settings) -> None:
    assert "could not be prepared" in screen(replace(settings, simulator_port=9))
    assert "could not be prepared" in screen(replace(settings, database_url=None))


@pytest.mark.parametrize("now, starts", [
    (datetime(2026, 11, 21, 9, tzinfo=UTC), datetime(2026, 11, 20, 3, tzinfo=UTC)),
    (datetime(2026, 11, 20, 2, tzinfo=UTC), datetime(2026, 10, 20, 3, tzinfo=UTC)),
    (datetime(2027, 1, 5, tzinfo=UTC), datetime(2026, 12, 20, 3, tzinfo=UTC)),
    (datetime(2027, 3, 31, 23, tzinfo=UTC), datetime(2027, 3, 20, 3, tzinfo=UTC)),
])  # fmt: skip
def test_the_clock_begins_on_the_latest_20th_at_ten(now: datetime, starts: datetime) -> None:
    assert first_instant(now, "Asia/Jakarta") == starts
