"""The words of the customers' pages around a document, Indonesian and English."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, str]] = {
    "id": {
        "pay_now": "Bayar dengan {name}",
        "pay_hint": "Nomornya langsung muncul di halaman ini. Bisa dibayar dari m-banking, ATM, "
        "atau bank lain.",
        "preparing": "Sedang meminta nomor virtual account ke bank …",
        "preparing_hint": "Biasanya hanya beberapa detik. Halaman ini berubah sendiri.",
        "failed": "Bank belum memberi nomor. Silakan coba lagi.",
        "charging": "Pembayaran sedang diproses.",
        "charging_hint": "Tidak perlu membayar lagi. Halaman ini berubah sendiri setelah ada "
        "kabar dari bank.",
        "card_ending": "kartu •••• {end}",
        "cvv": "Kode keamanan (CVV)",
        "cvv_hint": "Kode ini dikirim langsung ke Midtrans dan tidak disimpan. Bank Anda meminta "
        "konfirmasi sesudahnya.",
        "cvv_refused": "Kode itu tidak diterima, atau Midtrans tidak menjawab. Silakan coba lagi.",
        "authorized": "Jumlah ini ditahan di kartu Anda dan belum ditagih.",
        "authorized_hint": "Penjual menagihnya kemudian, atau melepasnya. Tidak perlu "
        "membayar lagi.",
        "challenge": "Pembayaran kartu Anda sedang diperiksa.",
        "challenge_hint": "Belum ada yang diterima penjual. Tidak perlu membayar lagi; halaman ini "
        "berubah sendiri.",
        "declined": "Kartu belum dapat ditagih: {why}. Anda dapat membayar dengan cara ini:",
        "confirm": "Bank Anda menunggu konfirmasi.",
        "confirm_hint": "Pembayaran dengan kartu baru diproses setelah Anda mengonfirmasinya.",
        "confirm_button": "Konfirmasi di halaman bank",
        "problem": "Permintaan itu tidak dapat dilakukan sekarang. Keadaan terbaru ada di bawah.",
        "watching": "Halaman ini berubah sendiri setelah pembayaran diterima.",
        "reload": "Muat ulang",
        "simulator": "Bayar di simulator",
        "simulator_hint": "Hanya di lingkungan uji: berperan sebagai bank.",
        "copy_amount": "Salin jumlah",
        "show_details": "Lihat rincian",
        "ways": "Pilih cara membayar",
        "other_ways": "Cara bayar lain",
        "valid_until": "Berlaku sampai",
        "scan": "Pindai dengan aplikasi bank atau dompet digital apa saja.",
        "open_app": "Buka {name}",
        "open_page": "Lanjutkan ke {name}",
        "on_phone": "Konfirmasi permintaan di ponsel {phone}.",
        "at_once": "Konfirmasi dalam satu menit; sesudahnya Anda dapat memintanya lagi.",
        "preparing_way": "Sedang menyiapkan {name} …",
        "declined_wallet": "GoPay belum dapat ditagih: {why}. Anda dapat membayar dengan cara ini:",
        "confirm_wallet": "GoPay menunggu PIN Anda.",
        "confirm_wallet_hint": "Dana baru ditarik setelah Anda memasukkan PIN di GoPay.",
        "confirm_wallet_button": "Lanjutkan ke GoPay",
        "released": "Dana yang ditahan di kartu Anda sudah dilepas; tidak ada yang ditagih. Anda "
        "dapat membayar dengan cara ini:",
        "late": "Tautan ke GoPay sudah kedaluwarsa.",
        "late_hint": "PIN hanya dapat dimasukkan dalam 5 menit. Tidak ada dana yang ditarik. "
        "Permintaan ini berakhir sendiri ({until}); sesudahnya Anda dapat membayar lagi di halaman "
        "ini, dengan GoPay atau cara lain.",
        "late_soon": "sebentar lagi",
        "turns": "Ditagih otomatis dengan urutan ini",
        "turn_next": "berikutnya",
        "turns_hint": "Bila satu tidak dapat ditagih, yang sesudahnya dicoba. Jumlahnya tetap "
        "sama.",
        "gopay_link": "Hubungkan GoPay untuk tagihan berikutnya",
        "gopay_phone": "Nomor ponsel akun GoPay",
        "gopay_button": "Hubungkan GoPay",
        "gopay_waits": "GoPay menunggu persetujuan Anda.",
        "gopay_waits_hint": "Setujui di GoPay dalam beberapa menit, lalu Anda kembali ke halaman "
        "ini.",
        "gopay_agree": "Buka GoPay",
        "balance": "Saldo Anda",
        "balance_hint": "Dipakai otomatis untuk tagihan berikutnya, dengan urutan ini.",
        "lot_money": "Uang Anda",
        "lot_promotional": "Kredit dari penjual",
        "lot_until": "berlaku sampai {date}",
        "lot_for_good": "tidak hangus",
    },
    "en": {
        "pay_now": "Pay by {name}",
        "pay_hint": "The number appears on this page at once. Pay it by mobile banking, at an ATM, "
        "or from another bank.",
        "preparing": "Asking the bank for a virtual account number …",
        "preparing_hint": "Usually a few seconds. This page changes by itself.",
        "failed": "The bank gave no number. Please try again.",
        "charging": "Your payment is being processed.",
        "charging_hint": "No need to pay again. This page changes by itself once the bank answers.",
        "card_ending": "card •••• {end}",
        "cvv": "Security code (CVV)",
        "cvv_hint": "It goes straight to Midtrans and is not kept. Your bank asks you to confirm "
        "afterwards.",
        "cvv_refused": "The code was not taken, or Midtrans does not answer. Please try again.",
        "authorized": "This amount is held on your card and has not been charged.",
        "authorized_hint": "The seller charges it later, or lets it go. No need to pay again.",
        "challenge": "Your card payment is being checked.",
        "challenge_hint": "The seller has received nothing yet. No need to pay again; this page "
        "changes by itself.",
        "declined": "The card could not be charged: {why}. You can pay this way instead:",
        "confirm": "Your bank is waiting for you to confirm.",
        "confirm_hint": "The card is charged once you have confirmed the payment.",
        "confirm_button": "Confirm on the bank's page",
        "problem": "That could not be done now. Below is how things stand.",
        "watching": "This page changes by itself once the payment has arrived.",
        "reload": "Reload",
        "simulator": "Pay in the simulator",
        "simulator_hint": "Test environment only: you play the bank.",
        "copy_amount": "Copy amount",
        "show_details": "Show details",
        "ways": "Choose how to pay",
        "other_ways": "Other ways to pay",
        "valid_until": "Valid until",
        "scan": "Scan it with any banking or wallet app.",
        "open_app": "Open {name}",
        "open_page": "Continue to {name}",
        "on_phone": "Confirm the request on the phone {phone}.",
        "at_once": "Confirm within a minute; after that you can ask for it again.",
        "preparing_way": "Preparing {name} …",
        "declined_wallet": "GoPay could not be charged: {why}. You can pay this way instead:",
        "confirm_wallet": "GoPay is waiting for your PIN.",
        "confirm_wallet_hint": "Nothing is taken before you have entered your PIN at GoPay.",
        "confirm_wallet_button": "Continue to GoPay",
        "released": "The amount held on your card was released; nothing was charged. You can pay "
        "this way:",
        "late": "The link to GoPay has expired.",
        "late_hint": "A PIN can be given for 5 minutes only. Nothing was taken. This request ends "
        "by itself ({until}); then you can pay again on this page, with GoPay or another way.",
        "late_soon": "in a few minutes",
        "turns": "Charged automatically in this order",
        "turn_next": "next",
        "turns_hint": "If one can not be charged, the one after it is tried. The amount stays the "
        "same.",
        "gopay_link": "Link GoPay for the bills to come",
        "gopay_phone": "Phone number of your GoPay account",
        "gopay_button": "Link GoPay",
        "gopay_waits": "GoPay is waiting for you to agree.",
        "gopay_waits_hint": "Agree in GoPay within a few minutes; it brings you back to this page.",
        "gopay_agree": "Open GoPay",
        "balance": "Your balance",
        "balance_hint": "Used for the bills to come by itself, in this order.",
        "lot_money": "Your money",
        "lot_promotional": "Credit from the seller",
        "lot_until": "until {date}",
        "lot_for_good": "does not expire",
    },
}

# What a page says when it has nothing to show, both languages on one page: whose it is unknown.
MESSAGES: Mapping[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "link_expired": (
        (
            "Tautan ini sudah kedaluwarsa",
            (
                "Demi keamanan, tautan tagihan berlaku terbatas. Mintalah tautan baru kepada "
                "penjual: balas saja e-mail tagihan yang Anda terima."
            ),
        ),
        (
            "This link has expired",
            (
                "To keep your data safe, links to invoices stop working after a while. Ask the "
                "seller for a new one: simply reply to the e-mail that brought you here."
            ),
        ),
    ),
    "link_invalid": (
        (
            "Tautan ini tidak dapat dibuka",
            (
                "Mungkin tautannya terpotong saat disalin. Buka kembali dari e-mail tagihan Anda, "
                "atau minta tautan baru kepada penjual."
            ),
        ),
        (
            "This link does not open",
            (
                "Part of it may be missing. Open it again from the e-mail with your invoice, or "
                "ask the seller for a new one."
            ),
        ),
    ),
    "not_found": (
        (
            "Halaman ini tidak ada",
            "Periksa kembali alamatnya, atau buka tautan dari e-mail tagihan Anda.",
        ),
        (
            "There is no such page",
            "Check the address, or open the link in the e-mail with your invoice.",
        ),
    ),
    "foreign_form": (
        (
            "Formulir ini tidak dapat diterima",
            "Muat ulang halaman, lalu kirim formulirnya sekali lagi.",
        ),
        (
            "This form can not be accepted",
            "Reload the page, then send the form once more.",
        ),
    ),
    "too_many_tries": (
        (
            "Sudah terlalu banyak percobaan",
            (
                "Demi keamanan, percobaan dalam sehari dibatasi. Tidak ada yang ditagih. Coba lagi "
                "besok, atau balas e-mail tagihan Anda agar penjual dapat membantu."
            ),
        ),
        (
            "Too many tries",
            (
                "To keep everybody safe, tries are limited in a day. Nothing was charged. Please "
                "try again tomorrow, or reply to the e-mail with your invoice for help."
            ),
        ),
    ),
    "no_right": (
        (
            "Anda tidak dapat melakukan ini",
            "Peran Anda hanya boleh melihat. Minta bantuan pemilik atau bagian penagihan.",
        ),
        (
            "You can not do this",
            "Your role may only look. Ask an owner or somebody in billing.",
        ),
    ),
    "unavailable": (
        (
            "Sebentar, ya",
            "Layanan sedang tidak dapat dijangkau. Tidak ada yang hilang; coba lagi sebentar lagi.",
        ),
        (
            "Just a moment",
            "The service can not be reached right now. Nothing is lost; please try again shortly.",
        ),
    ),
}
