"""The words of the staff pages, Indonesian and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STATUSES: Final[Mapping[str, Mapping[str, str]]] = {
    "id": {
        "trialing": "Masa coba",
        "incomplete": "Menunggu bayar pertama",
        "active": "Aktif",
        "past_due": "Menunggak",
        "unpaid": "Tidak dibayar",
        "paused": "Dijeda",
        "canceled": "Berakhir",
        "draft": "Draf",
        "open": "Belum dibayar",
        "overdue": "Lewat jatuh tempo",
        "paid": "Lunas",
        "credited": "Dikreditkan",
        "void": "Dibatalkan",
        "uncollectible": "Tidak tertagih",
        "captured": "Diterima",
        "settled": "Sudah diteruskan",
        "reversed": "Ditarik bank",
        "pending": "Menunggu",
        "ended": "Tidak dipakai",
    },
    "en": {
        "trialing": "Trial",
        "incomplete": "Awaiting first payment",
        "active": "Active",
        "past_due": "Past due",
        "unpaid": "Unpaid",
        "paused": "Paused",
        "canceled": "Ended",
        "draft": "Draft",
        "open": "Open",
        "overdue": "Overdue",
        "paid": "Paid",
        "credited": "Credited",
        "void": "Void",
        "uncollectible": "Written off",
        "captured": "Received",
        "settled": "Settled",
        "reversed": "Reversed",
        "pending": "Pending",
        "ended": "No longer used",
    },
}

TONES: Final[Mapping[str, str]] = {
    "active": "good",
    "paid": "good",
    "settled": "good",
    "captured": "good",
    "trialing": "calm",
    "open": "waiting",
    "incomplete": "waiting",
    "pending": "waiting",
    "past_due": "late",
    "overdue": "late",
    "unpaid": "late",
    "reversed": "late",
    "uncollectible": "late",
}

CHANNELS: Final[Mapping[str, Mapping[str, str]]] = {
    "id": {"card": "kartu", "gopay_linked": "GoPay", "bca_va": "BCA Virtual Account"},
    "en": {"card": "card", "gopay_linked": "GoPay", "bca_va": "BCA virtual account"},
}

REASONS: Final[Mapping[str, Mapping[str, str]]] = {
    "id": {
        "too_expensive": "terlalu mahal",
        "missing_features": "fitur kurang",
        "switched": "pindah ke produk lain",
        "closed_business": "usaha tutup",
        "unused": "jarang dipakai",
        "service_problem": "kecewa dengan layanan",
        "other": "lainnya",
        "requested_by_customer": "permintaan pelanggan",
        "cancellation": "langganan dihentikan",
        "pause": "langganan dijeda",
        "trial_moved": "masa coba diubah",
        "plan_change": "ganti paket",
        "usage_corrected": "pemakaian dikoreksi",
        "goodwill": "niat baik",
        "duplicate": "dibayar atau ditagih dua kali",
        "mistake": "kekeliruan kami",
        "dunning_end": "belum dibayar",
        "dunning": "belum dibayar",
        "incomplete": "pembayaran pertama tidak selesai",
        "expired_incomplete": "pembayaran pertama tidak selesai",
    },
    "en": {
        "too_expensive": "too expensive",
        "missing_features": "missing features",
        "switched": "switched to another product",
        "closed_business": "closed the business",
        "unused": "hardly used",
        "service_problem": "unhappy with the service",
        "other": "other",
        "requested_by_customer": "asked for by the customer",
        "cancellation": "subscription canceled",
        "pause": "subscription paused",
        "trial_moved": "trial moved",
        "plan_change": "plan changed",
        "usage_corrected": "usage corrected",
        "goodwill": "goodwill",
        "duplicate": "paid or billed twice",
        "mistake": "a mistake of ours",
        "dunning_end": "not paid",
        "dunning": "not paid",
        "incomplete": "first payment not completed",
        "expired_incomplete": "first payment not completed",
    },
}
# What a person may give as the reason of a cancellation, in the order of the list.
CANCEL_REASONS: Final = (
    "requested_by_customer", "too_expensive", "missing_features", "switched", "unused",
    "closed_business", "service_problem", "other",
)  # fmt: skip

ROLES: Final[Mapping[str, Mapping[str, str]]] = {
    "id": {
        "owner": "Pemilik",
        "billing": "Penagihan",
        "finance": "Keuangan",
        "support": "Layanan pelanggan",
        "read_only": "Hanya lihat",
    },
    "en": {
        "owner": "Owner",
        "billing": "Billing",
        "finance": "Finance",
        "support": "Support",
        "read_only": "Read only",
    },
}

UNITS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "id": {
        "day": ("hari", "hari"),
        "week": ("minggu", "minggu"),
        "month": ("bulan", "bulan"),
        "year": ("tahun", "tahun"),
    },
    "en": {
        "day": ("day", "days"),
        "week": ("week", "weeks"),
        "month": ("month", "months"),
        "year": ("year", "years"),
    },
}


def per(unit: str, count: int, language: str) -> str:
    """Write an interval after a price: ``/ bulan``, ``/ 3 months``."""
    one, many = UNITS[language][unit]
    return f"/ {one}" if count == 1 else f"/ {count} {many}"


STEPS: Final[Mapping[str, Mapping[str, str]]] = {
    "id": {
        "retry": "menagih kartu sekali lagi",
        "notice": "mengirim pemberitahuan",
        "notify": "mengirim pemberitahuan",
        "end": "mengakhiri penagihan",
    },
    "en": {
        "retry": "charge the card again",
        "notice": "send a notice",
        "notify": "send a notice",
        "end": "end the chasing",
    },
}
