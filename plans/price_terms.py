"""The terms of a price as data: read strictly into a model, written back as they were meant.

    fixed       {"amount": "50000"}
    per_unit    {"unit_amount": "0.5"}
    graduated   {"tiers": [{"up_to": "10", "unit_amount": "10000"}, {"unit_amount": "8000"}]}
    volume      the same; stair steps have a "flat_amount" alone
    package     {"size": "1000", "package_amount": "250000", "free": "100"}
    percentage  {"rate": "0.015", "fixed_amount": "1000", "minimum": "2000", "maximum": "25000"}

Numbers are text, so that none of them goes through a float; whole ones may be integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from core.errors import InvalidRequest
from core.exact import exact, written
from plans.percentages import PercentageTerms
from plans.price_models import (
    Fixed,
    Graduated,
    Package,
    Percentage,
    PerUnit,
    PriceModel,
    Volume,
)
from plans.refusals import wrong_terms
from plans.tiers import Tier

AMOUNT_MAX = 1_000_000_000_000
Terms = Mapping[str, Any]


def model_of(model: str, terms: Terms) -> PriceModel:
    """Read the terms of a model.

    Raises:
        InvalidRequest: ``unknown_price_model``; ``invalid_price_terms``, naming the field.
    """
    read = _READERS.get(model)
    if read is None:
        raise InvalidRequest(
            "unknown_price_model", f"There is no price model {model!r}.", field="model"
        )
    return read(terms)


def terms_of(model: PriceModel) -> tuple[str, dict[str, Any]]:
    """Give a model's name and its terms as ``model_of`` reads them."""
    match model:
        case Fixed(amount):
            return "fixed", {"amount": written(amount)}
        case PerUnit(unit_amount):
            return "per_unit", {"unit_amount": written(unit_amount)}
        case Graduated(tiers):
            return "graduated", {"tiers": [tier.to_json() for tier in tiers]}
        case Volume(tiers):
            return "volume", {"tiers": [tier.to_json() for tier in tiers]}
        case Package(size, package_amount, free):
            terms = {"size": size, "package_amount": package_amount, "free": free}
            return "package", {name: written(value) for name, value in terms.items()}
        case Percentage(own):
            found = {name: getattr(own, name) for name in _PERCENTAGE}
            return "percentage", {
                name: written(value) for name, value in found.items() if value is not None
            }
    raise TypeError(f"{type(model).__name__} is no price model")


def _tiers(terms: Terms) -> tuple[Tier, ...]:
    _only(terms, ("tiers",))
    given = terms.get("tiers")
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise wrong_terms("Tiers are a list.", "tiers")
    found = []
    for index, one in enumerate(given):
        place = f"tiers[{index}]"
        if not isinstance(one, Mapping):
            raise wrong_terms("A tier has a bound and amounts.", place)
        _only(one, ("up_to", "unit_amount", "flat_amount"), place)
        found.append(
            Tier(
                _number(one, "up_to", place, optional=True),
                _number(one, "unit_amount", place, optional=True) or Fraction(0),
                _number(one, "flat_amount", place, optional=True) or Fraction(0),
            )
        )
    return tuple(found)


def _fixed(terms: Terms) -> PriceModel:
    _only(terms, ("amount",))
    return Fixed(_needed(terms, "amount"))


def _per_unit(terms: Terms) -> PriceModel:
    _only(terms, ("unit_amount",))
    return PerUnit(_needed(terms, "unit_amount"))


def _package(terms: Terms) -> PriceModel:
    _only(terms, ("size", "package_amount", "free"))
    free = _number(terms, "free", optional=True) or Fraction(0)
    return Package(_needed(terms, "size"), _needed(terms, "package_amount"), free)


_PERCENTAGE = ("rate", "fixed_amount", "free_amount", "minimum", "maximum")


def _percentage(terms: Terms) -> PriceModel:
    _only(terms, _PERCENTAGE)
    return Percentage(
        PercentageTerms(
            rate=_needed(terms, "rate"),
            fixed_amount=_number(terms, "fixed_amount", optional=True) or Fraction(0),
            free_amount=_number(terms, "free_amount", optional=True) or Fraction(0),
            minimum=_number(terms, "minimum", optional=True),
            maximum=_number(terms, "maximum", optional=True),
        )
    )


def _needed(terms: Terms, name: str) -> Fraction:
    found = _number(terms, name)
    assert found is not None  # _number refuses what is missing
    return found


def _number(terms: Terms, name: str, place: str = "", *, optional: bool = False) -> Fraction | None:
    field = f"{place}.{name}" if place else name
    given = terms.get(name)
    if given is None:
        if optional:
            return None
        raise wrong_terms(f"{name} is missing.", field)
    try:
        value = exact(given)
    except (TypeError, ValueError) as wrong:
        raise wrong_terms(f"{name}: {wrong}.", field) from None
    if value > AMOUNT_MAX:
        raise wrong_terms(f"{name} is more than anybody can mean.", field)
    return value


def _only(terms: Terms, known: Sequence[str], place: str = "") -> None:
    for name in terms:
        if name not in known:
            field = f"{place}.{name}" if place else str(name)
            raise wrong_terms(f"{name!r} is no term of this model.", field)


_READERS: Mapping[str, Callable[[Terms], PriceModel]] = {
    "fixed": _fixed,
    "per_unit": _per_unit,
    "graduated": lambda terms: Graduated(_tiers(terms)),
    "volume": lambda terms: Volume(_tiers(terms)),
    "package": _package,
    "percentage": _percentage,
}
MODEL_NAMES = tuple(_READERS)
