"""What a reader is told where the PPN that is owed follows other rules than the invoice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from core.money import Money
from invoices.tax_points import TaxPart, has_changed
from invoices.tax_tables import NO_TAX
from invoices.tax_terms import TaxTerms
from invoices.wording import long_date, percent, rupiah

_SENTENCES = {
    "id": {
        "same": "Pembayaran {gross} diterima {day}, saat PPN dihitung {new}; invoice ini terbit "
        "{issued} dengan {old}. Jumlah PPN tetap {owed} (DPP {base}{other}). Jumlah yang Anda "
        "bayar tidak berubah.",
        "other": "PPN terutang saat pembayaran. Pembayaran {gross} diterima {day}, saat PPN "
        "dihitung {new}; invoice ini terbit {issued} dengan {old}. Karena itu PPN di dalam "
        "pembayaran ini {owed}, bukan {waited}, dan DPP-nya {base}{other}. Jumlah yang Anda bayar "
        "tidak berubah; selisihnya ditanggung penjual lewat harga.",
        "base": ", DPP Nilai Lain {amount}",
        "none": "tanpa PPN",
        "rate": "{rate}",
        "rate_on": "{rate} × DPP Nilai Lain ({factor})",
        "not_collected": "tidak dipungut",
        "mixed": "PPN nota kredit ini mengikuti PPN yang terutang pada tiap pembayaran, dengan "
        "tarif yang berbeda-beda.",
    },
    "en": {
        "same": "The payment of {gross} was received on {day}, when VAT (PPN) was {new}; this "
        "invoice was issued on {issued} with {old}. The VAT remains {owed} (tax base {base}"
        "{other}). What you paid does not change.",
        "other": "VAT (PPN) is owed at the payment. The payment of {gross} was received on {day}, "
        "when VAT was {new}; this invoice was issued on {issued} with {old}. The VAT inside this "
        "payment is therefore {owed}, not {waited}, and its tax base {base}{other}. What you paid "
        "does not change; the seller bears the difference in the price.",
        "base": ", DPP Nilai Lain {amount}",
        "none": "none",
        "rate": "{rate}",
        "rate_on": "{rate} × DPP Nilai Lain ({factor})",
        "not_collected": "not collected",
        "mixed": "The VAT of this credit note follows the VAT that was owed on each payment, at "
        "different rates.",
    },
}


def tax_point_notes(
    document: TaxTerms, issued_on: date, parts: Sequence[TaxPart], language: str
) -> tuple[str, ...]:
    """One sentence for each payment whose PPN follows other rules than the invoice; often none."""
    words = _SENTENCES[language]
    told = []
    for part in in_force(parts):
        if not has_changed(document, [part]):
            continue
        other = part.other_base
        sentence = words["same" if part.difference.is_zero else "other"]
        told.append(
            sentence.format(
                gross=rupiah(part.gross.amount),
                day=long_date(part.on, language),
                issued=long_date(issued_on, language),
                new=rule_text(part.terms, language),
                old=rule_text(document, language),
                owed=rupiah(part.owed.amount),
                waited=rupiah(part.waited.amount),
                base=rupiah(part.base.amount),
                other=words["base"].format(amount=rupiah(other.amount)) if other else "",
            )
        )
    return tuple(told)


def mixed_note(language: str) -> str:
    """What a credit note says whose PPN comes from several rates."""
    return _SENTENCES[language]["mixed"]


def tax_point_steps(
    document: TaxTerms, parts: Sequence[TaxPart], language: str
) -> tuple[tuple[str, str], ...]:
    """Tell the arithmetic of the tax points as (label, sum) rows, where they changed anything."""
    if not has_changed(document, parts):
        return ()
    asked = "dipungut pada invoice" if language == "id" else "charged on the invoice"
    owed = "PPN terutang" if language == "id" else "PPN owed"
    rows = []
    for part in parts:
        label = f"{owed} {long_date(part.on, language)}"
        if part.terms.makes_same_tax(document) or not part.terms.collected:
            sum_ = f"{rule_text(part.terms, language)}: {rupiah(part.owed.amount)}"
        else:
            share = part.terms.effective / (1 + part.terms.effective)
            sum_ = (
                f"{rule_text(part.terms, language)}: {rupiah(part.gross.amount)} × "
                f"{share.numerator}/{share.denominator} = {rupiah(part.owed.amount)}"
            )
        rows.append((label, f"{sum_} ({asked}: {rupiah(part.waited.amount)})"))
    return tuple(rows)


def rule_text(terms: TaxTerms, language: str) -> str:
    """Name a rule as a document prints it: ``12% × DPP Nilai Lain (11/12)``."""
    words = _SENTENCES[language]
    if terms.code == NO_TAX:
        return words["none"]
    if not terms.collected:
        return words["not_collected"]
    rate = percent(terms.statutory)
    if terms.base_factor == 1:
        return words["rate"].format(rate=rate)
    factor = f"{terms.base_factor.numerator}/{terms.base_factor.denominator}"
    return words["rate_on"].format(rate=rate, factor=factor)


def in_force(parts: Sequence[TaxPart]) -> list[TaxPart]:
    """Leave out payments that were taken back, with what took them back."""
    left: list[TaxPart] = []
    for part in parts:
        if part.gross > Money(0):
            left.append(part)
            continue
        for at in range(len(left) - 1, -1, -1):
            if (left[at].gross, left[at].owed) == (-part.gross, -part.owed):
                del left[at]
                break
    return left
