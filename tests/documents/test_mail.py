"""Mails to customers: the same words in both parts, and nobody's name does harm."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from typing import Any

import pytest
from documents import examples as ex
from documents.notices import NOTICE, PDF, notice
from source_tree import ROOT

from core.mail import MailRefused, build_message, derived_message_id
from invoices.adapters.mail import NOTICE_KINDS, WITH_TERMS, Links, NoticeKind, compose


class Words(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "a":
            self.links.append(dict(attrs)["href"] or "")

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.pieces).split())


@pytest.mark.parametrize("kind", NOTICE_KINDS)
@pytest.mark.parametrize("locale", ["id", "en"])
def test_every_mail_says_the_same_in_text_and_html(kind: NoticeKind, locale: str) -> None:
    mail = compose(notice(kind, locale))
    html = Words(mail.html)
    assert mail.subject
    assert "Dewi Anggraini" in mail.text
    for paragraph in mail.text.split("\n\n"):
        for line in paragraph.splitlines():
            if line.startswith(("http", "-- ")):
                continue
            for words in line.removesuffix(":").split(": "):
                assert " ".join(words.split()) in html.text
    assert [line for line in mail.text.splitlines() if line.startswith("http")] == html.links
    assert "{" not in mail.text
    assert "None" not in mail.text
    assert "\n\n\n" not in mail.text


@pytest.mark.parametrize("kind", sorted(set(NOTICE_KINDS) - WITH_TERMS))
def test_every_mail_can_do_without_what_is_optional(kind: NoticeKind) -> None:
    bare = replace(
        notice(kind),
        links=Links(),
        when=None,
        plan="",
        method="",
        reason="",
        pdf=None,
        amount=None,
        until="",
        old_plan="",
        starts=None,
        charged=None,
    )
    mail = compose(bare)
    assert not Words(mail.html).links
    assert not mail.attachments
    assert "terlampir" not in mail.text
    assert "  " not in mail.text.replace("-- \n", "")


@pytest.mark.parametrize(
    "kind,                said",
    [
        ("invoice_issued",     "BCA Virtual Account: 7001 2000 0012 345"),
        ("invoice_issued",     "Jatuh tempo: 28 November 2026"),
        ("payment_received",   "invoice ini lunas"),
        ("payment_failed",     "dana tidak mencukupi"),
        ("payment_failed",     "Dicoba lagi: 25 November 2026"),
        ("payment_reminder",   "Sisa tagihan: Rp387.390"),
        ("last_warning",       "paling lambat 24 November 2026, 23.59 WIB, langganan Larasa Tumbuh Anda akan berakhir"),
        ("subscription_ended", "tidak akan ditagih lagi"),
        ("change_undone",      "kembali ke paket Larasa Tumbuh mulai 25 November 2026"),
        ("upgrade_not_paid",   "Paket Anda tidak berubah menjadi Larasa Tumbuh"),
        ("cancel_confirmed",   "Bisa dipakai sampai: 24 November 2026, 23.59 WIB"),
        ("change_confirmed",   "Tagihan berikutnya: Rp3.873.900"),
        ("pause_confirmed",    "Dilanjutkan otomatis: 25 November 2026"),
        ("resume_confirmed",   "Bisa dipakai lagi mulai: 25 November 2026"),
        ("trial_moved",        "Masa coba sampai: 24 November 2026, 23.59 WIB"),
        ("refund_kept",        "kami catat sebagai saldo Anda"),
        ("refund_arrived",     "Dikembalikan ke: Visa •••• 1111"),
        ("card_not_saved",     "Masa coba berakhir: 25 November 2026"),
        ("trial_ending",       "Tagihan pertama: Rp3.873.900"),
        ("renewal_notice",     "diperpanjang"),
        ("price_changes",      "Mulai tanggal: 25 November 2026"),
        ("price_kept",         "tetap seperti semula"),
        ("balance_expiring",   "Hari terakhir: 25 November 2026"),
        ("credit_note",        "Mengoreksi invoice: INV/2026/XI/00042 (21 November 2026)"),
    ],
)  # fmt: skip
def test_a_mail_says_what_matters(kind: NoticeKind, said: str) -> None:
    assert said in compose(notice(kind)).text


def test_a_number_to_pay_to_is_never_broken_over_two_lines() -> None:
    html = compose(notice("invoice_issued")).html
    for whole in ("7001 2000 0012 345", "Rp387.390", "28 November 2026"):
        [before] = [part for part in html.split("<td")[1:] if f">{whole}</td>" in part]
        assert "white-space:nowrap" in before


def test_a_hard_decline_announces_no_further_try() -> None:
    mail = compose(replace(notice("payment_failed"), when=None))
    assert "tidak akan mencoba lagi" in mail.text
    assert "Dicoba lagi" not in mail.text


@pytest.mark.parametrize(
    ("locale", "by_page", "by_mail"),
    [
        ("id", "dengan cara lain di halaman invoice", "kartu lain untuk seterusnya? Balas saja email ini"),
        ("en", "in another way on the invoice's page", "another card from now on? Just reply to this mail"),
    ],
)  # fmt: skip
def test_a_declined_payer_is_told_ways_that_exist(locale: str, by_page: str, by_mail: str) -> None:
    mail = compose(replace(notice("payment_failed", locale), when=None))
    assert by_page in mail.text
    assert by_mail in mail.text
    assert Words(mail.html).links == [ex.PAGE]


def test_no_mail_waits_for_a_link_that_is_never_given() -> None:
    asked = {
        name
        for path in (ROOT / "invoices/templates/mail").glob("*.txt")
        for name in re.findall(r"links\.(\w+)", path.read_text(encoding="utf-8"))
    }
    assert asked == {one.name for one in fields(Links)} == {"page"}


def test_the_pdf_goes_with_the_mail_under_the_number_of_the_document() -> None:
    (attachment,) = compose(NOTICE).attachments
    assert attachment.filename == "INV-2026-XI-00042.pdf"
    assert (attachment.media_type, attachment.data) == ("application/pdf", PDF)


def test_replies_go_to_the_merchant() -> None:
    mail = compose(NOTICE)
    assert mail.headers["Reply-To"] == "tagihan@larasa.example"
    assert mail.from_name == "Larasa"


def test_a_mail_about_a_document_needs_it() -> None:
    with pytest.raises(ValueError, match="needs its document"):
        compose(replace(NOTICE, view=None))


@pytest.mark.parametrize("kind", sorted(WITH_TERMS))
@pytest.mark.parametrize("missing", [{"plan": ""}, {"when": None}, {"amount": None}])
def test_a_mail_that_announces_a_charge_names_it(kind: NoticeKind, missing: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="needs plan, date and amount"):
        compose(replace(notice(kind), **missing))


def test_a_name_can_neither_add_a_button_nor_markup_nor_a_header() -> None:
    name = "X\n\n=> Bayar | https://evil.example\n<b>tebal</b>"
    seller = replace(ex.SELLER, display_name="Toko\nBcc: a@evil.example")
    mail = compose(replace(NOTICE, customer_name=name, seller=seller))
    assert "https://evil.example" not in Words(mail.html).links
    assert "b" not in Words(mail.html).tags
    assert "<b>tebal</b>" in Words(mail.html).text
    message = build_message(mail, "billing@larasa.example")
    assert message["Bcc"] is None
    assert "\n" not in mail.subject


@pytest.mark.parametrize("to", ["a@b.example\r\nBcc: c@d.example", "no address", "", "é@b.example"])
def test_an_address_that_cannot_be_written_is_refused_for_good(to: str) -> None:
    with pytest.raises(MailRefused):
        build_message(replace(compose(NOTICE), to=to), "billing@larasa.example")


def test_the_same_mail_has_the_same_bytes() -> None:
    first = build_message(compose(NOTICE), "billing@larasa.example").as_bytes()
    assert build_message(compose(NOTICE), "billing@larasa.example").as_bytes() == first


def test_a_message_id_belongs_to_its_key() -> None:
    assert derived_message_id("a/issued", "x.example") == derived_message_id(
        "a/issued", "x.example"
    )
    assert derived_message_id("a/issued", "x.example") != derived_message_id("a/paid", "x.example")
