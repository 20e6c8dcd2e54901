"""What a person is asked to look at: each kind in words, what to do, and what may be decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from payments.review_kinds_house import DOCTOR, MOVE

Decision = Literal["done", "paid", "failed", "charged_back", "taken_back", "approve", "deny"]


@dataclass(frozen=True, slots=True)
class ReviewKind:
    """One kind of matter, in Indonesian and English.

    ``recurs``: the same cause may come back; a matter that was closed is then opened again.
    """

    title: Mapping[str, str]
    todo: Mapping[str, str]
    recurs: bool = False


def _kind(title: tuple[str, str], todo: tuple[str, str], *, recurs: bool = False) -> ReviewKind:
    return ReviewKind(
        {"id": title[0], "en": title[1]}, {"id": todo[0], "en": todo[1]}, recurs=recurs
    )


KINDS: Final[Mapping[str, ReviewKind]] = {
    "answer_differs": _kind(
        ("Midtrans menyebut jumlah atau pesanan lain", "Midtrans names another amount or order"),
        (
            (
                "Periksa order ini di dasbor Midtrans. Putuskan: paid bila jumlah pesanan benar "
                "diterima, failed bila tidak ada uang masuk. Bila pembayarannya dibatalkan di "
                "sana: taken_back membuat invoice terutang lagi; bila pelanggan tidak perlu "
                "membayar, minta pengembalian penuh saja, lalu tutup."
            ),
            (
                "Look the order up in Midtrans' dashboard and decide: paid where the amount of the "
                "order was taken, failed where no money came. Where its payment was canceled "
                "there, taken_back makes the invoice due again; if the customer shall not pay, ask "
                "for a full refund instead, then close."
            ),
        ),
    ),
    "canceled_elsewhere": _kind(
        ("Tagihan dibatalkan di Midtrans", "A charge was canceled at Midtrans"),
        (
            (
                "Uangnya sudah dikembalikan di luar buku ini, misalnya setelah cadangan dibuat. "
                "Bila tidak boleh ditagih lagi, void invoicenya dulu; lalu putuskan failed. Tanpa "
                "void, invoice ditagih lagi."
            ),
            (
                "Its money was given back outside these books, say after the backup was made. "
                "Where it must not be charged again, void the invoice first; then decide failed. "
                "Without that the invoice is collected again."
            ),
        ),
    ),
    "order_missing": _kind(
        ("Midtrans tidak lagi menemukan sebuah order", "Midtrans does not find an order any more"),
        (
            (
                "Midtrans pernah mengabarkan order ini dan kini berkata tidak ada. Periksa kunci "
                "dan dasbornya: bila order masih ada, tunggu saja. Bila pasti tidak ada dan tidak "
                "ada uang masuk, putuskan failed; invoicenya lalu ditagih lagi."
            ),
            (
                "Midtrans told of this order and now says that there is none. Check the keys and "
                "the dashboard: where the order is there, just wait. Where there certainly is none "
                "and no money came, decide failed; its invoice is then collected again."
            ),
        ),
        recurs=True,
    ),
    "unknown_order": _kind(
        ("Notifikasi untuk order yang tidak dikenal", "A notification for an unknown order"),
        (
            (
                "Cari order ini di dasbor Midtrans. Bila uangnya milik pelanggan, kembalikan di "
                "sana atau catat; lalu tutup."
            ),
            (
                "Look the order up in Midtrans' dashboard. Where it is a customer's money, "
                "refund it there or record it; then close."
            ),
        ),
        recurs=True,
    ),
    "pulled_too_much": _kind(
        ("Ditagih lebih dari yang terutang", "More was charged than was due"),
        (
            (
                "Tagihan yang disebut gagal ternyata berhasil, setelah cara bayar lain ditagih. "
                "Lebihnya ada di saldo pelanggan: kembalikan pembayaran ini, lalu tutup."
            ),
            (
                "A charge that had been called failed was taken after all, beside another. What is "
                "too much is in the customer's balance: refund this payment, then close."
            ),
        ),
    ),
    "fraud_challenge": _kind(
        ("Midtrans meragukan sebuah pembayaran kartu", "Midtrans questions a card payment"),
        (
            (
                "Sistem antipenipuan menahan pembayaran ini: belum lunas, belum gagal. Periksa "
                "pelanggannya. Setujui agar uangnya diterima, atau tolak agar uangnya kembali ke "
                "pemegang kartu dan kartu itu tidak ditagih lagi untuk invoice ini. Bila "
                "dibiarkan, Midtrans membatalkannya saat penyelesaian (besok pukul 16.00 WIB)."
            ),
            (
                "The fraud system stopped this payment: neither paid nor failed. Look at the "
                "customer. Approve, and the money is taken; deny, and it goes back to the card "
                "holder and that card is not charged again for this invoice. Left alone, Midtrans "
                "cancels it at settlement (the next day at 16:00 WIB)."
            ),
        ),
        recurs=True,
    ),
    "hold_ended": _kind(
        ("Dana kartu yang ditahan sudah lepas", "A card's hold is over, not captured"),
        (
            (
                "Dana yang ditahan tidak ditagih pada waktunya dan sudah kembali ke pemegang "
                "kartu; invoice masih terutang. Minta pelanggan membayar lagi, atau batalkan "
                "invoice, lalu tutup."
            ),
            (
                "What the card held was not captured in time and is the holder's again; the "
                "invoice is still owed. Ask the customer to pay anew, or void the invoice, then "
                "close."
            ),
        ),
    ),
    "check_charged": _kind(
        ("Cek kartu telanjur ditagih", "The check of a card took money"),
        (
            "Kembalikan jumlah cek ini di dasbor Midtrans, lalu tutup.",
            "Refund the amount of the check in Midtrans' dashboard, then close.",
        ),
    ),
    "hold_left": _kind(
        ("Dana kartu masih ditahan", "Money on a card is still held"),
        (
            "Ketahuan setelah ordernya dianggap gagal. Batalkan di dasbor Midtrans, lalu tutup.",
            "It came to light once its order was given up. Cancel it in the dashboard, then close.",
        ),
    ),
    "gateway_refuses": _kind(
        ("Midtrans menolak kunci merchant", "Midtrans refuses the merchant's keys"),
        (
            "Periksa server key dan status akun di Midtrans, perbaiki kunci, lalu tutup.",
            "Check the server key and the account's state at Midtrans, mend the keys, then close.",
        ),
        recurs=True,
    ),
    "keys_unproven": _kind(
        ("Kunci Midtrans belum terbukti", "The Midtrans keys are not proven"),
        (
            (
                "Midtrans tidak menjawab ketika kunci dimasukkan. Masukkan server key sekali lagi "
                "(`tagihan merchant set`), lalu tutup."
            ),
            (
                "Midtrans did not answer when the keys were entered. Enter the server key once "
                "more (`tagihan merchant set`), then close."
            ),
        ),
        recurs=True,
    ),
    "gateway_setup": _kind(
        ("Akun Midtrans belum siap untuk penagihan ini", "The Midtrans account refuses this kind"),
        (
            "Tanyakan kode ini ke Midtrans; penagihan dicoba lagi sekali sehari.",
            "Ask Midtrans about the code; the charge is tried again once a day.",
        ),
        recurs=True,
    ),
    "instrument_refused": _kind(
        ("Nomor virtual account tidak diberikan", "No virtual account number is given"),
        (
            "Pastikan BCA VA aktif di akun Midtrans; nomor diminta lagi sekali sehari.",
            "See that BCA VA is active in the Midtrans account; it is asked for again once a day.",
        ),
        recurs=True,
    ),
    "secret_unreadable": _kind(
        ("Token kartu tidak dapat dibuka", "A card's token can not be opened"),
        (
            "Pulihkan TAGIHAN_MASTER_KEY yang lama, atau minta pelanggan menyimpan kartu lagi.",
            "Restore the former TAGIHAN_MASTER_KEY, or ask the customer to save the card again.",
        ),
        recurs=True,
    ),
    "renewal_failed": _kind(
        ("Langganan tidak dapat diperpanjang", "A subscription can not be renewed"),
        (
            "Baca kode di bawah, perbaiki datanya; perpanjangan dicoba lagi dengan sendirinya.",
            "Read the code below and mend the data; the renewal is tried again by itself.",
        ),
        recurs=True,
    ),
    "case_failed": _kind(
        ("Langkah penagihan tersandung", "A dunning step tripped"),
        (
            "Lihat log; langkah ini dicoba lagi besok.",
            "Look at the log; the step is tried again tomorrow.",
        ),
        recurs=True,
    ),
    "move_failed": _kind(*MOVE, recurs=True),
    "notice_failed": _kind(
        ("Pemberitahuan tidak dapat dibuat", "A notice can not be written"),
        (
            "Baca kode di bawah dan beri tahu pelanggan sendiri, lalu tutup.",
            "Read the code below and tell the customer yourself, then close.",
        ),
        recurs=True,
    ),
    "mails_held": _kind(
        ("Surel ditahan setelah pemulihan", "Mails are held back after a restore"),
        (
            (
                "Mungkin sudah terkirim di waktu yang hilang. Jalankan `tagihan recover mails` "
                "dengan log server surel: yang belum terkirim dikirim sekarang. Tanpa log, "
                "putuskan sendiri: semua dikirim atau semua dibiarkan."
            ),
            (
                "They may have been sent in the lost time. Run `tagihan recover mails` with the "
                "mail server's log: those that were not sent are sent now. Without a log decide "
                "yourself: send all of them, or leave all of them."
            ),
        ),
        recurs=True,
    ),
    "mail_refused": _kind(
        ("Surel tidak dapat dikirim", "A mail can not be sent"),
        (
            "Periksa alamat pelanggan atau server surel, kirim ulang dokumennya, lalu tutup.",
            "Check the customer's address or the mail server, send the document again, then close.",
        ),
        recurs=True,
    ),
    "refund_failed": _kind(
        ("Pengembalian dana ditolak", "A refund was refused"),
        (
            "Transfer sendiri ke pelanggan atau minta pengembalian lain, lalu tutup.",
            "Transfer it yourself or ask for another refund, then close.",
        ),
    ),
    "refund_unknown": _kind(
        ("Pengembalian dana di luar sistem", "A refund that we did not make"),
        (
            (
                "Midtrans mengembalikan uang yang tidak ada di buku ini. Buat nota kreditnya, lalu "
                "tutup."
            ),
            (
                "Midtrans sent money back that is not in these books. Write the credit note, then "
                "close."
            ),
        ),
    ),
    "reversed_after_use": _kind(
        ("Uang ditarik kembali setelah dipakai", "Money was taken back after it was used"),
        (
            "Saldo pelanggan tidak cukup untuk menutupnya; tagih kekurangannya, lalu tutup.",
            "The customer's balance does not cover it; ask for the difference, then close.",
        ),
    ),
    "books_differ": _kind(
        ("Buku Midtrans dan buku kita berbeda", "Midtrans' book and ours differ"),
        (
            "Selesaikan tiap beda di halaman Rekonsiliasi; ini lalu tertutup sendiri.",
            "Settle each difference on the Reconciliation page; this then closes by itself.",
        ),
        recurs=True,
    ),
    "chargeback_part": _kind(
        ("Sebagian tagihan ditolak pemegang kartu", "The card holder disputes a part"),
        (
            (
                "Kirim bukti layanan ke Midtrans sebelum batas waktunya, atau terima. Bagian itu "
                "terutang lagi dan kartunya tidak ditagih lagi. Bila belum dibukukan (booked: "
                "False), putuskan charged_back dengan jumlahnya; bila sudah, tutup."
            ),
            (
                "Send Midtrans evidence of the service before its deadline, or accept. The part is "
                "owed again and the card is not charged again. Where it is not booked (booked: "
                "False) decide charged_back with its amount; else close."
            ),
        ),
    ),
    "chargeback": _kind(
        ("Pemegang kartu menolak tagihan (chargeback)", "The card holder disputes (chargeback)"),
        (
            (
                "Kirim bukti layanan ke Midtrans sebelum batas waktunya, atau terima; kartu ini "
                "tidak ditagih otomatis lagi. Lalu tutup."
            ),
            (
                "Send Midtrans evidence of the service before its deadline, or accept; the card "
                "is not charged by itself again. Then close."
            ),
        ),
        recurs=True,
    ),
    "doctor_broken": _kind(*DOCTOR, recurs=True),
}

# Reasons of `payments.attempts.decide` that say that the money of a paid order is no longer there.
_GONE: Final = ("cancel after payment", "deny after payment")

_OTHER: Final = _kind(
    ("Perlu dilihat", "To be looked at"),
    ("Lihat rinciannya, perbaiki, lalu tutup.", "Read the details, mend it, then close."),
    recurs=True,
)


def kind_of(kind: str) -> ReviewKind:
    """What a kind means; one we have no words for is told in general."""
    return KINDS.get(kind, _OTHER)


def decisions(
    kind: str, order_state: str | None, detail: Mapping[str, Any] | None = None
) -> tuple[Decision, ...]:
    """What may be decided: of an order that is parked, whether money came; of one whose money went
    back behind us, that it did; of one that the fraud desk questions, whether it is taken; of a
    part that was charged back and not booked, how much it was; else only ``done``.
    """
    if kind == "chargeback_part" and not (detail or {}).get("booked"):
        return ("charged_back", "done")
    if kind in ("answer_differs", "canceled_elsewhere") and order_state == "review":
        return ("paid", "failed")
    if kind == "order_missing" and order_state == "pending":
        return ("failed", "done")
    if kind == "fraud_challenge" and order_state == "pending":
        return ("approve", "deny")
    if order_state == "paid" and (detail or {}).get("reason") in _GONE:
        return ("taken_back", "done")
    return ("done",)
