"""Words of matters that are about the house itself and not about one payment."""

from __future__ import annotations

from typing import Final

DOCTOR: Final = (
    ("Pemeriksaan malam menemukan kesalahan", "The nightly examination found something"),
    (
        (
            "Satu aturan uang atau lebih tidak terpenuhi; rinciannya menyebut baris mana. Jangan "
            "ubah basis data dengan tangan: jalankan `tagihan doctor` dan teruskan ke yang merawat "
            "sistem ini. Tutup bila sudah jelas; selama masih ada, besok dibuka lagi."
        ),
        (
            "One or more money rules do not hold; the details name the rows. Do not change the "
            "database by hand: run `tagihan doctor` and pass it on to whoever looks after this "
            "system. Close it once it is clear; while it lasts it is opened again tomorrow."
        ),
    ),
)

MOVE: Final = (
    ("Pemindahan harga tersandung", "A move to another price tripped"),
    (
        "Baca kode di bawah; pemindahan dicoba lagi dengan sendirinya, atau batalkan.",
        "Read the code below; the move is tried again by itself, or undo it.",
    ),
)
