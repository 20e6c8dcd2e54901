"""A settlement report of the gateway, read line by line: rows, totals, and what can not be read.

The dialect is found, not asked for: encoding, delimiter, lines above the header, names of columns.
Nothing of a file is lost silently: every line is a row, a total, blank, or a fault with its reason.
Amounts are whole rupiah; ``gross = fee + ppn + net + rounding``, negative where money went back.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from payments.report_cells import UnreadableError, instant, plain, rupiah
from payments.report_columns import Columns, Role, columns_of
from payments.report_rows import Amounts, amounts_of, kind_of

BYTES_MAX: Final = 32 * 1024 * 1024
ROWS_MAX: Final = 250_000
# Lines above the header: a title, the merchant, the period.
_ABOVE_MAX: Final = 30
# A quoted cell may hold line ends, but not the rest of the file.
_JOINED_MAX: Final = 20
_LINE_MAX: Final = 64 * 1024
_ID_MAX: Final = 100
_DELIMITERS: Final = (",", ";", "\t", "|")
_TOTALS: Final = ("total", "grand total", "subtotal", "sub total", "jumlah", "sum", "summary")


class NotAReportError(ValueError):
    """The file as a whole can not be used; ``code`` names why, for words in both languages."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Kind(StrEnum):
    """What a row tells. ``nothing``: of an order by which no money moved."""

    PAYMENT = "payment"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    PAYOUT = "payout"
    NOTHING = "nothing"


class Row(NamedTuple):
    """One line about money; ``day`` is civil, in Jakarta.

    Attributes:
        order_id: empty where the report names the transaction only.
        dated: whether ``day`` is the settlement's own, and not only that of the transaction.
    """

    line: int
    kind: Kind
    order_id: str
    transaction_id: str | None
    reference: str | None
    channel: str | None
    status: str | None
    gross: int
    fee: int
    ppn: int
    net: int
    rounding: int
    told_at: datetime
    day: date
    dated: bool


