"""Why a payment did not go through, in words a customer understands; never the bank's code."""

from __future__ import annotations

from typing import Final

# reason: (Indonesian, English)
REASONS: Final[dict[str, tuple[str, str]]] = {
    "insufficient_funds": (
        "Saldo atau limit tidak mencukupi.",
        "There were not enough funds.",
    ),
    "limit": (
        "Batas transaksi terlampaui.",
        "A transaction limit was exceeded.",
    ),
    "contact_bank": (
        "Bank penerbit meminta Anda menghubungi mereka.",
        "Your bank asks you to contact them.",
    ),
    "declined_contact_bank": (
        "Pembayaran ditolak. Silakan hubungi bank penerbit kartu Anda.",
        "The payment was declined. Please contact your bank.",
    ),
    "not_honoured": (
        "Bank penerbit menolak pembayaran tanpa menyebutkan alasan.",
        "Your bank declined the payment without giving a reason.",
    ),
    "card_problem": (
        "Bank penerbit tidak dapat memproses kartu saat ini.",
        "Your bank could not process the card at this time.",
    ),
    "card_blocked": (
        "Kartu diblokir. Silakan gunakan kartu atau cara bayar lain.",
        "The card is blocked. Please use another card or way to pay.",
    ),
    "card_closed": (
        "Rekening kartu telah ditutup. Silakan gunakan kartu lain.",
        "The card account is closed. Please use another card.",
    ),
    "card_invalid": (
        "Kartu tidak dikenal. Silakan gunakan kartu lain.",
        "The card is not recognised. Please use another card.",
    ),
    "card_expired": (
        "Masa berlaku kartu telah habis. Silakan simpan kartu yang baru.",
        "The card has expired. Please save your new card.",
    ),
    "not_permitted": (
        "Kartu ini tidak dapat dipakai untuk pembayaran ini.",
        "This card cannot be used for this payment.",
    ),
    "card_not_allowed": (
        "Kartu ini tidak termasuk kartu yang dapat dipakai di sini. Silakan gunakan kartu lain.",
        "This card is not one of those that can be used here. Please use another card.",
    ),
    "security": (
        "Pembayaran ditolak demi keamanan. Silakan gunakan cara bayar lain.",
        "The payment was refused for security reasons. Please use another way to pay.",
    ),
    "stopped_by_holder": (
        "Anda meminta bank menghentikan penagihan otomatis kartu ini.",
        "You asked your bank to stop automatic charges to this card.",
    ),
    "pin": (
        "PIN salah atau terlalu sering dicoba.",
        "The PIN was wrong or tried too often.",
    ),
    "first_use": (
        "Kartu belum diaktifkan.",
        "The card has not been activated yet.",
    ),
    "cvv": (
        "Kode keamanan (CVV) tidak cocok.",
        "The security code (CVV) did not match.",
    ),
    "authentication": (
        "Verifikasi oleh bank belum berhasil. Silakan bayar melalui tautan.",
        "The bank's verification did not succeed. Please pay through the link.",
    ),
    "bank_down": (
        "Bank atau penyedia pembayaran sedang mengalami gangguan.",
        "The bank or payment provider had a disruption.",
    ),
    "not_understood": (
        "Bank tidak dapat membaca permintaan pembayaran.",
        "The bank could not read the payment request.",
    ),
    "duplicate": (
        "Pembayaran ini sedang diperiksa.",
        "This payment is being checked.",
    ),
    "in_progress": (
        "Pembayaran lain sedang diproses.",
        "Another payment is in progress.",
    ),
    "merchant_setup": (
        "Terjadi kesalahan di pihak kami. Kami sedang memperbaikinya.",
        "Something is wrong on our side. We are looking into it.",
    ),
    "wallet_blocked": (
        "Dompet digital diblokir atau tidak ditemukan. Silakan gunakan cara bayar lain.",
        "The wallet is blocked or cannot be found. Please use another way to pay.",
    ),
    "wallet_unlinked": (
        "Akun dompet digital tidak terhubung lagi. Silakan hubungkan kembali.",
        "The wallet is not linked any more. Please link it again.",
    ),
    "wallet_kyc": (
        "Akun dompet digital belum diverifikasi.",
        "The wallet account has not been verified.",
    ),
    "wallet_option_off": (
        "Sumber dana di dompet digital dinonaktifkan. Silakan hubungkan kembali.",
        "The wallet's source of funds is switched off. Please link it again.",
    ),
    "wallet_card": (
        "Kartu di dompet digital tidak ada atau kedaluwarsa.",
        "The card in the wallet is missing or has expired.",
    ),
    "wallet_token_stale": (
        "Sambungan ke dompet digital perlu diperbarui.",
        "The link to the wallet has to be refreshed.",
    ),
    "wallet_refused": (
        "Dompet digital menolak pembayaran.",
        "The wallet refused the payment.",
    ),
    "wallet_not_registered": (
        "Nomor ponsel tidak terdaftar di dompet digital.",
        "The phone number is not registered with the wallet.",
    ),
    "customer_cancelled": (
        "Pembayaran dibatalkan di aplikasi.",
        "The payment was cancelled in the app.",
    ),
    "no_card": (
        "Belum ada kartu atau dompet yang dapat ditagih. Silakan bayar dengan cara lain.",
        "There is no card or wallet that can be charged. Please pay in another way.",
    ),
    "no_mandate": (
        "Belum ada persetujuan untuk menagih Anda secara otomatis. Silakan bayar langsung.",
        "There is no consent to charge you automatically. Please pay directly.",
    ),
    "token_gone": (
        "Kartu tersimpan tidak berlaku lagi. Silakan simpan kartu kembali.",
        "The saved card is no longer valid. Please save a card again.",
    ),
    "expired": (
        "Waktu pembayaran telah habis.",
        "The time to pay has run out.",
    ),
    "denied": (
        "Pembayaran ditolak.",
        "The payment was declined.",
    ),
    "refund_refused": (
        "Pengembalian dana belum dapat dilakukan.",
        "The refund could not be made yet.",
    ),
    "unknown": (
        "Pembayaran ditolak oleh bank atau penyedia pembayaran.",
        "The payment was declined by the bank or payment provider.",
    ),
}
