"""The words of the pages, Indonesian first; amounts and instants as people write them here."""

from __future__ import annotations

from datetime import datetime

from simulator.clock import WIB
from simulator.page_words_checkout import CHECKOUT

LANGUAGES = ("id", "en")

_WORDS: dict[str, tuple[str, str]] = {
    "title": ("Simulator Midtrans", "Midtrans simulator"),
    "not_real": (
        "Simulator: tidak ada uang sungguhan yang berpindah.",
        "Simulator: no real money moves here.",
    ),
    "clock": ("Jam simulator", "Simulator's clock"),
    "clock_real": ("waktu nyata", "real time"),
    "clock_fixed": ("diam", "standing still"),
    "clock_running": ("berjalan", "running"),
    "accounts": ("Akun", "Accounts"),
    "open": ("Menunggu pembayaran", "Waiting for payment"),
    "nothing_open": ("Belum ada tagihan yang menunggu dibayar.", "Nothing waits to be paid."),
    "recent": ("Terakhir", "Latest"),
    "nothing_yet": ("Belum ada transaksi.", "No transactions yet."),
    "pay": ("Bayar", "Pay"),
    "pay_by": ("Bayar sebelum", "Pay before"),
    "order": ("Nomor pesanan", "Order id"),
    "merchant": ("Penjual", "Merchant"),
    "payer": ("Pembeli", "Customer"),
    "number": ("Nomor virtual account", "Virtual account number"),
    "bill_key": ("Kode bayar", "Bill key"),
    "biller_code": ("Kode perusahaan", "Biller code"),
    "payment_code": ("Kode pembayaran", "Payment code"),
    "card": ("Kartu", "Card"),
    "history": ("Riwayat", "History"),
    "notifications": ("Notifikasi ke penjual", "Notifications to the merchant"),
    "no_notifications": ("Belum ada notifikasi.", "No notifications yet."),
    "answered": ("penjual menjawab", "the merchant answered"),
    "message_body": ("Isi notifikasi", "What was sent"),
    "one_hour": ("1 jam", "1 hour"),
    "one_day": ("1 hari", "1 day"),
    "one_week": ("1 minggu", "1 week"),
    "let_run": ("Jalankan", "Let it run"),
    "stand_still": ("Hentikan", "Stop"),
    "seek": ("Nomor VA, kode bayar, atau pesanan", "Account number, code or order id"),
    "find": ("Cari", "Find"),
    "not_found": ("Tidak ditemukan.", "Nothing like that was found."),
    "and_further": ("dan lainnya:", "and more:"),
    "next_try": ("dicoba lagi", "next try"),
    "resend": ("Kirim ulang notifikasi", "Send the notification again"),
    "to_3ds": ("Lanjut ke verifikasi 3DS", "Go on to 3DS"),
    "back": ("Kembali", "Back"),
    "to_merchant": ("Kembali ke penjual", "Back to the merchant"),
    "otp_title": ("Verifikasi pembayaran", "Confirm your payment"),
    "otp_hint": (
        "Masukkan kode OTP. Di simulator kodenya selalu 112233.",
        "Enter the one-time code. In the simulator it is always 112233.",
    ),
    "otp": ("Kode OTP", "One-time code"),
    "otp_wrong": ("Kode OTP salah. Coba lagi.", "That code is wrong. Try again."),
    "no_otp": (
        "Bank tidak meminta kode untuk kartu ini.",
        "The bank asks for no code with this card.",
    ),
    "confirm": ("Konfirmasi", "Confirm"),
    "refuse": ("Tolak pembayaran", "Refuse the payment"),
    "done_ok": ("Pembayaran berhasil", "Payment succeeded"),
    "done_hold": ("Dana berhasil ditahan", "The amount is held"),
    "done_bad": ("Pembayaran ditolak", "Payment was declined"),
    "done_over": ("Halaman ini sudah tidak berlaku", "This page is no longer valid"),
    "may_close": ("Anda boleh menutup halaman ini.", "You may close this page."),
    "missing": ("Halaman tidak ditemukan", "Page not found"),
    "card_title": ("Token kartu uji", "Test card token"),
    "card_number": ("Nomor kartu", "Card number"),
    "expiry": ("Berlaku sampai (bulan, tahun)", "Valid until (month, year)"),
    "make_token": ("Buat token", "Make a token"),
    "not_payable": ("Tidak dapat dibayar di sini.", "Cannot be paid here."),
    "pending": ("Menunggu", "Pending"),
    "settlement": ("Lunas", "Settled"),
    "capture": ("Berhasil", "Captured"),
    "authorize": ("Ditahan", "Authorized"),
    "deny": ("Ditolak", "Denied"),
    "expire": ("Kedaluwarsa", "Expired"),
    "cancel": ("Dibatalkan", "Canceled"),
    "refund": ("Dikembalikan", "Refunded"),
    "partial_refund": ("Dikembalikan sebagian", "Partly refunded"),
    "chargeback": ("Chargeback", "Chargeback"),
    "partial_chargeback": ("Chargeback sebagian", "Partial chargeback"),
    "delivered": ("diterima", "delivered"),
    "queued": ("dikirim", "on its way"),
    "waiting": ("akan dicoba lagi", "will be retried"),
    "failed": ("gagal", "failed"),
    "lost": ("hilang", "lost"),
    "credit_card": ("Kartu kredit", "Credit card"),
    "bank_transfer": ("Virtual account", "Virtual account"),
    "echannel": ("Mandiri Bill", "Mandiri Bill"),
    "gopay": ("GoPay", "GoPay"),
    "qris": ("QRIS", "QRIS"),
    "cstore": ("Gerai", "Store"),
    "failure": ("Gagal", "Failed"),
    "shopeepay": ("ShopeePay", "ShopeePay"),
    "dana": ("DANA", "DANA"),
    "ovo": ("OVO", "OVO"),
    "akulaku": ("Akulaku", "Akulaku"),
    "kredivo": ("Kredivo", "Kredivo"),
    "phone": ("Nomor HP", "Phone"),
    "reason": ("Alasan", "Reason"),
    "balance": ("Saldo", "Balance"),
    "pin": ("PIN", "PIN"),
    "pin_hint": (
        "Di simulator PIN-nya selalu 112233.",
        "In the simulator the PIN is always 112233.",
    ),
    "pin_wrong": ("PIN salah. Coba lagi.", "That PIN is wrong. Try again."),
    "too_late": ("Waktu konfirmasi sudah habis.", "The time to confirm is over."),
    "app_pin": ("Konfirmasi pembayaran", "Confirm your payment"),
    "app_push": ("Permintaan pembayaran", "Payment request"),
    "app_login": ("Bayar pesanan ini?", "Pay for this order?"),
    "app_qr": ("Pindai QRIS", "Scan the QRIS"),
    "app_done_good": ("Pembayaran berhasil", "Payment succeeded"),
    "app_done_bad": ("Pembayaran tidak terjadi", "No payment was made"),
    "hint_push": (
        "Notifikasi ini muncul di ponsel pembeli selama 55 detik.",
        "This shows on the customer's phone for 55 seconds.",
    ),
    "hint_login": (
        "Di simulator Anda sudah masuk sebagai pembeli.",
        "In the simulator you are signed in as the customer.",
    ),
    "issuer": ("Bayar dengan aplikasi", "Pay with this app"),
    "issuer_gopay": ("GoPay", "GoPay"),
    "issuer_dana": ("DANA", "DANA"),
    "issuer_ovo": ("OVO", "OVO"),
    "issuer_shopeepay": ("ShopeePay", "ShopeePay"),
    "issuer_linkaja": ("LinkAja", "LinkAja"),
    "issuer_bca": ("BCA", "BCA"),
    "issuer_bni": ("BNI", "BNI"),
    "issuer_bri": ("BRI", "BRI"),
    "issuer_mandiri": ("Mandiri", "Mandiri"),
    "open_app": ("Buka aplikasi", "Open the app"),
    "scan_here": ("Pindai di simulator", "Scan in the simulator"),
    "scan": ("Pindai kode QR", "Scan a QR code"),
    "qr_text": ("Isi kode QR", "Text of the QR code"),
    "qr_unknown": (
        "Kode ini tidak dikenal atau sudah tidak berlaku.",
        "This code is unknown or no longer valid.",
    ),
    "link": ("Hubungkan akun", "Link the account"),
    "unlink": ("Putuskan akun", "Unlink the account"),
    "link_by": ("Konfirmasi sebelum", "Confirm before"),
    "link_otp_hint": (
        "Di simulator kode OTP-nya selalu 987654.",
        "In the simulator the one-time code is always 987654.",
    ),
    "link_PENDING": ("Hubungkan GoPay", "Link GoPay"),
    "link_ENABLED": ("GoPay terhubung", "GoPay is linked"),
    "link_DISABLED": ("GoPay diputuskan", "GoPay was unlinked"),
    "link_EXPIRED": ("Waktu menghubungkan habis", "The time to link is over"),
    "ENABLED": ("Terhubung", "Linked"),
    "DISABLED": ("Diputuskan", "Unlinked"),
    "EXPIRED": ("Kedaluwarsa", "Expired"),
}
_MONTHS = {
    "id": ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des"),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}


def word(key: str, language: str) -> str:
    """One word or sentence; an unknown key is shown as it is."""
    pair = _WORDS.get(key) or CHECKOUT.get(key) or (key, key)
    return pair[LANGUAGES.index(language)]


def rupiah(amount: int, language: str) -> str:
    """109890 is "Rp109.890", in English "Rp109,890"."""
    text = f"Rp{amount:,}"
    return text.replace(",", ".") if language == "id" else text


def moment(instant: datetime | None, language: str) -> str:
    """Such as "5 Jan 2026 10.00 WIB"."""
    if instant is None:
        return ""
    local = instant.astimezone(WIB)
    dot = "." if language == "id" else ":"
    month = _MONTHS[language][local.month - 1]
    return f"{local.day} {month} {local.year} {local.hour:02}{dot}{local.minute:02} WIB"


def grouped(number: str) -> str:
    """Digits in groups of four, easier to read out."""
    return " ".join(number[place : place + 4] for place in range(0, len(number), 4))
