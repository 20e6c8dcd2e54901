"""How prices of every model are computed again and read aloud, from a line's derivation alone.

Nothing of what made the amount is called: the two are written apart, so that a mistake in one is
found by the other. All numbers are exact; the line rounds once.

    fixed       amount
    per_unit    quantity × unit_amount
    graduated   the units of each tier at its price, plus the flat fee of each tier reached
    volume      all units at the price of the tier reached, plus its flat fee
    package     started packages after the free units × package_amount
    percentage  rate × amount + fixed_amount × events + the limits of events × their counts
    minimum     what is short of the days' part of a commitment; ``maximum``: what is over, negative
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import ceil
from typing import Any, Final

from core.exact import OWN_MAX, exact, rounded
from invoices.wording import days_text, rupiah, rupiah_exact

Derivation = Mapping[str, Any]
Row = tuple[Fraction, Fraction, Fraction]
"""Units, price of each, flat fee."""

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "id": {
        "package": "paket", "packages": "paket", "event": "transaksi", "events": "transaksi",
        "free": "gratis",
        "billed": "sudah ditagih",
    },
    "en": {
        "package": "package", "packages": "packages", "event": "event", "events": "events",
        "free": "free",
        "billed": "billed already",
    },
}  # fmt: skip


def exact_price(derivation: Derivation) -> Fraction:
    """Compute a price in rupiah, exactly.

    Raises:
        ValueError: the derivation cannot be understood.
    """
    return _EXACT[derivation["rule"]](derivation)


def price_text(derivation: Derivation, language: str) -> str:
    """Tell the arithmetic of a price, without its result."""
    return _TEXT[derivation["rule"]](derivation, WORDS[language], language)


def _fixed(derivation: Derivation) -> Fraction:
    return number_in(derivation, "amount")


def _per_unit(derivation: Derivation) -> Fraction:
    return number_in(derivation, "quantity") * number_in(derivation, "unit_amount")


def tier_rows(derivation: Derivation) -> list[Row]:
    """Give the units that fall in each tier reached, its price and its flat fee."""
    quantity = number_in(derivation, "quantity")
    if derivation["rule"] == "volume":
        chosen_by = derivation.get("chosen_by")
        wanted = quantity if chosen_by is None else exact(chosen_by, OWN_MAX)
        for bound, unit, flat in _tiers(derivation):
            if bound is None or wanted <= bound:
                return [(quantity, unit, flat)]
        raise ValueError("the tiers of a derivation end before its quantity")
    rows: list[Row] = []
    below = Fraction(0)
    for bound, unit, flat in _tiers(derivation):
        within = max(Fraction(0), (quantity if bound is None else min(bound, quantity)) - below)
        if within or not rows:
            rows.append((within, unit, flat))
        below = quantity if bound is None else bound
    return rows


def _tiered(derivation: Derivation) -> Fraction:
    return sum((units * price + flat for units, price, flat in tier_rows(derivation)), Fraction(0))


def _packages(derivation: Derivation) -> int:
    over = number_in(derivation, "quantity") - number_in(derivation, "free")
    return max(0, ceil(over / number_in(derivation, "size")))


def _package(derivation: Derivation) -> Fraction:
    return _packages(derivation) * number_in(derivation, "package_amount")


def _percentage(derivation: Derivation) -> Fraction:
    total = number_in(derivation, "amount") * number_in(derivation, "rate")
    for count, amount in _COUNTED:
        if count in derivation:
            total += number_in(derivation, count) * number_in(derivation, amount)
    return total


def _commitment(derivation: Derivation) -> Fraction:
    promised = rounded(
        number_in(derivation, "of")
        * number_in(derivation, "numerator")
        / number_in(derivation, "denominator")
    )
    missing = promised - number_in(derivation, "counted")
    lowest = derivation["rule"] == "minimum"
    return max(missing, Fraction(0)) if lowest else min(missing, Fraction(0))


def _units_text(quantity: Fraction, unit: Fraction) -> str:
    return f"{decimal(quantity)} × {money(unit)}"


def _per_unit_text(derivation: Derivation, _words: Mapping[str, str], _language: str) -> str:
    return _units_text(number_in(derivation, "quantity"), number_in(derivation, "unit_amount"))


def _tiers_text(derivation: Derivation, _words: Mapping[str, str], _language: str) -> str:
    told: list[str] = []
    for units, unit, flat in tier_rows(derivation):
        if units and (unit or not flat):
            told.append(_units_text(units, unit))
        if flat:
            told.append(money(flat))
    return " + ".join(told) or rupiah(0)


def _package_text(derivation: Derivation, words: Mapping[str, str], _language: str) -> str:
    price = money(number_in(derivation, "package_amount"))
    quantity, free = number_in(derivation, "quantity"), number_in(derivation, "free")
    size = decimal(number_in(derivation, "size"))
    less = f" − {decimal(free)} {words['free']}" if free else ""
    inner = f"{decimal(quantity)}{less}, @ {size}"
    return f"{_counted(_packages(derivation), 'package', words)} ({inner}) × {price}"


def _percentage_text(derivation: Derivation, words: Mapping[str, str], _language: str) -> str:
    told = []
    amount = number_in(derivation, "amount")
    free = number_in(derivation, "free") if "free" in derivation else Fraction(0)
    if amount or not any(derivation.get(count) for count, _ in _COUNTED):
        over = f" ({words['free']} {money(free)})" if free else ""
        told.append(f"{money(amount)}{over} × {rate_text(number_in(derivation, 'rate'))}")
    for count, of in _COUNTED:
        if derivation.get(count):
            times = _counted(int(number_in(derivation, count)), "event", words)
            told.append(f"{times} × {money(number_in(derivation, of))}")
    return " + ".join(told)


def _counted(count: int, what: str, words: Mapping[str, str]) -> str:
    return f"{decimal(Fraction(count))} {words[what if count == 1 else f'{what}s']}"


def _commitment_text(derivation: Derivation, words: Mapping[str, str], language: str) -> str:
    days = days_text(int(number_in(derivation, "denominator")), language)
    part = f"{money(number_in(derivation, 'of'))} × {derivation['numerator']}/{days}"
    return f"{part} − {money(number_in(derivation, 'counted'))} {words['billed']}"


def money(amount: Fraction) -> str:
    """Write rupiah with all the decimals a price has: ``Rp0,125``, not ``Rp0,13``."""
    digits = decimal(amount)
    if digits.startswith("≈"):
        return rupiah_exact(amount)
    return f"-Rp{digits[1:]}" if digits.startswith("-") else f"Rp{digits}"


def decimal(value: Fraction) -> str:
    """Write a number with dots between thousands and a decimal comma: ``1.500,25``."""
    thousandths = abs(value) * 10**6
    whole, rest = divmod(rounded(thousandths), 10**6)
    about = "" if thousandths.denominator == 1 else "≈"
    places = f"{rest:06d}".rstrip("0")
    text = f"{whole:,}".replace(",", ".") + (f",{places}" if places else "")
    return f"{about}{'-' if value < 0 else ''}{text}"


def rate_text(rate: Fraction) -> str:
    """Write a rate with all its decimals: ``1,5%``, ``0,0125%``."""
    return f"{decimal(rate * 100)}%"


def number_in(derivation: Derivation, key: str) -> Fraction:
    """Read a number of a derivation.

    Raises:
        ValueError: it is missing or no exact number.
    """
    try:
        return exact(derivation[key], OWN_MAX)
    except (KeyError, TypeError) as wrong:
        raise ValueError(f"{key!r} of a derivation must be an exact number: {wrong}") from None


def _tiers(derivation: Derivation) -> list[tuple[Fraction | None, Fraction, Fraction]]:
    found = derivation.get("tiers")
    if not isinstance(found, Sequence) or isinstance(found, str) or not found:
        raise ValueError("'tiers' of a derivation must be a list")
    return [
        (
            None if tier.get("up_to") is None else number_in(tier, "up_to"),
            number_in(tier, "unit_amount"),
            number_in(tier, "flat_amount"),
        )
        for tier in found
    ]


_COUNTED: Final = (
    ("events", "fixed_amount"),
    ("at_minimum", "minimum"),
    ("at_maximum", "maximum"),
)
_EXACT: Final[Mapping[str, Callable[[Derivation], Fraction]]] = {
    "fixed": _fixed,
    "per_unit": _per_unit,
    "graduated": _tiered,
    "volume": _tiered,
    "package": _package,
    "percentage": _percentage,
    "minimum": _commitment,
    "maximum": _commitment,
}
_TEXT: Final[Mapping[str, Callable[[Derivation, Mapping[str, str], str], str]]] = {
    "fixed": lambda derivation, _words, _language: money(number_in(derivation, "amount")),
    "per_unit": _per_unit_text,
    "graduated": _tiers_text,
    "volume": _tiers_text,
    "package": _package_text,
    "percentage": _percentage_text,
    "minimum": _commitment_text,
    "maximum": _commitment_text,
}
PRICE_RULES: Final = frozenset(_EXACT)
