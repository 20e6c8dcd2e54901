"""Why something can not be done, in words for staff; an unknown code keeps the engine's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.pages.staff.labels import LABELS
from core.errors import EngineError

PROBLEMS: Final[Mapping[str, tuple[str, str]]] = {
    "nothing_to_change": (
        "langganan ini sudah memakai paket dan jumlah itu.",
        "the subscription already has this plan and quantity.",
    ),
    "not_changeable": (
        "langganan dalam keadaan ini tidak dapat diganti paketnya.",
        "a subscription in this state can not be changed.",
    ),
    "cancel_scheduled": (
        "langganan ini akan berhenti; lanjutkan dulu sebelum mengganti paket.",
        "the subscription is about to end; resume it first.",
    ),
    "pause_scheduled": (
        "langganan ini dijeda atau akan dijeda; batalkan dulu jedanya.",
        "the subscription is paused or about to be; undo that first.",
    ),
    "not_pausable": (
        "hanya langganan aktif yang dapat dijeda.",
        "only an active subscription is paused.",
    ),
    "not_paused": ("langganan ini tidak sedang dijeda.", "the subscription is not paused."),
    "change_waits": (
        "pergantian paket menunggu akhir periode; batalkan dulu.",
        "a change waits for the period's end; drop it first.",
    ),
    "invalid_trial_end": (
        "masa coba berakhir hari ini atau diperpanjang, paling lama dua tahun.",
        "a trial ends today or is extended, to two years at most.",
    ),
    "not_on_trial": ("masa coba sudah berakhir.", "the trial is over."),
    "already_invoiced": (
        "waktu setelah masa coba sudah ditagih dan dibayar.",
        "the time after the trial is invoiced and paid for.",
    ),
    "invalid_cancel_on": (
        "hari pertama tanpa layanan harus sesudah hari ini, paling lama dua tahun lagi.",
        "the first day without service is a day to come, at most two years ahead.",
    ),
    "invalid_resume_on": (
        "tanggal lanjut harus setelah jeda dimulai, paling lama dua tahun lagi.",
        "it resumes after the pause begins, within two years.",
    ),
    "price_not_sold": ("paket itu tidak dijual lagi.", "that plan is no longer sold."),
    "renewal_due": (
        "langganan sedang diperpanjang; coba lagi sebentar lagi.",
        "the subscription is being renewed; try again in a moment.",
    ),
    "already_canceled": ("langganan ini sudah berakhir.", "the subscription has ended."),
    "not_scheduled": (
        "langganan ini tidak dijadwalkan berhenti.",
        "the subscription is not about to end.",
    ),
    "invalid_quantity": (
        "jumlah harus bilangan bulat dari 1.",
        "the quantity is a whole number from 1.",
    ),
    "invalid_discount": (
        "periksa kode (2 sampai 40 huruf, angka, _ atau -), besar potongan, dan lamanya.",
        "check the code (2 to 40 letters, digits, _ or -), what it takes off, and how long.",
    ),
    "invalid_limit": (
        "kuota kode ini dari 1 sampai 1.000.000, dan per pelanggan sampai 1.000.",
        "a code is given from 1 to 1,000,000 times, and to a customer up to 1,000.",
    ),
    "invalid_name": ("tulis namanya.", "write its name."),
    "code_taken": ("kode itu sudah ada.", "there is such a code already."),
    "invalid_mode": ("pilih kapan berlakunya.", "choose when it takes effect."),
    "reason_needed": ("pilih alasannya.", "choose a reason."),
    "invalid_amount": ("tulis jumlah dalam rupiah bulat.", "write an amount in whole rupiah."),
    "order_not_held": ("di sini tidak ada lagi yang ditahan.", "nothing is held here any more."),
    "decision_under_way": (
        "keputusan lain sedang dijalankan; coba lagi sebentar lagi.",
        "another decision is being carried out; try again in a moment.",
    ),
    "capture_exceeds_hold": (
        "jumlahnya lebih dari yang ditahan.",
        "that is more than is held.",
    ),
    "capture_exceeds_due": (
        "jumlahnya lebih dari sisa tagihan invoice.",
        "that is more than is due on the invoice.",
    ),
    "rest_needed": (
        "pilih nasib sisa tagihannya.",
        "choose what becomes of the rest of the invoice.",
    ),
    "invalid_reason": (
        "tulis alasannya dalam beberapa kata.",
        "say why, in a few words.",
    ),
    "invalid_expires_on": (
        "hari terakhirnya hari ini atau sesudahnya.",
        "its last day is today or later.",
    ),
    "nothing_to_refund": ("tidak ada yang dapat dikembalikan.", "there is nothing to refund."),
    "nothing_to_credit": ("tidak ada yang dapat dikoreksi.", "there is nothing to credit."),
    "refund_exceeds_payment": (
        "jumlahnya lebih dari sisa pembayaran ini.",
        "that is more than is left of this payment.",
    ),
    "refund_exceeds_unallocated": (
        "sebanyak itu tidak ada di luar invoice: pilih invoicenya, atau kurangi jumlahnya.",
        "not that much belongs to no invoice: choose the invoice, or ask for less.",
    ),
    "balance_spent": (
        "uang itu sudah dipakai pelanggan untuk invoice lain.",
        "the customer has used this money for another invoice.",
    ),
    "payment_not_refundable": (
        "pembayaran ini sudah ditarik kembali.",
        "this payment was taken back.",
    ),
    "credit_exceeds_paid": (
        "jumlahnya lebih dari yang dibayar untuk invoice itu.",
        "that is more than was paid of the invoice.",
    ),
    "credit_exceeds_document": (
        "jumlahnya lebih dari sisa invoice ini.",
        "that is more than is left of this invoice.",
    ),
    "credit_exceeds_line": (
        "jumlahnya lebih dari sisa baris itu.",
        "that is more than is left of the line.",
    ),
    "invoice_not_creditable": (
        "invoice dalam keadaan ini tidak dikoreksi.",
        "an invoice in this state is not credited.",
    ),
    "invoice_not_voidable": (
        "invoice ini sudah dibayar, dikoreksi atau dibatalkan; pakai nota kredit.",
        "this invoice was paid, credited or voided; use a credit note.",
    ),
    "invalid_payee": (
        "isi bank, nomor rekening dan atas nama.",
        "fill in bank, account number and holder.",
    ),
    "invalid_proof": ("nomor referensi bank diperlukan.", "the bank's reference is needed."),
    "payee_needed": (
        "rekening tujuan belum disebut: tolak dan minta lagi dengan rekeningnya.",
        "nobody said to which account: reject it and ask anew with the account.",
    ),
    "payee_approved": (
        "rekening lain yang disetujui: tolak dan minta lagi.",
        "another account was approved: reject it and ask anew.",
    ),
    "second_person_needed": (
        "yang menyetujui harus orang lain daripada yang meminta.",
        "who approves must be another person than who asked.",
    ),
    "refund_not_awaiting_approval": (
        "pengembalian ini sudah diputuskan.",
        "this refund was decided already.",
    ),
    "refund_not_awaiting_transfer": (
        "pengembalian ini tidak menunggu transfer.",
        "this refund does not wait for a transfer.",
    ),
    "refund_not_manual": ("pengembalian ini sudah selesai.", "this refund is done already."),
    "versions_not_alike": (
        "pilih dua versi paket ini yang interval dan cara pajaknya sama.",
        "choose two versions of this plan with the same interval and tax mode.",
    ),
    "move_running": (
        "pemindahan dari versi itu belum selesai.",
        "a move of that version is not finished.",
    ),
    "invalid_notice_days": (
        "hari pemberitahuan 0 sampai 365.",
        "the notice is 0 to 365 days.",
    ),
    "invalid_not_before": (
        "tulis tanggalnya, paling lama dua tahun dari sekarang.",
        "write the day, at most two years from now.",
    ),
    "no_right": (
        "peran Anda tidak boleh melakukan ini.",
        "your role may not do this.",
    ),
}


def problem_words(error: EngineError, language: str) -> str:
    """Say why in the reader's language."""
    known = PROBLEMS.get(error.code)
    return known[1 if language == "en" else 0] if known else error.message


class StaleError(Exception):
    """The figures are not those that were shown."""


def refusal(error: EngineError | StaleError, language: str) -> str:
    """The line on a form that says why nothing was done."""
    labels = LABELS[language]
    if isinstance(error, StaleError):
        return labels["changed_meanwhile"]
    return labels["refused"] + problem_words(error, language)
