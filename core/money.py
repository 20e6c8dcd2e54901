"""Money: whole minor units with their currency, the one rounding rule, and splits that add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from core.errors import InvalidRequest

EXPONENTS = {
    "IDR": 0,
    "JPY": 0,
    "KRW": 0,
    "VND": 0,
    "USD": 2,
    "EUR": 2,
    "GBP": 2,
    "SGD": 2,
    "MYR": 2,
    "AUD": 2,
    "KWD": 3,
    "BHD": 3,
}
"""Decimals of each currency we bill in. The rupiah has none here: nobody pays in sen."""


def exponent_of(currency: str) -> int:
    """Tell how many decimals a currency has.

    Raises:
        InvalidRequest: code ``unknown_currency``.
    """
    try:
        return EXPONENTS[currency]
    except (KeyError, TypeError):
        raise InvalidRequest(
            "unknown_currency", f"{currency!r} is not a currency we bill in.", field="currency"
        ) from None


def round_half_away(n: int, d: int) -> int:
    """Round the fraction ``n/d`` to an integer, ties away from zero.

    The built-in ``round`` goes to the even neighbour and is not used for money anywhere: half of
    75,000.5 rupiah cases would come out one rupiah low.

    Raises:
        ValueError: ``d`` is not positive.
        TypeError: an argument is not an ``int``.

    Source: billing rule R2; the same tie rule as PER-11/PJ/2025 art. 129(3).
    """
    _require_fraction(n, d)
    rounded = (2 * abs(n) + d) // (2 * d)
    return -rounded if n < 0 else rounded


def round_down(n: int, d: int) -> int:
    """Cut the fraction ``n/d`` to an integer toward zero, for tax rules that say so.

    Raises:
        ValueError: ``d`` is not positive.
        TypeError: an argument is not an ``int``.
    """
    _require_fraction(n, d)
    cut = abs(n) // d
    return -cut if n < 0 else cut


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (whole rupiah) and its currency.

    Amounts of different currencies are never equal; adding or comparing them raises
    ``ValueError``. Floats and booleans are refused with ``TypeError`` wherever a number goes in.
    """

    amount: int
    currency: str = "IDR"

    def __post_init__(self) -> None:
        _require_int(self.amount)
        exponent_of(self.currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __abs__(self) -> Money:
        return Money(abs(self.amount), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.amount > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.amount >= self._same(other)

    def __str__(self) -> str:
        return f"{self.currency} {self.amount}"

    @property
    def is_zero(self) -> bool:
        return self.amount == 0

    @property
    def is_negative(self) -> bool:
        return self.amount < 0

    def times(self, quantity: int | Fraction) -> Money:
        """Multiply, rounding the product once (exact for an integer quantity)."""
        if isinstance(quantity, Fraction):
            exact = self.amount * quantity
            return Money(round_half_away(exact.numerator, exact.denominator), self.currency)
        _require_int(quantity)
        return Money(self.amount * quantity, self.currency)

    def share(self, numerator: int, denominator: int) -> Money:
        """Take ``numerator/denominator`` of the amount, rounded once, half away from zero."""
        _require_fraction(numerator, denominator)
        return Money(round_half_away(self.amount * numerator, denominator), self.currency)

    def allocate(self, weights: Sequence[int]) -> tuple[Money, ...]:
        """Split the amount in proportion to ``weights``; the parts always add up to it.

        Each part is the floor of its exact share; the units left over go to the largest
        fractional parts, ties to the lowest index. A weight may be negative (a credit among
        charges). Each part is within one unit of its exact share.

        Raises:
            ValueError: the weights add up to 0 while the amount does not.

        Source: billing rule R4.
        """
        for weight in weights:
            _require_int(weight)
        whole = sum(weights)
        if whole == 0:
            if self.amount != 0:
                raise ValueError(f"{self} cannot be split over weights that add up to 0")
            return tuple(self for _ in weights)

        sign = 1 if whole > 0 else -1
        exact = [divmod(self.amount * weight * sign, whole * sign) for weight in weights]
        parts = [floor for floor, _ in exact]
        left_over = self.amount - sum(parts)
        by_remainder = sorted(range(len(exact)), key=lambda index: (-exact[index][1], index))
        for index in by_remainder[:left_over]:
            parts[index] += 1
        return tuple(Money(part, self.currency) for part in parts)

    def _same(self, other: object) -> int:
        if not isinstance(other, Money):
            raise TypeError(f"money goes with money, not with {type(other).__name__}")
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not mix")
        return other.amount


def zero(currency: str = "IDR") -> Money:
    """Nothing, in a currency: the start of every sum."""
    return Money(0, currency)


def _require_int(value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"money is counted in integers, not in {type(value).__name__}")


def _require_fraction(n: object, d: object) -> None:
    _require_int(n)
    _require_int(d)
    if isinstance(d, int) and d <= 0:
        raise ValueError("the denominator must be positive")
