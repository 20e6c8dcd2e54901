"""Files that can not be, each refused with the line and the key."""

from __future__ import annotations

import pytest

from billing.catalogue.comparing import Standing, compare
from billing.catalogue.document import parse
from billing.catalogue.reading import CatalogueError
from billing.catalogue.sentences import problem_text

PLAN = "tagihan: 1\nplans:\n  pro:\n    name: Pro\n    prices:\n"


@pytest.mark.parametrize(
    ("text", "line", "key", "what"),
    [
        ("", 1, "", "no_table"),
        ("tagihan: 1\nplans: {", 2, "", "no_yaml"),
        ("- a", 1, "", "no_table"),
        ("tagihan: 2", 1, "tagihan", "version"),
        ("plans: {}", 1, "tagihan", "missing"),
        ("tagihan: 1\nplan: {}", 2, "plan", "unknown_key"),
        ("tagihan: 1\nplans:\n  pro: &a {name: Pro}\n  two: *a", 3, "", "anchor"),
        ("tagihan: 1\nplans:\n  pro: {name: A}\n  pro: {name: B}", 4, "plans.pro", "twice"),
        ("tagihan: 1\nplans:\n  PRO: {name: A}", 3, "plans.PRO.code", "not_taken"),
        ("tagihan: " + "[" * 30 + "]" * 30, 1, "", "too_deep"),
        (PLAN + "      - {interval_unit: month}", 6, "plans.pro.prices[0].unit_amount", "not_taken"),
        (
            PLAN + "      - interval_unit: month\n        model: per_unit\n        terms:\n"
            "          unit_amount: dua",
            9, "plans.pro.prices[0].terms", "no_number",
        ),
        (
            PLAN + "      - {interval_unit: month, unit_amount: 1}\n"
            "      - interval_unit: month\n        unit_amount: 010",
            8, "plans.pro.prices[1].unit_amount", "no_whole",
        ),
        (
            "tagihan: 1\nmeters:\n  m: {name: m, event_name: e, aggregation: sum}",
            3, "meters.m.field", "not_taken",
        ),
        (
            "tagihan: 1\ndiscounts:\n  HEMAT: {name: Hemat, amount: 5, starts_at: 2026-01-01}",
            3, "discounts.HEMAT.starts_at", "no_instant",
        ),
        ("tagihan: 1\ndiscounts:\n  HEMAT: {name: Hemat}", 3, "discounts.HEMAT.amount", "not_taken"),
    ],
)  # fmt: skip
def test_a_file_that_can_not_be_is_refused_where_it_is_wrong(
    text: str, line: int, key: str, what: str
) -> None:
    with pytest.raises(CatalogueError) as refused:
        parse(text)
    [problem] = refused.value.problems
    assert (problem.line, problem.what) == (line, what)
    assert problem.key.startswith(key)
    assert problem_text(problem, "id").startswith(f"baris {line}")


@pytest.mark.parametrize(
    ("rest", "line", "what"),
    [
        ("discounts: {HEMAT: {name: Hemat, amount: 5, plans: [pro]}}", 2, "no_plan"),
        (
            PLAN.removeprefix("tagihan: 1\n") + "      - interval_unit: month\n"
            "        unit_amount: 1\n        usage:\n"
            "          - {name: m, meter: m, model: per_unit, terms: {unit_amount: 1}}",
            9, "no_meter",
        ),
        (
            "meters:\n  m: {name: m, event_name: e, aggregation: count}\n"
            + PLAN.removeprefix("tagihan: 1\n") + "      - interval_unit: month\n"
            "        unit_amount: 1\n        usage:\n"
            "          - {name: m, meter: m, model: percentage, terms: {rate: 0.01}}",
            11, "meter_no_sum",
        ),
    ],
)  # fmt: skip
def test_what_a_file_names_must_be_there(rest: str, line: int, what: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        compare(Standing({}, {}, {}, {}), parse("tagihan: 1\n" + rest))
    [problem] = refused.value.problems
    assert (problem.line, problem.what) == (line, what)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(CatalogueError) as refused:
        parse(PLAN + "      - {interval_unit: moon, unit_amount: 1.5, tax: 1}")
    assert [one.what for one in refused.value.problems] == [
        "no_choice", "unknown_key", "no_whole",
    ]  # fmt: skip
