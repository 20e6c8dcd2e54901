"""Codes of refusals about settlement reports and differences, in English and Indonesian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

BOOK_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "report_too_large": (
        "The report is larger than 32 MiB: split it.",
        "Laporan lebih dari 32 MiB: bagi menjadi beberapa file.",
    ),
    "report_too_long": (
        "The report has more than 250,000 rows: split it.",
        "Laporan lebih dari 250.000 baris: bagi menjadi beberapa file.",
    ),
    "report_empty": ("The report is empty.", "Laporan kosong."),
    "report_not_text": (
        "This is no CSV: open it in a spreadsheet and save it as CSV.",
        "Ini bukan CSV: buka di lembar kerja dan simpan sebagai CSV.",
    ),
    "report_header_missing": (
        "No line with an order id, an amount and a day as headers was found.",
        "Tidak ada baris judul dengan ID pesanan, jumlah, dan tanggal.",
    ),
    "reason_needed": ("Say why.", "Tuliskan alasannya."),
    "settlement_file_not_found": ("There is no such report.", "Laporan itu tidak ada."),
    "settlement_file_closed": (
        "The report is booked or dropped already.",
        "Laporan itu sudah dibukukan atau dibuang.",
    ),
    "reconciliation_busy": (
        "Rows of reports are being booked right now: try again in a moment.",
        "Baris laporan sedang dibukukan: coba lagi sebentar lagi.",
    ),
    "difference_not_found": ("There is no such difference.", "Beda itu tidak ada."),
    "difference_resolved": ("The difference is settled.", "Beda itu sudah selesai."),
    "difference_awaits_approval": (
        "A correction of it waits for a second person.",
        "Koreksinya menunggu orang kedua.",
    ),
    "difference_not_awaiting_approval": (
        "No correction of it waits for a second person.",
        "Tidak ada koreksi yang menunggu orang kedua.",
    ),
}
