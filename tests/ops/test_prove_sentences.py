"""A broken promise is told in one sentence that a person can follow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ops.prove.book import Transaction
from ops.prove.checks import Violation
from ops.prove.sentences import sentence

AT = datetime(2027, 11, 30, 20, 0, tzinfo=UTC)  # 1 December, 03:00 in Jakarta


def order(order_id: str, state: str, paid: timedelta | None) -> Transaction:
    one = Transaction(order_id, f"t-{order_id}", "card", 99_000, state, AT, pulled=True)
    one.paid_at = None if paid is None else AT + paid
    return one


BOTH = [order("a", "settlement", timedelta(0)), order("b", "capture", timedelta(days=1))]


@pytest.mark.parametrize(
    ("rule", "language", "told"),
    [
        (
            "I2 never charged twice", "id",
            (
                "Budi ditagih lebih dari sekali untuk satu tagihan: "
                "Rp99.000 pada 1 Des dan lagi Rp99.000 pada 2 Des."
            ),
        ),
        (
            "I2 never charged twice", "en",
            (
                "Budi was charged more than once for one invoice: "
                "Rp99.000 on 1 Dec and again Rp99.000 on 2 Dec."
            ),
        ),
        (
            "I2 money is booked", "id",
            "Budi membayar Rp99.000 pada 2 Des, dan buku kita tidak mencatatnya.",
        ),
        ("nothing is left open", "en", "An order of Budi over Rp99.000 hangs without an end."),
    ],
)  # fmt: skip
def test_the_sentence_names_who_how_much_and_when(rule: str, language: str, told: str) -> None:
    assert sentence(Violation(rule, "x", "y", "b"), "Budi", BOTH, language) == told


def test_a_charge_that_came_to_nothing_is_not_counted_as_one() -> None:
    orders = [*BOTH, order("c", "deny", None)]
    told = sentence(Violation("I2 never charged twice", "x", "y", "b"), "Budi", orders, "id")

    assert told is not None
    assert told.count("Rp99.000") == 2


@pytest.mark.parametrize(
    ("rule", "who", "order_id"),
    [
        ("a rule without words", "Budi", "b"),
        ("I2 never charged twice", None, "b"),
        ("I2 never charged twice", "Budi", None),
    ],
)
def test_what_concerns_nobody_is_told_by_its_rule_alone(
    rule: str, who: str | None, order_id: str | None
) -> None:
    assert sentence(Violation(rule, "x", "y", order_id), who, BOTH, "id") is None
