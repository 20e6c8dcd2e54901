"""From facts to the one view that page, PDF and mail share."""

from __future__ import annotations

from datetime import date, datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from invoices import brand
from invoices.document_facts import (
    BuyerFacts,
    CreditFacts,
    DocumentFacts,
    DocumentKind,
    DocumentStatus,
    HowToPayFacts,
    LineFacts,
)
from invoices.document_summary import summary_of
from invoices.document_view import (
    DocumentView,
    Field,
    LineView,
    PartyView,
    PaymentView,
    PayView,
    StepsView,
)
from invoices.document_words import (
    BANKS,
    CREDIT_USES,
    LABELS,
    SENTENCES,
    STATUSES,
    STORES,
    TITLES,
    TONES,
)
from invoices.payment_steps import steps_for
from invoices.status import is_only_credited
from invoices.terbilang import rupiah_sentence
from invoices.wording import (
    language_of,
    long_date,
    npwp_text,
    period_text,
    rupiah,
    until_text,
)

# UU 10/2020: a document that states receipt of more than this owes stamp duty; exactly this does
# not. An unpaid bill is a demand and owes none.
STAMP_DUTY_ABOVE = 5_000_000


def view_of(facts: DocumentFacts) -> DocumentView:
    """Format everything a reader may see of a document, once.

    The same view gives the page, the PDF and the mail, so that they cannot disagree. A locale
    other than ``en`` reads Indonesian.

    Raises:
        ValueError: an amount in anything but whole rupiah (``IDR``).
    """
    if facts.currency != "IDR":
        raise ValueError(f"documents are in rupiah, not in {facts.currency}")
    language = language_of(facts.locale)
    labels = LABELS[language]
    state = _state(facts)
    can_pay = state in ("open", "overdue", "partial") and facts.kind == "invoice"
    accent = brand.accent(facts.seller.brand_color)
    title = TITLES[language][facts.kind]
    headline_label, headline = _headline(facts, state, language)
    return DocumentView(
        language=language,
        kind=facts.kind,
        title=title,
        page_title=SENTENCES[language]["page_title"].format(
            title=title.capitalize(),
            number=facts.number,
            seller=facts.seller.display_name,
        ),
        number=facts.number,
        status=STATUSES[language][state],
        tone=TONES[state],
        stamp=labels["stamp"] if state == "paid" else "",
        sentence=_sentence(facts, state, language),
        headline_label=headline_label,
        headline=rupiah(headline),
        deadline=_deadline(facts, can_pay, language),
        facts=_fact_fields(facts, language),
        correction=_correction(facts.credit, language),
        seller=_seller(facts, language),
        seller_brand=facts.seller.display_name,
        contact=tuple(
            text for text in (facts.seller.email, facts.seller.phone, facts.seller.website) if text
        ),
        buyer=_buyer(facts.buyer, facts.kind, language),
        lines=tuple(_line(line, language) for line in facts.lines),
        summary=summary_of(facts, language),
        words=rupiah_sentence(facts.total, language),
        payments=tuple(
            PaymentView(
                when=long_date(_local(payment.paid_at, facts.zone).date(), language),
                method=payment.method,
                amount=rupiah(payment.amount),
            )
            for payment in facts.payments
        ),
        can_pay=can_pay,
        how_to_pay=tuple(_way(way, facts.zone, language) for way in facts.how_to_pay)
        if can_pay
        else (),
        pay_url=safe_url(facts.pay_url),
        notes=facts.notes,
        accent=accent,
        tint=brand.tint(accent),
        logo=facts.seller.logo,
        stamp_duty_due=stamp_duty_due(facts.kind, facts.status, facts.total)
        and not _is_only_credited(facts),
        labels=labels,
    )


def stamp_duty_due(kind: DocumentKind, status: DocumentStatus, total: int) -> bool:
    """Whether the document states receipt of an amount that owes stamp duty (bea meterai)."""
    states_receipt = kind == "receipt" or (kind == "invoice" and status == "paid")
    return states_receipt and total > STAMP_DUTY_ABOVE


