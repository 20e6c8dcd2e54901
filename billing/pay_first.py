"""Whether an upgrade is charged before it is done: policies by name and version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final, Literal, get_args

from billing.plan_changes import QuoteMode
from core.money import Money

PayPolicy = Literal["pay_first", "apply_first"]
PAY_POLICIES: Final[tuple[PayPolicy, ...]] = get_args(PayPolicy)

# What a change keeps of the policy it was made by.
VERSIONS: Final[Mapping[PayPolicy, str]] = {
    "pay_first": "pay_first/1",
    "apply_first": "apply_first/1",
}


def is_paid_first(
    policy: PayPolicy, *, mode: QuoteMode, net: Money, due: Money, pulls: bool
) -> bool:
    """Say whether a change waits until its invoice is paid.

    Only what we can charge by ourselves waits: whoever pays invoices has days to do so, and is
    served meanwhile. Nothing waits that costs nothing now, or gives more back than it charges.

    Args:
        net: credits and charges of the change, before tax.
        due: what its invoice leaves to be charged, tax included, once the balance is used.
        pulls: whether a saved method may be charged for it without the payer.

    Source: billing rule R37.
    """
    wants = policy == "pay_first" and mode in ("prorate", "restart")
    return wants and pulls and net.amount > 0 and due.amount > 0


def holds_until(on: date) -> date:
    """Give the first date on which the price quoted on a date does not hold any more (R37)."""
    return on + timedelta(days=1)
