"""Monthly recurring revenue: what the running subscriptions bring in a month, before tax."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from sqlalchemy import func, select

from billing.tables import subscription_items, subscriptions
from core.money import round_half_away
from core.work import Work
from plans.tables import prices

# On trial nothing is paid yet, and who is unpaid or paused is not billed.
COUNTED: Final = ("active", "past_due")

# A month is a twelfth of a year; a year is 365 days, or 365/7 weeks.
_MONTHS: Final = {
    "month": Fraction(1),
    "year": Fraction(12),
    "week": Fraction(12 * 7, 365),
    "day": Fraction(12, 365),
}


@dataclass(frozen=True, slots=True)
class Mrr:
    """``exact`` is the sum before rounding; ``amount`` is whole rupiah, rounded once."""

    exact: Fraction
    subscriptions: int

    @property
    def amount(self) -> int:
        return round_half_away(self.exact.numerator, self.exact.denominator)


def mrr(unit: Work) -> Mrr:
    """Sum price × quantity over the length of its interval in months, exactly.

    A price that includes tax counts as it is: the report says what customers agreed to.
    """
    total, count = Fraction(0), 0
    rows = unit.session.execute(
        select(
            prices.c.interval_unit,
            prices.c.interval_count,
            func.sum(prices.c.unit_amount * subscription_items.c.quantity),
            func.count(),
        )
        .select_from(
            subscriptions.join(
                subscription_items,
                (subscription_items.c.merchant_id == subscriptions.c.merchant_id)
                & (subscription_items.c.subscription_id == subscriptions.c.id)
                & subscription_items.c.ended_on.is_(None),
            ).join(
                prices,
                (prices.c.merchant_id == subscription_items.c.merchant_id)
                & (prices.c.id == subscription_items.c.price_id),
            )
        )
        .where(
            subscriptions.c.merchant_id == unit.merchant_id,
            subscriptions.c.status.in_(COUNTED),
        )
        .group_by(prices.c.interval_unit, prices.c.interval_count)
    )
    for length, n, amount, found in rows:
        total += Fraction(int(amount)) / (_MONTHS[length] * n)
        count += found
    return Mrr(total, count)