@dataclass(frozen=True, slots=True)
class Total:
    """A line that sums up others; never booked, only compared. None where it says nothing."""

    line: int
    gross: int | None
    net: int | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that can not be used: ``code`` (cells, amount, day, kind, id, sums, currency, quote)
    and why. ``order_id`` is kept where there is one, so that somebody can look it up.
    """

    line: int
    code: str
    why: str
    order_id: str = ""


Entry = Row | Total | Fault


@dataclass(frozen=True, slots=True)
class Report:
    """A file whose header is understood; iterate `entries` for its lines."""

    text: str
    encoding: str
    delimiter: str
    columns: Columns
    header_line: int

    def entries(self) -> Iterator[Entry]:
        """Every line below the header, in order; blank ones are left out.

        Raises:
            NotAReportError: ``too_many_rows``.
        """
        rows = 0
        for line, text in _records(self.text):
            if line <= self.header_line:
                continue
            if isinstance(text, Fault):
                yield text
                continue
            cells = _cells(text, self.delimiter)
            if not any(cell.strip() for cell in cells):
                continue
            rows += 1
            if rows > ROWS_MAX:
                raise NotAReportError("report_too_long", f"more than {ROWS_MAX} rows; split it")
            yield _entry(line, cells, self.columns)


def open_report(data: bytes) -> Report:
    """Find the dialect of a file and its header.

    Raises:
        NotAReportError: ``report_too_large``, ``report_empty``, ``report_not_text``,
            ``report_header_missing`` (with what is missing and what was found).
    """
    if len(data) > BYTES_MAX:
        raise NotAReportError("report_too_large", f"more than {BYTES_MAX // 2**20} MiB; split it")
    text, encoding = _decode(data)
    if "\n" not in text:
        text = text.replace("\r", "\n")  # a spreadsheet of old on a Mac
    if not text.strip():
        raise NotAReportError("report_empty", "the file is empty")
    best: Columns | None = None
    for seen, (line, record) in enumerate(_records(text)):
        if seen >= _ABOVE_MAX:
            break
        if isinstance(record, Fault):
            continue
        for delimiter in _DELIMITERS:
            found = columns_of(_cells(record, delimiter))
            if not found.missing:
                return Report(text, encoding, delimiter, found, line)
            if best is None or found.known > best.known:
                best = found
    missing = ", ".join(best.missing if best else ())
    headers = ", ".join(best.headers[:12] if best else ())[:200]
    raise NotAReportError(
        "report_header_missing", f"no header with {missing}; the nearest is: {headers}"
    )


def _decode(data: bytes) -> tuple[str, str]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), "utf-16"
    if data.startswith((b"PK\x03\x04", b"%PDF", b"\xd0\xcf\x11\xe0")):
        raise NotAReportError("report_not_text", "this is not CSV: save the sheet as CSV first")
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"


def _records(text: str) -> Iterator[tuple[int, str | Fault]]:
    """Lines of the file with the number of their first; a cell in quotes may hold line ends.

    A quote that is never closed costs its own line and not all that follow.
    """
    start, number, size = 0, 0, len(text)
    while start < size:
        number += 1
        end = _line_end(text, start)
        after, joined = end, 0
        while text.count('"', start, after) % 2 and after < size and joined < _JOINED_MAX:
            joined += 1
            after = _line_end(text, after)
        record = text[start:after].rstrip("\r\n")
        if record.count('"') % 2 or len(record) > _LINE_MAX:
            yield number, Fault(number, "quote", "a quotation mark is not closed")
            start = end
            continue
        yield number, record
        number += joined
        start = after


def _line_end(text: str, start: int) -> int:
    found = text.find("\n", start)
    return len(text) if found < 0 else found + 1


def _cells(record: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([record.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")],
                               delimiter=delimiter), [])  # fmt: skip
    except csv.Error:
        return record.split(delimiter)


def _entry(line: int, cells: Sequence[str], columns: Columns) -> Entry:
    if _is_total(cells, columns):
        return _total(line, cells, columns)
    order_id = plain(_cell(cells, columns, Role.ORDER_ID))
    shown = order_id if len(order_id) <= _ID_MAX and order_id.isprintable() else ""
    width = len(columns.headers)
    if any(cell.strip() for cell in cells[width:]):
        return Fault(line, "cells", f"{len(cells)} cells under {width} headers", shown)
    try:
        return _row(line, cells, columns, order_id)
    except UnreadableError as wrong:
        code, why = wrong.args if len(wrong.args) == 2 else ("amount", str(wrong))
        return Fault(line, code, why, shown)


def _row(line: int, cells: Sequence[str], columns: Columns, order_id: str) -> Row:
    transaction_id = plain(_cell(cells, columns, Role.TRANSACTION_ID)) or None
    reference = plain(_cell(cells, columns, Role.REFERENCE)) or None
    for ident in (order_id, transaction_id or "", reference or ""):
        if len(ident) > _ID_MAX or not ident.isprintable():
            raise UnreadableError("id", "an id is too long, or not printable")
    currency = _cell(cells, columns, Role.CURRENCY).strip().upper()
    if currency not in ("", "IDR", "RP"):
        raise UnreadableError("currency", f"the currency is {currency[:10]!r} and not IDR")
    status = _word(cells, columns, Role.STATUS)
    gross = rupiah(_cell(cells, columns, Role.GROSS))
    if gross is None:
        raise UnreadableError("amount", "no amount")
    kind = Kind(kind_of(_word(cells, columns, Role.KIND), status, gross))
    if not (order_id or transaction_id or _needs_no_order(kind, reference)):
        raise UnreadableError("id", "neither an order id nor a transaction id")
    told, dated = _day(cells, columns)
    sums = Amounts(gross, 0, 0, 0, 0)
    if kind is not Kind.NOTHING:
        sums = amounts_of(
            kind, gross, _fee(cells, columns),
            ppn=rupiah(_cell(cells, columns, Role.PPN)),
            deducted=rupiah(_cell(cells, columns, Role.DEDUCTED)),
            net=rupiah(_cell(cells, columns, Role.NET)),
        )  # fmt: skip
    return Row(
        line, kind, order_id, transaction_id, reference, _word(cells, columns, Role.CHANNEL),
        status, sums.gross, sums.fee, sums.ppn, sums.net, sums.rounding, told, told.date(), dated,
    )  # fmt: skip


def _cell(cells: Sequence[str], columns: Columns, role: Role) -> str:
    place = columns.places.get(role)
    return "" if place is None or place >= len(cells) else cells[place]


def _word(cells: Sequence[str], columns: Columns, role: Role) -> str | None:
    cell = _cell(cells, columns, role)
    if not cell:
        return None
    text = plain(cell)
    return text[:_ID_MAX] if text and text.isprintable() else None


def _needs_no_order(kind: Kind, reference: str | None) -> bool:
    """Payouts are of no order, nor are those that never left."""
    return kind is Kind.PAYOUT or (kind is Kind.NOTHING and reference is not None)


def _fee(cells: Sequence[str], columns: Columns) -> int | None:
    told = [rupiah(cells[place]) for place in columns.fees if place < len(cells)]
    fees = [fee for fee in told if fee is not None]
    return sum(fees) if fees else None


def _day(cells: Sequence[str], columns: Columns) -> tuple[datetime, bool]:
    for role, dated in ((Role.SETTLED, True), (Role.HAPPENED, False)):
        try:
            told = instant(_cell(cells, columns, role))
        except UnreadableError as wrong:
            raise UnreadableError("day", str(wrong)) from None
        if told is not None:
            return told, dated
    raise UnreadableError("day", "no settlement time")


def _is_total(cells: Sequence[str], columns: Columns) -> bool:
    """A line named so, without the ids and the day of a row."""
    first = next((cell for cell in cells if cell.strip()), "").strip().lower().rstrip(":")
    if first not in _TOTALS and not first.startswith(("total ", "grand total", "jumlah ")):
        return False
    transaction = _cell(cells, columns, Role.TRANSACTION_ID).strip()
    days = _cell(cells, columns, Role.SETTLED) + _cell(cells, columns, Role.HAPPENED)
    return (not transaction or transaction.lower() == first) and not any(
        letter.isdigit() for letter in days
    )


def _total(line: int, cells: Sequence[str], columns: Columns) -> Total:
    def read(role: Role) -> int | None:
        try:
            return rupiah(_cell(cells, columns, role))
        except UnreadableError:
            return None

    return Total(line, read(Role.GROSS), read(Role.NET))
