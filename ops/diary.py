"""What happened, as a sentence people read: one for each type of event, Indonesian and English.

Events hold numbers, dates and amounts but no personal data; whoever tells the diary looks the
customer's name up and hands it in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final

from core.calendars import civil_date
from invoices.wording import language_of, long_date, rupiah, short_date, weekday_date

Facts = Mapping[str, Any]
Sentence = Callable[["_Told"], str]


class _Told:
    """An event's facts, each ready to stand in a sentence of one language."""

    def __init__(self, facts: Facts, who: str, language: str, zone: str) -> None:
        self.facts, self.who, self.language, self.zone = facts, who, language, zone

    @property
    def no(self) -> str:
        """The number of the invoice it is about."""
        return str(self.facts.get("number") or self.facts.get("invoice") or "?")

    def rp(self, name: str = "amount") -> str:
        return rupiah(int(self.facts.get(name) or 0))

    def day(self, name: str) -> str:
        value = self.facts.get(name)
        if not value:
            return "?"
        text = str(value)
        on = (
            date.fromisoformat(text)
            if len(text) == 10
            else civil_date(datetime.fromisoformat(text), self.zone)
        )
        return long_date(on, self.language)

    def says(self, name: str) -> str:
        return str(self.facts.get(name) or "?")

    def word(self, name: str, words: Mapping[str, tuple[str, str]]) -> str:
        known = words.get(str(self.facts.get(name)))
        if known is None:
            return self.says(name)
        return known[1 if self.language == "en" else 0]


_CHANNELS: Final = {
    "card": ("kartu", "card"),
    "bca_va": ("virtual account BCA", "BCA virtual account"),
}
_COLLECTED: Final = {
    "automatic": ("ditagih otomatis", "charged automatically"),
    "invoice": ("dibayar lewat tagihan", "paid by invoice"),
}
_NOTICES: Final = {
    "opened": ("pembayaran gagal", "payment failed"),
    "payday": ("akan dicoba lagi hari gajian", "we try again on payday"),
    "reminder": ("pengingat", "reminder"),
    "due_soon": ("segera jatuh tempo", "due soon"),
    "overdue": ("sudah lewat jatuh tempo", "overdue"),
    "last_warning": ("peringatan terakhir", "last warning"),
}
_CODES: Final = {
    "51": ("dana tidak cukup", "insufficient funds"),
    "54": ("kartu kedaluwarsa", "card expired"),
    "411": ("kartu tidak dapat dipakai", "card can not be used"),
    "05": ("ditolak bank", "declined by the bank"),
}
_ENDS: Final = {
    "unpaid": ("karena tidak dibayar", "because it was not paid"),
    "first_payment_missing": (
        "karena pembayaran pertama tidak pernah datang",
        "because the first payment never came",
    ),
}
_REASONS: Final = {
    "overpaid": ("kelebihan bayar", "overpaid"),
    "credited": ("nota kredit", "credit note"),
}
_CHASED: Final = {
    "recovered": ("tagihan tertagih kembali", "recovered"),
    "exhausted": ("semua upaya habis", "every try was used"),
    "stopped": ("tidak perlu ditagih lagi", "nothing left to chase"),
}


def _plan(t: _Told) -> str:
    quantity = int(t.facts.get("quantity") or 1)
    return t.says("plan").title() + (f" × {quantity}" if quantity > 1 else "")


def _created(t: _Told) -> str:
    if t.facts.get("trial_end_on"):
        until = t.day("trial_end_on")
        if t.language == "en":
            return f"{t.who} begins a trial of {_plan(t)} until {until}"
        return f"{t.who} mulai masa coba {_plan(t)} sampai {until}"
    how = t.word("collection", _COLLECTED)
    if t.language == "en":
        return f"{t.who} subscribes to {_plan(t)}, {how}"
    return f"{t.who} berlangganan {_plan(t)}, {how}"


def _ended(t: _Told) -> str:
    because = str(t.facts.get("reason") or "")
    why = f", {t.word('reason', _ENDS)}" if because in _ENDS else ""
    if t.language == "en":
        return f"The subscription of {t.who} ends on {t.day('ended_on')}{why}"
    return f"Langganan {t.who} berakhir {t.day('ended_on')}{why}"


