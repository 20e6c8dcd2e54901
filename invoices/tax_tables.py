"""PPN as dated data: rates, bases, rounding, each row with its source; an operator may edit it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final, Literal

from core.errors import InvalidRequest

Rounding = Literal["half_up", "down"]

NO_TAX: Final = "none"
# What a PKP may say about a supply. The buyer of the two collectors' kinds keeps the PPN and
# remits it; of the two uncollected kinds the amount is stated on the faktur and not charged.
COLLECTED: Final = frozenset({"standard", "luxury", "government_collector", "soe_collector"})
STATED_ONLY: Final = frozenset({"exempt", "not_collected"})
ZERO_RATED: Final = frozenset({"zero_rated_export"})
TREATMENTS: Final = COLLECTED | STATED_ONLY | ZERO_RATED

# Treatments without rows of their own follow the standard ones.
_FOLLOWS_STANDARD: Final = (COLLECTED | STATED_ONLY) - {"standard", "luxury"}


@dataclass(frozen=True, slots=True)
class TaxRow:
    """From ``valid_from`` on: ``statutory`` rate on ``base_factor`` of the price."""

    valid_from: date
    treatment: str
    statutory: Fraction
    base_factor: Fraction
    source: str = ""

    @property
    def effective(self) -> Fraction:
        """The share of the price that is tax."""
        return self.statutory * self.base_factor


@dataclass(frozen=True, slots=True)
class RoundingRow:
    """From ``valid_from`` on: how PPN and DPP become whole rupiah."""

    valid_from: date
    rounding: Rounding
    source: str = ""


_ONE = Fraction(1)
_BEGINNING = date.min

TAX_TABLE: Final[tuple[TaxRow, ...]] = (
    TaxRow(_BEGINNING, "standard", Fraction(10, 100), _ONE, "UU PPN (UU 42/2009) art. 7"),
    TaxRow(date(2022, 4, 1), "standard", Fraction(11, 100), _ONE, "UU 7/2021 art. 7(1)a"),
    TaxRow(
        date(2025, 1, 1),
        "standard",
        Fraction(12, 100),
        Fraction(11, 12),
        "UU 7/2021 art. 7(1)b; PMK 131/2024 art. 3",
    ),
    TaxRow(_BEGINNING, "luxury", Fraction(10, 100), _ONE, "UU PPN (UU 42/2009) art. 7"),
    TaxRow(date(2022, 4, 1), "luxury", Fraction(11, 100), _ONE, "UU 7/2021 art. 7(1)a"),
    TaxRow(date(2025, 1, 1), "luxury", Fraction(12, 100), _ONE, "PMK 131/2024 art. 2"),
    TaxRow(
        _BEGINNING,
        "zero_rated_export",
        Fraction(0),
        _ONE,
        "UU PPN art. 7(2); PMK 32/PMK.010/2019",
    ),
)

ROUNDING_TABLE: Final[tuple[RoundingRow, ...]] = (
    RoundingRow(_BEGINNING, "down", "SE-22/PJ.24/1990; PER-29/PJ/2015 annex"),
    RoundingRow(date(2025, 5, 22), "half_up", "PER-11/PJ/2025 art. 129"),
)


def tax_row(treatment: str, on: date, table: Sequence[TaxRow] = TAX_TABLE) -> TaxRow:
    """Find the rate that rules on a date.

    Args:
        treatment: one of ``TREATMENTS``.
        on: the tax point, a civil date in the seller's zone.
        table: rows in any order; the latest that has begun wins.

    Raises:
        InvalidRequest: ``unknown_tax_treatment``, or ``no_tax_rate`` where the table has no row.
    """
    if treatment not in TREATMENTS:
        raise InvalidRequest(
            "unknown_tax_treatment", f"{treatment!r} is not a tax treatment", field="tax_treatment"
        )
    wanted = "standard" if treatment in _FOLLOWS_STANDARD else treatment
    begun = [row for row in table if row.treatment == wanted and row.valid_from <= on]
    if not begun:
        raise InvalidRequest("no_tax_rate", f"there is no {wanted} rate on {on.isoformat()}")
    return max(begun, key=lambda row: row.valid_from)


def rounding_for(on: date, table: Sequence[RoundingRow] = ROUNDING_TABLE) -> Rounding:
    """Find how tax is rounded on a date: cut until 21 May 2025, half up since.

    Raises:
        InvalidRequest: ``no_tax_rounding`` where the table has no row.
    """
    begun = [row for row in table if row.valid_from <= on]
    if not begun:
        raise InvalidRequest("no_tax_rounding", f"there is no rounding rule on {on.isoformat()}")
    return max(begun, key=lambda row: row.valid_from).rounding


def is_pkp(pkp_since: date | None, pkp_until: date | None, on: date) -> bool:
    """Say whether the seller may charge PPN on a date.

    Args:
        pkp_since: first day as PKP, ``None`` for a seller who never was one.
        pkp_until: first day no longer PKP (exclusive, like every end), ``None`` while it lasts.
        on: the tax point.
    """
    if pkp_since is None or on < pkp_since:
        return False
    return pkp_until is None or on < pkp_until