def safe_url(url: str) -> str:
    """Return ``url`` when it is an http(s) address with a host, else an empty text."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return ""
    return url.strip() if parts.scheme in ("http", "https") and parts.netloc else ""


def _state(facts: DocumentFacts) -> str:
    """Name what the reader should see, which is more than the stored status tells."""
    if facts.kind == "credit_note":
        # The title says what it is; the status says what becomes of the money.
        return facts.credit.use if facts.credit is not None else "reduces_invoice"
    if facts.kind == "receipt":
        return "paid"
    if facts.status == "paid":
        return "credited" if _is_only_credited(facts) else "paid"
    if facts.status not in ("open", "issued"):
        return facts.status
    if facts.due_on is not None and facts.as_of > facts.due_on:
        return "overdue"
    return "partial" if facts.paid or facts.credited else "open"


def _is_only_credited(facts: DocumentFacts) -> bool:
    return is_only_credited(facts.status, facts.paid, facts.credited)


def _headline(facts: DocumentFacts, state: str, language: str) -> tuple[str, int]:
    labels = LABELS[language]
    if state in ("open", "overdue", "partial"):
        return labels["due"], facts.due
    if facts.kind == "credit_note":
        return labels["total_credit"], facts.total
    return labels["total"], facts.total


def _sentence(facts: DocumentFacts, state: str, language: str) -> str:
    sentences = SENTENCES[language]
    if state in ("paid", "void", "uncollectible", "credited"):
        return sentences["paid_in_full" if state == "paid" else state]
    charge = facts.auto_charge
    if charge is None or state not in ("open", "overdue", "partial"):
        return ""
    if charge.on is None:
        return sentences["auto"].format(method=charge.method)
    return sentences["auto_on"].format(method=charge.method, date=long_date(charge.on, language))


def _deadline(facts: DocumentFacts, can_pay: bool, language: str) -> Field | None:
    if not can_pay or facts.due_on is None:
        return None
    return Field(LABELS[language]["due_date"], long_date(facts.due_on, language))


def _fact_fields(facts: DocumentFacts, language: str) -> tuple[Field, ...]:
    labels = LABELS[language]
    found = [
        Field(labels["number"], facts.number),
        Field(labels["issued"], long_date(facts.issued_on, language)),
    ]
    if facts.due_on is not None:
        found.append(Field(labels["due_date"], long_date(facts.due_on, language)))
    if facts.paid_at is not None and not _is_only_credited(facts):
        paid_on = _local(facts.paid_at, facts.zone).date()
        found.append(Field(labels["paid_on"], long_date(paid_on, language)))
    if facts.tax_invoice_number:
        found.append(Field(labels["tax_invoice"], facts.tax_invoice_number))
    return tuple(found)


def _correction(credit: CreditFacts | None, language: str) -> tuple[Field, ...]:
    if credit is None:
        return ()
    labels, uses = LABELS[language], CREDIT_USES[language]
    invoice = credit.invoice_number
    if credit.invoice_issued_on is not None:
        invoice += f" ({long_date(credit.invoice_issued_on, language)})"
    found = [Field(labels["reference"], invoice)]
    if credit.reason:
        found.append(Field(labels["reason"], credit.reason))
    use = uses[credit.use]
    if credit.use == "refund" and credit.refund_method:
        use = uses["refund_to"].format(method=credit.refund_method)
    return (*found, Field(labels["credit_use"], use))


def _seller(facts: DocumentFacts, language: str) -> PartyView:
    seller, labels = facts.seller, LABELS[language]
    fields = [Field(labels["npwp"], npwp_text(seller.npwp))] if seller.npwp else []
    if seller.nitku:
        fields.append(Field(labels["nitku"], seller.nitku))
    # A document without tax is that of a seller who was no PKP on its day.
    if seller.pkp_since is not None and facts.tax is not None:
        fields.append(Field(labels["pkp_since"], long_date(seller.pkp_since, language)))
    return PartyView(labels["seller"], seller.legal_name, seller.address, tuple(fields))


def _buyer(buyer: BuyerFacts, kind: DocumentKind, language: str) -> PartyView:
    labels = LABELS[language]
    lines = ((buyer.name,) if buyer.company else ()) + buyer.address
    if buyer.email:
        lines += (buyer.email,)
    return PartyView(
        labels["credited_to" if kind == "credit_note" else "buyer"],
        buyer.company or buyer.name,
        lines,
        (Field(labels["npwp"], npwp_text(buyer.npwp)),) if buyer.npwp else (),
    )


def _line(line: LineFacts, language: str) -> LineView:
    return LineView(
        description=line.description,
        period=_period(line.period_start, line.period_end, language),
        quantity=str(line.quantity),
        unit_amount=rupiah(line.amount if line.unit_amount is None else line.unit_amount),
        amount=rupiah(line.amount),
        explanation=line.explanation,
    )


def _period(start: date | None, end: date | None, language: str) -> str:
    if start is None or end is None:
        return ""
    return period_text(start, end, language)


def _way(way: HowToPayFacts, zone: str, language: str) -> PayView:
    labels = LABELS[language]
    bank = BANKS.get(way.bank, way.bank.upper())
    label = "va_number"
    product = "Virtual Account"
    if way.biller_code:
        product, label = "Bill Payment", "bill_key"
    elif way.bank in STORES:
        product, label = labels["at_till"], "payment_code"
    channels: tuple[StepsView, ...] = ()
    if way.instructions:
        channels = (StepsView(bank, way.instructions),)
    elif way.va_number:
        channels = tuple(
            StepsView(channel, tuple(steps))
            for channel, steps in steps_for(way.bank, bank, language)
        )
    return PayView(
        bank=bank,
        product=product,
        title=f"{bank} {product}",
        number_label=labels[label],
        number=_spaced(way.va_number),
        number_raw=way.va_number,
        biller_code=way.biller_code,
        amount=rupiah(way.amount),
        amount_raw=str(way.amount),
        expires=until_text(way.expires_at, zone, language) if way.expires_at else "",
        channels=channels,
        action_url=safe_url(way.action_url),
    )


def _spaced(digits: str) -> str:
    """Group a long number in fours, so that it can be read out and typed."""
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def _local(instant: datetime, zone: str) -> datetime:
    return instant.astimezone(ZoneInfo(zone))
