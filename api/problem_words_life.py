"""What the codes of a subscription's life mean and what to do, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LIFE_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "invalid_not_before": (
        "A move of subscribers to another version begins within two years.",
        "Pemindahan pelanggan ke versi lain dimulai dalam dua tahun.",
    ),
    "invalid_cancel_on": (
        "The first day without service is a day to come, at most two years ahead.",
        "Hari pertama tanpa layanan harus sesudah hari ini, paling lama dua tahun lagi.",
    ),
    "invalid_resume_on": (
        "It resumes after the pause begins, today or within two years.",
        "Langganan lanjut setelah jeda dimulai, hari ini atau paling lama dua tahun lagi.",
    ),
    "invalid_trial_end": (
        "A trial ends today, or on a later day than now, within two years of its beginning.",
        "Masa coba berakhir hari ini, atau diperpanjang, paling lama dua tahun sejak mulai.",
    ),
    "invoice_is_offer": (
        "The invoice is of an upgrade that is not paid: it is paid whole, or voided.",
        "Invoice ini untuk pergantian paket yang belum dibayar: dibayar penuh atau dibatalkan.",
    ),
    "not_pausable": (
        "Only an active subscription is paused.",
        "Hanya langganan aktif yang dapat dijeda.",
    ),
    "not_paused": (
        "The subscription is not paused: there is nothing to resume.",
        "Langganan tidak sedang dijeda: tidak ada yang perlu dilanjutkan.",
    ),
    "pause_scheduled": (
        "The subscription is paused, or about to be: undo that first.",
        "Langganan dijeda atau akan dijeda: batalkan jedanya dulu.",
    ),
    "subscription_not_begun": (
        "The subscription has not begun: end its trial on its first day or later, or cancel it.",
        "Langganan belum mulai: akhiri masa cobanya sejak hari pertama, atau batalkan langganan.",
    ),
    "upgrade_being_paid": (
        "An upgrade is being charged: wait for its outcome, or drop it first.",
        "Pergantian paket sedang ditagih: tunggu hasilnya, atau batalkan dulu.",
    ),
}
