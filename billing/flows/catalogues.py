"""A catalogue as a file: what is sold is written as one, compared with one, made to be one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from billing.catalogue.comparing import Comparison, SoldPrice, Standing, Step, compare
from billing.catalogue.document import Content, parse, write
from billing.discounts import service as discounting
from billing.discounts.queries import find_by_code
from billing.discounts.tables import discounts
from billing.flows.catalogue_rows import (
    discount_content,
    meter_content,
    plan_content,
    price_content,
)
from billing.flows.metered_prices import NewPart, publish
from billing.tables import subscription_items
from core.errors import Conflict
from core.work import Work
from plans.queries import Plan, find_plan, load_prices
from plans.service import create_plan, edit_plan, retire_price
from plans.tables import plans, price_overrides, prices
from usage.queries import MeterRow, usage_prices_of, versions_of
from usage.service import create_meter, retire_meter, shut_out_events
from usage.tables import meters


def plan_catalogue(unit: Work, text: str) -> Comparison:
    """Say what a file would change; writes nothing.

    Raises:
        CatalogueError: the file can not be, with the line and the key of what is wrong.
    """
    return compare(standing(unit), parse(text))


def apply_catalogue(unit: Work, text: str, seen: Sequence[str]) -> Comparison:
    """Do what a plan showed, all of it or nothing; no steps where nothing is left to do.

    Args:
        seen: the `Step.key` of each step that was shown, in their order.

    Raises:
        CatalogueError: the file can not be.
        Conflict: ``catalogue_moved``: it would do other things by now; ``gone`` and ``added`` in
            its detail say which.
    """
    wanted = parse(text)
    _hold(unit)
    comparison = compare(standing(unit), wanted)
    keys = [step.key for step in comparison.steps]
    if keys and keys != list(seen):
        gone, added = _without(seen, keys), _without(keys, seen)
        told = [*(f"- {one}" for one in gone), *(f"+ {one}" for one in added)]
        raise Conflict(
            "catalogue_moved",
            "The catalogue has changed since the plan was made: " + "; ".join(told[:20]),
            gone=gone,
            added=added,
        )
    for step in comparison.steps:
        _do(unit, step)
    return comparison


def export_catalogue(unit: Work) -> str:
    """Write what is sold as a file; `plan_catalogue` of it has no steps."""
    return write(standing(unit).catalogue)


def standing(unit: Work) -> Standing:
    """Read what is sold, in eight queries: newest meters, plans, prices sold, discounts."""
    merchant = unit.merchant_id
    versions = [
        MeterRow(**row._mapping)
        for row in unit.session.execute(
            select(*(meters.c[name] for name in MeterRow.__slots__))
            .where(meters.c.merchant_id == merchant)
            .order_by(meters.c.code, meters.c.version)
        )
    ]
    by_id = {one.id: one for one in versions}
    listed = [
        Plan(**row._mapping)
        for row in unit.session.execute(
            select(*(plans.c[name] for name in Plan.__slots__)).where(
                plans.c.merchant_id == merchant
            )
        )
    ]
    rows = unit.session.execute(
        select(prices.c.id, prices.c.external_id, prices.c.retired_at).where(
            prices.c.merchant_id == merchant
        )
    ).all()
    sold = load_prices(unit, [row.id for row in rows if row.retired_at is None])
    parts, having = usage_prices_of(unit, sold), prices_having(unit)
    own = own_prices_in_place(unit)
    priced: dict[str, list[SoldPrice]] = {one.code: [] for one in listed}
    for price in sorted(sold.values(), key=lambda one: one.version):
        content = price_content(price, parts.get(price.id, ()), by_id)
        one = SoldPrice(
            price.id, price.version, content, having.get(price.id, 0), own.get(price.id, 0)
        )
        priced[price.plan_code].append(one)
    codes = {str(one.id): one.code for one in listed}
    given = unit.session.execute(select(discounts).where(discounts.c.merchant_id == merchant))
    return Standing(
        meters={one.code: (one.version, meter_content(one)) for one in versions},
        plans={one.code: plan_content(one) for one in listed},
        prices=priced,
        discounts={row.code: discount_content(row, codes) for row in given},
        plan_ids={one.external_id: one.code for one in listed if one.external_id},
        price_ids=frozenset(row.external_id for row in rows if row.external_id),
    )


def prices_having(unit: Work) -> Mapping[UUID, int]:
    """How many subscriptions have each price now."""
    item = subscription_items.c
    rows = unit.session.execute(
        select(item.price_id, func.count(item.subscription_id.distinct()))
        .where(item.merchant_id == unit.merchant_id, item.ended_on.is_(None))
        .group_by(item.price_id)
    )
    return {row[0]: row[1] for row in rows}


def own_prices_in_place(unit: Work) -> Mapping[UUID, int]:
    """How many customers get a price of their own in place of each, when they ask for it."""
    override = price_overrides.c
    rows = unit.session.execute(
        select(override.price_id, func.count(override.customer_id.distinct()))
        .where(override.merchant_id == unit.merchant_id, override.ended_at.is_(None))
        .group_by(override.price_id)
    )
    return {row[0]: row[1] for row in rows}


def _hold(unit: Work) -> None:
    """Let nobody make or retire meters, or publish and retire prices of plans that are there."""
    shut_out_events(unit)
    unit.session.execute(
        select(plans.c.id)
        .where(plans.c.merchant_id == unit.merchant_id)
        .order_by(plans.c.id)
        .with_for_update()
    ).all()


def _without(these: Sequence[str], others: Sequence[str]) -> list[str]:
    return [one for one in these if one not in set(others)]


def _do(unit: Work, step: Step) -> None:
    match step.kind:
        case "meter":
            _meter(unit, step)
        case "plan":
            _plan(unit, step)
        case "price":
            _price(unit, step)
        case "discount":
            _discount(unit, step)


def _meter(unit: Work, step: Step) -> None:
    if step.act == "retire":
        retire_meter(unit, versions_of(unit, step.code)[0].id)
        return
    given = {name: value for name, value in step.content.items() if name != "state"}
    create_meter(unit, code=step.code, **given)


def _plan(unit: Work, step: Step) -> None:
    if step.act == "create":
        given = {name: value for name, value in step.content.items() if name != "state"}
        create_plan(unit, code=step.code, **given)
        return
    edit_plan(unit, _plan_id(unit, step.code), step.content)


def _price(unit: Work, step: Step) -> None:
    if step.act == "publish":
        given: Content = {**step.content}
        given["model_terms"] = given.pop("terms")
        given["usage"] = [_part(unit, part) for part in given["usage"]]
        publish(unit, _plan_id(unit, step.code), **given)
    if step.price is not None:
        retire_price(unit, step.price)


def _part(unit: Work, part: Content) -> NewPart:
    found = {one.version: one.id for one in versions_of(unit, part["meter"])}
    return NewPart(
        name=part["name"],
        meter_id=found[part["meter_version"]],
        model=part["model"],
        terms=part["terms"],
        zero=part["zero"],
    )


def _discount(unit: Work, step: Step) -> None:
    if step.act == "stop":
        found = find_by_code(unit, step.code)
        assert found is not None  # compared a moment ago, and never deleted
        discounting.stop_discount(unit, found.id)
        return
    given = {name: value for name, value in step.content.items() if name != "state"}
    named = given.pop("plans")
    for name in ("starts_at", "ends_at"):
        given[name] = datetime.fromisoformat(given[name]) if given[name] else None
    discounting.create_discount(
        unit,
        code=step.code,
        plan_ids=None if named is None else [_plan_id(unit, code) for code in named],
        key=f"catalogue:{step.code}",
        **given,
    )


def _plan_id(unit: Work, code: str) -> UUID:
    found = find_plan(unit, code=code)
    assert found is not None  # the plan's own step comes before
    return found.id
