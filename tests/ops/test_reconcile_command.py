"""`tagihan reconcile`: a report is shown, booked once, and what is open is told."""

from __future__ import annotations

import base64
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

REPORT = """Order ID;Jenis Transaksi;Jumlah;Biaya;PPN;Waktu Settlement
NOBODY-1;Pembayaran;"150.000,00";4.000;440;05/01/2026 16.00
NOBODY-2;Pembayaran;seratus;4.000;440;05/01/2026 16.00
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


def test_a_report_is_shown_booked_and_told_of(runner: CliRunner, tmp_path: Path) -> None:
    report = tmp_path / "jan.csv"
    report.write_text(REPORT, encoding="utf-8")
    refused = runner.invoke(tagihan, ["reconcile", "--import", str(report)], input="n\n")
    assert refused.exit_code == 1, refused.output
    assert "line 3: NOBODY-2 'seratus' is no amount" in refused.output
    booked = runner.invoke(tagihan, ["reconcile", "--import", str(report), "--yes"])
    assert booked.exit_code == 1, "a severe difference is open"
    assert "gross Rp150.000, fees Rp4.000, PPN on fees Rp440, net Rp145.560" in booked.output
    assert "1  high    oldest 0 days  In the report, not in our books [not_ours]" in booked.output
    again = runner.invoke(tagihan, ["reconcile", "--import", str(report)])
    assert "booked already" in again.output
    bad = runner.invoke(tagihan, ["reconcile", "--day", "besok"])
    assert bad.exit_code == 2
    asked = runner.invoke(tagihan, ["reconcile", "--day", "2026-01-06"])
    assert "0 orders asked about" in asked.output, asked.output
