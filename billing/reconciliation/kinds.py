"""Every way in which two books can differ: how bad it is, and what it means in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["high", "medium", "low"]


@dataclass(frozen=True, slots=True)
class DifferenceKind:
    """One class of difference, in Indonesian and English.

    ``heals``: it is looked at again by itself, and is over once both books agree.
    """

    severity: Severity
    title: Mapping[str, str]
    todo: Mapping[str, str]
    heals: bool = False


def _kind(
    severity: Severity, title: tuple[str, str], todo: tuple[str, str], *, heals: bool = False
) -> DifferenceKind:
    return DifferenceKind(
        severity, {"id": title[0], "en": title[1]}, {"id": todo[0], "en": todo[1]}, heals
    )


KINDS: Final[Mapping[str, DifferenceKind]] = {
    "not_ours": _kind(
        "high",
        (
            "Ada di laporan, tidak ada di buku kita",
            "In the report, not in our books",
        ),
        (
            (
                "Cari order ini di dasbor Midtrans: dari toko lain, atau pembayaran yang hilang "
                "dari buku? Fee-nya belum dibukukan."
            ),
            (
                "Look the order up in Midtrans' dashboard: another shop's, or a payment that our "
                "books lost? Its fee is not booked."
            ),
        ),
        heals=True,
    ),
    "missing_in_report": _kind(
        "high",
        (
            "Lunas di buku kita, tidak ada di laporan",
            "Paid in our books, not in the report",
        ),
        (
            (
                "Impor laporan hari berikutnya dulu. Bila tetap tidak ada, tanyakan ke Midtrans "
                "kapan uang ini diselesaikan."
            ),
            (
                "Import the report of the following days first. Where it is still missing, ask "
                "Midtrans when this money settles."
            ),
        ),
        heals=True,
    ),
    "amount_differs": _kind(
        "high",
        (
            "Jumlahnya berbeda",
            "The amounts differ",
        ),
        (
            "Bandingkan dengan dasbor Midtrans. Fee baris ini belum dibukukan.",
            "Compare with Midtrans' dashboard. The fee of this row is not booked.",
        ),
        heals=True,
    ),
    "status_differs": _kind(
        "high",
        (
            "Statusnya berbeda",
            "The states differ",
        ),
        (
            (
                "Kita dan Midtrans tidak sepakat apakah uang ini masuk, kembali, atau tidak "
                "pernah ada. Tanyakan statusnya; buku dibetulkan oleh jawabannya, tidak oleh "
                "laporan."
            ),
            (
                "We and Midtrans do not agree whether this money came, went back, or never was. "
                "Ask for its status; the books are mended by that answer, not by a report."
            ),
        ),
        heals=True,
    ),
    "refund_differs": _kind(
        "high",
        (
            "Pengembalian dana berbeda",
            "A refund differs",
        ),
        (
            (
                "Uang kembali ke pelanggan menurut satu buku saja. Cari di dasbor Midtrans; bila "
                "benar, buat pengembaliannya di sini agar nota kreditnya ada."
            ),
            (
                "Money went back to the customer by one book only. Look it up in Midtrans' "
                "dashboard; where it is true, write the refund here so that its credit note "
                "exists."
            ),
        ),
        heals=True,
    ),
    "duplicate_row": _kind(
        "high",
        (
            "Baris ganda",
            "A row twice",
        ),
        (
            (
                "Satu order dua kali dalam satu laporan, atau pencairan dengan hari dan jumlah "
                "yang sama: terulang, atau sungguh dua kali? Hanya yang pertama dibukukan; bila "
                "pencairan lain, bukukan ke bank."
            ),
            (
                "One order twice in one report, or a payout of the same day and amount: repeated, "
                "or truly two? Only the first is booked; where it is another payout, book it "
                "against the bank."
            ),
        ),
    ),
    "told_differently": _kind(
        "high",
        (
            "Laporan lain berkata lain",
            "Another report says otherwise",
        ),
        (
            (
                "Baris ini pernah diimpor dengan jumlah atau hari lain. Yang pertama tetap "
                "dibukukan."
            ),
            "This row was imported before with another amount or day. The first stays booked.",
        ),
    ),
    "missing_at_gateway": _kind(
        "high",
        (
            "Midtrans tidak mengenal order yang lunas",
            "Midtrans does not know a paid order",
        ),
        (
            "Periksa kunci server dan lingkungan (sandbox atau produksi), lalu dasbornya.",
            (
                "Check the server key and the environment (sandbox or production), then the "
                "dashboard."
            ),
        ),
        heals=True,
    ),
    "total_differs": _kind(
        "medium",
        (
            "Jumlah di kaki laporan tidak cocok",
            "The report's total does not add up",
        ),
        (
            "Total yang dicetak bukan jumlah baris-barisnya: ada baris yang hilang? Unduh ulang.",
            "The printed total is not the sum of its rows: are lines missing? Download it again.",
        ),
    ),
    "row_unusable": _kind(
        "medium",
        (
            "Baris tidak dapat dipakai",
            "A row can not be used",
        ),
        (
            (
                "Baca alasannya, betulkan barisnya, dan impor lagi: baris lain tidak dibukukan "
                "dua kali."
            ),
            (
                "Read the reason, mend the row, and import again: the other rows are not booked "
                "twice."
            ),
        ),
    ),
    "currency": _kind(
        "medium",
        (
            "Mata uang bukan rupiah",
            "The currency is not rupiah",
        ),
        (
            "Kita hanya menagih dalam rupiah. Cari order ini di dasbor Midtrans.",
            "We collect in rupiah only. Look the order up in Midtrans' dashboard.",
        ),
    ),
    "fee_differs": _kind(
        "low",
        (
            "Fee tidak sesuai perjanjian",
            "The fee is not the agreed one",
        ),
        (
            (
                "Fee laporan sudah dibukukan. Bandingkan dengan kontrak Midtrans; bila salah, "
                "minta koreksi."
            ),
            (
                "The report's fee is booked. Compare it with Midtrans' contract; where it is "
                "wrong, ask for a correction."
            ),
        ),
    ),
    "day_differs": _kind(
        "low",
        (
            "Diselesaikan di hari lain",
            "Settled on another day",
        ),
        (
            "Periksa bila beda hari ini menyeberang akhir bulan.",
            "Look at it where the difference crosses the end of a month.",
        ),
    ),
}

Resolution = Literal["agrees", "explained", "mended", "booked"]
# ``agrees`` is what the machine finds; a person explains, has mended it, or books the amount.
BY_HAND: Final = ("explained", "mended", "booked")

# Against what a correction may be booked: the other side is always the gateway's clearing account.
ACCOUNTS: Final = ("gateway_fee", "input_vat", "rounding", "bad_debt", "bank")
