"""Every matter for a person is worded, and says what to do."""

from __future__ import annotations

import re

from source_tree import ROOT

from payments.attempts import AttemptState, News, NewsStatus, Park, decide
from payments.review_kinds import KINDS, decisions, kind_of

_OPENED = re.compile(r'open_review\(\s*\w+,\s*"(\w+)"')


def test_every_kind_that_is_opened_has_words() -> None:
    opened = {
        kind
        for path in (ROOT / "billing").rglob("*.py")
        for kind in _OPENED.findall(path.read_text())
    }
    assert len(opened) >= 12
    assert opened <= set(KINDS)
    assert "canceled_elsewhere" in KINDS


def test_titles_and_tasks_are_told_in_both_languages() -> None:
    for kind in KINDS.values():
        for words in (kind.title, kind.todo):
            assert set(words) == {"id", "en"}
            assert words["id"] != words["en"]
        assert all(text.endswith(".") for text in kind.todo.values())
    assert kind_of("something_new").title["en"] == "To be looked at"


def test_only_a_parked_order_has_an_outcome_to_decide() -> None:
    assert decisions("answer_differs", "review") == ("paid", "failed")
    assert decisions("canceled_elsewhere", "review") == ("paid", "failed")
    assert decisions("answer_differs", "paid") == ("done",)
    assert decisions("unknown_order", None) == ("done",)


def test_a_payment_that_was_canceled_behind_us_can_be_undone_by_a_person() -> None:
    for word in ("cancel", "deny"):
        news = News("INV-1", NewsStatus.FAILED, 99_000, "IDR", word, "credit_card")
        move = decide(AttemptState.PAID, news, 99_000)
        assert isinstance(move, Park)
        gone = {"reason": move.reason}
        assert decisions("answer_differs", "paid", gone) == ("taken_back", "done")
        assert decisions("answer_differs", "reversed", gone) == ("done",)


def test_a_part_whose_amount_is_not_known_is_booked_by_a_person() -> None:
    assert decisions("chargeback_part", None, {"booked": False}) == ("charged_back", "done")
    assert decisions("chargeback_part", None, {"booked": True}) == ("done",)
