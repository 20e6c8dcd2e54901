"""What is sold, from a catalogue as a file: each plan and interval is an offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import NAMESPACE_OID, UUID, uuid5

from billing.catalogue.document import Catalogue
from core.errors import InvalidRequest
from ops.simulate.people import Offer, Part, Person
from plans.pricing import FLAT
from plans.queries import Price

_NEVER: Final = datetime(2000, 1, 1, tzinfo=UTC)


def offers_of(catalogue: Catalogue) -> tuple[Offer, ...]:
    """List what one can subscribe to: the first price of an interval, its other parts beside it.

    Raises:
        InvalidRequest: ``nothing_sold``.
    """
    found: list[Offer] = []
    for code, plan in sorted(catalogue.plans.items()):
        if plan["state"] != "active":
            continue
        prices = [_price(code, plan, n, one) for n, one in enumerate(plan["prices"] or (), 1)]
        usage = [one["usage"] for one in plan["prices"] or ()]
        seen: set[tuple[int, int, str]] = set()
        for price, metered in zip(prices, usage, strict=True):
            length = (price.interval.months, price.interval.fixed_days, price.tax_mode)
            if length in seen:
                continue
            seen.add(length)
            beside = tuple(
                (one, 1) for one in prices
                if one is not price and one.component
                and (one.interval.months, one.interval.fixed_days, one.tax_mode) == length
            )  # fmt: skip
            parts = tuple(
                Part(one["name"], one["model"], one["terms"], one["zero"]) for one in metered
            )
            found.append(Offer(price, beside, parts))
    if not found:
        raise InvalidRequest("nothing_sold", "The catalogue sells nothing.", field="plans")
    return tuple(found)


def under(person: Person, offers: Sequence[Offer]) -> Person:
    """Give a person the same plan and interval of another catalogue; else he keeps what he has.

    Items beside the first move with it where the other catalogue sells the same part.
    """
    mine = person.offer
    for one in offers:
        if one.price.plan_code == mine.price.plan_code and _alike(one.price, mine.price):
            break
    else:
        return person
    theirs = {_part_of(price): price for price, _ in one.beside}
    moved = {price.id: theirs.get(_part_of(price), price) for price in person.prices.values()}
    prices = {price.id: price for price in moved.values()} | {one.price.id: one.price}
    extras = tuple(
        replace(extra, item=replace(extra.item, price_id=moved[extra.item.price_id].id))
        for extra in person.extras
    )
    return replace(person, offer=one, extras=extras, prices=prices)


def _part_of(price: Price) -> tuple[str, tuple[tuple[str, str], ...]]:
    return (price.plan_code, tuple(sorted((price.component or {}).items())))


def _alike(one: Price, other: Price) -> bool:
    same_part = _part_of(one) == _part_of(other)
    return (
        same_part and one.interval.is_as_long_as(other.interval) and one.tax_mode == other.tax_mode
    )


def _price(code: str, plan: Mapping[str, Any], version: int, one: Mapping[str, Any]) -> Price:
    """A price of a file as the rules know it; its id follows from what it says."""
    said = repr(sorted((name, repr(value)) for name, value in one.items()))
    plan_id: UUID = uuid5(NAMESPACE_OID, code)
    made = Price(
        id=uuid5(plan_id, said), external_id=None, plan_id=plan_id, version=version,
        model=one["model"], model_terms=one["terms"], currency="IDR",
        unit_amount=one["unit_amount"] or 0, interval_unit=one["interval_unit"],
        interval_count=one["interval_count"], trial_days=one["trial_days"],
        tax_mode=one["tax_mode"], component=one["component"], setup_amount=one["setup_amount"],
        metadata={}, created_at=_NEVER, retired_at=None, plan_code=code,
        plan_name=dict(plan["name"]), plan_state="active",
    )  # fmt: skip
    return made if made.model == FLAT else replace(made, unit_amount=made.amount_for(1))
