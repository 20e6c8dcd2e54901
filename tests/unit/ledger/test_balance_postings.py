"""Balances in the books: given credit is never money, a top-up is nobody's revenue."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from billing.ledger import balance_postings, postings
from billing.ledger.journal import Journal
from core.money import Money

ON = date(2026, 11, 21)
CUSTOMER = UUID(int=7)
NOTE = UUID(int=2)


def M(amount: int) -> Money:
    return Money(amount)


@pytest.mark.parametrize(
    ("journal", "kind", "expected"),
    [
        pytest.param(
            balance_postings.balance_used(
                "2", ON, amount=M(111_000), customer_id=CUSTOMER, promotional=M(50_000)
            ),
            "balance_used",
            {"customer_credit": 61_000, "promotional_credit": 50_000, "receivable": -111_000},
            id="a balance of which a part was given pays",
        ),
        pytest.param(
            postings.invoice_issued(NOTE, ON, total=M(100_000), tax=M(0), customer_id=CUSTOMER, top_up=True),
            "invoice_issued",
            {"receivable": 100_000, "top_up_asked": -100_000},
            id="a top-up is asked for",
        ),
        pytest.param(
            balance_postings.balance_topped_up("a-3", ON, amount=M(100_000), customer_id=CUSTOMER),
            "balance_topped_up",
            {"top_up_asked": 100_000, "customer_credit": -100_000},
            id="a top-up is paid",
        ),
        pytest.param(
            balance_postings.top_up_taken_back("a-3", ON, taken=M(40_000), lost=M(60_000), customer_id=CUSTOMER),
            "top_up_taken_back",
            {"customer_credit": 40_000, "bad_debt": 60_000, "top_up_asked": -100_000},
            id="a top-up is taken back of which a part was used",
        ),
        pytest.param(
            balance_postings.credit_granted("l-1", ON, amount=M(50_000), customer_id=CUSTOMER),
            "credit_granted",
            {"promotions": 50_000, "promotional_credit": -50_000},
            id="credit is given",
        ),
        pytest.param(
            balance_postings.credit_restored("n-1", ON, amount=M(50_000), customer_id=CUSTOMER),
            "credit_restored",
            {"customer_credit": 50_000, "promotional_credit": -50_000},
            id="a note gives credit back",
        ),
        pytest.param(
            balance_postings.balance_expired("l-1", ON, amount=M(50_000), customer_id=CUSTOMER, promotional=True),
            "balance_expired",
            {"promotional_credit": 50_000, "promotions": -50_000},
            id="credit expires",
        ),
        pytest.param(
            balance_postings.balance_expired("l-2", ON, amount=M(50_000), customer_id=CUSTOMER, promotional=False),
            "balance_expired",
            {"customer_credit": 50_000, "expired_balance": -50_000},
            id="topped-up money expires",
        ),
    ],
)  # fmt: skip
def test_a_fact_is_posted(journal: Journal, kind: str, expected: dict[str, int]) -> None:
    assert journal.kind == kind
    assert {one.account.value: one.amount.amount for one in journal.postings} == expected
    assert sum(expected.values()) == 0
    own = {"customer_credit", "promotional_credit", "top_up_asked", "receivable"}
    assert all((one.customer_id == CUSTOMER) == (one.account in own) for one in journal.postings)
