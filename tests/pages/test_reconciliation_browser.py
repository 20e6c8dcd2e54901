"""A real browser lays the reconciliation pages out: nothing is cut off on a telephone or a desk."""

from __future__ import annotations

import re
import subprocess
from html import unescape
from pathlib import Path

import pytest
from litestar import Litestar
from pages.desk import Desk
from pages.house import House
from pages.test_browser import served
from pages.test_staff_browser import measured_by
from pages.test_staff_reconciliation import uploaded

from api.pages import routes

LONG = "INV-2026-000001-PEMBAYARAN-PANJANG-1"
REPORT = (
    "Order ID;Jenis Transaksi;Jumlah;Biaya;PPN;Waktu Settlement;Nama Pelanggan;Catatan Bebas\n"
    f"{LONG};Pembayaran;999.999.999;28.999.999;3.190.000;05/01/2026 16.00;x;y\n"
    f"{LONG};Pembayaran;999.999.999;28.999.999;3.190.000;05/01/2026 16.00;x;y\n"
    "NOBODY-3;Pembayaran;seratus ribu rupiah lebih sedikit;4.000;440;05/01/2026;x;y\n"
)


@pytest.mark.parametrize("language", ["id", "en"])
def test_nothing_is_cut_off_at_any_width(
    house: House, chromium: str, tmp_path: Path, language: str
) -> None:
    desk = Desk(house, email="sari.wulandari.penagihan@larasa.example")
    desk.enter()
    report = uploaded(desk, REPORT.encode())
    desk.send(f"{report}/book", desk.get(report).text)
    listed = desk.get("/reconciliation").text
    paths = [f"{desk.root}/reconciliation", f"{desk.root}{report}"]
    paths += [f"{desk.root}/differences/{one}"
              for one in sorted(set(re.findall(r"/differences/(dif_\w+)", listed)))]  # fmt: skip
    assert len(paths) == 5
    jar = house.client.cookies.jar
    cookie = "; ".join([*(f"{one.name}={one.value}" for one in jar), f"tagihan_lang={language}"])
    app = Litestar(routes())
    app.state["engine"] = house.engine
    with served(measured_by(app, cookie, paths)) as url:
        told = subprocess.run(
            [
                chromium, "--headless=new", "--no-sandbox", "--disable-gpu",
                f"--user-data-dir={tmp_path}", "--window-size=1400,1000",
                "--virtual-time-budget=20000", "--dump-dom", f"{url}/ruler",
            ],
            capture_output=True, text=True, timeout=90, check=True,
        ).stdout  # fmt: skip
    found = re.search(r'<pre id="cut">(.*?)</pre>', told, re.DOTALL)
    assert found is not None
    assert unescape(found[1]).split("\n") == ["measured"]
