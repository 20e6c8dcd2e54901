"""A customer's own price: what he pays in place of one that is sold; named, by whom, when."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from billing import queries
from billing.flows.metered_prices import copy_parts
from core import ids
from core.bulk import insert_rows
from core.errors import Conflict, InvalidRequest, NotFound
from core.work import Work
from plans.pricing import FLAT
from plans.queries import Price, get_price
from plans.service import publish_price
from plans.tables import price_overrides

_NAME_MAX = 100


@dataclass(frozen=True, slots=True)
class Override:
    """A customer's own price; ``price_id`` is what he asks for, ``own_price_id`` what he gets."""

    id: UUID
    customer_id: UUID
    price_id: UUID
    own_price_id: UUID
    name: str
    made_by: str
    created_at: datetime
    ended_at: datetime | None
    ended_by: str | None


_FIELDS = tuple(price_overrides.c[name] for name in Override.__slots__)


def make_override(
    unit: Work,
    customer_id: UUID,
    price_id: UUID,
    *,
    name: str,
    unit_amount: int | None = None,
    model: str = FLAT,
    model_terms: Mapping[str, Any] | None = None,
    setup_amount: int | None = None,
    key: str | None = None,
) -> Override:
    """Give a customer his own amount for a price; all else, usage too, stays the price's.

    It holds for what he subscribes to or changes to from now on: asking for the price gives him
    his own. What he has goes on as it is until it is changed. An override of before ends.

    Args:
        name: why he has it, for people: 1 to 100 characters.
        setup_amount: by default that of the price.
        key: the caller's idempotency key: the same key gives the same override.

    Raises:
        NotFound: ``customer_not_found`` or ``price_not_found``.
        InvalidRequest: ``invalid_name``, or what is wrong with the terms.
        Conflict: ``price_not_sold``.
    """
    queries.lock_customers(unit, [customer_id])
    queries.get_customer(unit, customer_id)
    override_id = unit.derive("override", key) if key else ids.fresh()
    known = [one for one in overrides_of(unit, customer_id, ended=True) if one.id == override_id]
    if known:
        return known[0]
    listed = get_price(unit, price_id)
    if not listed.is_sold:
        raise Conflict("price_not_sold", "That plan or price is retired.", field="price")
    if not 0 < len(name.strip()) <= _NAME_MAX:
        raise InvalidRequest(
            "invalid_name", f"A name has 1 to {_NAME_MAX} characters.", field="name"
        )
    own = publish_price(
        unit,
        listed.plan_id,
        unit_amount=unit_amount,
        interval_unit=listed.interval_unit,
        interval_count=listed.interval_count,
        trial_days=listed.trial_days,
        tax_mode=listed.tax_mode,
        model=model,
        model_terms=model_terms,
        component=listed.component,
        setup_amount=listed.setup_amount if setup_amount is None else setup_amount,
        key=f"override:{override_id}",
        sold=False,
    )
    copy_parts(unit, listed.id, own.id)
    for one in overrides_of(unit, customer_id):
        if one.price_id == price_id:
            _end(unit, one.id)
    row = {
        "merchant_id": unit.merchant_id,
        "id": override_id,
        "customer_id": customer_id,
        "price_id": price_id,
        "own_price_id": own.id,
        "name": name.strip(),
        "made_by": unit.actor.name,
        "created_at": unit.now,
    }
    insert_rows(unit.session, price_overrides, [row])
    after = {"price": str(price_id), "own_price": str(own.id), "name": name.strip()}
    unit.audit("override.create", "customer", customer_id, after=after)
    [made] = [one for one in overrides_of(unit, customer_id) if one.id == override_id]
    return made


def end_override(unit: Work, customer_id: UUID, override_id: UUID) -> Override:
    """End a customer's own price: what he asks for from now on has the price of everybody.

    What he has goes on at his own price until it is changed.

    Raises:
        NotFound: ``override_not_found``.
    """
    queries.lock_customers(unit, [customer_id])
    for one in overrides_of(unit, customer_id, ended=True):
        if one.id == override_id:
            if one.ended_at is None:
                _end(unit, one.id)
                before = {"own_price": str(one.own_price_id), "name": one.name}
                after = {"ended_by": unit.actor.name}
                unit.audit("override.end", "customer", customer_id, before=before, after=after)
            again = overrides_of(unit, customer_id, ended=True)
            return next(other for other in again if other.id == override_id)
    raise NotFound("override_not_found", "This customer has no such price of his own.")


def overrides_of(unit: Work, customer_id: UUID, *, ended: bool = False) -> Sequence[Override]:
    """List a customer's own prices, oldest first; with ``ended`` also those of before."""
    table = price_overrides.c
    query = select(*_FIELDS).where(
        table.merchant_id == unit.merchant_id, table.customer_id == customer_id
    )
    if not ended:
        query = query.where(table.ended_at.is_(None))
    rows = unit.session.execute(query.order_by(table.created_at, table.id))
    return [Override(**row._mapping) for row in rows]


def own_versions(unit: Work, price_ids: Collection[UUID]) -> frozenset[UUID]:
    """Which of some versions are one customer's own, now or before."""
    table = price_overrides.c
    rows = unit.session.execute(
        select(table.own_price_id).where(
            table.merchant_id == unit.merchant_id, table.own_price_id.in_(sorted(price_ids))
        )
    )
    return frozenset(rows.scalars())


def offered(unit: Work, customer_id: UUID, price: Price) -> Price:
    """Give what a customer gets when he asks for a price: his own where he has one.

    Raises:
        Conflict: ``price_not_sold``.
    """
    if not price.is_sold:
        raise Conflict(
            "price_not_sold",
            f"The plan {price.plan_code!r} or its price is retired.",
            field="price",
        )
    for one in overrides_of(unit, customer_id):
        if one.price_id == price.id:
            return get_price(unit, one.own_price_id)
    return price


def _end(unit: Work, override_id: UUID) -> None:
    table = price_overrides.c
    unit.session.execute(
        update(price_overrides)
        .where(table.merchant_id == unit.merchant_id, table.id == override_id)
        .values(ended_at=unit.now, ended_by=unit.actor.name)
    )
