"""A percentage of what passes through: a rate, a fee per event, limits per event, a free amount."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from plans.refusals import wrong_terms


@dataclass(frozen=True, slots=True)
class PercentageTerms:
    """``rate`` of an event's amount (``3/200`` for 1.5%) plus ``fixed_amount``, within limits.

    ``free_amount`` is what the first events of a period may come to without a fee. Amounts are
    minor units, exact.
    """

    rate: Fraction
    fixed_amount: Fraction = Fraction(0)
    free_amount: Fraction = Fraction(0)
    minimum: Fraction | None = None
    maximum: Fraction | None = None

    def __post_init__(self) -> None:
        given = (self.rate, self.fixed_amount, self.free_amount, self.minimum, self.maximum)
        if any(value is not None and value < 0 for value in given):
            raise wrong_terms("Rates and amounts of a percentage are zero or more.", "rate")
        if self.rate > 1:
            raise wrong_terms("A percentage is at most 100%.", "rate")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise wrong_terms("The minimum of an event is not above its maximum.", "minimum")


@dataclass(frozen=True, slots=True)
class Fees:
    """What events come to, counted so that the sum can be made again without the events.

    ``amount`` passed through ``events`` that are priced by the rate; the others met a limit.
    """

    amount: Fraction = Fraction(0)
    events: int = 0
    at_minimum: int = 0
    at_maximum: int = 0
    free: Fraction = Fraction(0)

    def total(self, terms: PercentageTerms) -> Fraction:
        """Add up, exactly: the rate once over the sum, fees and limits by their counts."""
        by_rate = terms.rate * self.amount + terms.fixed_amount * self.events
        least, most = terms.minimum or Fraction(0), terms.maximum or Fraction(0)
        return by_rate + least * self.at_minimum + most * self.at_maximum


def fees_of(terms: PercentageTerms, amounts: Iterable[Fraction]) -> Fees:
    """Count the fees of a period's events, in their order.

    1.5% + 1,000 within 2,000 and 25,000: events of 50,000, 1,000,000 and 5,000,000 pay 2,000,
    16,000 and 25,000. The free amount is used by the first events; one that lies wholly in it
    pays nothing, one that passes it pays for the rest and its fixed fee.

    Args:
        terms: rate, fees and limits.
        amounts: what each event comes to, 0 or more.

    Raises:
        ValueError: an amount is negative.

    Source: billing rule R58; each event's exact amount is limited, the sum is rounded by the
    line alone.
    """
    amount = used = Fraction(0)
    events = at_minimum = at_maximum = 0
    for whole in amounts:
        if whole < 0:
            raise ValueError("what an event comes to is zero or more")
        free = min(whole, terms.free_amount - used)
        used += free
        paid = whole - free
        if terms.free_amount and paid == 0:
            continue
        fee = terms.rate * paid + terms.fixed_amount
        if terms.minimum is not None and fee < terms.minimum:
            at_minimum += 1
        elif terms.maximum is not None and fee > terms.maximum:
            at_maximum += 1
        else:
            amount += paid
            events += 1
    return Fees(amount, events, at_minimum, at_maximum, used)