SENTENCES: Final[Mapping[str, tuple[Sentence, Sentence]]] = {
    "customer.created": (
        lambda t: f"Pelanggan baru: {t.who}",
        lambda t: f"New customer: {t.who}",
    ),
    "plan.created": (
        lambda t: f"Paket baru: {t.says('code')}",
        lambda t: f"New plan: {t.says('code')}",
    ),
    "price.published": (
        lambda t: f"Harga baru {t.says('plan')}: {t.rp('unit_amount')}",
        lambda t: f"New price of {t.says('plan')}: {t.rp('unit_amount')}",
    ),
    "subscription.created": (_created, _created),
    "subscription.activated": (
        lambda t: f"Langganan {t.who} aktif",
        lambda t: f"The subscription of {t.who} is active",
    ),
    "subscription.trial_ended": (
        lambda t: f"Masa coba {t.who} selesai; langganan berbayar dimulai",
        lambda t: f"The trial of {t.who} is over; the paid subscription begins",
    ),
    "subscription.renewed": (
        lambda t: f"Langganan {t.who} diperpanjang sampai {t.day('period_end')}",
        lambda t: f"The subscription of {t.who} is renewed until {t.day('period_end')}",
    ),
    "subscription.past_due": (
        lambda t: f"Langganan {t.who} menunggak",
        lambda t: f"The subscription of {t.who} is past due",
    ),
    "subscription.recovered": (
        lambda t: f"Langganan {t.who} kembali lancar",
        lambda t: f"The subscription of {t.who} is in order again",
    ),
    "subscription.plan_changed": (
        lambda t: f"{t.who} pindah ke {_plan(t)} mulai {t.day('effective_on')}",
        lambda t: f"{t.who} moves to {_plan(t)} from {t.day('effective_on')}",
    ),
    "subscription.change_scheduled": (
        lambda t: f"{t.who} akan pindah ke {_plan(t)} mulai {t.day('effective_on')}",
        lambda t: f"{t.who} will move to {_plan(t)} from {t.day('effective_on')}",
    ),
    "subscription.cancel_scheduled": (
        lambda t: f"{t.who} berhenti berlangganan, layanan sampai {t.day('ends_on')}",
        lambda t: f"{t.who} cancels; served until {t.day('ends_on')}",
    ),
    "subscription.canceled": (_ended, _ended),
    "invoice.issued": (
        lambda t: f"Tagihan {t.no} untuk {t.who}: {t.rp('total')}",
        lambda t: f"Invoice {t.no} for {t.who}: {t.rp('total')}",
    ),
    "invoice.paid": (
        lambda t: f"Tagihan {t.no} LUNAS ({t.who})",
        lambda t: f"Invoice {t.no} is PAID ({t.who})",
    ),
    "invoice.part_paid": (
        lambda t: f"Tagihan {t.no} dibayar sebagian, sisa {t.rp('due')} ({t.who})",
        lambda t: f"Invoice {t.no} is paid in part, {t.rp('due')} left ({t.who})",
    ),
    "invoice.voided": (
        lambda t: f"Tagihan {t.no} dibatalkan ({t.who})",
        lambda t: f"Invoice {t.no} is void ({t.who})",
    ),
    "invoice.uncollectible": (
        lambda t: f"Tagihan {t.no} dihapusbukukan ({t.who})",
        lambda t: f"Invoice {t.no} is written off ({t.who})",
    ),
    "credit_note.issued": (
        lambda t: f"Nota kredit {t.says('credit_note_number')} atas {t.no}: {t.rp()} ({t.who})",
        lambda t: f"Credit note {t.says('credit_note_number')} on {t.no}: {t.rp()} ({t.who})",
    ),
    "payment.captured": (
        lambda t: f"{t.who} membayar {t.rp()} dengan {t.word('channel', _CHANNELS)}",
        lambda t: f"{t.who} pays {t.rp()} by {t.word('channel', _CHANNELS)}",
    ),
    "payment.settled": (
        lambda t: f"Dana {t.rp()} dari {t.who} diteruskan ke rekening",
        lambda t: f"{t.rp()} of {t.who} is on its way to the bank account",
    ),
    "payment.reversed": (
        lambda t: f"Bank menarik kembali {t.rp()} untuk {t.no} ({t.who})",
        lambda t: f"The bank takes {t.rp()} for {t.no} back ({t.who})",
    ),
    "payment.declined": (
        lambda t: f"Kartu {t.who} ditolak untuk {t.no}: {t.word('code', _CODES)}",
        lambda t: f"The card of {t.who} is declined for {t.no}: {t.word('code', _CODES)}",
    ),
    "payment.unknown": (
        lambda t: f"Jawaban Midtrans hilang untuk {t.rp()} ({t.who}); ditanyakan lagi",
        lambda t: f"Midtrans' answer on {t.rp()} is lost ({t.who}); we ask again",
    ),
    "instrument.offered": (
        lambda t: f"Nomor virtual account untuk {t.who}: {t.rp()}",
        lambda t: f"A virtual account number for {t.who}: {t.rp()}",
    ),
    "instrument.expired": (
        lambda t: f"Virtual account untuk {t.no} ditutup ({t.who})",
        lambda t: f"The virtual account for {t.no} is closed ({t.who})",
    ),
    "method.saved": (
        lambda t: f"Kartu {t.says('masked')} milik {t.who} disimpan",
        lambda t: f"Card {t.says('masked')} of {t.who} is saved",
    ),
    "method.ended": (
        lambda t: f"Kartu {t.who} tidak dipakai lagi",
        lambda t: f"The card of {t.who} is not used any more",
    ),
    "refund.scheduled": (
        lambda t: f"Pengembalian {t.rp()} untuk {t.who} menunggu penyelesaian dana kartu",
        lambda t: f"A refund of {t.rp()} for {t.who} waits for the card's settlement",
    ),
    "refund.sent": (
        lambda t: f"Pengembalian {t.rp()} untuk {t.who} dikirim",
        lambda t: f"A refund of {t.rp()} for {t.who} is sent",
    ),
    "refund.succeeded": (
        lambda t: f"{t.rp()} kembali ke {t.who}",
        lambda t: f"{t.rp()} goes back to {t.who}",
    ),
    "refund.failed": (
        lambda t: f"Pengembalian {t.rp()} untuk {t.who} gagal; menjadi saldo",
        lambda t: f"A refund of {t.rp()} for {t.who} failed and becomes balance",
    ),
    "dunning.opened": (
        lambda t: f"Penagihan {t.no} dimulai ({t.who})",
        lambda t: f"We begin to chase {t.no} ({t.who})",
    ),
    "dunning.retry_scheduled": (
        lambda t: f"{t.no} dicoba lagi {t.day('retry_at')} ({t.who})",
        lambda t: f"{t.no} is tried again on {t.day('retry_at')} ({t.who})",
    ),
    "dunning.notice": (
        lambda t: f"Surat ke {t.who} tentang {t.no}: {t.word('kind', _NOTICES)}",
        lambda t: f"A mail to {t.who} about {t.no}: {t.word('kind', _NOTICES)}",
    ),
    "dunning.ended": (
        lambda t: f"Penagihan {t.who} selesai: {t.word('state', _CHASED)}",
        lambda t: f"The chase of {t.who} is over: {t.word('state', _CHASED)}",
    ),
    "balance.credited": (
        lambda t: f"Saldo {t.who} bertambah {t.rp()} ({t.word('because', _REASONS)})",
        lambda t: f"The balance of {t.who} grows by {t.rp()} ({t.word('because', _REASONS)})",
    ),
    "balance.applied": (
        lambda t: f"Saldo {t.who} membayar {t.rp()} dari {t.no}",
        lambda t: f"The balance of {t.who} pays {t.rp()} of {t.no}",
    ),
    "review.opened": (
        lambda t: f"Perlu dilihat orang: {t.says('kind')}",
        lambda t: f"For a person to look at: {t.says('kind')}",
    ),
    "message.sent": (
        lambda t: f"Surel {t.says('kind')} terkirim ke {t.who}",
        lambda t: f"Mail {t.says('kind')} goes out to {t.who}",
    ),
}

