"""Which changes wait until they are paid (R37)."""

from __future__ import annotations

from datetime import date

import pytest

from billing.pay_first import PayPolicy, holds_until, is_paid_first
from billing.plan_changes import QuoteMode
from core.money import Money


@pytest.mark.parametrize(
    "policy,       mode,            net,      due,      pulls, waits",
    [
        ("pay_first",  "prorate",       100_000,  111_000, True,  True),
        ("pay_first",  "restart",       100_000,  111_000, True,  True),
        # Whoever pays by himself has days to do so.
        ("pay_first",  "prorate",       100_000,  111_000, False, False),
        ("apply_first", "prorate",      100_000,  111_000, True,  False),
        # Nothing is asked for now: it waits for its day, or for the next period's invoice.
        ("pay_first",  "at_period_end", 0,        0,       True,  False),
        ("pay_first",  "switch",        0,        0,       True,  False),
        # More comes back than is charged, whatever the invoice of the charge alone says.
        ("pay_first",  "prorate",       -50_000,  55_500,  True,  False),
        # The balance pays all of it.
        ("pay_first",  "prorate",       100_000,  0,       True,  False),
        ("pay_first",  "prorate",       100_000,  -1,      True,  False),
        ("pay_first",  "prorate",       1,        1,       True,  True),
    ],
)  # fmt: skip
def test_a_change_waits_to_be_paid(  # noqa: PLR0917 - columns of the table
    policy: PayPolicy, mode: QuoteMode, net: int, due: int, pulls: bool, waits: bool
) -> None:
    found = is_paid_first(policy, mode=mode, net=Money(net), due=Money(due), pulls=pulls)
    assert found is waits


def test_a_price_holds_for_the_day_it_was_quoted() -> None:
    assert holds_until(date(2026, 12, 31)) == date(2027, 1, 1)
