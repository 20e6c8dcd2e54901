"""Reconciliation on the staff pages: a report is previewed, booked, and its differences settled."""

from __future__ import annotations

import re

from pages.desk import Desk, hidden, plain
from pages.house import House

from billing.reconciliation.tables import differences, settlement_files, settlement_rows

REPORT = (
    b"Order ID;Jenis Transaksi;Jumlah;Biaya;PPN;Waktu Settlement\n"
    b'NOBODY-1;Pembayaran;"150.000,00";4.000;440;05/01/2026 16.00\n'
    b"=HYPERLINK(1);Pembayaran;150.000;4.000;440;05/01/2026\n"
    b"NOBODY-3;Pembayaran;seratus;4.000;440;05/01/2026\n"
)


def uploaded(desk: Desk, data: bytes = REPORT) -> str:
    """Give a report over the form; the path of its page."""
    page = desk.get("/reconciliation").text
    answer = desk.house.client.post(
        f"{desk.root}/reports", data={"csrf": hidden(page, "csrf")},
        files={"file": ("jan.csv", data, "text/csv")}, follow_redirects=False,
    )  # fmt: skip
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"]).removeprefix(desk.root)


def test_finance_imports_a_report_and_settles_what_differs(house: House) -> None:
    desk = Desk(house, "finance", "fin@larasa.example")
    desk.enter()
    assert "Tidak ada beda" in plain(desk.get("/reconciliation").text)
    at = uploaded(desk)
    page = desk.get(at).text
    words = plain(page)
    assert "jan.csv" in words
    assert "Ada di laporan, tidak ada di buku kita" in words
    assert "Baris tidak dapat dipakai: jumlahnya tidak terbaca" in words
    english = plain(desk.get(at + "?lang=en").text)
    assert "In the report, not in our books" in english
    assert "'seratus' is no amount" in english
    desk.get(at + "?lang=id")
    with house.work() as unit:
        assert unit.session.execute(settlement_rows.select()).all() == [], "nothing is booked yet"
    desk.send(f"{at}/book", page)
    with house.work() as unit:
        assert unit.session.execute(settlement_files.select()).one().state == "booked"
    listed = desk.get("/reconciliation?kind=not_ours&severity=high").text
    assert "NOBODY-1" in plain(listed)
    assert "Tidak ada beda" in plain(desk.get("/reconciliation?age=9").text)
    assert "'=HYPERLINK(1)" in desk.get("/reconciliation.csv").text, "no cell is a formula"
    one = re.search(r"/differences/(dif_\w+)", listed)
    assert one is not None
    at = f"/differences/{one[1]}"
    page = desk.get(at).text
    assert "Cari order ini di dasbor Midtrans" in plain(page)
    assert "Rp150.000" in plain(page)
    desk.send(f"{at}/assign", page, assignee="sari@larasa.example")
    bad = desk.send(f"{at}/resolve", page, resolution="booked", reason="x", amount="1,5")
    assert "rupiah" in plain(bad.text)
    desk.send(f"{at}/resolve", page, resolution="explained", reason="toko lain")
    told = plain(desk.get(at).text)
    assert "selesai: Ada penjelasannya" in told
    assert "toko lain" in told
    assert "sari@larasa.example" in told


def test_who_may_only_read_imports_nothing(house: House) -> None:
    desk = Desk(house, "read_only", "baca@larasa.example")
    desk.enter()
    page = desk.get("/reconciliation").text
    assert "Impor laporan" not in plain(page)
    answer = desk.house.client.post(
        f"{desk.root}/reports", data={"csrf": hidden(page, "csrf")},
        files={"file": ("jan.csv", REPORT, "text/csv")}, follow_redirects=False,
    )  # fmt: skip
    assert answer.status_code == 403


def test_what_is_no_report_is_told_in_words(house: House) -> None:
    desk = Desk(house, "finance", "fin@larasa.example")
    desk.enter()
    onto = uploaded(desk, b"PK\x03\x04not csv")
    assert "Ini bukan CSV" in plain(desk.get(onto).text)
    with house.work() as unit:
        assert unit.session.execute(differences.select()).all() == []
