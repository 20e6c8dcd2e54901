"""The parts of a document made from stored snapshots: seller, buyer, tax, how to pay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from billing.flows.document_rows import InvoiceRows
from core.calendars import civil_date
from core.merchant import Merchant
from core.money import Money
from invoices.derivation import arithmetic, is_counted
from invoices.discounts import codes_of, gross_of
from invoices.document_facts import (
    AutoChargeFacts,
    BuyerFacts,
    HowToPayFacts,
    LineFacts,
    LogoFacts,
    SellerFacts,
    TaxFacts,
)
from invoices.tax_terms import TaxTerms
from payments.channels import CHANNELS

_BALANCE: Mapping[str, str] = {"id": "Saldo pelanggan", "en": "Customer balance"}
REASONS: Mapping[str, Mapping[str, str]] = {
    "id": {
        "cancellation": "Pembatalan langganan",
        "pause": "Langganan dijeda",
        "trial_moved": "Masa coba diubah",
        "plan_change": "Perubahan paket",
        "dunning_end": "Langganan berakhir karena belum dibayar",
        "requested_by_customer": "Permintaan pelanggan",
        "duplicate": "Pembayaran ganda",
        "service_problem": "Gangguan layanan",
        "mistake": "Koreksi kesalahan",
        "captured_less": "Bagian yang tidak jadi ditagih",
        "usage_corrected": "Koreksi pemakaian",
    },
    "en": {
        "cancellation": "Subscription canceled",
        "pause": "Subscription paused",
        "trial_moved": "Trial moved",
        "plan_change": "Plan changed",
        "dunning_end": "Subscription ended unpaid",
        "requested_by_customer": "Asked for by the customer",
        "duplicate": "Paid twice",
        "service_problem": "Service problem",
        "mistake": "Correction of a mistake",
        "captured_less": "The part that was not charged",
        "usage_corrected": "Usage corrected",
    },
}


def seller_facts(stored: Mapping[str, Any], merchant: Merchant) -> SellerFacts:
    logo = None
    if merchant.logo is not None and merchant.logo_media_type is not None:
        logo = LogoFacts(merchant.logo_media_type, merchant.logo)
    legal = stored.get("legal_name") or merchant.legal_name
    return SellerFacts(
        legal_name=legal,
        display_name=stored.get("display_name") or merchant.display_name or legal,
        address=address_lines(stored.get("address")),
        npwp=stored.get("npwp") or "",
        nitku=stored.get("nitku") or "",
        pkp_since=day_of(stored.get("pkp_since")),
        email=stored.get("email") or "",
        phone=stored.get("phone") or "",
        website=stored.get("website") or "",
        brand_color=stored.get("brand_color") or merchant.brand_color,
        logo=logo,
    )


def buyer_facts(stored: Mapping[str, Any]) -> BuyerFacts:
    return BuyerFacts(
        name=stored.get("name") or "",
        company=stored.get("company") or "",
        address=address_lines(stored.get("address")),
        email=stored.get("email") or "",
        npwp=stored.get("npwp") or "",
    )


def tax_facts(stored: Mapping[str, Any], *, base: int | None, tax: int) -> TaxFacts | None:
    """The tax block; none where the seller charges no PPN. ``base`` overrides the stored one."""
    if not stored or stored.get("code") == "none":
        return None
    terms = TaxTerms.from_json(stored)
    other = stored.get("other_base")
    if base is not None:
        factor = terms.base_factor
        other = None if factor == 1 else Money(base).times(factor).amount
    percent = terms.statutory * 100
    return TaxFacts(
        treatment=terms.code,
        statutory_percent=percent.numerator // percent.denominator,
        base=stored["base"] if base is None else base,
        tax=tax if terms.collected else stored["stated"],
        mode=terms.mode,
        other_base=other,
        base_factor=(terms.base_factor.numerator, terms.base_factor.denominator),
        collected=terms.collected,
    )


def way_facts(order: Mapping[str, Any]) -> HowToPayFacts:
    told = order["instructions"]
    return HowToPayFacts(
        bank=told.get("bank") or told.get("store") or "",
        va_number=told.get("va_number") or told.get("bill_key") or told.get("payment_code") or "",
        amount=order["amount"],
        expires_at=order["expires_at"],
        biller_code=told.get("biller_code", ""),
        action_url=told.get("redirect_url", ""),
    )


def auto_charge_facts(rows: InvoiceRows, language: str) -> AutoChargeFacts | None:
    invoice = rows.invoice
    waiting = invoice["collection"] == "automatic" and invoice["collect_at"] is not None
    if not waiting or rows.method is None:
        return None
    zone = invoice["billing_zone"]
    return AutoChargeFacts(
        method_name(rows.method, language), civil_date(invoice["collect_at"], zone)
    )


def refund_road(refund: Mapping[str, Any], language: str) -> str:
    """Where money goes back to; what came by a number can only go back by hand, to an account."""
    if refund["route"] == "manual":
        return "bank account by transfer" if language == "en" else "rekening bank dengan transfer"
    return method_name(refund, language)


def method_name(paid: Mapping[str, Any], language: str) -> str:
    row = CHANNELS.get(paid["channel"])
    name = row.name(language) if row is not None else _BALANCE[language]
    if paid.get("brand"):
        name = str(paid["brand"]).upper()
    masked = paid.get("masked")
    return f"{name} •••• {masked[-4:]}" if masked else name


def explanation_of(derivation: Mapping[str, Any], language: str) -> str:
    """Tell the arithmetic of a part of a price; a whole price needs no words."""
    return "" if derivation["rule"] in ("product", "fixed") else arithmetic(derivation, language)


def line_facts(line: Mapping[str, Any], language: str) -> Iterator[LineFacts]:
    """Show a line; one that discounts lowered as two: the price, and what was taken off."""
    taken, whole = line["discount_amount"], line["derivation"]
    gross = gross_of(whole) if taken else whole
    counted = is_counted(gross)
    yield LineFacts(
        description=in_language(line["description"], language),
        amount=line["amount"] + taken,
        quantity=line["quantity"] if counted else 1,
        unit_amount=line["unit_amount"] if line["quantity"] > 1 and counted else None,
        period_start=line["period_start"],
        period_end=line["period_end"],
        explanation=explanation_of(gross, language),
    )
    if taken:
        word = "Discount" if language == "en" else "Diskon"
        yield LineFacts(
            description=f"{word} {', '.join(codes_of(whole))}".strip(),
            amount=-taken,
            explanation=arithmetic(whole, language),
        )


def in_language(value: Mapping[str, str] | str | None, language: str) -> str:
    if isinstance(value, Mapping):
        return value.get(language) or value.get("id") or ""
    return value or ""


def address_lines(value: str | Sequence[str] | None) -> tuple[str, ...]:
    found = value.splitlines() if isinstance(value, str) else list(value or ())
    return tuple(line.strip() for line in found if line.strip())


def day_of(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None
