"""The life of an invoice: which moves are legal and what money does to the status."""

from __future__ import annotations

import pytest

from core.errors import Conflict, IllegalMove
from core.money import Money
from invoices.status import (
    LEGAL_MOVES,
    InvoiceStatus,
    due,
    move,
    require_voidable,
    status_after_allocation,
)

S = InvoiceStatus


@pytest.mark.parametrize("current", list(S))
@pytest.mark.parametrize("to", list(S))
def test_only_moves_of_the_table_are_made(current: InvoiceStatus, to: InvoiceStatus) -> None:
    if to in LEGAL_MOVES[current]:
        assert move(current, to) is to
    else:
        with pytest.raises(IllegalMove):
            move(current, to)


@pytest.mark.parametrize(
    ("total", "paid", "credited", "expected"),
    [
        (111_000, 0, 0, 111_000),
        (111_000, 100_000, 0, 11_000),
        (111_000, 100_000, 11_000, 0),
        (111_000, 111_000, 11_000, 0),  # overpaid by a credit: the rest is balance, not debt
        (0, 0, 0, 0),
    ],
)
def test_what_is_due(total: int, paid: int, credited: int, expected: int) -> None:
    assert due(Money(total), Money(paid), Money(credited)) == Money(expected)


@pytest.mark.parametrize(
    ("current", "total", "paid", "credited", "after"),
    [
        ("open", 111_000, 111_000, 0, "paid"),
        ("open", 111_000, 110_999, 0, "open"),
        ("open", 111_000, 100_000, 11_000, "paid"),
        ("open", 111_000, 0, 111_000, "paid"),
        ("open", 0, 0, 0, "paid"),
        ("paid", 111_000, 0, 0, "open"),  # the bank took it back
        ("paid", 111_000, 111_000, 50_000, "paid"),
        ("uncollectible", 111_000, 50_000, 0, "uncollectible"),
        ("uncollectible", 111_000, 111_000, 0, "paid"),
        ("void", 111_000, 111_000, 0, "void"),  # late money on a void invoice becomes balance
        ("draft", 0, 0, 0, "draft"),
    ],
)
def test_status_follows_the_money(
    current: str, total: int, paid: int, credited: int, after: str
) -> None:
    found = status_after_allocation(S(current), Money(total), Money(paid), Money(credited))

    assert found == after
    assert found == current or found in LEGAL_MOVES[S(current)]


@pytest.mark.parametrize(
    ("status", "paid", "credited", "allowed"),
    [
        ("open", 0, 0, True),
        ("open", 1, 0, False),
        ("open", 0, 1, False),
        ("draft", 0, 0, False),
        ("paid", 0, 0, False),
        ("void", 0, 0, False),
        ("uncollectible", 0, 0, False),
    ],
)
def test_only_an_untouched_open_invoice_is_voided(
    status: str, paid: int, credited: int, allowed: bool
) -> None:
    if allowed:
        require_voidable(S(status), Money(paid), Money(credited))
    else:
        with pytest.raises(Conflict):
            require_voidable(S(status), Money(paid), Money(credited))
