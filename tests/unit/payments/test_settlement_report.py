"""Settlement reports as they come: every dialect, every odd line, and nothing lost."""

from __future__ import annotations

import contextlib
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments.report_columns import ALIASES, Role, role_of
from payments.settlement_report import (
    Entry,
    Fault,
    Kind,
    NotAReportError,
    Row,
    Total,
    open_report,
)

PLAIN = """\
Order ID,Transaction ID,Transaction Type,Payment Type,Gross Amount,Fee,PPN,Net Amount,Settlement Time
A-1,t-1,Payment,bank_transfer,109890,4000,440,105450,2026-11-21 16:00:00
A-2,t-2,Payment,qris,109890,693,76,109121,2026-11-21 16:00:00
A-1,t-1,Refund,bank_transfer,-9890,0,0,-9890,2026-11-22 10:00:00
"""


def read(text: str | bytes) -> list[Entry]:
    data = text.encode() if isinstance(text, str) else text
    return list(open_report(data).entries())


def rows(text: str | bytes) -> list[Row]:
    found = read(text)
    assert all(isinstance(one, Row) for one in found), found
    return [one for one in found if isinstance(one, Row)]


def test_a_report_is_read_line_by_line() -> None:
    first, second, back = rows(PLAIN)
    assert (first.line, first.kind, first.order_id, first.transaction_id) == (
        2, Kind.PAYMENT, "A-1", "t-1",
    )  # fmt: skip
    assert (first.gross, first.fee, first.ppn, first.net, first.rounding) == (
        109_890, 4_000, 440, 105_450, 0,
    )  # fmt: skip
    assert (first.day, first.dated) == (date(2026, 11, 21), True)
    assert (second.fee, second.ppn) == (693, 76)
    assert (back.kind, back.gross, back.net) == (Kind.REFUND, -9_890, -9_890)


INDONESIAN = PLAIN.replace(
    PLAIN.splitlines()[0],
    "ID Pesanan,ID Transaksi,Jenis Transaksi,Metode Pembayaran,Jumlah,Biaya,PPN,Jumlah Bersih,"
    "Tanggal Settlement",
)
SEMICOLONS = (
    PLAIN.replace(",", ";")
    .replace("109890", '"109.890,00"')
    .replace("4000", "Rp 4.000")
    .replace("105450", "105.450,00")
)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PLAIN.encode(), id="as it is"),
        pytest.param(b"\xef\xbb\xbf" + PLAIN.encode(), id="byte order mark"),
        pytest.param(PLAIN.replace("\n", "\r\n").encode(), id="lines of Windows"),
        pytest.param(PLAIN.rstrip("\n").encode(), id="no last line end"),
        pytest.param(PLAIN.replace("\n", "\r").encode(), id="lines of an old Mac"),
        pytest.param(PLAIN.replace(",", ";").encode(), id="semicolons"),
        pytest.param(PLAIN.replace(",", "\t").encode(), id="tabs"),
        pytest.param(SEMICOLONS.encode(), id="Indonesian numbers"),
        pytest.param(INDONESIAN.encode(), id="Indonesian headers"),
        pytest.param(PLAIN.encode("utf-16"), id="Excel's Unicode text"),
        pytest.param(("sep=,\n" + PLAIN).encode(), id="Excel's hint"),
        pytest.param(("Laporan\nPT Contoh,,\n\n" + PLAIN).encode(), id="a title above"),
        pytest.param(PLAIN.replace("Fee", "FEE (IDR)").encode(), id="unit and capitals"),
        pytest.param(PLAIN.replace("A-1,", '"A-1",').encode(), id="quoted"),
        pytest.param(PLAIN.replace("A-1,", '="A-1",').encode(), id="kept as text"),
        pytest.param(PLAIN.replace("qris", "qr\xefs").encode("latin-1"), id="Latin-1"),
        pytest.param(PLAIN.replace("\nA-2", "\n,,,,,,,,\n\nA-2").encode(), id="blank lines"),
    ],
)
def test_every_dialect_says_the_same(data: bytes) -> None:
    wanted = [(row.kind, row.order_id, row.gross, row.fee, row.ppn, row.net) for row in rows(PLAIN)]
    found = [(row.kind, row.order_id, row.gross, row.fee, row.ppn, row.net) for row in rows(data)]
    assert found == wanted


