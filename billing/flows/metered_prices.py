"""Publishing a price with its metered parts: one version, one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from core.bulk import insert_rows
from core.errors import Conflict, InvalidRequest
from core.work import Work
from plans.metered import ZERO, metered_terms
from plans.queries import Price
from plans.service import publish_price
from usage.queries import load_meters, usage_prices_of
from usage.service import hold_meters
from usage.tables import usage_prices

PARTS_MAX: Final = 20
_LANGUAGES: Final = frozenset({"id", "en"})


@dataclass(frozen=True, slots=True)
class NewPart:
    """A metered part: what a meter counts, at a price of its own; ``name`` by language."""

    name: Mapping[str, str]
    meter_id: UUID
    model: str
    terms: Mapping[str, Any]
    zero: str = "omit"


def publish(unit: Work, plan_id: UUID, *, usage: Sequence[NewPart] = (), **fields: Any) -> Price:
    """Publish a price as `plans.service.publish_price` does, with what is metered beside it.

    Raises:
        InvalidRequest: ``invalid_usage``, ``invalid_price_terms``, naming the part.
        Conflict: ``meter_retired``.
    """
    price = publish_price(unit, plan_id, **fields)
    if not usage or price.id in usage_prices_of(unit, [price.id]):
        return price
    if len(usage) > PARTS_MAX:
        raise InvalidRequest(
            "invalid_usage", f"A price has at most {PARTS_MAX} metered parts.", field="usage"
        )
    # A meter that nobody uses may be retired at this moment: then it counts no more.
    hold_meters(unit)
    rows = [_row(unit, price, position, part) for position, part in enumerate(usage, 1)]
    insert_rows(unit.session, usage_prices, rows)
    unit.audit(
        "usage_price.publish", "price", price.id,
        after={"usage": [
            {"meter": str(one["meter_id"]), "model": one["model"], "terms": one["model_terms"]}
            for one in rows
        ]},
    )  # fmt: skip
    return price


def copy_parts(unit: Work, source: UUID, to: UUID) -> None:
    """Give a price the metered parts of another, the same meters at the same terms."""
    parts = usage_prices_of(unit, [source]).get(source, [])
    rows = [
        {
            "merchant_id": unit.merchant_id,
            "id": unit.derive("usage_price", to, part.position),
            "price_id": to,
            "position": part.position,
            "name": part.name,
            "meter_id": part.meter_id,
            "model": part.model,
            "model_terms": part.model_terms,
            "zero": part.zero,
            "created_at": unit.now,
        }
        for part in parts
    ]
    insert_rows(unit.session, usage_prices, rows)


def check_meters(unit: Work, items: Sequence[Collection[UUID]]) -> None:
    """Refuse items beside each other that would bill one meter's usage each; versions are one.

    Args:
        items: the prices that each has or is to have.

    Raises:
        InvalidRequest: ``meter_twice``.
    """
    parts = usage_prices_of(unit, {one for item in items for one in item}) if len(items) > 1 else {}
    meters = load_meters(unit, {one.meter_id for every in parts.values() for one in every})
    billed: set[str] = set()
    for item in items:
        codes = {meters[one.meter_id].code for price in item for one in parts.get(price, ())}
        if both := sorted(billed & codes):
            raise InvalidRequest(
                "meter_twice", f"Another item bills what {both[0]!r} counts.", field="price"
            )
        billed |= codes


def _row(unit: Work, price: Price, position: int, part: NewPart) -> dict[str, Any]:
    place = f"usage[{position - 1}]"
    meter = load_meters(unit, [part.meter_id]).get(part.meter_id)
    if meter is None:
        raise InvalidRequest("invalid_usage", "There is no such meter.", field=f"{place}.meter")
    if meter.retired_at is not None:
        raise Conflict("meter_retired", f"{meter.code!r} is retired.", field=f"{place}.meter")
    if not part.name or not set(part.name) <= _LANGUAGES:
        raise InvalidRequest(
            "invalid_usage", "name has a text for 'id', 'en' or both.", field=f"{place}.name"
        )
    if part.zero not in ZERO:
        raise InvalidRequest("invalid_usage", "zero is omit or show.", field=f"{place}.zero")
    try:
        terms = metered_terms(part.model, part.terms, meter.aggregation)
    except InvalidRequest as wrong:
        raise InvalidRequest(
            "invalid_price_terms", wrong.message, field=f"{place}.{wrong.field}"
        ) from None
    return {
        "merchant_id": unit.merchant_id,
        "id": unit.derive("usage_price", price.id, position),
        "price_id": price.id,
        "position": position,
        "name": dict(part.name),
        "meter_id": meter.id,
        "model": part.model,
        "model_terms": terms,
        "zero": part.zero,
        "created_at": unit.now,
    }
