"""Tiers: prices that depend on how much, each unit by its own tier or all by the one reached.

A tier holds the quantities above the tier before it up to its bound, the bound included; the
last tier has none. Prices and quantities are exact, nothing is rounded here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from core.exact import written
from plans.refusals import wrong_terms

TIERS_MAX = 50


@dataclass(frozen=True, slots=True)
class Tier:
    """Up to ``up_to`` units (``None``: without end) at ``unit_amount`` minor units each.

    ``flat_amount`` is paid once when the tier is reached.
    """

    up_to: Fraction | None
    unit_amount: Fraction
    flat_amount: Fraction = Fraction(0)

    def to_json(self) -> dict[str, str | None]:
        """Write it for a derivation or a row."""
        return {
            "up_to": None if self.up_to is None else written(self.up_to),
            "unit_amount": written(self.unit_amount),
            "flat_amount": written(self.flat_amount),
        }


def check_tiers(tiers: Sequence[Tier]) -> None:
    """Refuse tiers that leave a quantity without a price, or with two.

    Raises:
        InvalidRequest: code ``invalid_price_terms``, the field names the tier.

    Source: billing rule R57.
    """
    if not 1 <= len(tiers) <= TIERS_MAX:
        raise wrong_terms(f"A price has 1 to {TIERS_MAX} tiers.", "tiers")
    if tiers[-1].up_to is not None:
        raise wrong_terms("The last tier has no bound: every quantity needs a price.", "tiers")
    before = Fraction(0)
    for index, tier in enumerate(tiers):
        if tier.unit_amount < 0 or tier.flat_amount < 0:
            raise wrong_terms("Amounts of a tier are zero or more.", f"tiers[{index}]")
        if index == len(tiers) - 1:
            continue
        if tier.up_to is None or tier.up_to <= before:
            raise wrong_terms("The bounds of tiers rise.", f"tiers[{index}].up_to")
        before = tier.up_to


@dataclass(frozen=True, slots=True)
class Part:
    """What one tier adds to a graduated price: its units, and what they come to with its fee."""

    tier: Tier
    units: Fraction
    amount: Fraction


def graduated_parts(tiers: Sequence[Tier], quantity: Fraction) -> tuple[Part, ...]:
    """Give the part of every tier reached; the first is reached by nothing at all.

    10,000 each up to 10, then 8,000: 11 units are 10 × 10,000 and 1 × 8,000. A flat fee is paid
    once when its tier is reached, so that of the first tier is paid at 0 units too.

    Source: billing rule R57.
    """
    found: list[Part] = []
    lower = Fraction(0)
    for tier in tiers:
        if found and quantity <= lower:
            break
        upper = quantity if tier.up_to is None else min(quantity, tier.up_to)
        units = upper - lower
        found.append(Part(tier, units, units * tier.unit_amount + tier.flat_amount))
        lower = upper
    return tuple(found)


def graduated(tiers: Sequence[Tier], quantity: Fraction) -> Fraction:
    """Price each unit by the tier it falls in, plus the flat fee of every tier reached (R57)."""
    return sum((part.amount for part in graduated_parts(tiers, quantity)), Fraction(0))


def tier_of(tiers: Sequence[Tier], quantity: Fraction) -> Tier:
    """Give the first tier whose bound is not below the quantity.

    Raises:
        ValueError: the tiers end before the quantity; ``check_tiers`` refuses such tiers.
    """
    for tier in tiers:
        if tier.up_to is None or quantity <= tier.up_to:
            return tier
    raise ValueError(f"no tier covers the quantity {quantity}")


def volume(
    tiers: Sequence[Tier], quantity: Fraction, chosen_by: Fraction | None = None
) -> Fraction:
    """Price all units by the tier reached, plus that tier's flat fee.

    10,000 each up to 10, then 8,000: 11 units are 11 × 8,000 = 88,000. Tiers of flat fees alone
    (stair steps) are volume tiers with unit amounts of 0.

    Args:
        tiers: checked tiers.
        quantity: what is priced, 0 or more.
        chosen_by: the quantity that picks the tier where it is not the one priced: the whole
            number of seats of a month of which only a part is billed.

    Source: billing rule R57.
    """
    tier = tier_of(tiers, quantity if chosen_by is None else chosen_by)
    return quantity * tier.unit_amount + tier.flat_amount
