"""The list of billing rules in the docs against the tree: what it names must be there."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest
from source_tree import ROOT

PAGE = ROOT / "docs" / "reference" / "billing-rules.md"
# How many rows are open. It only falls: who closes a row writes the smaller number.
OPEN = 6
WANTED = [f"R{n}" for n in range(1, 69)] + [f"X{n}" for n in range(1, 30)]
WANTED += [f"I{n}" for n in range(1, 12)]
STATES = {"holds", "part", "not yet"}


def rows() -> list[list[str]]:
    """The cells of every row: number, says, state, module, test, missing."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [
        [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        for line in lines
        if re.match(r"\| [RXI]\d", line)
    ]


@cache
def named_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_every_rule_has_its_row() -> None:
    """A rule without a row is a rule nobody looked for."""
    assert [row[0] for row in rows()] == WANTED


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_row_names_what_is_there(row: list[str]) -> None:
    """A row that names a test of yesterday claims more than is known."""
    _, _, state, module, test, missing = row
    assert state in STATES
    assert bool(missing) == (state != "holds")
    assert (module == test == "") == (state == "not yet")
    if state != "not yet":
        path, _, name = test.partition("::")
        assert (ROOT / module).is_file()
        assert name in named_in(path)


def test_the_number_of_open_rows_only_falls() -> None:
    """What held once may not be given up in silence."""
    open_ = [row[0] for row in rows() if row[2] != "holds"]
    assert len(open_) == OPEN, f"open: {', '.join(open_)}"
