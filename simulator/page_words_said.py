"""What bank, wallet and gateway say, in the words of the pages: refusals, reasons, history."""

from __future__ import annotations

import re

# Sentence of the API, whole (a pattern) -> Indonesian, English. Groups may be used in both.
_REFUSALS: tuple[tuple[str, str, str], ...] = (
    # What a person types.
    (
        r"card_number .*",
        "Periksa nomor kartu: ada yang salah ketik.",
        "Check the card number: a digit is wrong.",
    ),
    (r"card_exp_year must be .*", "Kartu ini sudah kedaluwarsa.", "This card has expired."),
    (
        r"card_exp_(?:month|year) .*",
        "Periksa masa berlaku kartu: bulan dua angka, tahun empat angka.",
        "Check the expiry date: two digits for the month, four for the year.",
    ),
    (
        r"card_cvv .*",
        "Periksa CVV: tiga angka di balik kartu (empat pada Amex).",
        "Check the CVV: three digits on the back (four on Amex).",
    ),
    (
        r"gopay_partner\.phone_number .*",
        "Periksa nomor HP: 9 sampai 12 angka, tanpa 0 di depan.",
        "Check the phone number: 9 to 12 digits, without the leading 0.",
    ),
    (
        r"gopay_partner\..*",
        "Akun GoPay tidak dapat dihubungkan dari halaman ini.",
        "GoPay cannot be linked from this page.",
    ),
    (
        r"The amount must be between (\d+) and (\d+)",
        "Jumlahnya antara {0} dan {1}.",
        "The amount is between {0} and {1}.",
    ),
    # What this order or this merchant does not allow.
    (
        r"credit_card\.installment_term is required",
        "Pesanan ini hanya dapat dibayar dengan cicilan.",
        "This order is paid in installments only.",
    ),
    (
        r".* is not offered for this order",
        "Cara bayar ini tidak tersedia untuk pesanan ini.",
        "This order cannot be paid this way.",
    ),
    (
        r"Payment channel is not activated\.",
        "Penjual belum mengaktifkan cara bayar ini.",
        "The merchant has not activated this way to pay.",
    ),
    (
        r"This card is not permitted.*",
        "Kartu ini tidak diterima untuk pesanan ini. Coba kartu lain.",
        "This order does not take this card. Try another one.",
    ),
    (
        r"credit_card\.point_redeem_amount .*",
        "Poin kartu ini tidak cukup.",
        "This card does not have that many points.",
    ),
    (
        r"credit_card\..*",
        "Pembayaran kartu pesanan ini tidak diatur dengan benar oleh penjual.",
        "The merchant set up card payments of this order wrongly.",
    ),
    (r"GoPay has to be linked first", "Hubungkan GoPay dulu.", "Link GoPay first."),
    (
        r"gopay\.tokenization .*",
        "Penjual tidak mengizinkan GoPay dihubungkan di sini.",
        "The merchant does not let GoPay be linked here.",
    ),
    (
        r"The request could not be completed due to a conflict.*",
        "Pesanan ini sudah dibayar atau sedang menunggu pembayaran.",
        "This order is paid already, or waits to be paid.",
    ),
    (
        r"This payment link is over",
        "Tautan pembayaran ini sudah berakhir.",
        "This payment link is over.",
    ),
    (
        r"Unable to create va_number.*",
        "Nomor virtual account belum dapat dibuat. Coba lagi.",
        "No account number could be made just now. Try again.",
    ),
    (
        r"(?:bank_transfer|echannel|cstore|qris|shopeepay|dana|item_details|customer_details|custom_expiry|seller_details)\b.*",
        "Data pesanan dari penjual tidak cocok untuk cara bayar ini: {all}",
        "What the merchant told does not fit this way to pay: {all}",
    ),
    # What the card or wallet says.
    (
        r"Credit card token .*|Token id is no longer valid",
        "Data kartu ini sudah tidak berlaku. Masukkan kartunya lagi.",
        "This card's data is no longer valid. Enter the card again.",
    ),
    (r"The GoPay user is blocked", "Akun GoPay ini diblokir.", "This GoPay account is blocked."),
    (
        r"Account doesn't exist\.",
        "Akun GoPay ini tidak dikenal lagi.",
        "This GoPay account is not known any more.",
    ),
    (
        r"Denied by fraud detection system",
        "Pembayaran ditolak demi keamanan.",
        "The payment was refused for security.",
    ),
    (r"Deny by Bank .*", "Bank penerbit kartu menolak.", "The card's bank said no."),
)

