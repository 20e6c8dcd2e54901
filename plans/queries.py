"""Reads of what is sold: plans and prices, by id, by code, by the integrator's id, in pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, select, tuple_

from core.calendars import Interval, Unit
from core.errors import NotFound
from core.work import Work
from plans.catalogue import PriceVersion, TaxMode
from plans.tables import plans, prices


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan's row; ``name`` and ``description`` by language."""

    id: UUID
    external_id: str | None
    code: str
    name: dict[str, str]
    description: dict[str, str]
    state: str
    metadata: dict[str, Any]
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Price:
    """A price's row with the words of its plan. ``unit_amount`` is whole rupiah."""

    id: UUID
    external_id: str | None
    plan_id: UUID
    version: int
    model: str
    model_terms: dict[str, Any]
    currency: str
    unit_amount: int
    interval_unit: Unit
    interval_count: int
    trial_days: int
    tax_mode: str
    component: dict[str, str] | None
    setup_amount: int
    metadata: dict[str, Any]
    created_at: datetime
    retired_at: datetime | None
    plan_code: str
    plan_name: dict[str, str]
    plan_state: str

    @property
    def interval(self) -> Interval:
        return Interval(self.interval_unit, self.interval_count)

    @property
    def terms(self) -> PriceVersion:
        """The price as the rules know it."""
        return PriceVersion(
            plan_code=self.plan_code,
            version=self.version,
            currency=self.currency,
            unit_amount=self.unit_amount,
            interval=self.interval,
            trial_days=self.trial_days,
            tax_mode=cast(TaxMode, self.tax_mode),
            model=self.model,
            model_terms=self.model_terms,
        )

    @property
    def name(self) -> dict[str, str]:
        """How a line names it: the plan, and the part of the plan where it prices one."""
        if not self.component:
            return self.plan_name
        part = self.component
        languages = {*self.plan_name, *part}
        return {one: f"{_in(self.plan_name, one)} · {_in(part, one)}" for one in sorted(languages)}

    def amount_for(self, quantity: int) -> int:
        """What a quantity comes to in one interval, in whole rupiah."""
        return self.terms.priced(quantity).amount(self.currency).amount

    @property
    def is_sold(self) -> bool:
        """Whether somebody may subscribe to it now."""
        return self.retired_at is None and self.plan_state == "active"


def _in(words: dict[str, str], language: str) -> str:
    return words.get(language) or words.get("id") or next(iter(words.values()))


_PLAN_FIELDS = tuple(plans.c[name] for name in Plan.__slots__)
_PRICE_FIELDS = (
    *(prices.c[name] for name in Price.__slots__ if not name.startswith("plan_")),
    prices.c.plan_id,
    plans.c.code.label("plan_code"),
    plans.c.name.label("plan_name"),
    plans.c.state.label("plan_state"),
)


def get_plan(unit: Work, plan_id: UUID, *, lock: bool = False) -> Plan:
    """Read a plan; ``lock`` takes its row until the end of the transaction.

    Raises:
        NotFound: ``plan_not_found``.
    """
    query = _plans(unit).where(plans.c.id == plan_id)
    row = unit.session.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound("plan_not_found", "there is no such plan")
    return Plan(**row._mapping)


def find_plan(
    unit: Work, *, code: str | None = None, external_id: str | None = None
) -> Plan | None:
    """Look a plan up by its code or the integrator's id."""
    query = _plans(unit)
    if code is not None:
        query = query.where(plans.c.code == code)
    if external_id is not None:
        query = query.where(plans.c.external_id == external_id)
    if code is None and external_id is None:
        raise ValueError("a plan is found by its code or by its external id")
    row = unit.session.execute(query).one_or_none()
    return None if row is None else Plan(**row._mapping)


def list_plans(
    unit: Work,
    *,
    state: str | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[Plan]:
    """Give a page of plans, newest first; ``after`` is the last row's (created_at, id)."""
    query = _plans(unit).order_by(plans.c.created_at.desc(), plans.c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(plans.c.state == state)
    if after is not None:
        query = query.where(tuple_(plans.c.created_at, plans.c.id) < after)
    return [Plan(**row._mapping) for row in unit.session.execute(query)]


def get_price(unit: Work, price_id: UUID) -> Price:
    """Read a price.

    Raises:
        NotFound: ``price_not_found``.
    """
    found = load_prices(unit, [price_id])
    if price_id not in found:
        raise NotFound("price_not_found", "there is no such price")
    return found[price_id]


def find_price(unit: Work, *, external_id: str) -> Price | None:
    """Look a price up by the integrator's id."""
    row = unit.session.execute(
        _prices(unit).where(prices.c.external_id == external_id)
    ).one_or_none()
    return None if row is None else Price(**row._mapping)


def load_prices(unit: Work, price_ids: Iterable[UUID]) -> dict[UUID, Price]:
    """Read many prices at once; ids that do not exist are left out."""
    wanted = sorted(set(price_ids))
    if not wanted:
        return {}
    rows = unit.session.execute(_prices(unit).where(prices.c.id.in_(wanted)))
    return {row.id: Price(**row._mapping) for row in rows}


def prices_of(unit: Work, plan_id: UUID) -> list[Price]:
    """List all versions of a plan's prices, newest first; a plan has few."""
    rows = unit.session.execute(
        _prices(unit).where(prices.c.plan_id == plan_id).order_by(prices.c.version.desc())
    )
    return [Price(**row._mapping) for row in rows]


def find_current_price(unit: Work, plan_id: UUID) -> Price | None:
    """Give the newest version of a plan that is not retired."""
    return next((price for price in prices_of(unit, plan_id) if price.retired_at is None), None)


def _plans(unit: Work) -> Select[Any]:
    return select(*_PLAN_FIELDS).where(plans.c.merchant_id == unit.merchant_id)


def _prices(unit: Work) -> Select[Any]:
    return (
        select(*_PRICE_FIELDS)
        .select_from(prices)
        .join(
            plans, (plans.c.merchant_id == prices.c.merchant_id) & (plans.c.id == prices.c.plan_id)
        )
        .where(prices.c.merchant_id == unit.merchant_id)
    )
