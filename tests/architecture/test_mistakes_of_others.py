"""The list of other engines' mistakes against the tree: each names a test that is there."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest
from source_tree import ROOT

PAGE = ROOT / "docs" / "reference" / "mistakes-of-others.md"
ROWS = [
    (cells[0], cells[2].strip("`"))
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and "::" in line
    for cells in [[cell.strip() for cell in line.strip().strip("|").split("|")]]
]


@cache
def named_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize(("reported", "test"), ROWS)
def test_a_mistake_has_its_test(reported: str, test: str) -> None:
    path, _, name = test.partition("::")
    assert reported
    assert name in named_in(path)


def test_those_written_for_the_list_stand_in_it() -> None:
    own = "flows/test_mistakes_of_others.py"
    listed = {test.partition("::")[2] for _, test in ROWS if test.startswith(own)}
    assert listed == {name for name in named_in(own) if re.match("test_", name)}