_REASONS: dict[str, tuple[str, str]] = {
    "Approved": ("Disetujui", "Approved"),
    "Refer to card issuer": ("Hubungi bank penerbit kartu", "Ask the card's bank"),
    "Refer to card issuer, special condition": (
        "Hubungi bank penerbit kartu",
        "Ask the card's bank",
    ),
    "Invalid merchant": ("Penjual tidak dikenal bank", "The bank does not know the merchant"),
    "Pick up card": ("Kartu ditarik oleh bank", "The bank has withdrawn the card"),
    "Do not honour": ("Bank tidak menyetujui", "The bank does not approve"),
    "Invalid transaction": ("Transaksi tidak sah", "Not a valid transaction"),
    "Invalid amount": ("Jumlah tidak sah", "Not a valid amount"),
    "Invalid card number": ("Nomor kartu tidak dikenal", "The card number is not known"),
    "No such issuer": ("Bank penerbit tidak dikenal", "No bank has this card"),
    "Re-enter transaction": ("Silakan coba lagi", "Please try again"),
    "Issuer cannot be reached": ("Bank tidak dapat dihubungi", "The bank cannot be reached"),
    "Expired card, pick up": ("Kartu kedaluwarsa dan ditarik", "Expired card, withdrawn"),
    "Suspected fraud, pick up": ("Diduga penipuan", "Suspected fraud"),
    "Lost card": ("Kartu dilaporkan hilang", "The card was reported lost"),
    "Stolen card": ("Kartu dilaporkan dicuri", "The card was reported stolen"),
    "Account closed": ("Rekening sudah ditutup", "The account is closed"),
    "Insufficient funds": ("Dana atau limit tidak cukup", "Not enough money or limit"),
    "Expired card": ("Kartu sudah kedaluwarsa", "The card has expired"),
    "WrongError PIN": ("PIN salah", "Wrong PIN"),
    "Transaction not permitted to cardholder": (
        "Kartu tidak untuk transaksi seperti ini",
        "The card is not for payments like this",
    ),
    "Transaction not permitted to terminal": (
        "Transaksi seperti ini tidak diizinkan",
        "Payments like this are not permitted",
    ),
    "Suspected fraud": ("Diduga penipuan", "Suspected fraud"),
    "Exceeds amount limit": ("Melebihi limit", "Beyond the limit"),
    "Restricted card": ("Kartu dibatasi", "The card is restricted"),
    "Security violation": ("Ditolak demi keamanan", "Refused for security"),
    "Exceeds frequency limit": ("Kartu terlalu sering dipakai", "The card was used too often"),
    "Response received too late": ("Bank terlambat menjawab", "The bank answered too late"),
    "PIN tries exceeded": ("PIN terlalu sering salah", "Too many wrong PINs"),
    "System not available": ("Sistem bank tidak tersedia", "The bank's system is down"),
    "CVV is wrong": ("CVV salah", "Wrong CVV"),
    "Authentication needed": ("Perlu verifikasi (3DS)", "3DS is needed"),
    "Issuer or switch is not available": (
        "Bank sedang tidak tersedia",
        "The bank is not available",
    ),
    "Duplicate transaction": ("Transaksi ganda", "Duplicate payment"),
    "System malfunction": ("Gangguan di sistem bank", "The bank's system has a fault"),
    "Declined": ("Ditolak", "Declined"),
    "Not sufficient funds": ("Dana atau limit tidak cukup", "Not enough money or limit"),
    "Additional customer authentication required": ("Perlu verifikasi (3DS)", "3DS is needed"),
    "Card authentication failed": ("Verifikasi 3DS gagal", "3DS failed"),
    "Cardholder stopped this recurring payment": (
        "Pemegang kartu menghentikan pembayaran berkala ini",
        "The cardholder stopped this recurring payment",
    ),
    "Cardholder stopped all recurring payments": (
        "Pemegang kartu menghentikan semua pembayaran berkala",
        "The cardholder stopped all recurring payments",
    ),
    "Cardholder stopped all recurring payments of this merchant": (
        "Pemegang kartu menghentikan semua pembayaran berkala penjual ini",
        "The cardholder stopped all recurring payments of this merchant",
    ),
    "Unauthorized": ("Akun belum terhubung", "The account is not linked"),
    "Wallet is Blocked": ("Akun GoPay ini diblokir", "This GoPay account is blocked"),
    "User Not Found": ("Nomor ini tidak terdaftar di GoPay", "GoPay does not know this number"),
    "Payment method is disabled": ("Sumber dana ini tidak aktif", "This source is not active"),
    "Payment option token is invalid": (
        "Token sumber dana sudah berubah",
        "The token of this source has changed",
    ),
    "Insufficient Balance": ("Saldo tidak cukup", "The balance is too low"),
    "Excessive Balance": ("Saldo melebihi batas", "The balance is beyond its limit"),
    "Monthly limit is exceeded": ("Batas bulanan terlampaui", "The monthly limit is exceeded"),
    "Balance is too low for this reservation": (
        "Saldo tidak cukup untuk ditahan",
        "The balance is too low to be held",
    ),
    "Generic service error": ("Gangguan di GoPay", "GoPay has a fault"),
    "Phone number is not registered": ("Nomor HP tidak terdaftar", "The phone is not registered"),
    "Transaction was cancelled by the customer": (
        "Dibatalkan oleh pembeli",
        "Cancelled by the customer",
    ),
    "Push to payment failed": ("Notifikasi tidak sampai ke ponsel", "The phone was not reached"),
    "Payment failed": ("Pembayaran gagal", "The payment failed"),
    "Transaction timed out": ("Waktu habis", "The time was over"),
    "The provider could not do it": ("Penyedia tidak dapat melakukannya", "The provider failed"),
}

