"""Short steps to pay a virtual account, by bank and channel, in both languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Steps = Sequence[tuple[str, Sequence[str]]]

_MOBILE_BCA: Mapping[str, tuple[str, Sequence[str]]] = {
    "id": (
        "BCA mobile",
        (
            "Pilih m-BCA, lalu m-Transfer, lalu BCA Virtual Account.",
            "Masukkan nomor virtual account di atas.",
            "Periksa nama dan jumlahnya, lalu masukkan PIN m-BCA.",
        ),
    ),
    "en": (
        "BCA mobile",
        (
            "Choose m-BCA, then m-Transfer, then BCA Virtual Account.",
            "Enter the virtual account number above.",
            "Check the name and the amount, then enter your m-BCA PIN.",
        ),
    ),
}

_ATM_BCA: Mapping[str, tuple[str, Sequence[str]]] = {
    "id": (
        "ATM BCA",
        (
            "Pilih Transaksi Lainnya, Transfer, lalu Ke Rek BCA Virtual Account.",
            "Masukkan nomor virtual account, lalu pilih Benar.",
            "Periksa nama dan jumlahnya, lalu pilih Ya.",
        ),
    ),
    "en": (
        "BCA ATM",
        (
            "Choose Transaksi Lainnya, Transfer, then Ke Rek BCA Virtual Account.",
            "Enter the virtual account number and choose Benar.",
            "Check the name and the amount, then choose Ya.",
        ),
    ),
}

_BILL_MANDIRI: Mapping[str, tuple[str, Sequence[str]]] = {
    "id": (
        "Livin' by Mandiri atau ATM Mandiri",
        (
            "Pilih Bayar, lalu Multipayment.",
            "Masukkan kode perusahaan, lalu kode bayar di atas.",
            "Periksa nama dan jumlahnya, lalu masukkan PIN.",
        ),
    ),
    "en": (
        "Livin' by Mandiri or Mandiri ATM",
        (
            "Choose Bayar, then Multipayment.",
            "Enter the company code, then the bill key above.",
            "Check the name and the amount, then enter your PIN.",
        ),
    ),
}

_STORE: Mapping[str, tuple[str, Sequence[str]]] = {
    "id": (
        "Kasir {bank}",
        (
            "Sebutkan ke kasir bahwa Anda membayar tagihan Midtrans.",
            "Tunjukkan kode pembayaran di atas.",
            "Bayar tepat sejumlah tagihan; kasir dapat menambah biaya layanan toko.",
            "Simpan struknya sebagai bukti.",
        ),
    ),
    "en": (
        "At the till of {bank}",
        (
            "Say that you pay a Midtrans bill.",
            "Show the payment code above.",
            "Pay exactly the amount; the shop may add a service fee of its own.",
            "Keep the receipt as proof.",
        ),
    ),
}

_MOBILE_ANY: Mapping[str, tuple[str, Sequence[str]]] = {
    "id": (
        "Aplikasi {bank}",
        (
            "Buka menu pembayaran, lalu pilih Virtual Account.",
            "Masukkan nomor virtual account di atas.",
            "Periksa nama dan jumlahnya, lalu masukkan PIN.",
        ),
    ),
    "en": (
        "{bank} app",
        (
            "Open the payment menu and choose Virtual Account.",
            "Enter the virtual account number above.",
            "Check the name and the amount, then enter your PIN.",
        ),
    ),
}

_OTHER_BANK: Mapping[str, tuple[str, Sequence[str]]] = {
    "id": (
        "Dari bank lain",
        (
            "Pilih transfer antarbank (online) ke bank {bank}.",
            "Gunakan nomor virtual account sebagai nomor rekening tujuan.",
            "Isi jumlah yang persis sama, lalu konfirmasi.",
        ),
    ),
    "en": (
        "From another bank",
        (
            "Choose an online interbank transfer to {bank}.",
            "Use the virtual account number as the account number.",
            "Enter exactly the same amount and confirm.",
        ),
    ),
}


def steps_for(bank: str, bank_name: str, language: str) -> Steps:
    """Return (channel, steps) pairs for a bank's short code; an unknown bank gets general ones."""
    if bank == "bca":
        return (_MOBILE_BCA[language], _ATM_BCA[language])
    if bank == "mandiri":
        return (_BILL_MANDIRI[language],)
    if bank in ("indomaret", "alfamart"):
        title, steps = _STORE[language]
        return ((title.format(bank=bank_name), steps),)
    return tuple(
        (channel.format(bank=bank_name), tuple(step.format(bank=bank_name) for step in steps))
        for channel, steps in (_MOBILE_ANY[language], _OTHER_BANK[language])
    )
