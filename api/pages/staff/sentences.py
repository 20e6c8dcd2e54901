"""Events told as sentences a person reads: what happened, in Indonesian or English."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from api.pages.declined import why_declined
from api.pages.staff.words import CHANNELS, REASONS, STATUSES
from invoices.wording import long_date, rupiah
from payments.channels import CHANNELS as ROWS
from payments.method_kinds import KINDS

# good, bad, money, plain: how the dot beside the sentence looks.
TONES: Final[Mapping[str, str]] = {
    "invoice.paid": "good",
    "subscription.activated": "good",
    "subscription.recovered": "good",
    "payment.captured": "good",
    "payment.settled": "good",
    "refund.succeeded": "good",
    "method.saved": "good",
    "payment.declined": "bad",
    "payment.reversed": "bad",
    "payment.unknown": "bad",
    "payment.challenged": "bad",
    "payment.capture_refused": "bad",
    "payment.hold_ended": "bad",
    "refund.failed": "bad",
    "subscription.past_due": "bad",
    "subscription.canceled": "bad",
    "dunning.opened": "bad",
    "invoice.uncollectible": "bad",
    "review.opened": "bad",
    "method.ended": "bad",
    "instrument.expired": "bad",
    "instrument.refused": "bad",
}

_SAID: Final[Mapping[str, tuple[str, str]]] = {
    "customer.created": ("Pelanggan didaftarkan", "Customer added"),
    "subscription.created": (
        "Mulai berlangganan {plan}{quantity_of}",
        "Subscribed to {plan}{quantity_of}",
    ),
    "subscription.activated": ("Langganan aktif", "Subscription became active"),
    "subscription.trial_ended": ("Masa coba berakhir", "Trial ended"),
    "subscription.renewed": (
        "Periode baru dimulai{period_words}",
        "A new period began{period_words}",
    ),
    "subscription.past_due": ("Pembayaran menunggak", "Payment became overdue"),
    "subscription.recovered": ("Tunggakan lunas, aktif kembali", "Caught up and active again"),
    "subscription.plan_changed": ("Paket {changed}{to_plan}", "Plan {changed}{to_plan}"),
    "subscription.item_changed": (
        "Isi langganan berubah{to_plan}{on_date}",
        "Items changed{to_plan}{on_date}",
    ),
    "discount.created": ("Diskon dibuat", "Discount made"),
    "discount.stopped": ("Diskon dihentikan", "Discount stopped"),
    "discount.given": ("Diskon diberikan", "Discount given"),
    "discount.ended": ("Diskon diakhiri", "Discount ended"),
    "subscription.change_scheduled": (
        "Pergantian paket{to_plan} dijadwalkan{on_date}",
        "Plan change{to_plan} scheduled{on_date}",
    ),
    "subscription.upgrade_waiting": ("Pindah paket menunggu bayaran", "Upgrade waits to be paid"),
    "subscription.upgrade_lapsed": ("Pindah paket tidak dibayar", "Upgrade was not paid"),
    "subscription.cancel_scheduled": (
        "Berhenti berlangganan dijadwalkan{on_date}",
        "Cancellation scheduled{on_date}",
    ),
    "subscription.trial_moved": ("Akhir masa coba diubah{on_date}", "Trial end moved{on_date}"),
    "subscription.pause_scheduled": ("Jeda dijadwalkan{on_date}", "Pause scheduled{on_date}"),
    "subscription.paused": ("Langganan dijeda{on_date}", "Paused{on_date}"),
    "subscription.resumed": ("Langganan berjalan lagi{on_date}", "Resumed{on_date}"),
    "subscription.canceled": (
        "Langganan berakhir{because_words}",
        "Subscription ended{because_words}",
    ),
    "invoice.issued": (
        "Invoice {number} terbit{total_words}",
        "Invoice {number} issued{total_words}",
    ),
    "invoice.paid": ("Invoice {number} lunas", "Invoice {number} paid"),
    "invoice.credited": (
        "Invoice {number} dikreditkan seluruhnya",
        "Invoice {number} credited whole",
    ),
    "invoice.part_paid": (
        "Invoice {number} dibayar sebagian, sisa {due}",
        "Invoice {number} part-paid, {due} left",
    ),
    "invoice.voided": ("Invoice {number} dibatalkan", "Invoice {number} voided"),
    "invoice.uncollectible": (
        "Invoice {number} dinyatakan tidak tertagih",
        "Invoice {number} written off",
    ),
    "credit_note.issued": (
        "Nota kredit {credit_note_number} sebesar {amount}",
        "Credit note {credit_note_number} over {amount}",
    ),
    "payment.captured": (
        "{amount} diterima lewat {channel}{for_invoice}",
        "{amount} received by {channel}{for_invoice}",
    ),
    "payment.settled": (
        "{amount} diteruskan ke rekening penjual",
        "{amount} on its way to the merchant's bank",
    ),
    "payment.reversed": ("{amount} ditarik kembali oleh bank", "The bank took {amount} back"),
    "payment.declined": (
        "Penagihan {amount} ditolak{reason_words}",
        "Charge of {amount} declined{reason_words}",
    ),
    "payment.next_method": (
        "Cara bayar berikutnya ditagih{for_invoice}",
        "The next method is charged{for_invoice}",
    ),
    "payment.confirm_needed": (
        "{amount} menunggu PIN pelanggan di GoPay{for_invoice}",
        "{amount} waits for the customer's PIN at GoPay{for_invoice}",
    ),
    "payment.unknown": (
        "Hasil penagihan {amount} belum jelas; sedang ditanyakan ke Midtrans",
        "Outcome of a charge of {amount} not known yet; Midtrans is being asked",
    ),
    "payment.authorized": (
        "Kartu menahan {amount}; belum ditagih",
        "A card holds {amount}; not charged yet",
    ),
    "payment.challenged": (
        "Midtrans meragukan pembayaran {amount}; perlu diputuskan",
        "Midtrans questions a payment of {amount}; it has to be decided",
    ),
    "payment.hold_ended": (
        "Dana {amount} yang ditahan di kartu sudah lepas; tidak ditagih{for_invoice}",
        "The hold of {amount} on a card is over; nothing was charged{for_invoice}",
    ),
    "payment.capture_refused": (
        "Bank menolak menagih {amount} yang ditahan; dana tetap ditahan",
        "The bank refused to capture {amount}; the hold stays",
    ),
    "instrument.offered": (
        "Virtual account {bank} diterbitkan untuk {amount}",
        "{bank} virtual account issued for {amount}",
    ),
    "instrument.expired": (
        "Virtual account untuk {amount} tidak berlaku lagi",
        "Virtual account for {amount} no longer works",
    ),
    "instrument.refused": (
        "{channel_name} {amount} ditolak{reason_words}",
        "{channel_name} over {amount} was refused{reason_words}",
    ),
    "method.saved": ("{method_kind} {masked} disimpan", "{method_kind} {masked} saved"),
    "method.ended": ("{method_kind} tidak dipakai lagi", "{method_kind} no longer used"),
    "refund.scheduled": (
        "Pengembalian {amount} menunggu{due_words}",
        "Refund of {amount} waits{due_words}",
    ),
    "refund.sent": ("Pengembalian {amount} dikirim", "Refund of {amount} sent"),
    "refund.succeeded": (
        "{amount} dikembalikan ke pelanggan",
        "{amount} returned to the customer",
    ),
    "refund.arrived": (
        "{amount} sudah masuk ke rekening pelanggan",
        "{amount} arrived at the customer's bank",
    ),
    "refund.failed": ("Pengembalian {amount} gagal", "Refund of {amount} failed"),
    "dunning.opened": ("Penagihan susulan dimulai{for_invoice}", "Chasing began{for_invoice}"),
    "dunning.retry_scheduled": (
        "Penagihan ulang dijadwalkan{on_date}",
        "Next try scheduled{on_date}",
    ),
    "dunning.notice": (
        "Surat tentang {number}: {notice_words}",
        "Notice about {number}: {notice_words}",
    ),
    "dunning.ended": ("Penagihan susulan selesai", "Chasing ended"),
    "balance.credited": ("Saldo bertambah {amount}", "Balance raised by {amount}"),
    "balance.expired": ("Saldo {amount} hangus", "Balance of {amount} expired"),
    "balance.applied": (
        "Saldo {amount} dipakai{for_invoice}",
        "Balance of {amount} applied{for_invoice}",
    ),
    "review.opened": ("Perlu diperiksa orang", "A person should look at this"),
    "message.sent": ("E-mail dikirim: {kind_words}", "E-mail sent: {kind_words}"),
}

_CHANGED: Final = {
    False: ("diganti", "changed"),
    True: ("kembali", "changed back"),
}

_NOTICES: Final[Mapping[str, tuple[str, str]]] = {
    "opened": ("pembayaran gagal", "payment failed"),
    "reminder": ("pengingat", "reminder"),
    "payday": ("akan ditagih lagi besok", "charged again tomorrow"),
    "last_warning": ("peringatan terakhir", "last warning"),
    "ended": ("langganan berakhir", "subscription ended"),
    "due_soon": ("segera jatuh tempo", "due soon"),
    "overdue": ("lewat jatuh tempo", "overdue"),
}

_MAILS: Final[Mapping[str, tuple[str, str]]] = {
    "invoice.issued": ("invoice baru", "new invoice"),
    "invoice.paid": ("bukti lunas", "paid invoice"),
    "credit_note.issued": ("nota kredit", "credit note"),
    "subscription.change_undone": ("perubahan paket dibatalkan", "plan change undone"),
    "refund.requested": ("pengembalian dana", "refund"),
    "balance.expiring": ("saldo segera hangus", "credit ends soon"),
}


def is_told(type_: str, payload: Mapping[str, Any]) -> bool:
    """Whether an event has a sentence of its own: the mail of a notice is told by the notice."""
    mailed = type_ == "message.sent" and str(payload.get("kind")).startswith("dunning.")
    return not mailed and type_ in _SAID


def sentence(
    type_: str,
    payload: Mapping[str, Any],
    *,
    language: str,
    names: Mapping[str, str],
    subject: str = "",
) -> str:
    """Tell one event.

    Args:
        payload: as it was recorded; what it lacks is left out of the sentence.
        names: numbers of invoices by public id, names of plans by code.
        subject: the public id of what it is about.
    """
    said = _SAID.get(type_)
    if said is None:
        return type_
    english = language == "en"
    text = said[1 if english else 0].format_map(_Words(_words(payload, language, names, subject)))
    return " ".join(text.split())


class _Words(dict[str, str]):
    """A word that an event lacks is left out."""

    def __missing__(self, key: str) -> str:
        return ""


def _words(
    payload: Mapping[str, Any], language: str, names: Mapping[str, str], subject: str
) -> dict[str, str]:
    english = language == "en"
    found = {
        name: str(payload[name]) for name in ("plan", "credit_note_number") if payload.get(name)
    }
    found |= {
        name: rupiah(payload[name])
        for name in ("amount", "due", "total")
        if isinstance(payload.get(name), int)
    }
    if "plan" in found:
        found["plan"] = names.get(found["plan"], found["plan"])
    saved = KINDS.get(str(payload.get("kind")), KINDS["card"])
    called = saved.name_en if english else saved.name_id
    found["method_kind"] = called[:1].upper() + called[1:]
    if payload.get("masked"):
        found["masked"] = f"•••• {str(payload['masked'])[-4:]}"
    found["number"] = number = _number(payload, names, subject)
    if number:
        found["for_invoice"] = f" {'for' if english else 'untuk'} {number}"
    if "total" in found:
        found["total_words"] = f", {found['total']}"
    if isinstance(payload.get("quantity"), int) and payload["quantity"] > 1:
        found["quantity_of"] = f" × {payload['quantity']}"
    found["channel"] = CHANNELS[language].get(str(payload.get("channel")), "Midtrans")
    if payload.get("channel") in ROWS:
        found["channel_name"] = ROWS[str(payload["channel"])].name(language)
    found["bank"] = str(payload.get("bank") or "").upper()
    start, end = _day(payload.get("period_start")), _day(payload.get("period_end"))
    if start and end:
        found["period_words"] = f", {'from' if english else 'mulai'} {long_date(start, language)}"
    found |= _when(payload, language)
    back = bool(payload.get("reverses"))
    found["changed"] = _CHANGED[back][1 if english else 0]
    plan = found.get("plan") if "change" in payload else None
    if plan:
        found["to_plan"] = f" {'to' if english else 'ke'} {plan}"
    found |= _why(payload, language)
    kind = str(payload.get("kind") or "")
    for name, known in (("kind_words", _MAILS), ("notice_words", _NOTICES)):
        found[name] = known[kind][1 if english else 0] if kind in known else kind
    return found


def _when(payload: Mapping[str, Any], language: str) -> dict[str, str]:
    found = {}
    names = (
        "retry_at", "effective_on", "ends_on", "cancel_on", "pause_on", "resume_on", "end_on",
        "trial_end_on", "on", "at", "next_at",
    )  # fmt: skip
    day = next((d for d in (_day(payload.get(name)) for name in names) if d), None)
    if day:
        link = "for" if language == "en" else "untuk"
        found["on_date"] = f" {link} {long_date(day, language)}"
    due = _day(payload.get("due_at"))
    if due:
        link = "until" if language == "en" else "sampai"
        found["due_words"] = f" {link} {long_date(due, language)}"
    return found


def _declined(payload: Mapping[str, Any], language: str) -> str:
    channel, paid_with = (
        str(payload.get("channel") or "card"),
        str(payload.get("payment_type") or ""),
    )
    return why_declined(payload.get("code"), language, channel=channel, payment_type=paid_with)


def _why(payload: Mapping[str, Any], language: str) -> dict[str, str]:
    found = {}
    if payload.get("class"):
        found["reason_words"] = f": {_declined(payload, language)}"
    because = payload.get("because") or payload.get("reason")
    if because:
        known = REASONS[language].get(str(because), STATUSES[language].get(str(because), ""))
        found["because_words"] = f": {known}" if known else ""
    return found


def _number(payload: Mapping[str, Any], names: Mapping[str, str], subject: str) -> str:
    for name in ("number", "invoice_number", "invoice"):
        given = payload.get(name)
        if isinstance(given, str) and given:
            return names.get(given, "") if given.startswith("inv_") else given
    return names.get(subject, "")


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10]) if value else None
    except ValueError:
        return None
