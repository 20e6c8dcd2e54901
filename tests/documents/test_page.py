"""The page of a document: everything on it, nothing from elsewhere, nothing executed."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest
from documents import examples as ex

from invoices.adapters.html import render_page
from invoices.document import view_of
from invoices.document_facts import DocumentFacts

HOSTILE = '<script>alert(1)</script>"\'><img src=x onerror=y> {{ 7*7 }} #panic("x") $1$ *b*'


class Page(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self._skip = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._skip += tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self._skip -= tag in ("style", "script")

    def handle_data(self, data: str) -> None:
        if not self._skip:
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.pieces).split())

    def links(self) -> list[str]:
        return [attrs["href"] or "" for tag, attrs in self.tags if tag == "a"]


def page(facts: DocumentFacts, **more: str) -> Page:
    return Page(render_page(view_of(facts), **more))


@pytest.mark.parametrize(
    "shown",
    [
        "INVOICE", "INV/2026/XI/00042", "21 November 2026", "28 November 2026",
        "PT Larasa Contoh Nusantara", "Jl. Contoh Raya No. 8, Lantai 3", "NPWP: 0012345678901000",
        "PKP sejak: 1 April 2022", "Warung Kopi Pelangi", "Dewi Anggraini", "Yogyakarta 55281",
        "NPWP: 0098765432109000", "Larasa Tumbuh, bulanan", "21 Nov 2026 – 20 Des 2026",
        "1 × Rp349.000", "1 × Rp349.000, satu bulan penuh.", "Subtotal",
        "Dasar Pengenaan Pajak (DPP)", "DPP Nilai Lain (11/12) Rp319.917",
        "PPN 12% × DPP Nilai Lain (11/12) Rp38.390", "Total Rp387.390", "Sisa tagihan Rp387.390",
        "Tiga ratus delapan puluh tujuh ribu tiga ratus sembilan puluh rupiah",
        "BCA Virtual Account", "7001 2000 0012 345", "Nomor berlaku sampai 28 November 2026, 23.59 WIB",
        "BCA mobile", "ATM BCA", "tagihan@larasa.example", "BELUM DIBAYAR",
    ],
)  # fmt: skip
def test_an_unpaid_invoice_shows_all_that_it_must(shown: str) -> None:
    assert shown in page(ex.OPEN).text


def test_the_english_page_says_the_same_in_english() -> None:
    shown = page(replace(ex.OPEN, locale="en"))
    for words in ("UNPAID", "Amount due", "How to pay", "Billed to", "BCA ATM", "28 November 2026"):
        assert words in shown.text
    assert ("html", {"lang": "en"}) in shown.tags
    for left_over in ("Jatuh tempo", "Sisa tagihan", "Cara bayar", "Penjual"):
        assert left_over not in shown.text


def test_a_paid_invoice_is_lunas_and_offers_no_way_to_pay() -> None:
    shown = page(ex.PAID)
    assert "LUNAS" in shown.text
    assert "BCA Virtual Account Rp387.390" in shown.text  # the payment, by method and amount
    assert "Cara bayar" not in shown.text
    assert "7001 2000" not in shown.text


@pytest.mark.parametrize("locale", ["id", "en"])
def test_a_seller_who_is_no_pkp_never_mentions_ppn(locale: str) -> None:
    shown = page(replace(ex.NO_PKP, locale=locale)).text
    assert not re.search(r"\b(PPN|VAT|DPP|PKP)\b", shown)


def test_nothing_is_loaded_from_elsewhere() -> None:
    html = render_page(view_of(ex.OPEN), nonce="abc", pdf_url="/i/x.pdf")
    shown = Page(html)
    loads = [
        attrs[name] or ""
        for _, attrs in shown.tags
        for name in ("src", "srcset", "data", "action", "background", "poster")
        if name in attrs
    ]
    assert all(address.startswith("data:image/") for address in loads)
    assert not [tag for tag, _ in shown.tags if tag in ("link", "iframe", "object", "form")]
    assert "url(" not in html
    assert "@import" not in html


def test_under_a_strict_policy_all_style_and_script_carries_the_nonce() -> None:
    shown = page(ex.OPEN, nonce="abc")
    inline = [attrs for tag, attrs in shown.tags if tag in ("style", "script")]
    assert len(inline) == 2
    assert all(attrs.get("nonce") == "abc" for attrs in inline)
    assert not [attrs for _, attrs in shown.tags if "style" in attrs]
    assert not [name for _, attrs in shown.tags for name in attrs if name.startswith("on")]


def test_without_a_nonce_there_is_no_script_and_the_copy_button_stays_hidden() -> None:
    shown = page(ex.OPEN)
    assert "script" not in [tag for tag, _ in shown.tags]
    buttons = [attrs for tag, attrs in shown.tags if tag == "button"]
    assert buttons
    assert all("hidden" in attrs for attrs in buttons)
    assert buttons[0]["data-copy"] == "700120000012345"


def test_what_people_typed_is_shown_as_they_typed_it() -> None:
    facts = replace(
        ex.OPEN,
        seller=replace(ex.SELLER, legal_name=HOSTILE, display_name=HOSTILE, logo=None),
        buyer=replace(ex.BUYER, name=HOSTILE, company=HOSTILE, address=(HOSTILE,)),
        lines=(replace(ex.LINE, description=HOSTILE, explanation=HOSTILE),),
        notes=(HOSTILE,),
    )
    shown = page(facts)
    assert shown.text.count(HOSTILE) >= 6
    assert [tag for tag, _ in shown.tags if tag in ("script", "img")] == []


@pytest.mark.parametrize("bad", ["javascript:alert(1)", "//evil.example", "data:text/html,x"])
def test_links_that_are_no_web_addresses_are_left_out(bad: str) -> None:
    way = replace(ex.OPEN.how_to_pay[0], action_url=bad)
    assert page(replace(ex.OPEN, how_to_pay=(way,)), pdf_url=bad).links() == [""]  # the reload link


def test_the_payment_page_and_the_pdf_are_linked() -> None:
    way = replace(ex.OPEN.how_to_pay[0], action_url="https://pay.example/x")
    shown = page(replace(ex.OPEN, how_to_pay=(way,)), pdf_url="/i/inv_1.pdf?s=a&t=b")
    assert shown.links() == ["https://pay.example/x", "", "/i/inv_1.pdf?s=a&t=b"]


def test_a_colour_cannot_break_out_of_the_style() -> None:
    facts = replace(ex.OPEN, seller=replace(ex.SELLER, brand_color="red;}</style><script>"))
    assert "</style><script>" not in unescape(render_page(view_of(facts)))
