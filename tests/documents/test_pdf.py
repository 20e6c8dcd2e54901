"""The PDF of a document: the same bytes every time, all of its text, nothing executed."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from documents import examples as ex
from documents.pdf_text import page_count, pdf_text

from invoices.adapters import pdf as adapter
from invoices.adapters.pdf import DocumentUnreadable, render_pdf
from invoices.document import view_of
from invoices.document_facts import DocumentFacts, LogoFacts

ALL = {
    name: facts
    for name, facts in vars(ex).items()
    if isinstance(facts, DocumentFacts) and name.isupper()
}


def text_of(facts: DocumentFacts) -> str:
    return pdf_text(render_pdf(view_of(facts), ex.ISSUED_AT))


@pytest.mark.parametrize("name", sorted(ALL))
@pytest.mark.parametrize("locale", ["id", "en"])
def test_every_document_is_laid_out_without_a_warning(name: str, locale: str) -> None:
    facts = replace(ALL[name], locale=locale)
    shown = text_of(facts)
    assert facts.number in shown
    assert view_of(facts).headline in shown
    assert "\ufffd" not in shown


def test_the_same_document_has_the_same_bytes() -> None:
    first = render_pdf(view_of(ex.OPEN), ex.ISSUED_AT)
    assert render_pdf(view_of(ex.OPEN), ex.ISSUED_AT) == first
    adapter._read_fonts.cache_clear()
    assert render_pdf(view_of(ex.OPEN), ex.ISSUED_AT) == first
    assert render_pdf(view_of(ex.OPEN), ex.ISSUED_AT + timedelta(seconds=1)) != first


def test_threads_that_begin_together_make_the_same_bytes() -> None:
    adapter._read_fonts.cache_clear()
    view = view_of(ex.OPEN)
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: render_pdf(view, ex.ISSUED_AT), range(8)))
    assert len(made) == 1


def test_another_process_in_another_time_zone_makes_the_same_bytes() -> None:
    program = (
        "import hashlib; from documents import examples as ex;"
        "from invoices.adapters.pdf import render_pdf; from invoices.document import view_of;"
        "print(hashlib.sha256(render_pdf(view_of(ex.OPEN), ex.ISSUED_AT)).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"TZ": zone, "PYTHONPATH": f"{ex.ROOT}:{ex.ROOT / 'tests'}"},
            cwd="/",
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for zone in ("Asia/Jayapura", "America/Los_Angeles")
    }
    assert len(digests) == 1


def test_the_file_is_archivable_and_names_itself() -> None:
    made = render_pdf(view_of(ex.OPEN), ex.ISSUED_AT)
    assert made.startswith(b"%PDF-1.7")
    assert b"<pdfaid:part>3</pdfaid:part>" in made
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in made
    assert b"/Title(Invoice INV/2026/XI/00042 dari Larasa)" in made
    assert b"D:20261121020000" in made


@pytest.mark.parametrize(
    "shown",
    [
        "PT Larasa Contoh Nusantara", "NPWP: 0012345678901000", "PKP sejak: 1 April 2022",
        "Warung Kopi Pelangi", "NPWP: 0098765432109000", "INV/2026/XI/00042", "28 November 2026",
        "Larasa Tumbuh, bulanan", "Periode layanan: 21 Nov 2026 – 20 Des 2026",
        "DPP Nilai Lain (11/12) Rp319.917", "PPN 12% × DPP Nilai Lain (11/12) Rp38.390",
        "Total Rp387.390", "Sisa tagihan Rp387.390", "Tiga ratus delapan puluh tujuh ribu",
        "BCA Virtual Account", "7001 2000 0012 345", "28 November 2026, 23.59 WIB",
        "Pindai untuk melihat dan membayar", "tagihan@larasa.example", "Halaman 1 dari 1",
    ],
)  # fmt: skip
def test_an_unpaid_invoice_prints_all_that_it_must(shown: str) -> None:
    assert shown in text_of(ex.OPEN)


def test_a_paid_invoice_is_stamped_and_has_no_way_to_pay() -> None:
    shown = text_of(ex.PAID)
    assert "LUNAS" in shown
    assert "Cara bayar" not in shown
    assert "Pindai" not in shown


@pytest.mark.parametrize("locale", ["id", "en"])
def test_a_seller_who_is_no_pkp_never_mentions_ppn(locale: str) -> None:
    shown = text_of(replace(ex.NO_PKP, locale=locale))
    assert not {"PPN", "VAT", "DPP", "PKP"} & set(shown.replace("(", " ").split())


def test_a_long_invoice_repeats_its_head_and_counts_its_pages() -> None:
    made = render_pdf(view_of(ex.LONG), ex.ISSUED_AT)
    shown = pdf_text(made)
    assert page_count(made) == 2
    assert shown.count("Harga satuan") == 2
    assert "Halaman 1 dari 2" in shown
    assert "Halaman 2 dari 2" in shown
    assert all(f"Gerai {n:02d}" in shown for n in range(1, 26))


@pytest.mark.parametrize(
    "name",
    [
        '#panic("x")',
        "$1 + 1$ *bold* _it_ `raw`",
        "<script>alert(1)</script>",
        "= Heading // comment /* x */",
        '#sys.inputs "quoted" \\ back\\slash',
        "@label <label> ~ -- --- ...",
        "https://evil.example/#x",
    ],
)
def test_what_people_typed_is_printed_as_they_typed_it(name: str) -> None:
    facts = replace(
        ex.OPEN,
        buyer=replace(ex.BUYER, name=name, company=""),
        lines=(replace(ex.LINE, description=name, explanation=name),),
        notes=(name,),
    )
    assert text_of(facts).count(name) == 4


def test_a_letter_without_a_font_becomes_a_question_mark() -> None:
    facts = replace(ex.OPEN, buyer=replace(ex.BUYER, company="Kedai 王 \U0001f600 Жукова \x00é"))
    assert "Kedai ? ? Жукова é" in text_of(facts)


def test_a_mark_that_turns_the_reading_direction_is_dropped() -> None:
    facts = replace(ex.OPEN, buyer=replace(ex.BUYER, company="PT \u202eSUNAL"))
    assert "PT SUNAL" in text_of(facts)


def test_a_very_long_word_stays_inside_its_column() -> None:
    word = "Perusahaan" * 12
    shown = text_of(replace(ex.OPEN, buyer=replace(ex.BUYER, company=word)))
    assert word in shown.replace(" ", "")


def test_pixel_logos_are_drawn() -> None:
    facts = replace(ex.OPEN, seller=replace(ex.SELLER, logo=LogoFacts("image/png", _one_pixel())))
    assert b"/Subtype/Image" in render_pdf(view_of(facts), ex.ISSUED_AT)


def test_a_broken_logo_is_an_error_that_says_so() -> None:
    facts = replace(ex.OPEN, seller=replace(ex.SELLER, logo=LogoFacts("image/png", b"no")))
    with pytest.raises(DocumentUnreadable):
        render_pdf(view_of(facts), ex.ISSUED_AT)


def test_the_instant_needs_its_offset() -> None:
    with pytest.raises(ValueError, match="offset"):
        render_pdf(view_of(ex.OPEN), datetime(2026, 11, 21))


def _one_pixel() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"\x00\x0b\x6e\x69"))
        + chunk(b"IEND", b"")
    )