def one(**cells: str) -> Entry:
    """The entry of a file with one line."""
    [entry] = read(";".join(cells) + "\n" + ";".join(cells.values()) + "\n")
    return entry


BASE = {"order_id": "A-1", "amount": "109890", "settlement_time": "2026-11-21"}


@pytest.mark.parametrize(
    ("cells", "fee", "ppn", "net"),
    [
        ({}, 0, 0, 109_890),
        ({"fee": "4000", "ppn": "440"}, 4_000, 440, 105_450),
        # Costs printed as what they take away.
        ({"fee": "-4000", "ppn": "-440"}, 4_000, 440, 105_450),
        ({"fee": "-4000", "ppn": "-440", "net": "105450"}, 4_000, 440, 105_450),
        # PPN is not printed, but it is gone from what is left.
        ({"fee": "4000", "net": "105450"}, 4_000, 440, 105_450),
        ({"fee": "4000", "net": "105890"}, 4_000, 0, 105_890),
        ({"total_fee": "4440", "ppn": "440"}, 4_000, 440, 105_450),
        ({"total_fee": "4440", "fee": "4000"}, 4_000, 440, 105_450),
        # The bank's and the gateway's shares are added up.
        ({"mdr": "3000", "transaction_fee": "1000", "ppn": "440"}, 4_000, 440, 105_450),
        ({"net": "105450"}, 4_440, 0, 105_450),
    ],
)
def test_fees_come_to_one_identity(cells: dict[str, str], fee: int, ppn: int, net: int) -> None:
    row = one(**BASE, **cells)
    assert isinstance(row, Row), row
    assert (row.fee, row.ppn, row.net, row.rounding) == (fee, ppn, net, 0)


def test_a_rupiah_of_rounding_is_kept_apart() -> None:
    row = one(**BASE, fee="693", ppn="76", net="109120")
    assert isinstance(row, Row)
    assert (row.fee, row.ppn, row.net, row.rounding) == (693, 76, 109_120, 1)


@pytest.mark.parametrize(
    ("cells", "kind", "gross"),
    [
        ({"type": "Refund"}, Kind.REFUND, -109_890),
        ({"type": "Partial Refund"}, Kind.REFUND, -109_890),
        ({"type": "Pengembalian Dana"}, Kind.REFUND, -109_890),
        ({"type": "Chargeback"}, Kind.CHARGEBACK, -109_890),
        ({"type": "Penarikan Dana"}, Kind.PAYOUT, -109_890),
        ({"status": "settlement"}, Kind.PAYMENT, 109_890),
        ({"status": "partial_refund"}, Kind.REFUND, -109_890),
        ({"status": "expire"}, Kind.NOTHING, 109_890),
        ({"type": "Payment", "status": "deny"}, Kind.NOTHING, 109_890),
        ({"type": "qris"}, Kind.PAYMENT, 109_890),
        ({"amount": "-109890"}, Kind.REFUND, -109_890),
        ({"amount": "-109890", "status": "settlement"}, Kind.REFUND, -109_890),
    ],
)
def test_what_a_line_tells(cells: dict[str, str], kind: Kind, gross: int) -> None:
    row = one(**BASE | cells)
    assert isinstance(row, Row), row
    assert (row.kind, row.gross) == (kind, gross)


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"amount": "109.890,55"}, "amount"),
        ({"amount": ""}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "1.1E+05"}, "amount"),
        ({"settlement_time": ""}, "day"),
        ({"settlement_time": "31/02/2026"}, "day"),
        ({"order_id": ""}, "id"),
        ({"order_id": "x" * 101}, "id"),
        ({"order_id": "A\x07"}, "id"),
        ({"type": "Adjustment"}, "kind"),
        ({"status": "misteri"}, "kind"),
        ({"type": "Payment", "amount": "-5"}, "sums"),
        ({"currency": "USD"}, "currency"),
        ({"fee": "4000", "ppn": "440", "net": "105000"}, "sums"),
    ],
)
def test_what_can_not_be_used_is_named_with_its_reason(cells: dict[str, str], code: str) -> None:
    fault = one(**BASE | cells)
    assert isinstance(fault, Fault), fault
    assert (fault.line, fault.code) == (2, code)
    assert fault.why.isprintable()


