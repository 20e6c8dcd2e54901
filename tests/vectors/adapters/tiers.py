"""Tiers, packages, percentages and minimums of others, answered by our price models."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any

from vectors.cases import Answer, Case, Present, adapter

from core.errors import InvalidRequest
from core.exact import exact
from core.money import Money
from plans.commitments import minimum_line
from plans.percentages import PercentageTerms
from plans.price_models import Graduated, Package, Percentage, Volume
from plans.tiers import Tier, graduated_parts

ZERO = Fraction(0)


def number(value: Any) -> Fraction:
    """Read a number the files write as text, number or nothing."""
    return ZERO if value is None else exact(str(value))


def ranges(case: Case, price: str = "per_unit_amount", share: int = 1) -> tuple[Tier, ...]:
    """Ranges with both ends as tiers with the upper one."""
    return tuple(
        Tier(
            None if one["to_value"] is None else number(one["to_value"]),
            number(one[price]) / share,
            number(one["flat_amount"]),
        )
        for one in case.given["ranges"]
    )


def parts(tiers: tuple[Tier, ...], quantity: Fraction) -> Answer:
    amounts = [part.amount for part in graduated_parts(tiers, quantity)]
    return {"amount": Graduated(tiers).price(quantity).exact, "per_range": amounts}


@adapter("tiers", "graduated", "lago-graduated")
def graduated_ranges(case: Case) -> Answer:
    return parts(ranges(case), number(case.given["units"]))


@adapter("tiers", "graduated_percentage", "lago-graduated-percentage")
def graduated_percentage(case: Case) -> Answer:
    return parts(ranges(case, "rate", share=100), number(case.given["units"]))


@adapter("tiers", "volume", "lago-volume", "doc-volume")
def volume_ranges(case: Case) -> Answer:
    full = case.given.get("full_units")
    chosen_by = None if full is None else number(full)
    priced = Volume(ranges(case)).price(number(case.given["units"]), chosen_by)
    return {"amount": priced.exact}


@adapter("tiers", "package", "lago-package", "doc-package")
def package(case: Case) -> Answer:
    given = case.given
    model = Package(
        number(given["package_size"]), number(given["package_price"]), number(given["free_units"])
    )
    return {"amount": model.price(number(given["units"])).exact}


@adapter("tiers", "percentage", "lago-percentage")
def percentage(case: Case) -> Answer:
    """Running totals tell the first events; what they leave is spread over the others."""
    given = case.given
    totals = [number(total) for total in given["running_totals"]]
    free = None if given["free_units"] is None else number(given["free_units"])
    if given["free_events"]:
        by_events = totals[given["free_events"] - 1]
        free = by_events if free is None else min(free, by_events)
    terms = PercentageTerms(
        number(given["rate_percent"]) / 100, number(given["fixed_per_event"]), free or ZERO
    )
    events = [after - before for before, after in pairwise([ZERO, *totals])]
    others = given["events"] - len(events)
    rest = max(ZERO, number(given["units"]) - sum(events, ZERO))
    events += [rest / others] * others
    return {"amount": Percentage(terms).price_events(events).exact}


@adapter("tiers", "percentage_min_max", "lago-percentage")
def percentage_min_max(case: Case) -> Answer:
    given = case.given
    terms = PercentageTerms(
        number(given["rate_percent"]) / 100,
        number(given["fixed_per_event"]),
        number(given["free_units"]),
        number(given["min_per_event"]),
        number(given["max_per_event"]),
    )
    events = [number(units) for units in given["event_units"]]
    return {"amount": Percentage(terms).price_events(events).exact}


@adapter("tiers", "minimum_true_up", "lago-true-up", "lago-commitment")
def minimum_true_up(case: Case) -> Answer:
    given = case.given
    line = minimum_line(
        Money(given["minimum_minor"]),
        days=given["days"],
        of_days=given["period_days"],
        counted=Money(given["used_minor"]),
    )
    return {"true_up_minor": line.amount.amount}


@adapter("tiers", "block_tiers", "kb-all-tiers", "kb-top-tier")
def block_tiers(case: Case) -> Answer:
    """Blocks of one unit are tiers; a single tier of larger blocks is a package."""
    given = case.given
    blocks: list[Mapping[str, str]] = given["tiers"]
    units = number(given["units"])
    if len(blocks) == 1:
        [one] = blocks
        found = Package(number(one["block_size"]), number(one["price"])).price(units).exact
        return {"amount": found, "per_tier": [found]}
    if any(number(block["block_size"]) != 1 for block in blocks):
        raise ValueError("several tiers of larger blocks have no counterpart")
    bound = ZERO
    tiers = []
    for block in blocks[:-1]:
        bound += number(block["max_blocks"])
        tiers.append(Tier(bound, number(block["price"])))
    table = (*tiers, Tier(None, number(blocks[-1]["price"])))
    if given["policy"] == "TOP_TIER":
        found = Volume(table).price(units).exact
        return {"amount": found, "per_tier": [found]}
    by_range = parts(table, units)
    return {"amount": by_range["amount"], "per_tier": by_range["per_range"]}


def bounds(case: Case) -> tuple[Tier, ...]:
    return tuple(
        Tier(None if one["bound"] is None else number(one["bound"]), number(one["unit_amount"]))
        for one in case.given["tiers"]
    )


@adapter("tiers", "bound_tiers", "polar-volume", "polar-graduated", "doc-volume", "doc-graduated")
def bound_tiers(case: Case) -> Answer:
    table, quantity = bounds(case), number(case.given["quantity"])
    if case.convention == "polar-graduated" and table[-1].up_to is not None:
        # What is above the last bound is not billed there: for us a last tier that is free.
        table = (*table, Tier(None, ZERO))
    model = Volume(table) if case.given["type"] == "volume" else Graduated(table)
    amount = model.price(quantity).exact
    return {"amount": amount, "amount_minor": amount}


@adapter("tiers", "bound_tiers_error", "polar-volume")
def bound_tiers_error(case: Case) -> Answer:
    try:
        Volume(bounds(case)).price(number(case.given["quantity"]))
    except InvalidRequest as refusal:
        return {"error": Present(there=refusal.field == "tiers")}
    return {"error": Present(there=False)}
