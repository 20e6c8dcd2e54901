"""The words of the sign-up page, Indonesian and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MANDATE_VERSION: Final = "2026-11"
# What a payer agrees to; kept word for word with the consent.
MANDATE: Final[Mapping[str, str]] = {
    "id": "Saya setuju {merchant} menagih kartu ini secara otomatis sebesar total setiap invoice "
    "langganan, pada awal setiap periode, sampai saya berhenti berlangganan.",
    "en": "I agree that {merchant} charges this card automatically with the total of each invoice "
    "of the subscription, at the start of each period, until I cancel.",
}

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "id": {
        "title": "Berlangganan {merchant}",
        "lead": "Halaman uji coba: Anda berperan sebagai pelanggan, dan tidak ada uang sungguhan.",
        "choose": "Pilih paket",
        "monthly": "Bulanan",
        "yearly": "Tahunan",
        "before_tax": "belum termasuk PPN",
        "trial": "coba gratis {days} hari dengan kartu",
        "who": "Siapa Anda?",
        "name": "Nama",
        "email": "E-mail",
        "company": "Nama usaha (boleh kosong)",
        "how": "Cara bayar",
        "va": "BCA Virtual Account",
        "va_hint": "Tagihan terbit sekarang; bayar kapan saja sebelum jatuh tempo.",
        "card": "Kartu uji",
        "card_hint": "Dikonfirmasi lewat 3DS di simulator, lalu ditagih otomatis tiap periode.",
        "card_page": "Kartu di halaman Midtrans",
        "card_page_hint": "Kartu diisi hanya di halaman Midtrans, lalu ditagih otomatis. "
        "Masa coba gratis tidak berlaku.",
        "agree": "Dengan kartu, Anda menyetujui:",
        "submit": "Berlangganan",
        "wrong": "Ada yang perlu diperbaiki: {what}",
        "name_wrong": "isi nama Anda.",
        "email_wrong": "isi alamat e-mail yang benar.",
        "plan_wrong": "pilih salah satu paket.",
        "refused": "Itu tidak dapat dilakukan sekarang. Coba lagi.",
        "thanks": "Selamat datang!",
        "trial_until": "Masa coba Anda berlangsung sampai {date}. Kartu disimpan tanpa ditagih: "
        "Rp10.000 hanya ditahan sebentar lalu dilepas.",
        "trial_then": "Mulai {date}, kartu Anda ditagih {amount} bila Anda tidak berhenti.",
        "trial_usage": "Pemakaian sejak itu ditagih sebagai tambahan, sesuai yang dipakai.",
        "again": "Kembali ke daftar paket",
        "other_language": "English",
    },
    "en": {
        "title": "Subscribe to {merchant}",
        "lead": "A page for trying out: you play the customer, and no real money moves.",
        "choose": "Choose a plan",
        "monthly": "Monthly",
        "yearly": "Yearly",
        "before_tax": "before VAT",
        "trial": "{days} days free by card",
        "who": "Who are you?",
        "name": "Name",
        "email": "E-mail",
        "company": "Business name (optional)",
        "how": "How to pay",
        "va": "BCA virtual account",
        "va_hint": "The invoice comes now; pay it any time before it is due.",
        "card": "Test card",
        "card_hint": "Confirmed by 3DS in the simulator, then charged automatically each period.",
        "card_page": "Card on Midtrans' page",
        "card_page_hint": "The card is entered on Midtrans' page alone, then charged automatically "
        "each period. Without a free trial.",
        "agree": "By card, you agree:",
        "submit": "Subscribe",
        "wrong": "Something needs mending: {what}",
        "name_wrong": "your name is missing.",
        "email_wrong": "that is not an e-mail address.",
        "plan_wrong": "choose one of the plans.",
        "refused": "That can not be done right now. Please try again.",
        "thanks": "Welcome!",
        "trial_until": "Your trial runs until {date}. The card was saved without a charge: "
        "Rp10.000 is held for a moment and released.",
        "trial_then": "From {date} your card is charged {amount}, unless you stop before.",
        "trial_usage": "Usage from then on is billed in addition, as much as you use.",
        "again": "Back to the plans",
        "other_language": "Bahasa Indonesia",
    },
}
