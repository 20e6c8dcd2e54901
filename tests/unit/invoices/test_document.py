"""The view of a document: what is formatted, what is shown, what is kept back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from documents import examples as ex

from invoices.document import safe_url, stamp_duty_due, view_of
from invoices.document_facts import DocumentFacts, DocumentKind, DocumentStatus, HowToPayFacts
from invoices.document_view import DocumentView
from invoices.document_words import CREDIT_USES, LABELS, SENTENCES, STATUSES, TITLES, TONES


def english(facts: DocumentFacts) -> DocumentView:
    return view_of(replace(facts, locale="en-GB"))


@pytest.mark.parametrize(
    "facts,           pill,                             tone,      headline",
    [
        (ex.OPEN,        ("BELUM DIBAYAR", "UNPAID"),       "waiting", "Rp387.390"),
        (ex.OVERDUE,     ("LEWAT JATUH TEMPO", "OVERDUE"),  "late",    "Rp387.390"),
        (ex.PART_PAID,   ("DIBAYAR SEBAGIAN", "PARTLY PAID"), "waiting", "Rp287.390"),
        (ex.PAID,        ("LUNAS", "PAID"),                 "good",    "Rp387.390"),
        (ex.VOID,        ("DIBATALKAN", "VOID"),            "muted",   "Rp387.390"),
        (ex.CREDIT_NOTE, ("PENGEMBALIAN DANA", "REFUND"), "plain",   "Rp111.000"),
        (ex.RECEIPT,     ("LUNAS", "PAID"),                 "good",    "Rp387.390"),
    ],
)  # fmt: skip
def test_the_pill_the_headline_and_the_ways_to_pay_follow_the_state(
    facts: DocumentFacts, pill: tuple[str, str], tone: str, headline: str
) -> None:
    view = view_of(facts)
    assert (view.status, english(facts).status) == pill
    assert (view.tone, view.headline) == (tone, headline)
    assert view.can_pay is (tone in ("waiting", "late"))
    assert bool(view.how_to_pay) is view.can_pay


def test_an_invoice_is_due_to_the_end_of_its_due_date() -> None:
    assert view_of(replace(ex.OPEN, as_of=date(2026, 11, 28))).tone == "waiting"
    assert view_of(replace(ex.OPEN, as_of=date(2026, 11, 29))).tone == "late"


def test_an_invoice_that_credit_notes_settled_does_not_claim_a_payment() -> None:
    view = view_of(replace(ex.OPEN, status="paid", credited=387_390, due=0))
    assert (view.status, view.stamp) == ("DIKREDITKAN", "")
    assert "terima" not in view.sentence


def rows(facts: DocumentFacts) -> list[tuple[str, str]]:
    return [(row.label, row.amount) for row in view_of(facts).summary]


def test_ppn_is_added_at_its_statutory_rate_on_the_other_base() -> None:
    assert rows(ex.OPEN) == [
        ("Subtotal", "Rp349.000"),
        ("Dasar Pengenaan Pajak (DPP)", "Rp349.000"),
        ("DPP Nilai Lain (11/12)", "Rp319.917"),
        ("PPN 12% × DPP Nilai Lain (11/12)", "Rp38.390"),
        ("Total", "Rp387.390"),
        ("Sisa tagihan", "Rp387.390"),
    ]


def test_ppn_inside_the_price_is_shown_as_the_part_it_is() -> None:
    assert rows(ex.INCLUSIVE) == [
        ("Subtotal (termasuk PPN)", "Rp349.000"),
        ("Dasar Pengenaan Pajak (DPP)", "Rp314.414"),
        ("DPP Nilai Lain (11/12)", "Rp288.213"),
        ("PPN 12% × DPP Nilai Lain (11/12), sudah termasuk", "Rp34.586"),
        ("Total", "Rp349.000"),
        ("Sisa tagihan", "Rp349.000"),
    ]


def test_before_2025_the_rate_is_on_the_price_itself() -> None:
    assert ex.TAX.other_base is not None
    old = replace(ex.TAX, statutory_percent=11, other_base=None)
    assert ("PPN 11%", "Rp38.390") in rows(replace(ex.OPEN, tax=old))


def test_tax_that_is_stated_but_not_collected_says_so() -> None:
    stated = replace(ex.TAX, collected=False)
    assert any(
        label.endswith(", tidak dipungut") for label, _ in rows(replace(ex.OPEN, tax=stated))
    )


def test_a_seller_who_is_no_pkp_shows_no_ppn_and_no_base() -> None:
    assert rows(ex.NO_PKP) == [
        ("Subtotal", "Rp349.000"),
        ("Total", "Rp349.000"),
        ("Sisa tagihan", "Rp349.000"),
    ]


def test_a_document_without_tax_does_not_call_its_seller_a_pkp() -> None:
    later = replace(ex.NO_PKP, seller=ex.SELLER)  # became a PKP, but not on this document's day
    assert [field.label for field in view_of(later).seller.fields] == ["NPWP"]
    assert "PKP sejak" in [field.label for field in view_of(ex.OPEN).seller.fields]


def test_payments_and_credits_lead_from_the_total_to_what_is_due() -> None:
    facts = replace(ex.OPEN, paid=100_000, credited=50_000, due=237_390)
    assert rows(facts)[-4:] == [
        ("Total", "Rp387.390"),
        ("Sudah dibayar", "-Rp100.000"),
        ("Nota kredit", "-Rp50.000"),
        ("Sisa tagihan", "Rp237.390"),
    ]


def test_a_credit_note_names_the_invoice_the_reason_and_where_the_money_goes() -> None:
    view = view_of(ex.CREDIT_NOTE)
    assert view.title == "NOTA KREDIT"
    assert [(field.label, field.text) for field in view.correction] == [
        ("Mengoreksi invoice", "INV/2026/XI/00042 (21 November 2026)"),
        ("Alasan", "Layanan terganggu"),
        ("Pengembalian", "Dana dikembalikan ke kartu Visa •••• 1111"),
    ]
    assert view.summary[-1].label == "Total kredit"


def test_instants_are_dated_in_the_zone_of_the_seller() -> None:
    view = view_of(ex.PAID)  # 24 November 18:30 UTC
    assert view.payments[0].when == "25 November 2026"
    assert ("Dibayar pada", "25 November 2026") in [(f.label, f.text) for f in view.facts]
    assert view_of(ex.OPEN).how_to_pay[0].expires == "28 November 2026, 23.59 WIB"


def test_a_virtual_account_is_spaced_to_read_and_plain_to_copy() -> None:
    way = view_of(ex.OPEN).how_to_pay[0]
    assert (way.title, way.number, way.number_raw) == (
        "BCA Virtual Account",
        "7001 2000 0012 345",
        "700120000012345",
    )
    assert [channel.channel for channel in way.channels] == ["BCA mobile", "ATM BCA"]


def test_a_mandiri_bill_has_a_company_code_and_a_bill_key() -> None:
    bill = HowToPayFacts("mandiri", "990000012345", 1_000, biller_code="70012")
    way = view_of(replace(ex.OPEN, how_to_pay=(bill,))).how_to_pay[0]
    assert (way.title, way.number_label, way.biller_code) == (
        "Mandiri Bill Payment",
        "Kode bayar",
        "70012",
    )


def test_an_unknown_bank_gets_general_steps_with_its_name() -> None:
    other = HowToPayFacts("xyz", "123456", 1_000)
    channels = view_of(replace(ex.OPEN, how_to_pay=(other,))).how_to_pay[0].channels
    assert channels[0].channel == "Aplikasi XYZ"
    assert all("{" not in step for channel in channels for step in channel.steps)


def test_the_period_of_a_line_ends_on_its_last_day() -> None:
    assert view_of(ex.OPEN).lines[0].period == "21 Nov 2026 – 20 Des 2026"


def test_the_total_is_written_in_words_in_both_languages() -> None:
    words = "Tiga ratus delapan puluh tujuh ribu tiga ratus sembilan puluh rupiah"
    assert view_of(ex.OPEN).words == words
    assert english(ex.OPEN).words.startswith("Three hundred eighty-seven thousand")


def test_an_automatic_charge_tells_the_payer_to_do_nothing() -> None:
    assert view_of(ex.AUTOMATIC).sentence == (
        "Kartu Visa •••• 1111 akan ditagih otomatis pada 22 November 2026. "
        "Anda tidak perlu melakukan apa pun."
    )


@pytest.mark.parametrize(
    "kind,          status,   total,     due",
    [
        ("invoice",     "open",   5_000_001, False),  # a demand
        ("invoice",     "paid",   5_000_000, False),  # exactly the limit
        ("invoice",     "paid",   5_000_001, True),
        ("receipt",     "open",   5_000_001, True),
        ("credit_note", "issued", 9_000_000, False),
    ],
)  # fmt: skip
def test_stamp_duty_attaches_to_receipts_above_five_million(
    kind: DocumentKind, status: DocumentStatus, total: int, due: bool
) -> None:
    assert stamp_duty_due(kind, status, total) is due


@pytest.mark.parametrize(
    "url,                        kept",
    [
        ("https://a.example/x",       True),
        ("http://127.0.0.1:8401/pay", True),
        ("javascript:alert(1)",       False),
        ("data:text/html,x",          False),
        ("//a.example/x",             False),
        ("/i/inv_1",                  False),
        ("http://[",                  False),
        ("",                          False),
    ],
)  # fmt: skip
def test_only_web_addresses_become_links(url: str, kept: bool) -> None:
    assert safe_url(url) == (url if kept else "")


def test_only_rupiah_is_printed() -> None:
    with pytest.raises(ValueError, match="rupiah"):
        view_of(replace(ex.OPEN, currency="USD"))


@pytest.mark.parametrize("table", [LABELS, TITLES, STATUSES, SENTENCES, CREDIT_USES])
def test_both_languages_have_the_same_words(table: dict[str, dict[str, str]]) -> None:
    assert set(table["id"]) == set(table["en"])
    assert all(table["id"].values())
    assert all(table["en"].values())


def test_every_status_has_a_tone() -> None:
    assert set(TONES) == set(STATUSES["id"])