# Told often and of little interest to somebody who watches a business live.
QUIET: Final = frozenset({"message.sent", "plan.created", "price.published", "payment.settled"})


def sentence(
    type_: str, facts: Facts, *, who: str | None, locale: str, zone: str = "Asia/Jakarta"
) -> str:
    """Tell one event; a type without a sentence is told by its name.

    Args:
        facts: the event's payload.
        who: the customer's name, where one is known.
        locale: ``en…`` for English, Indonesian otherwise.
        zone: where dates of instants are read.
    """
    language = language_of(locale)
    words = SENTENCES.get(type_)
    someone = who or ("a customer" if language == "en" else "seorang pelanggan")
    told = _Told(facts, someone, language, zone)
    return words[1 if language == "en" else 0](told) if words else type_


def is_no_news(type_: str, facts: Facts) -> bool:
    """An invoice that was paid in time ends its case too; nobody was chased."""
    return type_ == "dunning.ended" and facts.get("state") == "stopped"


def dated(at: datetime, told: str, *, locale: str, zone: str) -> str:
    """A line of a diary: the civil date in front, fixed in width so that sentences line up."""
    local = short_date(civil_date(at, zone), language_of(locale))
    return f"{local:>11}  {told}"


def heading(at: datetime, *, locale: str, zone: str) -> str:
    """A day as a heading: ``Senin, 1 Maret 2027``."""
    return weekday_date(civil_date(at, zone), language_of(locale))


def live_line(record: Mapping[str, Any], *, locale: str = "id") -> str:
    """A line for the screen of a running instance, from a log record of ``core.diary``."""
    facts = dict(record.get("diary") or {})
    type_ = str(facts.get("type") or record.get("message") or "")
    told = sentence(type_, facts, who=None, locale=locale)
    at = str(facts.get("at") or "")
    return (
        dated(datetime.fromisoformat(at), told, locale=locale, zone="Asia/Jakarta") if at else told
    )
