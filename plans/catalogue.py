"""Plans and their price versions: what may change, what needs a new version, what is an upgrade."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from core.calendars import Interval, Unit
from core.errors import Conflict, InvalidRequest
from core.money import exponent_of
from plans.price_models import Priced
from plans.price_terms import model_of, terms_of
from plans.pricing import FLAT, QUANTITY_MAX, check_model, price_of, priced
from plans.refusals import wrong_terms

TaxMode = Literal["exclusive", "inclusive"]

PLAN_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
EDITABLE = frozenset({"name", "description", "metadata", "external_id", "state"})
"""What may be edited on a plan in place: words for people and for the integrator, no terms."""

UNIT_AMOUNT_MAX = 1_000_000_000_000
TOTAL_MAX = 2 * UNIT_AMOUNT_MAX * QUANTITY_MAX
"""What the largest quantity may come to, so that a sum with its tax fits into eight bytes."""
TRIAL_DAYS_MAX = 730
INTERVAL_MAX: Mapping[str, int] = {"day": 3660, "week": 520, "month": 120, "year": 10}
"""About ten years of each unit; a longer promise is a typing error."""

_YEARLY = {"day": 365, "week": 52, "month": 12, "year": 1}


@dataclass(frozen=True, slots=True)
class PriceVersion:
    """One immutable price of a plan: ``unit_amount`` minor units per quantity and interval.

    Models other than ``flat`` have ``model_terms``; their ``unit_amount`` is what one unit comes
    to, for people to see. A subscription binds a version; a new version reaches it at a boundary
    or never (R27).
    """

    plan_code: str
    version: int
    currency: str
    unit_amount: int
    interval: Interval
    trial_days: int = 0
    tax_mode: TaxMode = "exclusive"
    model: str = FLAT
    model_terms: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def priced(self, quantity: int) -> Priced:
        """Price a quantity for one whole interval, exactly, with its derivation."""
        return priced(self.unit_amount, quantity, model=self.model, terms=self.model_terms)


def new_price(
    *,
    plan_code: str,
    version: int,
    currency: str,
    unit_amount: int | None,
    interval_unit: str,
    interval_count: int = 1,
    trial_days: int = 0,
    tax_mode: str = "exclusive",
    model: str = FLAT,
    terms: Mapping[str, Any] | None = None,
) -> PriceVersion:
    """Check the terms of a new price version and give it.

    Args:
        plan_code: the plan's code: lower-case letters, digits, ``_`` and ``-``, at most 64.
        version: 1 for the plan's first price, one more for each after it.
        currency: one we bill in.
        unit_amount: minor units (whole rupiah) per quantity and interval, 0 for a free plan; of
            a ``flat`` price alone.
        interval_unit: ``day``, ``week``, ``month`` or ``year``.
        interval_count: at least 1, at most about ten years.
        trial_days: 0 to 730.
        tax_mode: whether the amount contains the tax (``inclusive``) or not (``exclusive``).
        model: how a quantity becomes an amount.
        terms: of every model but ``flat``, as ``price_terms`` reads them.

    Raises:
        InvalidRequest: naming the field that is wrong.
    """
    check_plan_code(plan_code)
    exponent_of(currency)
    _require_between(version, 1, 1_000_000, field="version")
    check_model(model)
    one, kept = _by_model(model, unit_amount, terms or {})
    _require_between(trial_days, 0, TRIAL_DAYS_MAX, field="trial_days")
    unit = _unit(interval_unit)
    _require_between(interval_count, 1, INTERVAL_MAX[unit], field="interval_count")
    return PriceVersion(
        plan_code=plan_code,
        version=version,
        currency=currency,
        unit_amount=one,
        interval=Interval(unit, interval_count),
        trial_days=trial_days,
        tax_mode=_tax_mode(tax_mode),
        model=model,
        model_terms=kept,
    )


def check_plan_code(code: str) -> None:
    """Refuse a plan code that could not stand in an address or a file.

    Raises:
        InvalidRequest: code ``invalid_plan_code``.
    """
    if not isinstance(code, str) or PLAN_CODE.fullmatch(code) is None:
        raise InvalidRequest(
            "invalid_plan_code",
            "A plan code is 1 to 64 lower-case letters, digits, '_' or '-', "
            "and starts with a letter or a digit.",
            field="code",
        )


def check_plan_edit(fields: Iterable[str]) -> None:
    """Refuse an edit in place of anything that customers have agreed to.

    Raises:
        Conflict: code ``needs_new_price``; the terms of a price change by a new version only.
    """
    for name in sorted(set(fields) - EDITABLE):
        raise Conflict(
            "needs_new_price",
            f"{name!r} of a plan is not edited; make a new price version instead.",
            field=name,
        )


def yearly_value(price: PriceVersion, quantity: int) -> Fraction:
    """Give the exact price of a year, before discounts and tax, to compare two offers (R30)."""
    interval = price.interval
    per_year = Fraction(_YEARLY[interval.unit], interval.count)
    return per_year * price.priced(quantity).exact


def is_upgrade(old: PriceVersion, old_quantity: int, new: PriceVersion, new_quantity: int) -> bool:
    """Tell whether the new offer is worth at least as much a year as the old one (R30).

    Raises:
        InvalidRequest: code ``currency_mismatch``.
    """
    check_same_currency(old, new)
    return yearly_value(new, new_quantity) >= yearly_value(old, old_quantity)


def check_same_currency(old: PriceVersion, new: PriceVersion) -> None:
    """Refuse a change between currencies; that is a new subscription.

    Raises:
        InvalidRequest: code ``currency_mismatch``.
    """
    if old.currency != new.currency:
        raise InvalidRequest(
            "currency_mismatch",
            f"A subscription in {old.currency} cannot change to a price in {new.currency}.",
            field="price",
        )


def _by_model(
    model: str, unit_amount: int | None, terms: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Give what one unit comes to, and the terms as they are kept."""
    if model == FLAT:
        if terms:
            raise wrong_terms("A flat price has no terms but its unit_amount.", "terms")
        _require_between(unit_amount, 0, UNIT_AMOUNT_MAX, field="unit_amount")
        return unit_amount or 0, {}
    if unit_amount is not None:
        raise wrong_terms("Only a flat price has a unit_amount; say it in terms.", "unit_amount")
    try:
        kept = terms_of(model_of(model, terms))[1]
    except InvalidRequest as wrong:
        raise wrong_terms(wrong.message, f"terms.{wrong.field}") from None
    if price_of(0, QUANTITY_MAX, model=model, terms=kept).amount > TOTAL_MAX:
        raise wrong_terms("A million units would come to more than can be billed.", "terms")
    one = price_of(0, 1, model=model, terms=kept).amount
    _require_between(one, 0, UNIT_AMOUNT_MAX, field="terms")
    return one, kept


def _unit(unit: str) -> Unit:
    match unit:
        case "day" | "week" | "month" | "year":
            return unit
    raise InvalidRequest(
        "invalid_interval", "A price is per day, week, month or year.", field="interval_unit"
    )


def _tax_mode(mode: str) -> TaxMode:
    match mode:
        case "exclusive" | "inclusive":
            return mode
    raise InvalidRequest(
        "invalid_tax_mode", "A price is exclusive or inclusive of tax.", field="tax_mode"
    )


def _require_between(value: object, low: int, high: int, *, field: str) -> None:
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return
    raise InvalidRequest(
        f"invalid_{field}", f"{field} is a whole number from {low} to {high}.", field=field
    )
