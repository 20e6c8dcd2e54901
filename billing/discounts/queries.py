"""Reads of discounts, and of what subscriptions were given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from billing.discounted import Granted
from billing.discounts.tables import discount_grants, discounts
from core.errors import NotFound
from core.work import Work


@dataclass(frozen=True, slots=True)
class DiscountRow:
    """A discount's row. ``amount`` and ``minimum_amount`` are whole rupiah, before tax."""

    id: UUID
    code: str
    name: dict[str, str]
    basis_points: int | None
    amount: int | None
    duration: str
    count: int | None
    plan_ids: list[str] | None
    new_customers: bool
    minimum_amount: int
    starts_at: datetime | None
    ends_at: datetime | None
    max_redemptions: int | None
    per_customer: int
    redeemed: int
    created_by: str
    created_at: datetime
    stopped_at: datetime | None
    stopped_by: str | None


_DISCOUNT = tuple(discounts.c[name] for name in DiscountRow.__slots__)


def get_discount(unit: Work, discount_id: UUID, *, lock: bool = False) -> DiscountRow:
    """Read a discount; ``lock`` takes its row until the end of the transaction.

    Raises:
        NotFound: ``discount_not_found``.
    """
    query = select(*_DISCOUNT).where(
        discounts.c.merchant_id == unit.merchant_id, discounts.c.id == discount_id
    )
    row = unit.session.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound("discount_not_found", "there is no such discount")
    return DiscountRow(**row._mapping)


def find_by_code(unit: Work, code: str) -> DiscountRow | None:
    """Look a discount up by its code, however it was typed."""
    row = unit.session.execute(
        select(*_DISCOUNT).where(
            discounts.c.merchant_id == unit.merchant_id, discounts.c.code == code.strip().upper()
        )
    ).one_or_none()
    return None if row is None else DiscountRow(**row._mapping)


def list_discounts(unit: Work, *, limit: int = 200) -> list[DiscountRow]:
    """List discounts, newest first."""
    rows = unit.session.execute(
        select(*_DISCOUNT)
        .where(discounts.c.merchant_id == unit.merchant_id)
        .order_by(discounts.c.created_at.desc(), discounts.c.id)
        .limit(limit)
    )
    return [DiscountRow(**row._mapping) for row in rows]


def load_grants(unit: Work, subscription_ids: Iterable[UUID]) -> dict[UUID, tuple[Granted, ...]]:
    """Read the discounts that subscriptions have, by subscription; those given back left out."""
    grant = discount_grants.c
    rows = unit.session.execute(
        select(
            grant.subscription_id, grant.id, grant.discount_id, discounts.c.code,
            discounts.c.basis_points, discounts.c.amount, discounts.c.plan_ids, grant.place,
            grant.since, grant.ends_on,
        )
        .join(
            discounts,
            (discounts.c.merchant_id == grant.merchant_id)
            & (discounts.c.id == grant.discount_id),
        )
        .where(
            grant.merchant_id == unit.merchant_id,
            grant.subscription_id.in_(sorted(set(subscription_ids))),
            grant.released_at.is_(None),
        )
        .order_by(grant.subscription_id, grant.place)
    )  # fmt: skip
    found: dict[UUID, list[Granted]] = {}
    for row in rows:
        given: dict[str, Any] = dict(row._mapping)
        subscription_id = given.pop("subscription_id")
        plans = given.pop("plan_ids")
        kept = None if plans is None else frozenset(UUID(one) for one in plans)
        found.setdefault(subscription_id, []).append(Granted(**given, plan_ids=kept))
    return {one: tuple(grants) for one, grants in found.items()}


def uses_of(unit: Work, discount_id: UUID, customer_id: UUID) -> Sequence[int]:
    """The numbers of a customer's uses of a code that were not given back."""
    grant = discount_grants.c
    return list(
        unit.session.execute(
            select(grant.nth).where(
                grant.merchant_id == unit.merchant_id,
                grant.discount_id == discount_id,
                grant.customer_id == customer_id,
                grant.released_at.is_(None),
            )
        ).scalars()
    )
