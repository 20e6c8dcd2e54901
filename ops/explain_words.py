"""Words of `tagihan explain` in both languages: headings, states, and what our records call things.

Records keep short words of code; a reader in either language meets none of them.
"""

from __future__ import annotations

import re
from typing import Final

from payments.channels import CHANNELS

WORDS: Final = {
    "id": {
        "open": "BELUM DIBAYAR", "paid": "LUNAS", "credited": "DIKREDITKAN", "void": "BATAL",
        "uncollectible": "DIHAPUSBUKUKAN", "to": "untuk", "issued": "terbit",
        "due_on": "jatuh tempo", "lines": "Baris", "subtotal": "Subtotal", "total": "Total",
        "due": "Sisa", "money": "Pembayaran", "orders": "Pesanan di Midtrans",
        "books": "Pembukuan", "payment": "pembayaran", "balance": "dari saldo pelanggan",
        "reversal": "ditarik kembali oleh bank", "credit_note": "nota kredit",
        "refund": "dikembalikan, nota kredit", "to_balance": "menjadi saldo, nota kredit",
        "tax_point": "PPN terutang sejak", "none": "belum ada", "debit": "debit",
        "credit": "kredit",
    },
    "en": {
        "open": "UNPAID", "paid": "PAID", "credited": "CREDITED", "void": "VOID",
        "uncollectible": "WRITTEN OFF", "to": "to", "issued": "issued", "due_on": "due",
        "lines": "Lines", "subtotal": "Subtotal", "total": "Total", "due": "Due",
        "money": "Payments", "orders": "Orders at Midtrans", "books": "Books",
        "payment": "payment",
        "balance": "from the customer's balance", "reversal": "taken back by the bank",
        "credit_note": "credit note", "refund": "refunded, credit note",
        "to_balance": "to the balance, credit note", "tax_point": "PPN owed since",
        "none": "none yet", "debit": "debit", "credit": "credit",
    },
}  # fmt: skip

# state of an order: (Indonesian, English)
STATES: Final = {
    "created": ("ditulis", "written"),
    "sent": ("dikirim", "sent"),
    "unknown": ("belum pasti", "unknown"),
    "pending": ("menunggu", "pending"),
    "failed": ("gagal", "failed"),
    "paid": ("dibayar", "paid"),
    "reversed": ("ditarik", "reversed"),
    "review": ("diperiksa", "review"),
}
KINDS: Final = {
    "attempt": ("penagihan", "charge"),
    "instrument": ("pembayaran sendiri", "payment by hand"),
    "hosted": ("halaman pembayaran", "payment page"),
}
JOURNALS: Final = {
    "invoice_issued": ("tagihan terbit", "invoice issued"),
    "invoice_voided": ("tagihan dibatalkan", "invoice voided"),
    "tax_became_due": ("PPN menjadi terutang", "PPN became due"),
    "tax_point_reversed": ("PPN tidak jadi terutang", "PPN no longer due"),
    "payment_captured": ("pembayaran diterima", "payment received"),
    "payment_reversed": ("pembayaran ditarik kembali", "payment taken back"),
    "balance_used": ("saldo dipakai", "balance used"),
    "balance_topped_up": ("saldo diisi", "balance topped up"),
    "top_up_taken_back": ("isi saldo ditarik bank", "top-up taken back"),
    "credit_granted": ("kredit promosi diberikan", "promotional credit given"),
    "credit_restored": ("kredit promosi kembali", "promotional credit restored"),
    "balance_expired": ("saldo hangus", "balance expired"),
    "credit_note_issued": ("nota kredit terbit", "credit note issued"),
    "refund_paid": ("dana dikembalikan", "refund paid"),
    "written_off": ("dihapusbukukan", "written off"),
    "write_off_reversed": ("penghapusbukuan dibatalkan", "write-off reversed"),
    "tax_withheld": ("pajak dipotong pembayar", "tax withheld by the payer"),
    "paid_out": ("dana masuk rekening", "paid out"),
    "revenue_recognised": ("pendapatan diakui", "revenue recognised"),
    "gateway_fees": ("biaya Midtrans", "fees of Midtrans"),
    "difference_booked": ("selisih dibukukan", "difference booked"),
}
# Why an order took a step, as the flows note it.
_REASONS: Final = {
    "written ahead": ("ditulis sebelum dikirim", "written before it is sent"),
    "status asked": ("status ditanyakan ke Midtrans", "Midtrans was asked"),
    "daily comparison": ("pembandingan harian dengan Midtrans", "daily comparison with Midtrans"),
    "asked again": ("ditanyakan lagi ke Midtrans", "Midtrans was asked again"),
    "notification": ("pemberitahuan Midtrans", "notification of Midtrans"),
    "quarantine over": ("masa tunggu habis", "waited long enough"),
    "the gateway does not find it": ("tidak ditemukan Midtrans", "Midtrans does not find it"),
    "the gateway finds it again": ("ditemukan lagi oleh Midtrans", "Midtrans finds it again"),
    "not sent again": ("tidak dikirim lagi", "not sent again"),
    "another one waits": ("pesanan lain masih menunggu", "another order waits"),
    "never sent": ("tidak pernah dikirim", "never sent"),
    "sent before the restore": ("dikirim sebelum pemulihan data", "sent before the restore"),
    "found after a restore": ("ditemukan setelah pemulihan data", "found after a restore"),
    "paid after a reversal": ("dibayar setelah ditarik kembali", "paid after a reversal"),
    "charged back before it was known as paid": (
        "ditarik kembali sebelum tercatat dibayar",
        "charged back before it was known as paid",
    ),
}
_SENDS: Final = (
    (re.compile(r"send (\d+)"), r"pengiriman ke-\1", r"send \1"),
    (re.compile(r"answer to send (\d+)"), r"jawaban atas pengiriman ke-\1", r"answer to send \1"),
)


def channel(key: str, language: str) -> str:
    """What people call a way to pay."""
    known = CHANNELS.get(key)
    return known.name(language) if known else key


def either(known: dict[str, tuple[str, str]], key: str, language: str) -> str:
    """The word for ``key``; the key itself, made readable, where there is none yet."""
    words = known.get(key)
    return words[language == "en"] if words else key.replace("_", " ")


def because(reason: str, language: str) -> str:
    """Why a step was taken: the known part in words, a detail of the gateway as it came."""
    known, colon, detail = reason.partition(": ")
    told = either(_REASONS, known, language)
    for pattern, indonesian, english in _SENDS:
        if pattern.fullmatch(known):
            told = pattern.sub(english if language == "en" else indonesian, known)
    return f"{told}{colon}{_REASONS[detail][language == 'en'] if detail in _REASONS else detail}"
