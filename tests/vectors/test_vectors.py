"""Cases of other systems, each held against our rules; `VECTORS_DIR` brings cases of your own.

A case that agrees must be equal, one that differs on purpose must come to our own figure, one
without a counterpart is listed. What nothing answers fails, unless its file says why it waits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from vectors.adapters import cycles, dunning, indonesia, proration, tax_rounding, tiers
from vectors.cases import ADAPTERS, OWN, Case, folder, judge, load, waiting

MODULES = (cycles, dunning, indonesia, proration, tax_rounding, tiers)
CASES = [case for case in load(folder()) if case.file != "invoices"]
REASONS = {**waiting(OWN), **waiting(folder())}
# How many entries of ours wait for a rule. It only falls: who answers one writes the number.
WAITING = 8


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}-{case.id}")
def test_a_case_comes_to_what_it_says(
    case: Case, record_property: Callable[[str, object], None]
) -> None:
    verdict, why = judge(case, REASONS)
    record_property("vector", f"{case.file}|{verdict}|{case.id}|{why}")
    assert verdict != "failed", why


def test_what_waits_is_there_and_only_gets_less() -> None:
    cases = load(OWN)
    named = {case.id for case in cases} | {f"{case.file}/{case.kind}" for case in cases}
    assert set(waiting(OWN)) <= named
    assert len(waiting(OWN)) == WAITING


def falsified(value: Any) -> Any:
    """The same with one thing wrong in it."""
    if isinstance(value, dict):
        first = next(iter(value))
        return {**value, first: falsified(value[first])}
    if isinstance(value, list):
        return [falsified(value[0]), *value[1:]] if value else ["1"]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if value is None:
        return "1"
    digits = re.search(r"[1-9]", value)
    if digits is None:
        return f"{value}1"
    other = "8" if digits[0] == "9" else "9"
    return value[: digits.start()] + other + value[digits.end() :]


PASSED = [case for case in load(OWN) if judge(case, {})[0] == "passed"]
COMPARED = [case for case in PASSED if not case.answers]


def answered(case: Case) -> list[str]:
    """The figures that are compared: in a table's row those that are answered."""
    return list(ADAPTERS[case.file, case.kind][1](case) if case.answers else case.expected)


@pytest.mark.parametrize("case", PASSED, ids=lambda case: f"{case.file}-{case.id}")
def test_a_falsified_figure_is_found(case: Case) -> None:
    for key in answered(case):
        was = case.expected[key]
        # What a source refuses is told in its own words: wrong is only to expect no refusal.
        wrong = {**case.expected, key: "" if key == "error" else falsified(was)}
        if key == "stamp_duty":
            wrong[key] = 0 if was else 1
        told = replace(case, expected=wrong, given=wrong if case.answers else case.given)
        assert judge(told, {})[0] == "failed", wrong


def test_what_nothing_answers_fails() -> None:
    case = next(case for case in COMPARED)
    for stranger in (
        replace(case, kind="another"),
        replace(case, convention="another"),
        replace(case, recommended="perhaps"),
        replace(case, expected={}),
        replace(case, expected={**case.expected, "more": 1}),
    ):
        assert judge(stranger, {})[0] == "failed"


def test_a_case_that_waits_and_is_answered_is_found() -> None:
    case = next(case for case in COMPARED)
    assert judge(case, {case.id: "not built"})[0] == "failed"
    assert judge(replace(case, kind="another"), {case.id: "not built"})[0] == "waiting"


def test_a_folder_without_cases_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LookupError):
        load(tmp_path)


def test_no_case_is_named_in_the_code() -> None:
    """Else a case could be made to pass by its name."""
    text = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("*.py"))
    ids = [case.id for case in load(OWN) if not case.answers]
    assert [one for one in ids if one in text] == []
    assert all(conventions for conventions, _ in ADAPTERS.values())