def test_a_bad_line_costs_only_itself() -> None:
    text = PLAIN.replace("A-2,t-2", 'A-2 "sic,t-2') + "A-3,t-3,Payment,qris,1,0,0,1,2026-11-21,x\n"
    first, bad, back, wide = read(text)
    assert isinstance(first, Row)
    assert isinstance(back, Row)
    assert (isinstance(bad, Fault) and bad.code, isinstance(wide, Fault) and wide.code) == (
        "quote", "cells",
    )  # fmt: skip


def test_a_cell_may_hold_line_ends() -> None:
    text = PLAIN.replace("A-2,", '"A-2\n",')
    assert [row.order_id for row in rows(text)] == ["A-1", "A-2", "A-1"]
    assert [row.line for row in rows(text)] == [2, 3, 5]


def test_totals_are_told_apart_from_rows() -> None:
    text = PLAIN + "Total,,,,209890,4693,516,204681,\n"
    assert read(text)[-1] == Total(5, 209_890, 204_681)
    told = PLAIN.replace("A-1,t-1,Payment", "total-99,t-1,Payment")
    assert isinstance(read(told)[0], Row), "an order may be called like that"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "report_empty"),
        (b"  \n\n", "report_empty"),
        (b"PK\x03\x04....", "report_not_text"),
        (b"hello,world\n1,2\n", "report_header_missing"),
        (b"Order ID,Fee\nA,1\n", "report_header_missing"),
        (b"x" * (32 * 1024 * 1024 + 1), "report_too_large"),
    ],
)
def test_what_is_no_report_is_refused_whole(data: bytes, code: str) -> None:
    with pytest.raises(NotAReportError) as refused:
        open_report(data)
    assert refused.value.code == code


def test_a_name_means_one_thing() -> None:
    names = [name for names in ALIASES.values() for name in names]
    assert len(names) == len({"".join(name.split()) for name in names})
    for role, aliases in ALIASES.items():
        for name in aliases:
            for written in (name, name.upper(), name.replace(" ", "_"), f"{name} (IDR)"):
                found = role_of(written)
                assert found, written
                assert found[0] is role, written
    assert role_of("Customer Email") is None
    assert role_of("Gross Amount") == (Role.GROSS, 0)


CELLS = st.one_of(
    st.sampled_from([
        "A-1", "109.890,00", "-5", "Rp 4.000", "refund", "2026-11-21", '"', '"a\nb"', "", "=1+1",
        "Total", "USD", "9" * 30, "\x00", "\ud83d",
    ]),
    st.text(max_size=12),
)  # fmt: skip
HEADERS = st.lists(
    st.sampled_from([name for names in ALIASES.values() for name in names]), max_size=12
)


@settings(max_examples=150, deadline=None)
@given(HEADERS, st.lists(st.lists(CELLS, max_size=12), max_size=8), st.sampled_from(",;\t|"))
def test_no_file_breaks_the_reader_and_every_row_adds_up(
    headers: list[str], lines: list[list[str]], delimiter: str
) -> None:
    text = "\n".join(delimiter.join(cells) for cells in [headers, *lines])
    data = text.encode("utf-8", "replace")
    try:
        entries = list(open_report(data).entries())
    except NotAReportError:
        return
    for entry in entries:
        if isinstance(entry, Row) and entry.kind is not Kind.NOTHING:
            assert entry.gross == entry.fee + entry.ppn + entry.net + entry.rounding
            assert abs(entry.rounding) <= 1
            assert (entry.gross > 0) == (entry.kind is Kind.PAYMENT) or entry.kind is Kind.PAYOUT
    assert len({entry.line for entry in entries}) == len(entries), "no line is read twice"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    for given_data in (data, PLAIN.encode() + data):
        with contextlib.suppress(NotAReportError):
            list(open_report(given_data).entries())


@pytest.mark.parametrize("status", ["failed", "Ditolak", "rejected", "queued", "pending"])
def test_a_payout_that_has_not_left_moved_nothing(status: str) -> None:
    told = f"Order ID,Type,Status,Amount,Date,Payout ID\n,Payout,{status},-1000,2026-11-21,P-1\n"
    assert [row.kind for row in rows(told)] == [Kind.NOTHING]


def test_what_is_kept_of_a_payment_does_not_make_it_more() -> None:
    told = "Order ID,Amount,Fee,Net,Date\nA,1000,50,1050,2026-11-21\n"
    assert [one.code for one in read(told) if isinstance(one, Fault)] == ["sums"]
