"""Words of the diary: what codes of the events are called, (Indonesian, English)."""

from __future__ import annotations

from typing import Final

COLLECTED: Final = {
    "automatic": ("ditagih otomatis", "charged automatically"),
    "invoice": ("dibayar lewat tagihan", "paid by invoice"),
}
NOTICES: Final = {
    "opened": ("pembayaran gagal", "payment failed"),
    "payday": ("akan dicoba lagi hari gajian", "we try again on payday"),
    "reminder": ("pengingat", "reminder"),
    "due_soon": ("segera jatuh tempo", "due soon"),
    "overdue": ("sudah lewat jatuh tempo", "overdue"),
    "last_warning": ("peringatan terakhir", "last warning"),
}
CODES: Final = {
    "51": ("dana tidak cukup", "insufficient funds"),
    "54": ("kartu kedaluwarsa", "card expired"),
    "no_card": ("tidak ada kartu yang dapat ditagih", "no card that can be charged"),
    "no_mandate": ("tidak ada persetujuan untuk menagih kartu", "no consent to charge the card"),
    "411": ("kartu tidak dapat dipakai", "card can not be used"),
    "05": ("ditolak bank", "declined by the bank"),
}
ENDS: Final = {
    "unpaid": ("karena tidak dibayar", "because it was not paid"),
    "first_payment_missing": (
        "karena pembayaran pertama tidak pernah datang",
        "because the first payment never came",
    ),
}
UNDONE: Final = {
    "dunning_end": ("tidak dibayar", "was not paid"),
    "voided": ("dibatalkan", "was voided"),
}
REASONS: Final = {
    "overpaid": ("kelebihan bayar", "overpaid"),
    "credited": ("nota kredit", "credit note"),
    "restored": ("kredit promosi kembali", "promotional credit comes back"),
    "granted": ("kredit promosi", "promotional credit"),
    "topped_up": ("isi saldo", "top-up"),
}
CHASED: Final = {
    "recovered": ("tagihan tertagih kembali", "recovered"),
    "exhausted": ("semua upaya habis", "every try was used"),
    "stopped": ("tidak perlu ditagih lagi", "nothing left to chase"),
}
# Mails that are told as they leave: what a customer waits for or has to know in time.
MAILS: Final = {
    "invoice.paid": ("bukti lunas, dengan PDF", "receipt, with its PDF"),
    "refund.arrived": ("dana sudah dikembalikan", "the refund has arrived"),
    "subscription.trial_ending": ("masa coba segera berakhir", "the trial ends soon"),
    "subscription.renewal_notice": ("langganan segera diperpanjang", "the renewal comes soon"),
    "subscription.price_changes": ("harga akan berubah", "the price will change"),
    "subscription.price_kept": ("harga tetap seperti semula", "the price stays as it is"),
    "balance.expiring": ("saldo segera hangus", "credit ends soon"),
    "subscription.cancel_confirmed": ("pembatalan dicatat", "the cancellation is noted"),
    "subscription.change_confirmed": ("perubahan paket dicatat", "the change of plan is noted"),
    "subscription.pause_confirmed": ("jeda dicatat", "the pause is noted"),
    "subscription.resume_confirmed": ("langganan dilanjutkan", "the subscription goes on"),
    "subscription.trial_moved": ("akhir masa coba diubah", "the end of the trial is moved"),
}
