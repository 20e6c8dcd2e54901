"""Metered prices: usage priced by the models of prices, from a quantity that was measured."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from core.errors import InvalidRequest
from plans.percentages import Fees, PercentageTerms
from plans.price_models import Percentage, Priced
from plans.price_terms import model_of, terms_of
from plans.refusals import wrong_terms

METERED: Final = ("per_unit", "graduated", "volume", "package", "percentage")
ZERO: Final = ("omit", "show")
"""Usage of nothing that costs nothing has no line, or a line that says so."""


def metered_terms(model: str, terms: Mapping[str, Any], aggregation: str) -> dict[str, Any]:
    """Check the terms of a metered price and give them as they are kept.

    A percentage is of amounts that pass through: its meter adds them up.

    Raises:
        InvalidRequest: ``unknown_price_model``, ``invalid_price_terms``.
    """
    if model not in METERED:
        raise InvalidRequest(
            "unknown_price_model", f"Usage is not priced by {model!r}.", field="model"
        )
    if model == "percentage" and aggregation != "sum":
        raise wrong_terms("A percentage needs a meter that adds amounts up (sum).", "meter")
    try:
        return terms_of(model_of(model, terms))[1]
    except InvalidRequest as wrong:
        raise wrong_terms(wrong.message, f"terms.{wrong.field}") from None


def terms_of_events(model: str, terms: Mapping[str, Any]) -> PercentageTerms | None:
    """Give the terms where the sum is not enough: each event has a limit, or the first are free."""
    if model != "percentage":
        return None
    rule = model_of(model, terms)
    if not isinstance(rule, Percentage):
        return None
    found = rule.terms
    looks = found.free_amount or found.minimum or found.maximum is not None
    return found if looks else None


def priced_usage(
    model: str,
    terms: Mapping[str, Any],
    quantity: Fraction,
    *,
    events: int,
    fees: Fees | None = None,
) -> Priced:
    """Price what was used in a period, exactly, with its derivation.

    Args:
        model: one of `METERED`.
        terms: as `metered_terms` gave them.
        quantity: measured, 0 or more.
        events: how many made it; a percentage has a fee for each.
        fees: what the single events pay, where `terms_of_events` asks for it.

    Source: billing rules R57 to R59.
    """
    rule = model_of(model, terms)
    if not isinstance(rule, Percentage):
        return rule.price(quantity)
    return rule.price_sum(quantity, events) if fees is None else rule.price_fees(fees)
