"""Monthly recurring revenue: what the running subscriptions bring in a month, before tax."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from sqlalchemy import ColumnElement, and_, case, func, literal_column, or_, select

from billing.tables import subscription_items, subscriptions
from core.money import round_half_away
from core.work import Work
from plans.pricing import FLAT
from plans.queries import load_prices
from plans.tables import prices

# On trial nothing is paid yet, and who is unpaid or paused is not billed.
COUNTED: Final = ("active", "past_due")

# A month is a twelfth of a year; a year is 365 days, or 365/7 weeks.
MONTHS: Final = {
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
    """Sum prices of quantities over the length of their interval in months, exactly.

    Unit prices are multiplied by the database; what other models make of a quantity is worked out
    once for each quantity that somebody has.

    A price that includes tax counts as it is: the report says what customers agreed to.
    """
    total, count = Fraction(0), 0
    is_flat = prices.c.model == literal_column(f"'{FLAT}'")
    # Of flat prices one row an interval; of others one for each price and quantity.
    price_id = case((is_flat, None), else_=prices.c.id)
    quantity = case((is_flat, None), else_=subscription_items.c.quantity)
    rows = unit.session.execute(
        select(
            prices.c.interval_unit,
            prices.c.interval_count,
            price_id,
            quantity,
            func.sum(prices.c.unit_amount * subscription_items.c.quantity),
            func.count(),
            # Items beside the first add to what comes in, not to how many have subscribed.
            func.count().filter(subscription_items.c.extra_id.is_(None)),
        )
        .select_from(
            subscriptions.join(
                subscription_items,
                (subscription_items.c.merchant_id == subscriptions.c.merchant_id)
                & (subscription_items.c.subscription_id == subscriptions.c.id)
                & _counted(unit),
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
        .group_by(prices.c.interval_unit, prices.c.interval_count, price_id, quantity)
    ).all()
    known = load_prices(unit, {row[2] for row in rows if row[2] is not None})
    for length, n, by_model, units, amount, found, firsts in rows:
        worth = Fraction(int(amount))
        if by_model is not None:
            worth = known[by_model].terms.priced(units).exact * found
        total += worth / (MONTHS[length] * n)
        count += firsts
    return Mrr(total, count)


def _counted(unit: Work) -> ColumnElement[bool]:
    """The first item of each, and those beside it that are served today."""
    item = subscription_items.c
    return or_(
        and_(item.extra_id.is_(None), item.ended_on.is_(None)),
        and_(
            item.extra_id.is_not(None),
            item.started_on <= unit.today,
            item.ended_on.is_(None) | (item.ended_on > unit.today),
        ),
    )
