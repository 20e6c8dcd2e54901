"""The report a merchant's finance people download: what settled and what went back, less the fees.

Prices are the published ones, PPN 11% on top or inside; days are Jakarta's. Cells are written as a
spreadsheet in English or, with ``style=id``, in Indonesian would have them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime

from msgspec import Struct

from simulator.book import Book
from simulator.clock import WIB, wib
from simulator.model import Json, Transaction

HEADERS = {
    "en": (
        "Order ID", "Transaction ID", "Transaction Type", "Transaction Status", "Payment Type",
        "Currency", "Gross Amount", "Fee", "PPN", "Net Amount", "Transaction Time",
        "Settlement Time", "Reference",
    ),
    "id": (
        "ID Pesanan", "ID Transaksi", "Jenis Transaksi", "Status Transaksi", "Metode Pembayaran",
        "Mata Uang", "Jumlah Kotor (Rp)", "Biaya", "PPN", "Jumlah Bersih", "Waktu Transaksi",
        "Waktu Settlement", "Referensi",
    ),
}  # fmt: skip
TYPES = {
    "en": {"payment": "Payment", "refund": "Refund", "chargeback": "Chargeback",
           "payout": "Payout"},
    "id": {"payment": "Pembayaran", "refund": "Pengembalian Dana", "chargeback": "Sengketa",
           "payout": "Penarikan Dana"},
}  # fmt: skip

# By channel: fixed rupiah, hundredths of a percent, and whether PPN comes on top.
_PRICES: dict[str, tuple[int, int, bool]] = {
    "credit_card": (2_000, 290, True),
    "gopay": (0, 200, True),
    "gopay_tokenized": (0, 200, True),
    "shopeepay": (0, 200, False),
    "qris": (0, 70, False),
    "qris_airpay": (0, 70, False),
    "indomaret": (5_000, 0, True),
    "alfamart": (5_000, 0, True),
}
_TRANSFER = (4_000, 0, True)


class Line(Struct, frozen=True):
    """One row: rupiah, negative where money went back; `net` is what is left."""

    order_id: str
    transaction_id: str
    kind: str
    status: str
    payment_type: str
    gross: int
    fee: int
    ppn: int
    happened_at: datetime
    settled_at: datetime
    reference: str = ""

    @property
    def net(self) -> int:
        return self.gross - self.fee - self.ppn


def fee_of(channel: str, amount: int) -> tuple[int, int]:
    """What the gateway keeps of a payment and the PPN on it, in whole rupiah, half up."""
    fixed, points, added = _PRICES.get(channel, _TRANSFER)
    price = fixed + _share(amount, points, 10_000)
    if added:
        return price, _share(price, 11, 100)
    ppn = _share(price, 11, 111)
    return price - ppn, ppn


def _share(amount: int, part: int, whole: int) -> int:
    return (2 * amount * part + whole) // (2 * whole)


def lines(book: Book) -> Iterator[Line]:
    """Everything that settled or went back, in the order of time."""
    found = [line for tx in book.transactions.values() for line in _of(tx)]
    yield from sorted(found, key=lambda line: (line.settled_at, line.order_id, -line.gross))


def _of(tx: Transaction) -> Iterator[Line]:
    if tx.settlement_at is None:
        return
    fee, ppn = fee_of(tx.channel, tx.captured)
    about = (tx.order_id, tx.transaction_id)
    yield Line(
        *about, "payment", "settlement", tx.payment_type, tx.captured, fee, ppn, tx.created_at,
        tx.settlement_at,
    )  # fmt: skip
    for refund in tx.refunds:
        yield Line(
            *about, "refund", "refund", tx.payment_type, -refund.amount, 0, 0, tx.created_at,
            refund.created_at, refund.refund_key,
        )  # fmt: skip
    back = [step for step in tx.history if step.status.endswith("chargeback")]
    if back:
        yield Line(
            *about, "chargeback", back[-1].status, tx.payment_type, -tx.charged_back, 0, 0,
            tx.created_at, back[-1].at,
        )  # fmt: skip
    if tx.returned:  # settled and taken back by the bank
        yield Line(
            *about, "refund", tx.status, tx.payment_type, -tx.returned, 0, 0, tx.created_at,
            tx.history[-1].at,
        )  # fmt: skip


def write(book: Book, query: Json) -> str:
    """The report as text: days `from` to `to`, `style` en or id, `payout=1` pays all of it out.

    Raises:
        ValueError: a day that is none, or a style that is not known.
    """
    style = str(query.get("style", "en"))
    if style not in HEADERS:
        raise ValueError("style is en or id")
    first = date.fromisoformat(str(query.get("from", "0001-01-01")))
    last = date.fromisoformat(str(query.get("to", "9999-12-31")))
    chosen = [
        line for line in lines(book) if first <= line.settled_at.astimezone(WIB).date() <= last
    ]
    if query.get("payout") and (net := sum(line.net for line in chosen)) > 0:
        at = max(line.settled_at for line in chosen)
        chosen.append(
            Line("", "", "payout", "settlement", "", -net, 0, 0, at, at, f"PO-{at:%Y%m%d%H%M}")
        )
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";" if style == "id" else ",", lineterminator="\r\n")
    writer.writerow(HEADERS[style])
    for line in chosen:
        writer.writerow(_cells(line, style))
    return ("\ufeff" if style == "id" else "") + out.getvalue()


def _cells(line: Line, style: str) -> list[str]:
    def rupiah(amount: int) -> str:
        return f"{amount:,}".replace(",", ".") + ",00" if style == "id" else f"{amount}.00"

    return [
        line.order_id, line.transaction_id, TYPES[style][line.kind], line.status,
        line.payment_type, "IDR", rupiah(line.gross), rupiah(line.fee), rupiah(line.ppn),
        rupiah(line.net), wib(line.happened_at), wib(line.settled_at), line.reference,
    ]  # fmt: skip
