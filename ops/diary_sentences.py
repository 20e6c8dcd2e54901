"""One sentence for each type of event, Indonesian and English."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final

from core.calendars import civil_date
from invoices.wording import long_date, rupiah
from ops import diary_words as words
from ops.diary_sentences_terms import TERMS
from payments.channels import CHANNELS
from payments.method_kinds import KINDS

Facts = Mapping[str, Any]
Sentence = Callable[["Told"], str]


class Told:
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

    def word(self, name: str, known_words: Mapping[str, tuple[str, str]]) -> str:
        known = known_words.get(str(self.facts.get(name)))
        if known is None:
            return self.says(name)
        return known[1 if self.language == "en" else 0]

    def either(self, indonesian: str, english: str) -> str:
        return english if self.language == "en" else indonesian

    @property
    def method_kind(self) -> str:
        """What kind of method it is, to begin a sentence with."""
        kind = KINDS.get(str(self.facts.get("kind")), KINDS["card"])
        called = self.either(kind.name_id, kind.name_en)
        return called[:1].upper() + called[1:]

    @property
    def channel(self) -> str:
        """How the money moves, as people call it; a card needs no capital letter."""
        key = str(self.facts.get("channel") or "")
        key = key or (f"{self.facts['bank']}_va" if self.facts.get("bank") else "")
        if key == "card":
            return self.either("kartu", "card")
        known = CHANNELS.get(key)
        return known.name(self.language) if known else key or self.either("transfer", "transfer")

    @property
    def why(self) -> str:
        """Why a card was declined."""
        if str(self.facts.get("code")) in words.CODES:
            return self.word("code", words.CODES)
        return self.either("kode bank ", "bank code ") + self.says("code")


def _plan(t: Told) -> str:
    quantity = int(t.facts.get("quantity") or 1)
    return t.says("plan").title() + (f" × {quantity}" if quantity > 1 else "")


def _created(t: Told) -> str:
    if t.facts.get("trial_end_on"):
        until = t.day("trial_end_on")
        if t.language == "en":
            return f"{t.who} begins a trial of {_plan(t)} until {until}"
        return f"{t.who} mulai masa coba {_plan(t)} sampai {until}"
    how = t.word("collection", words.COLLECTED)
    if t.language == "en":
        return f"{t.who} subscribes to {_plan(t)}, {how}"
    return f"{t.who} berlangganan {_plan(t)}, {how}"


def _changed(t: Told) -> str:
    plan, on = _plan(t), t.day("effective_on")
    if not t.facts.get("reverses"):
        return t.either(
            f"{t.who} pindah ke {plan} mulai {on}", f"{t.who} moves to {plan} from {on}"
        )
    because = t.word("because", words.UNDONE)
    return t.either(
        f"{t.who} kembali ke {plan} mulai {on}: perubahan paket {because}",
        f"{t.who} is back on {plan} from {on}: the change {because}",
    )


def _ended(t: Told) -> str:
    on, because = t.day("ended_on"), str(t.facts.get("reason") or "")
    if because in words.ENDS:
        why = t.word("reason", words.ENDS)
        return t.either(
            f"Langganan {t.who} dihentikan {why} (terhitung {on})",
            f"The subscription of {t.who} is ended {why} (as of {on})",
        )
    return t.either(f"Langganan {t.who} berakhir {on}", f"The subscription of {t.who} ends on {on}")


def _issued(t: Told) -> str:
    told = t.either(
        f"Tagihan {t.no} untuk {t.who}: {t.rp('total')}",
        f"Invoice {t.no} for {t.who}: {t.rp('total')}",
    )
    if t.facts.get("channel") or t.facts.get("bank"):
        told += t.either(f", dibayar lewat {t.channel}", f", to be paid by {t.channel}")
    if t.facts.get("renewed_until"):
        until = t.day("renewed_until")
        told += t.either(f"; diperpanjang sampai {until}", f"; renewed until {until}")
    return told


def _captured(t: Told) -> str:
    told = t.either(
        f"{t.who} membayar {t.rp()} dengan {t.channel}", f"{t.who} pays {t.rp()} by {t.channel}"
    )
    if t.no == "?":
        return told
    if t.facts.get("paid"):
        return told + t.either(f": {t.no} LUNAS", f": {t.no} is PAID")
    return told + t.either(f" untuk {t.no}", f" for {t.no}")


def _declined(t: Told) -> str:
    told = t.either(
        f"Kartu {t.who} ditolak untuk {t.no}: {t.why}",
        f"The card of {t.who} is declined for {t.no}: {t.why}",
    )
    if t.facts.get("retry_at"):
        told += t.either(
            f"; dicoba lagi {t.day('retry_at')}", f"; tried again on {t.day('retry_at')}"
        )
    return told


def _offered(t: Told) -> str:
    told = t.either(f"{t.channel} untuk {t.who}: {t.rp()}", f"{t.channel} for {t.who}: {t.rp()}")
    if t.facts.get("again"):
        told = t.either(f"{t.channel} baru untuk {t.who}: {t.rp()}", f"A new {told}")
    return told if t.no == "?" else f"{told} ({t.no})"


def _mailed(t: Told) -> str:
    what = t.word("kind", words.MAILS)
    return t.either(f"Surel ke {t.who}: {what}", f"Mail to {t.who}: {what}")


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
    "subscription.plan_changed": (_changed, _changed),
    "subscription.change_scheduled": (
        lambda t: f"{t.who} akan pindah ke {_plan(t)} mulai {t.day('effective_on')}",
        lambda t: f"{t.who} will move to {_plan(t)} from {t.day('effective_on')}",
    ),
    "subscription.cancel_scheduled": (
        lambda t: f"{t.who} berhenti berlangganan, layanan sampai {t.day('ends_on')}",
        lambda t: f"{t.who} cancels; served until {t.day('ends_on')}",
    ),
    "subscription.canceled": (_ended, _ended),
    "invoice.issued": (_issued, _issued),
    "invoice.paid": (
        lambda t: f"Tagihan {t.no} LUNAS ({t.who})",
        lambda t: f"Invoice {t.no} is PAID ({t.who})",
    ),
    "invoice.credited": (
        lambda t: f"Tagihan {t.no} seluruhnya dikreditkan ({t.who})",
        lambda t: f"Invoice {t.no} is credited whole ({t.who})",
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
    "payment.captured": (_captured, _captured),
    "payment.settled": (
        lambda t: f"Dana {t.rp()} dari {t.who} diteruskan ke rekening",
        lambda t: f"{t.rp()} of {t.who} is on its way to the bank account",
    ),
    "payment.reversed": (
        lambda t: f"Bank menarik kembali {t.rp()} untuk {t.no} ({t.who})",
        lambda t: f"The bank takes {t.rp()} for {t.no} back ({t.who})",
    ),
    "payment.declined": (_declined, _declined),
    "payment.next_method": (
        lambda t: f"Untuk {t.no} ditagih cara bayar berikutnya milik {t.who}",
        lambda t: f"The next saved method of {t.who} is charged for {t.no}",
    ),
    "payment.confirm_needed": (
        lambda t: f"GoPay meminta PIN {t.who} untuk {t.rp()} ({t.no})",
        lambda t: f"GoPay asks {t.who} for a PIN over {t.rp()} ({t.no})",
    ),
    "payment.unknown": (
        lambda t: f"Jawaban Midtrans hilang untuk {t.rp()} ({t.who}); ditanyakan lagi",
        lambda t: f"Midtrans' answer on {t.rp()} is lost ({t.who}); we ask again",
    ),
    "payment.authorized": (
        lambda t: f"Kartu menahan {t.rp()} ({t.who}); belum ditagih",
        lambda t: f"The card holds {t.rp()} ({t.who}); not charged yet",
    ),
    "payment.challenged": (
        lambda t: f"Midtrans meragukan {t.rp()} ({t.who}); seseorang harus memutuskan",
        lambda t: f"Midtrans questions {t.rp()} ({t.who}); a person has to decide",
    ),
    "payment.hold_ended": (
        lambda t: f"Dana {t.rp()} yang ditahan di kartu lepas untuk {t.no} ({t.who})",
        lambda t: f"The hold of {t.rp()} on a card is over for {t.no} ({t.who}); nothing charged",
    ),
    "payment.capture_refused": (
        lambda t: f"Bank tidak mau menagih {t.rp()} yang ditahan ({t.who}); dana tetap ditahan",
        lambda t: f"The bank does not let {t.rp()} be captured ({t.who}); the hold stays",
    ),
    "instrument.offered": (_offered, _offered),
    "instrument.expired": (
        lambda t: f"Virtual account untuk {t.no} ditutup ({t.who})",
        lambda t: f"The virtual account for {t.no} is closed ({t.who})",
    ),
    "instrument.refused": (
        lambda t: f"Pembayaran {t.rp()} untuk {t.no} ditolak ({t.who})",
        lambda t: f"A payment of {t.rp()} for {t.no} was refused ({t.who})",
    ),
    "method.saved": (
        lambda t: f"{t.method_kind} {t.says('masked')} milik {t.who} disimpan",
        lambda t: f"{t.method_kind} {t.says('masked')} of {t.who} is saved",
    ),
    "method.ended": (
        lambda t: f"{t.method_kind} {t.who} tidak dipakai lagi",
        lambda t: f"{t.method_kind} of {t.who} is not used any more",
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
    "refund.arrived": (
        lambda t: f"Bank membenarkan {t.rp()} sudah sampai di {t.who}",
        lambda t: f"The bank confirms that {t.rp()} has reached {t.who}",
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
        lambda t: f"Surel ke {t.who} tentang {t.no}: {t.word('kind', words.NOTICES)}",
        lambda t: f"Mail to {t.who} about {t.no}: {t.word('kind', words.NOTICES)}",
    ),
    "dunning.ended": (
        lambda t: f"Penagihan {t.who} selesai: {t.word('state', words.CHASED)}",
        lambda t: f"The chase of {t.who} is over: {t.word('state', words.CHASED)}",
    ),
    "balance.credited": (
        lambda t: f"Saldo {t.who} bertambah {t.rp()} ({t.word('because', words.REASONS)})",
        lambda t: f"The balance of {t.who} grows by {t.rp()} ({t.word('because', words.REASONS)})",
    ),
    "balance.expired": (
        lambda t: f"Saldo {t.who} sebesar {t.rp()} hangus",
        lambda t: f"{t.rp()} of the balance of {t.who} expire",
    ),
    "balance.applied": (
        lambda t: f"Saldo {t.who} membayar {t.rp()} dari {t.no}",
        lambda t: f"The balance of {t.who} pays {t.rp()} of {t.no}",
    ),
    "review.opened": (
        lambda t: f"Perlu dilihat orang: {t.says('kind')}",
        lambda t: f"For a person to look at: {t.says('kind')}",
    ),
    "message.sent": (_mailed, _mailed),
    **TERMS,
}
