"""The rule that makes the tax of one document: rate, base, rounding; stored with the document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal

from core.errors import InvalidRequest
from core.money import Money, round_down, round_half_away
from invoices.tax_tables import (
    NO_TAX,
    ROUNDING_TABLE,
    STATED_ONLY,
    TAX_TABLE,
    Rounding,
    RoundingRow,
    TaxRow,
    rounding_for,
    tax_row,
)

TaxMode = Literal["exclusive", "inclusive"]


@dataclass(frozen=True, slots=True)
class TaxTerms:
    """Which rule makes the tax of a document; stored with it, so that credits use the same."""

    code: str
    mode: TaxMode
    statutory: Fraction
    base_factor: Fraction
    rounding: Rounding
    valid_from: date

    @property
    def effective(self) -> Fraction:
        """The share of the price before tax that is tax: 11/100 for 12% on 11/12."""
        return self.statutory * self.base_factor

    @property
    def collected(self) -> bool:
        """Say whether the tax is part of the total; exempt supplies only state it."""
        return self.code not in STATED_ONLY

    @property
    def is_inside(self) -> bool:
        """Say whether the prices already hold the tax."""
        return self.mode == "inclusive" and self.collected

    def makes_same_tax(self, other: TaxTerms) -> bool:
        """Say whether two rules make the same tax of every amount: 11% and 12% on 11/12 do."""
        if self._charged == other._charged == 0:
            return True
        return (self._charged, self.rounding) == (other._charged, other.rounding)

    def reads_the_same(self, other: TaxTerms) -> bool:
        """Say whether two rules print the same rate on the same base."""
        mine = (self.code, self.statutory, self.base_factor)
        return mine == (other.code, other.statutory, other.base_factor)

    @property
    def _charged(self) -> Fraction:
        return self.effective if self.collected else Fraction(0)

    def tax_of(self, price: Money) -> Money:
        """Compute the tax in or on a sum of line amounts, from the exact figure, rounded once."""
        rate = self.effective
        share = rate / (1 + rate) if self.is_inside else rate
        return self._round(price, share)

    def other_base_of(self, price: Money) -> Money | None:
        """Compute DPP nilai lain, which is shown and never calculated with.

        It is rounded half up on every date: the older rule that cuts speaks of PPN alone.
        """
        if self.base_factor == 1:
            return None
        share = self.base_factor / (1 + self.effective) if self.is_inside else self.base_factor
        return price.times(share)

    def to_json(self) -> dict[str, str]:
        """Write the terms for the invoice's row; fractions as ``3/25``."""
        return {
            "code": self.code,
            "mode": self.mode,
            "statutory": str(self.statutory),
            "base_factor": str(self.base_factor),
            "rounding": self.rounding,
            "valid_from": self.valid_from.isoformat(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> TaxTerms:
        """Read what ``to_json`` wrote; other keys are left alone."""
        mode, rounding = stored["mode"], stored["rounding"]
        if mode not in ("exclusive", "inclusive") or rounding not in ("half_up", "down"):
            raise ValueError(f"not the terms of a tax: {stored!r}")
        return cls(
            code=str(stored["code"]),
            mode="inclusive" if mode == "inclusive" else "exclusive",
            statutory=Fraction(str(stored["statutory"])),
            base_factor=Fraction(str(stored["base_factor"])),
            rounding="down" if rounding == "down" else "half_up",
            valid_from=date.fromisoformat(str(stored["valid_from"])),
        )

    def _round(self, price: Money, share: Fraction) -> Money:
        exact = price.amount * share
        rounded = round_half_away if self.rounding == "half_up" else round_down
        return Money(rounded(exact.numerator, exact.denominator), price.currency)


def terms_for(
    treatment: str,
    mode: TaxMode,
    on: date,
    *,
    pkp: bool,
    table: Sequence[TaxRow] = TAX_TABLE,
    rounding_table: Sequence[RoundingRow] = ROUNDING_TABLE,
) -> TaxTerms:
    """Choose the terms that rule on a date; a seller who is no PKP has code ``none``.

    Raises:
        InvalidRequest: ``unknown_tax_treatment``, ``unknown_tax_mode`` or ``no_tax_rate``.
    """
    if mode not in ("exclusive", "inclusive"):
        raise InvalidRequest("unknown_tax_mode", f"{mode!r} is not a tax mode", field="tax_mode")
    row = tax_row(treatment, on, table)
    rounding = rounding_for(on, rounding_table)
    if not pkp:
        return TaxTerms(NO_TAX, mode, Fraction(0), Fraction(1), rounding, row.valid_from)
    return TaxTerms(treatment, mode, row.statutory, row.base_factor, rounding, row.valid_from)
