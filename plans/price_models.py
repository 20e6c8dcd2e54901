"""Price models: how a quantity becomes an amount, exactly, with all it takes to compute it again.

    fixed       one amount, whatever the quantity
    per_unit    quantity × unit amount, which may be finer than a rupiah
    graduated   each unit by the tier it falls in
    volume      all units by the tier reached; stair steps are tiers of flat amounts alone
    package     started packages count whole, after free units
    percentage  a share of what passes through, by event

A model gives the amount of one whole interval before discounts and tax. Nothing is rounded here:
the line is, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from core.errors import InvalidRequest
from core.exact import rounded, written
from core.money import Money
from plans.percentages import Fees, PercentageTerms, fees_of
from plans.refusals import wrong_terms
from plans.tiers import Tier, check_tiers, graduated, volume


@dataclass(frozen=True, slots=True)
class Priced:
    """An amount in minor units, exact, and its derivation: JSON that makes the same amount."""

    exact: Fraction
    derivation: Mapping[str, Any]

    def amount(self, currency: str = "IDR") -> Money:
        """Round it once, half away from zero, as a line does."""
        return Money(rounded(self.exact), currency)


class PriceModel(Protocol):
    """What every model does."""

    def price(self, quantity: Fraction) -> Priced:
        """Price a quantity of 0 or more for one whole interval."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A base fee: the same for one seat and for a thousand."""

    amount: Fraction

    def __post_init__(self) -> None:
        _not_negative(self.amount, "amount")

    def price(self, quantity: Fraction) -> Priced:
        _countable(quantity)
        return Priced(self.amount, {"rule": "fixed", "amount": written(self.amount)})


@dataclass(frozen=True, slots=True)
class PerUnit:
    """Quantity × unit amount: 2,350 messages at Rp0,5 are Rp1.175."""

    unit_amount: Fraction

    def __post_init__(self) -> None:
        _not_negative(self.unit_amount, "unit_amount")

    def price(self, quantity: Fraction) -> Priced:
        _countable(quantity)
        terms = {"quantity": written(quantity), "unit_amount": written(self.unit_amount)}
        return Priced(quantity * self.unit_amount, {"rule": "per_unit", **terms})


@dataclass(frozen=True, slots=True)
class Graduated:
    """Each unit by the tier it falls in (R57)."""

    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        check_tiers(self.tiers)

    def price(self, quantity: Fraction) -> Priced:
        _countable(quantity)
        tiers = [tier.to_json() for tier in self.tiers]
        how = {"rule": "graduated", "quantity": written(quantity), "tiers": tiers}
        return Priced(graduated(self.tiers, quantity), how)


@dataclass(frozen=True, slots=True)
class Volume:
    """All units by the tier reached (R57)."""

    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        check_tiers(self.tiers)

    def price(self, quantity: Fraction, chosen_by: Fraction | None = None) -> Priced:
        _countable(quantity)
        tiers = [tier.to_json() for tier in self.tiers]
        how: dict[str, Any] = {"rule": "volume", "quantity": written(quantity), "tiers": tiers}
        if chosen_by is not None:
            _countable(chosen_by)
            how["chosen_by"] = written(chosen_by)
        return Priced(volume(self.tiers, quantity, chosen_by), how)


@dataclass(frozen=True, slots=True)
class Package:
    """Packages of ``size`` units after ``free`` ones; a started package counts whole (R58).

    2,350 messages, 100 free, 250,000 for 1,000: 3 packages, 750,000.
    """

    size: Fraction
    package_amount: Fraction
    free: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        _not_negative(self.package_amount, "package_amount")
        _not_negative(self.free, "free")
        if self.size <= 0:
            raise wrong_terms("A package holds more than nothing.", "size")

    def price(self, quantity: Fraction) -> Priced:
        _countable(quantity)
        over = max(Fraction(0), quantity - self.free) / self.size
        packages = -(-over.numerator // over.denominator)
        how = {
            "rule": "package",
            "quantity": written(quantity),
            "free": written(self.free),
            "size": written(self.size),
            "package_amount": written(self.package_amount),
        }
        return Priced(packages * self.package_amount, how)


@dataclass(frozen=True, slots=True)
class Percentage:
    """A share of what passes through, with a fee per event, limits and a free amount (R58)."""

    terms: PercentageTerms

    def price(self, quantity: Fraction) -> Priced:
        """Price the quantity as the amount of one event."""
        _countable(quantity)
        return self.price_events([quantity])

    def price_events(self, amounts: Iterable[Fraction]) -> Priced:
        """Price a period's events in their order."""
        return self.price_fees(fees_of(self.terms, amounts))

    def price_fees(self, fees: Fees) -> Priced:
        """Price a period's events where their fees are counted already."""
        return Priced(fees.total(self.terms), self._derivation(fees))

    def price_sum(self, amount: Fraction, events: int) -> Priced:
        """Price events by their sum and their count, where no event has a limit and none is free.

        Raises:
            ValueError: the terms look at each event by itself.
        """
        _countable(amount)
        terms = self.terms
        if terms.free_amount or terms.minimum or terms.maximum is not None:
            raise ValueError("a sum does not say which events met a limit")
        fees = Fees(amount, events)
        return Priced(fees.total(terms), self._derivation(fees))

    def _derivation(self, fees: Fees) -> dict[str, Any]:
        terms = self.terms
        how: dict[str, Any] = {
            "rule": "percentage",
            "amount": written(fees.amount),
            "rate": written(terms.rate),
        }
        if terms.fixed_amount:
            how |= {"events": fees.events, "fixed_amount": written(terms.fixed_amount)}
        if terms.minimum is not None:
            how |= {"at_minimum": fees.at_minimum, "minimum": written(terms.minimum)}
        if terms.maximum is not None:
            how |= {"at_maximum": fees.at_maximum, "maximum": written(terms.maximum)}
        if terms.free_amount:
            how["free"] = written(fees.free)
        return how


@dataclass(frozen=True, slots=True)
class Usage:
    """Net usage as it is billed, and what was below zero and is reported instead (R59)."""

    quantity: Fraction
    below_zero: Fraction


def billable(net: Fraction) -> Usage:
    """Bill no negative usage: corrections of -5 against 3 bill 0 and report -2."""
    return Usage(max(net, Fraction(0)), min(net, Fraction(0)))


def _countable(quantity: Fraction) -> None:
    if quantity < 0:
        raise InvalidRequest("invalid_quantity", "A quantity is zero or more.", field="quantity")


def _not_negative(value: Fraction, field: str) -> None:
    if value < 0:
        raise wrong_terms("Amounts of a price are zero or more.", field)
