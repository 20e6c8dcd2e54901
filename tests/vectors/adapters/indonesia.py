"""PPN, words and formats of Indonesia by tables, answered by what prints and taxes our documents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from vectors.cases import Answer, Case, Present, adapter, instant

from core.calendars import zone_of
from core.money import Money
from invoices.document import stamp_duty_due
from invoices.document_facts import DocumentKind, DocumentStatus
from invoices.tax import TaxResult, compute_tax, rounding_for, tax_row
from invoices.terbilang import rupiah_sentence, terbilang
from invoices.wording import clock_time, long_date, rupiah, rupiah_exact

D = date.fromisoformat
DOCUMENTS: Mapping[str, tuple[DocumentKind, DocumentStatus]] = {
    "receipt": ("receipt", "issued"),
    "invoice": ("invoice", "open"),
    "invoice_marked_paid": ("invoice", "paid"),
}
MODES = {"down": "DOWN", "half_up": "HALF_UP"}


def taxed(case: Case, lines: list[int], mode: Any = "exclusive") -> TaxResult:
    given = case.given
    non_pkp = given.get("treatment") == "non_pkp"
    return compute_tax(
        [Money(line) for line in lines],
        treatment="standard" if non_pkp else given.get("treatment", "standard"),
        mode=mode,
        on=D(given["tax_date"]),
        pkp=not non_pkp,
    )


@adapter("indonesia", "ppn", "table")
def ppn(case: Case) -> Answer:
    given = case.given
    found = taxed(case, [given["price"]], given["price_mode"])
    answer: dict[str, Any] = {
        "dpp": found.base.amount,
        "ppn": found.stated.amount,
        "total": found.total.amount,
    }
    if given.get("dpp_nilai_lain") is not None:
        answer["dpp_nilai_lain"] = (found.other_base or found.base).amount
    if given["rounding"] != "n/a":
        answer["rounding"] = MODES[found.rounding]
    return answer


@adapter("indonesia", "ppn_multi_line", "table")
def ppn_multi_line(case: Case) -> Answer:
    found = taxed(case, case.given["lines"])
    return {
        "dpp": found.base.amount,
        "ppn_document_level": found.tax.amount,
        "ppn_allocated": [part.amount for part in found.per_line],
        "total": found.total.amount,
    }


def first_day(row: Mapping[str, Any]) -> date:
    return D(row["valid_from"] or row["valid_to"])


@adapter("indonesia", "ppn_rates", "table")
def ppn_rates(case: Case) -> Answer:
    is_luxury = case.given.get("applies_to", "").startswith("luxury")
    row = tax_row("luxury" if is_luxury else "standard", first_day(case.given))
    return {"statutory": f"{row.statutory * 100}%", "base_factor": row.base_factor}


@adapter("indonesia", "rounding_rules", "table")
def rounding_rules(case: Case) -> Answer:
    given = case.given
    return {"mode": MODES[rounding_for(D(given.get("valid_from") or given["valid_to"]))]}


@adapter("indonesia", "terbilang", "table")
def words(case: Case) -> Answer:
    sentence = rupiah_sentence(case.given["n"])
    return {"words": terbilang(case.given["n"]), "rupiah": sentence[0].lower() + sentence[1:]}


@adapter("indonesia", "currency_format", "table")
def currency_format(case: Case) -> Answer:
    value = Fraction(case.given["value"])
    if case.given["decimals"]:
        return {"text": rupiah_exact(value)}
    return {"text": rupiah(Money(1).times(value).amount)}


@adapter("indonesia", "date_format", "table")
def date_format(case: Case) -> Answer:
    given = case.given
    if "zone" not in given:
        return {"text": long_date(D(given["input"]))}
    local = instant(given["input"]).astimezone(zone_of(given["zone"]))
    return {"text": f"{long_date(local.date())} {clock_time(local)}"}


@adapter("indonesia", "stamp_duty", "table")
def stamp_duty(case: Case) -> Answer:
    given = case.given
    kind, status = DOCUMENTS[given["document"]]
    return {"stamp_duty": Present(stamp_duty_due(kind, status, given["nominal"]))}
