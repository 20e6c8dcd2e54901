"""Every event the engine records is told in both languages, whatever its payload lacks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api.pages.staff.labels import LABELS
from api.pages.staff.sentences import is_told, sentence
from api.pages.staff.words import CANCEL_REASONS, REASONS, STATUSES

ROOT = Path(__file__).resolve().parents[2]
# These are about the merchant's catalogue and never about one customer.
_CATALOGUE = {"plan.created", "price.published"}
_EVENT = re.compile(
    r'"((?:customer|plan|price|subscription|invoice|credit_note|payment|instrument|method|refund'
    r"|dunning|balance|review|message)"
    r'\.[a-z_]+)"'
)


def recorded() -> set[str]:
    """Event types that stand beside `event(` or `tell(` in the engine's code."""
    found: set[str] = set()
    for folder in ("billing", "dunning", "plans", "payments"):
        for path in (ROOT / folder).rglob("*.py"):
            code = path.read_text(encoding="utf-8")
            for call in re.finditer(r"(?:\.event|\btell)\((?:\s*unit,)?\s*", code):
                match = _EVENT.match(code, call.end())
                if match:
                    found.add(match[1])
    return found - _CATALOGUE


def test_there_is_a_sentence_for_every_event() -> None:
    types = recorded()
    assert len(types) > 15
    assert sorted(one for one in types if not is_told(one, {})) == []


@pytest.mark.parametrize("language", ["id", "en"])
def test_a_sentence_leaves_out_what_an_event_lacks(language: str) -> None:
    for one in recorded():
        text = sentence(one, {}, language=language, names={})
        assert text
        assert "{" not in text
        assert "None" not in text


@pytest.mark.parametrize(
    "type_, payload, indonesian, english",
    [
        ("payment.declined", {"amount": 165_390, "code": "51", "class": "soft"},
         "Penagihan Rp165.390 ditolak: Saldo atau limit tidak mencukupi",
         "Charge of Rp165.390 declined: There were not enough funds"),
        ("payment.captured", {"amount": 1_000, "channel": "bca_va", "invoice": "INV-1"},
         "Rp1.000 diterima lewat BCA Virtual Account untuk INV-1",
         "Rp1.000 received by BCA virtual account for INV-1"),
        ("invoice.paid", {"invoice": "inv_x"}, "Invoice INV-7 lunas", "Invoice INV-7 paid"),
        ("subscription.plan_changed", {"change": "chg_x", "plan": "jaya"},
         "Paket diganti ke Larasa Jaya", "Plan changed to Larasa Jaya"),
        ("subscription.plan_changed", {"change": "chg_y", "plan": "jaya", "reverses": "chg_x"},
         "Paket kembali ke Larasa Jaya", "Plan changed back to Larasa Jaya"),
        ("subscription.cancel_scheduled", {"ends_on": "2027-02-10"},
         "Berhenti berlangganan dijadwalkan untuk 10 Februari 2027",
         "Cancellation scheduled for 10 February 2027"),
        ("dunning.notice", {"kind": "overdue", "number": "INV-7"},
         "Surat tentang INV-7: lewat jatuh tempo", "Notice about INV-7: overdue"),
        ("method.saved", {"masked": "48111111-1114"}, "Kartu •••• 1114 disimpan", "Card •••• 1114 saved"),
    ],
)  # fmt: skip
def test_sentences(type_: str, payload: dict[str, object], indonesian: str, english: str) -> None:
    names = {"inv_x": "INV-7", "jaya": "Larasa Jaya"}
    assert sentence(type_, payload, language="id", names=names) == indonesian
    assert sentence(type_, payload, language="en", names=names) == english


def test_both_languages_have_the_same_words() -> None:
    for words in (LABELS, STATUSES, REASONS):
        assert set(words["id"]) == set(words["en"])
    assert set(CANCEL_REASONS) <= set(REASONS["id"])