_HISTORY: tuple[tuple[str, str, str], ...] = (
    (r"created by the merchant", "dibuat penjual", ""),
    (r"waits for the cardholder \(3DS\)", "menunggu pemegang kartu (3DS)", ""),
    (r"the bank said yes", "disetujui bank", ""),
    (r"the bank takes its time", "bank belum menjawab", ""),
    (r"the bank said no: (.+)", "ditolak bank: {0}", ""),
    (r"the cardholder failed or refused 3DS: (.+)", "3DS gagal atau ditolak: {0}", ""),
    (r"the fraud system said no", "ditolak sistem keamanan", ""),
    (r"paid by the customer|paid on the simulator's page", "dibayar pembeli", ""),
    (r"confirmed by the payer", "dikonfirmasi pembeli", ""),
    (r"confirmed on the phone", "dikonfirmasi di ponsel", ""),
    (r"the phone's answer: (.+)", "jawaban dari ponsel: {0}", ""),
    (r"paid from the linked account", "dibayar dari akun yang terhubung", ""),
    (r"GoPay said no: (.+)", "ditolak GoPay: {0}", ""),
    (r"refused by the customer", "ditolak pembeli", ""),
    (r"the provider did not answer", "penyedia tidak menjawab", ""),
    (r"settled by hand|settled by the acquirer", "dana diselesaikan", ""),
    (r"captured by the merchant", "diambil penjual", ""),
    (r"canceled by the merchant", "dibatalkan penjual", ""),
    (r"expired by the merchant", "diakhiri penjual", ""),
    (r"denied by the merchant", "ditolak penjual", ""),
    (r"the customer chose another way to pay", "pembeli memilih cara bayar lain", ""),
    (r"its invoice was voided", "tagihannya dibatalkan", ""),
    (r"nobody paid in time", "tidak dibayar tepat waktu", ""),
    (r"the hold was never captured", "dana yang ditahan tidak pernah diambil", ""),
    (r"nobody answered the challenge", "penjual tidak memeriksanya tepat waktu", ""),
    (r"reversed by the provider", "ditarik kembali oleh penyedia", ""),
    (r"refund (\S+) of (\d+)", "pengembalian {0}: {1}", "refund {0}: {1}"),
    (r"charged back (\d+)", "chargeback {0}", ""),
    (r"charged: (\S+)", "ditagih: {0}", ""),
    (r"the last interval was paid", "periode terakhir sudah dibayar", ""),
    (r"no try was left", "semua percobaan sudah dipakai", ""),
    (r"enabled by the merchant", "diaktifkan penjual", ""),
    (r"disabled by the merchant", "dinonaktifkan penjual", ""),
    (r"changed by the merchant", "diubah penjual", ""),
    (r"revived by the merchant with a new date", "dihidupkan lagi penjual dengan tanggal baru", ""),
)
_ANSWERS: dict[str, tuple[str, str]] = {
    "timeout": ("tidak dijawab dalam 15 detik", "no answer within 15 seconds"),
    "refused": ("tidak tersambung", "nobody listens there"),
    "dropped": ("sambungan diputus", "the line was cut"),
    "bad_url": ("alamat tidak sah", "not an address"),
}
_WITH_CODE = re.compile(r"([0-9A-Z]{1,4}) (.+)")


def spoken(sentence: str, language: str) -> str:
    """A refusal or reason as a person should read it; what has no words here stays as it is."""
    place = 0 if language == "id" else 1
    if sentence in _REASONS:
        return _REASONS[sentence][place]
    found = _from_table(_REFUSALS, sentence, place)
    if found is not None:
        return found
    coded = _WITH_CODE.fullmatch(sentence)
    if coded is not None and (inner := spoken(coded[2], language)) != coded[2]:
        return f"{inner} ({coded[1]})"
    return sentence


def history(note: str, language: str) -> str:
    """What happened to a transaction or a schedule."""
    found = _from_table(_HISTORY, note, 0 if language == "id" else 1)
    return spoken(note, language) if found is None else found


def answered(answer: str, language: str) -> str:
    """What became of a message: the merchant's HTTP code, or why there is none."""
    return _ANSWERS.get(answer, (answer, answer))[0 if language == "id" else 1]


def _from_table(table: tuple[tuple[str, str, str], ...], sentence: str, place: int) -> str | None:
    for pattern, *words in table:
        found = re.fullmatch(pattern, sentence, re.DOTALL)
        if found is not None:
            # Without words of its own the English page shows the sentence itself.
            groups = [_amount(text or "", place) for text in found.groups()]
            return words[place].format(*groups, all=sentence) if words[place] else sentence
    return None


def _amount(text: str, place: int) -> str:
    """A long run of digits is an amount."""
    if not (text.isascii() and text.isdigit() and len(text) > 3):
        return text
    return "Rp" + (f"{int(text):,}".replace(",", ".") if place == 0 else f"{int(text):,}")
