"""The table of promises names what there is, and leaves no rule of the doctor out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ops.doctor_checks import ALL
from ops.invariants import INVARIANTS, Invariant, page

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = (ROOT / "migrations/catalogue.txt").read_text(encoding="utf-8")
PROVE = "\n".join(
    one.read_text(encoding="utf-8") for one in sorted((ROOT / "ops/prove").glob("**/*.py"))
)


def test_the_page_is_what_the_table_says() -> None:
    # `python -m ops.invariants > docs/reference/invariants.md`
    assert (ROOT / "docs/reference/invariants.md").read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("one", INVARIANTS, ids=[one.key for one in INVARIANTS])
def test_each_name_is_that_of_something(one: Invariant) -> None:
    # The catalogue is compared with PostgreSQL's own in tests/migrations.
    stands = re.compile(r"(?m)^(?:constraint \S+\.|index .*?INDEX |trigger .*?TRIGGER )(\S+)")
    known = set(stands.findall(CATALOGUE))
    assert set(one.constraints) <= known
    assert set(one.rules) <= {check.name for check in ALL}
    assert [said for said in one.simulation if said not in PROVE] == []
    assert one.constraints or one.why_none
    assert one.rules


def test_every_promise_of_the_reference_is_there_and_every_rule_serves_one() -> None:
    assert {f"I{n}" for n in range(1, 21)} <= {one.key for one in INVARIANTS}
    serving = {rule for one in INVARIANTS for rule in one.rules}
    assert {check.name for check in ALL} - serving == set()
