"""Every code of a refusal is described, in both languages, and told in the reader's."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest
from api_house import House

from api.problem_words import FAMILIES, WORDS, prefers_indonesian, words_of
from core import errors

ROOT: Final = Path(__file__).resolve().parents[2]
KINDS: Final = {
    name for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.EngineError)
}  # fmt: skip
# Pages say these in their own words.
OF_PAGES: Final = "api/pages"


def codes() -> set[str]:
    """The codes that the source raises outside of the pages, where they stand as they are."""
    found: set[str] = set()
    for folder in ("core", "plans", "invoices", "payments", "dunning", "usage", "billing", "api"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.is_relative_to(ROOT / OF_PAGES):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in KINDS:
                    first = node.args[0] if node.args else None
                    if isinstance(first, ast.Constant):
                        found.add(str(first.value))
    return found


def test_every_code_of_the_source_is_described() -> None:
    found = codes()
    assert len(found) > 100
    assert sorted(code for code in found if words_of(code) is None) == []


def test_every_description_is_a_sentence_in_both_languages() -> None:
    for code, both in {**WORDS, **FAMILIES}.items():
        assert both[0] != both[1], code
        for words in both:
            assert words[0].isupper() or words[0] == "`", code
            assert words.endswith("."), code


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("id", True), ("id-ID,id;q=0.9,en;q=0.8", True), ("in-ID", True), ("en-US,en,id;q=0.5", False),
        ("", False), ("*", False), ("fr", False), ("en;q=0.2, id;q=0.3", True), ("id;q=0", False),
        ("id;q=x", False), ("id,en", True), ("en,id", False), (",;=,", False), ("id;q=" + "9" * 400, True),
    ],
)  # fmt: skip
def test_the_reader_s_language_is_read(header: str, expected: bool) -> None:
    assert prefers_indonesian(header) is expected


def test_a_refusal_is_told_in_indonesian_to_who_asks_for_it(house: House) -> None:
    body = {"name": "Sari"}
    told = house.ours.call("POST", "/customers", body, Accept_Language="id-ID,id;q=0.9")
    plain = house.ours.call("POST", "/customers", body)

    assert told.headers["content-language"] == "id"
    assert told.headers["vary"] == "Accept-Language"
    assert told.json()["title"] == "Ada yang salah dalam permintaan"
    assert "Ada isian yang kurang" in told.json()["detail"]
    assert (told.json()["code"], told.json()["field"]) == ("missing_field", "email")
    assert plain.headers["content-language"] == "en"
    assert plain.json()["detail"] == "email is needed"
    revoked = house.with_key("tgh_none").call("GET", "/customers", Accept_Language="id").json()
    assert "tidak dikenal" in revoked["detail"]
    for path in ("/nothing", "/customers/1", "/customers?limit=0"):
        assert (
            house.ours.call("GET", path, Accept_Language="id").headers["content-language"] == "id"
        )
