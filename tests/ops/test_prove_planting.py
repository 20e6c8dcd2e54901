"""Mistakes are planted by their words and taken out again; the docs name each as it is."""

from __future__ import annotations

from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

import pytest
from planted import asked

from billing import renewals
from billing.flows import settle
from ops.prove import bugs, bugs_table
from ops.prove.checks import Violation
from ops.prove.planting import StaleBugError, edit

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explain" / "money-safety.md"


def test_mistakes_are_known_that_hide_behind_a_second_guard() -> None:
    assert len(bugs.BUGS) >= 44
    assert sum(bugs.BUGS[name].pair for name in bugs_table.SECONDS) >= 3


def test_at_least_forty_are_looked_for_in_every_run() -> None:
    folder = Path(__file__).parent
    tested = {one.stem.removeprefix("test_prove_") for one in folder.glob("test_prove_bugs_*.py")}
    known = {name for module in tested for name in import_module(f"ops.prove.{module}").BUGS}
    assert len(asked(known)) >= 40
    assert set(bugs_table.SECONDS) <= known


def test_what_a_bug_changes_is_as_before_once_it_is_taken_out() -> None:
    names = ("settle", "react", "decide")
    before = [getattr(settle, name) for name in names]
    functions = (settle.settle_in, renewals.next_step, renewals.apply)
    codes = [one.__code__ for one in functions]
    for name in bugs.BUGS:
        with bugs.planted(name), bugs.planted(name):
            pass
    assert [getattr(settle, name) for name in names] == before
    assert [one.__code__ for one in functions] == codes


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("billing.flows.settle:settle_in", "words that nobody wrote"),
        ("billing.flows.settle:settle_nothing", "order"),
        ("billing.flows.settle:settle_in", "order"),
        ("billing.flows.settle:Accept", "order"),
    ],
)
def test_a_bug_whose_words_are_gone_fails_loudly(where: str, words: str) -> None:
    with ExitStack() as stack, pytest.raises(StaleBugError):
        edit(where, {words: "other words"})(stack)


def test_a_crash_of_the_planted_words_is_no_finding() -> None:
    bug = bugs.BUGS["stale-status-downgrades"]
    crash = Violation("no flow fails", "an order was not settled", "NameError: name 'x'")
    refusal = Violation("no flow fails", "an order was not settled", "IntegrityError: order x")
    other = Violation("I5 the ledger meets the book", "gateway_clearing", "1, not 2")

    assert bugs.finds(bug, [crash, refusal, other]) == [refusal]


def test_every_bug_stands_in_the_docs_as_it_is() -> None:
    assert bugs_table.read(PAGE.read_text(encoding="utf-8")) == bugs_table.rows()
    assert bugs_table.SECONDS.keys() <= bugs.BUGS.keys()
