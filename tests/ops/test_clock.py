"""`tagihan clock` and `tagihan explain` on a small business; the sentences of the diary."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from database import Cluster
from simulated import running_simulator
from world import START, World, make_world

from billing.flows.subscribe import subscribe
from billing.ledger.journal import JournalKind
from billing.reports.explain import explain_invoice, tax_steps
from core.errors import InvalidRequest
from invoices.tables import invoices
from ops import diary, explain, explain_words
from ops.clock import advance, parse_span
from ops.diary_fold import Entry, fold
from ops.diary_rows import read_entries
from ops.diary_sentences import SENTENCES
from payments.attempts import AttemptState

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def world(cluster: Cluster) -> Iterator[World]:
    name = f"{cluster.role_prefix}_clock_{secrets.token_hex(3)}"
    database = cluster.create(name)
    with running_simulator() as simulator:
        made = make_world(database, simulator, pkp_since=START.date(), npwp="0012345678901234")
        price = made.plan("toko", 149_000)
        customer = made.customer("Budi")
        with made.work() as unit:
            subscribe(unit, customer_id=customer, price_id=price, collection="invoice")
        yield made
        made.engine.close()
    cluster.drop(name)


NOW = datetime(2027, 1, 10, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "to"),
    [
        ("40d", NOW + timedelta(days=40)),
        ("6h", NOW + timedelta(hours=6)),
        ("2w", NOW + timedelta(days=14)),
        ("2027-01-31", datetime(2027, 1, 30, 17, 0, tzinfo=UTC)),
    ],
)
def test_a_span_is_days_hours_weeks_or_a_date(span: str, to: datetime) -> None:
    assert parse_span(span, NOW, "Asia/Jakarta") == to


@pytest.mark.parametrize("span", ["", "d", "0d", "-3d", "1.5d", "10y", "2027-13-01", "9999w"])
def test_a_span_that_is_none_is_refused(span: str) -> None:
    with pytest.raises(InvalidRequest, match="no span of time"):
        parse_span(span, NOW, "Asia/Jakarta")


@pytest.mark.database
def test_advancing_lives_every_day_and_tells_it_in_order(world: World) -> None:
    said: list[str] = []

    told = advance(world.engine, world.merchant_id, START + timedelta(days=40), say=said.append)

    assert told == len(said) > 4
    assert any("Tagihan INV-2026-000002 untuk Budi" in line for line in said)
    with world.work() as unit:
        entries = read_entries(unit.session, world.merchant_id, START, START + timedelta(days=41))
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    assert unit.now == START + timedelta(days=40)


@pytest.mark.database
def test_every_event_of_the_code_has_its_sentence_in_both_languages() -> None:
    """A type that is written somewhere and told nowhere would scroll by as a word of code."""
    written = set()
    for folder in ("billing", "invoices", "plans", "dunning", "payments", "usage"):
        for path in (ROOT / folder).rglob("*.py"):
            code = path.read_text(encoding="utf-8")
            written |= set(
                re.findall(r"(?:event|tell)\(\s*(?:unit,\s*)?\"([a-z_]+\.[a-z_]+)\"", code)
            )
    assert len(written) > 20

    assert written - set(SENTENCES) == set()


def test_a_sentence_says_who_what_and_when() -> None:
    facts = {"number": "INV-1", "total": 165_390}

    indonesian = diary.sentence("invoice.issued", facts, who="Dewi", locale="id")
    english = diary.sentence("invoice.issued", facts, who="Dewi", locale="en")
    line = diary.dated(NOW, indonesian, locale="id", zone="Asia/Jakarta")

    assert indonesian == "Tagihan INV-1 untuk Dewi: Rp165.390"
    assert english == "Invoice INV-1 for Dewi: Rp165.390"
    assert line == "10 Jan 2027  Tagihan INV-1 untuk Dewi: Rp165.390"


@pytest.mark.parametrize("type_", sorted(SENTENCES))
def test_a_sentence_stands_whatever_the_facts_lack(type_: str) -> None:
    for locale in ("id", "en"):
        told = diary.sentence(type_, {}, who=None, locale=locale)
        assert told
        assert "None" not in told


@pytest.mark.database
def test_an_invoice_is_explained_to_the_last_rupiah(world: World) -> None:
    [first] = world.rows(invoices, number="INV-2026-000001")

    with world.engine.db.reader() as session:
        assert explain.find_invoice(session, "INV-2026-000001") == (world.merchant_id, first.id)
        told = explain_invoice(session, world.merchant_id, first.id)
        screen = explain.render(told)
        english = explain.render(
            explain_invoice(session, world.merchant_id, first.id, language="en")
        )

    assert "1 × Rp149.000 = Rp149.000" in screen
    assert "DPP nilai lain: Rp149.000 × 11/12 = Rp136.583" in screen
    assert "PPN 12%: Rp149.000 × 12% × 11/12 = Rp16.390" in screen
    assert "Total = Rp149.000 + Rp16.390" in screen
    assert "Rp165.390" in screen
    assert "Piutang Usaha" in screen
    assert "Accounts receivable" in english
    assert "1. pembayaran sendiri, BCA Virtual Account: " in screen
    assert "ditulis sebelum dikirim" in screen
    assert "tagihan terbit" in screen
    assert "written before it is sent" in english
    code = re.compile(r"\b(?:instrument|attempt|bca_va|written ahead|invoice_issued)\b")
    assert [code.findall(shown) for shown in (screen, english)] == [[], []]
    assert max(len(line) for line in screen.splitlines()) <= 110


@pytest.mark.database
def test_an_invoice_that_is_not_there_is_one_clear_line(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain.main(world.engine.settings, "INV-9") == 1
    assert capsys.readouterr().err == "there is no invoice 'INV-9'\n"


@pytest.mark.database
def test_without_a_number_the_newest_invoice_is_explained(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    newest = max(world.rows(invoices), key=lambda one: (one.issued_at, one.number))

    assert explain.main(world.engine.settings, None) == 0
    assert capsys.readouterr().out.startswith(newest.number)


def test_every_word_of_our_records_is_known_in_both_languages() -> None:
    assert set(explain_words.STATES) == {str(one) for one in AttemptState}
    assert set(explain_words.JOURNALS) == {str(one) for one in JournalKind}


def test_every_reason_of_the_code_is_told_in_both_languages() -> None:
    """What a flow notes about an order, in words; a new reason must not slip in as it is."""
    noted: set[str] = set()
    for path in (ROOT / "billing" / "flows").rglob("*.py"):
        code = path.read_text(encoding="utf-8")
        noted |= set(re.findall(r"settle\([^)]*because=\"([^\"]+)\"", code))
    assert len(noted) > 4
    for reason in noted:
        assert explain_words.because(reason, "id") != reason


@pytest.mark.parametrize(("reason", "indonesian", "english"), [
    ("send 2", "pengiriman ke-2", "send 2"),
    ("answer to send 1", "jawaban atas pengiriman ke-1", "answer to send 1"),
    ("status asked", "status ditanyakan ke Midtrans", "Midtrans was asked"),
    ("notification: amount 5", "pemberitahuan Midtrans: amount 5",
     "notification of Midtrans: amount 5"),
    ("something new", "something new", "something new"),
])  # fmt: skip
def test_why_an_order_took_a_step(reason: str, indonesian: str, english: str) -> None:
    assert explain_words.because(reason, "id") == indonesian
    assert explain_words.because(reason, "en") == english


AT = datetime(2026, 12, 20, 1, 30, tzinfo=UTC)
DECEMBER = "INV/2026/XII/00012"


def entry(type_: str, who: str | None = "Siti", at: datetime = AT, **facts: object) -> Entry:
    return Entry(at, type_, facts, who)


@pytest.mark.parametrize(("entries", "indonesian", "english"), [
    # A charge that worked is one sentence, not two.
    ([entry("payment.captured", invoice=DECEMBER, amount=165_390, channel="card"),
      entry("invoice.paid", number=DECEMBER)],
     ["Siti membayar Rp165.390 dengan kartu: INV/2026/XII/00012 LUNAS"],
     ["Siti pays Rp165.390 by card: INV/2026/XII/00012 is PAID"]),
    # A renewal says until when, with its invoice.
    ([entry("invoice.issued", number=DECEMBER, total=165_390),
      entry("subscription.renewed", period_end="2027-01-20")],
     ["Tagihan INV/2026/XII/00012 untuk Siti: Rp165.390; diperpanjang sampai 20 Januari 2027"],
     ["Invoice INV/2026/XII/00012 for Siti: Rp165.390; renewed until 20 January 2027"]),
    # A first invoice has a period too, and renews nothing.
    ([entry("invoice.issued", number=DECEMBER, total=165_390, period_end="2027-01-20"),
      entry("subscription.created", plan="toko", collection="automatic")],
     ["Tagihan INV/2026/XII/00012 untuk Siti: Rp165.390",
      "Siti berlangganan Toko, ditagih otomatis"],
     ["Invoice INV/2026/XII/00012 for Siti: Rp165.390",
      "Siti subscribes to Toko, charged automatically"]),
    # A virtual account comes with the invoice that it pays.
    ([entry("invoice.issued", number=DECEMBER, total=165_390),
      entry("instrument.offered", number=DECEMBER, amount=165_390, bank="bca")],
     ["Tagihan INV/2026/XII/00012 untuk Siti: Rp165.390, dibayar lewat BCA Virtual Account"],
     ["Invoice INV/2026/XII/00012 for Siti: Rp165.390, to be paid by BCA virtual account"]),
    # A decline says when it is tried again; that the chase began goes without saying.
    ([entry("payment.declined", invoice=DECEMBER, amount=165_390, code="51"),
      entry("dunning.opened", number=DECEMBER),
      entry("dunning.retry_scheduled", number=DECEMBER, retry_at="2026-12-21T01:00:00+00:00"),
      entry("subscription.past_due")],
     [("Kartu Siti ditolak untuk INV/2026/XII/00012: dana tidak cukup; dicoba lagi"
      " 21 Desember 2026"), "Langganan Siti menunggak"],
     [("The card of Siti is declined for INV/2026/XII/00012: insufficient funds; tried again on"
      " 21 December 2026"), "The subscription of Siti is past due"]),
    # A void takes its virtual account along.
    ([entry("invoice.voided", number=DECEMBER),
      entry("instrument.expired", invoice=DECEMBER)],
     ["Tagihan INV/2026/XII/00012 dibatalkan (Siti)"],
     ["Invoice INV/2026/XII/00012 is void (Siti)"]),
    # Of another customer, or later, nothing is joined.
    ([entry("payment.captured", invoice=DECEMBER, amount=1, channel="gopay"),
      entry("invoice.paid", "Budi", number=DECEMBER)],
     ["Siti membayar Rp1 dengan GoPay untuk INV/2026/XII/00012",
      "Tagihan INV/2026/XII/00012 LUNAS (Budi)"],
     ["Siti pays Rp1 by GoPay for INV/2026/XII/00012", "Invoice INV/2026/XII/00012 is PAID (Budi)"]),
])  # fmt: skip
def test_what_one_moment_brings_is_told_once(
    entries: list[Entry], indonesian: list[str], english: list[str]
) -> None:
    told = fold(entries)

    for locale, lines in (("id", indonesian), ("en", english)):
        assert [one.line(locale, "Asia/Jakarta")[13:] for one in told] == lines


def test_an_end_for_want_of_payment_says_what_it_reaches_back_to() -> None:
    facts = {"ended_on": "2026-11-20", "reason": "unpaid"}

    told = diary.sentence("subscription.canceled", facts, who="Maria", locale="id")

    assert told == ("Langganan Maria dihentikan karena tidak dibayar (terhitung 20 November 2026)")


def test_tax_is_told_step_by_step_and_not_at_all_without_pkp() -> None:
    terms = {
        "code": "standard", "mode": "exclusive", "statutory": "3/25", "base_factor": "11/12",
        "rounding": "half_up", "valid_from": "2025-01-01", "other_base": 90_750, "tax": 10_890,
        "stated": 10_890,
    }  # fmt: skip

    assert tax_steps(terms, 99_000, "id") == (
        ("DPP nilai lain", "Rp99.000 × 11/12 = Rp90.750"),
        ("PPN 12%", "Rp99.000 × 12% × 11/12 = Rp10.890"),
    )
    assert tax_steps({"code": "none"}, 99_000, "id") == ()


def test_a_line_says_the_day_of_a_customer_who_is_ahead_of_the_merchant() -> None:
    midnight = datetime(2026, 12, 19, 15, tzinfo=UTC)  # 22:00 in Jakarta, 0:00 in Jayapura
    east = Entry(midnight, "subscription.recovered", {}, "Yohanes", "Asia/Jayapura")
    assert east.line("id", "Asia/Jakarta") == (
        "19 Des 2026  Langganan Yohanes kembali lancar (di sana 20 Des 2026)"
    )
    assert east.line("en", "Asia/Jakarta").endswith("is in order again (20 Dec 2026 there)")
    same = Entry(midnight, "subscription.recovered", {}, "Siti", "Asia/Jakarta")
    assert same.line("id", "Asia/Jakarta").endswith("kembali lancar")
