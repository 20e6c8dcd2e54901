"""Writes of what is sold: new plans, new price versions, retirement; never an edit of terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from core import ids
from core.bulk import insert_rows
from core.errors import Conflict, InvalidRequest
from core.work import Work
from plans import queries
from plans.catalogue import UNIT_AMOUNT_MAX, check_plan_code, check_plan_edit, new_price
from plans.pricing import FLAT
from plans.queries import Plan, Price
from plans.tables import plans, prices

_LANGUAGES = frozenset({"id", "en"})


def create_plan(
    unit: Work,
    *,
    code: str,
    name: Mapping[str, str],
    description: Mapping[str, str] | None = None,
    external_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Plan:
    """Create a plan without prices.

    Args:
        code: 1 to 64 of ``a-z 0-9 _ -``; never changes.
        name: words by language, ``{"id": …, "en": …}``; at least one of them.
        key: the caller's idempotency key: the same key gives the same plan.

    Raises:
        InvalidRequest: ``invalid_plan_code`` or ``invalid_name``.
        Conflict: ``plan_code_taken`` or ``external_id_taken``.
    """
    check_plan_code(code)
    _check_words(name, field="name", needed=True)
    _check_words(description or {}, field="description", needed=False)
    plan_id = unit.derive("plan", key) if key else unit.derive("plan", "code", code)
    if key and _exists(unit, plan_id):
        return queries.get_plan(unit, plan_id)
    if queries.find_plan(unit, code=code) is not None:
        raise Conflict("plan_code_taken", f"There is a plan {code!r} already.", field="code")
    _check_external_id(unit, external_id)
    row = {
        "merchant_id": unit.merchant_id,
        "id": plan_id,
        "external_id": external_id,
        "code": code,
        "name": dict(name),
        "description": dict(description or {}),
        "state": "active",
        "metadata": dict(metadata or {}),
        "created_at": unit.now,
    }
    insert_rows(unit.session, plans, [row])
    unit.event("plan.created", "plan", plan_id, {"plan": ids.public("plan", plan_id), "code": code})
    unit.audit("plan.create", "plan", plan_id, after=_shown(row))
    return queries.get_plan(unit, plan_id)


def edit_plan(unit: Work, plan_id: UUID, fields: Mapping[str, Any]) -> Plan:
    """Edit words, metadata, external id or state of a plan in place; terms need a new price.

    Raises:
        NotFound: ``plan_not_found``.
        Conflict: ``needs_new_price`` or ``external_id_taken``.
    """
    check_plan_edit(fields)
    before = queries.get_plan(unit, plan_id, lock=True)
    for name in {"name", "description"} & set(fields):
        _check_words(fields[name], field=name, needed=name == "name")
    if fields.get("state", "active") not in ("active", "retired"):
        raise InvalidRequest("invalid_state", "A plan is active or retired.", field="state")
    if fields.get("external_id", before.external_id) != before.external_id:
        _check_external_id(unit, fields["external_id"])
    changed = {name: value for name, value in fields.items() if getattr(before, name) != value}
    if not changed:
        return before
    unit.session.execute(
        update(plans)
        .where(plans.c.merchant_id == unit.merchant_id, plans.c.id == plan_id)
        .values(**changed, version=plans.c.version + 1)
    )
    old = {name: getattr(before, name) for name in changed}
    unit.audit("plan.edit", "plan", plan_id, before=old, after=dict(changed))
    return queries.get_plan(unit, plan_id)


def retire_plan(unit: Work, plan_id: UUID) -> Plan:
    """Stop selling a plan; those who have it keep it."""
    return edit_plan(unit, plan_id, {"state": "retired"})


def publish_price(
    unit: Work,
    plan_id: UUID,
    *,
    unit_amount: int | None = None,
    interval_unit: str,
    interval_count: int = 1,
    trial_days: int = 0,
    tax_mode: str = "exclusive",
    model: str = FLAT,
    model_terms: Mapping[str, Any] | None = None,
    currency: str = "IDR",
    component: Mapping[str, str] | None = None,
    setup_amount: int = 0,
    external_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    key: str | None = None,
    sold: bool = True,
) -> Price:
    """Publish the next version of a plan's price; those before it stay as they are.

    ``unit_amount`` is whole rupiah for one quantity and one interval; models other than ``flat``
    have ``model_terms`` in its place. ``component`` names the part of the plan that it prices
    (seats, storage) and ``setup_amount`` is charged once, with an item's first invoice. What is
    not ``sold`` is retired from its first instant: one customer's own. The same ``key`` gives the
    same price.

    Raises:
        NotFound: ``plan_not_found``.
        InvalidRequest: naming the field that is wrong.
        Conflict: ``plan_retired`` or ``external_id_taken``.
    """
    plan = queries.get_plan(unit, plan_id, lock=True)
    if key is not None:
        known = queries.load_prices(unit, [unit.derive("price", key)])
        if known:
            return next(iter(known.values()))
    if plan.state != "active":
        raise Conflict("plan_retired", f"The plan {plan.code!r} is retired.")
    if external_id is not None and queries.find_price(unit, external_id=external_id) is not None:
        raise Conflict(
            "external_id_taken", f"{external_id!r} names another price.", field="external_id"
        )
    version = _next_version(unit, plan_id)
    terms = new_price(
        plan_code=plan.code,
        version=version,
        currency=currency,
        unit_amount=unit_amount,
        interval_unit=interval_unit,
        interval_count=interval_count,
        trial_days=trial_days,
        tax_mode=tax_mode,
        model=model,
        terms=model_terms,
    )
    if terms.currency != "IDR":
        raise InvalidRequest("unsupported_currency", "Prices are in rupiah.", field="currency")
    _check_words(component or {}, field="component", needed=component is not None)
    if isinstance(setup_amount, bool) or not 0 <= setup_amount <= UNIT_AMOUNT_MAX:
        raise InvalidRequest(
            "invalid_setup_amount",
            f"setup_amount is a whole number from 0 to {UNIT_AMOUNT_MAX}.",
            field="setup_amount",
        )
    price_id = unit.derive("price", key) if key else unit.derive("price", plan_id, version)
    row = {
        "merchant_id": unit.merchant_id,
        "id": price_id,
        "external_id": external_id,
        "plan_id": plan_id,
        "version": version,
        "model": terms.model,
        "model_terms": dict(terms.model_terms),
        "currency": terms.currency,
        "unit_amount": terms.unit_amount,
        "interval_unit": terms.interval.unit,
        "interval_count": terms.interval.count,
        "trial_days": terms.trial_days,
        "tax_mode": terms.tax_mode,
        "component": dict(component) if component else None,
        "setup_amount": setup_amount,
        "retired_at": None if sold else unit.now,
        "metadata": dict(metadata or {}),
        "created_at": unit.now,
    }
    insert_rows(unit.session, prices, [row])
    unit.event(
        "price.published",
        "price",
        price_id,
        {
            "price": ids.public("price", price_id),
            "plan": ids.public("plan", plan_id),
            "version": version,
            "unit_amount": terms.unit_amount,
        },
    )
    unit.audit("price.publish", "price", price_id, after=_shown(row))
    return queries.get_price(unit, price_id)


def retire_price(unit: Work, price_id: UUID) -> Price:
    """Stop selling one version; subscriptions that bind it go on."""
    price = queries.get_price(unit, price_id)
    if price.retired_at is not None:
        return price
    unit.session.execute(
        update(prices)
        .where(prices.c.merchant_id == unit.merchant_id, prices.c.id == price_id)
        .values(retired_at=unit.now)
    )
    unit.audit(
        "price.retire",
        "price",
        price_id,
        before={"retired_at": None},
        after={"retired_at": unit.now.isoformat()},
    )
    return queries.get_price(unit, price_id)


def _next_version(unit: Work, plan_id: UUID) -> int:
    # The plan's row is locked: two publishers count one after the other.
    newest = unit.session.execute(
        select(func.coalesce(func.max(prices.c.version), 0)).where(
            prices.c.merchant_id == unit.merchant_id, prices.c.plan_id == plan_id
        )
    ).scalar_one()
    return int(newest) + 1


def _exists(unit: Work, plan_id: UUID) -> bool:
    found = unit.session.execute(
        select(plans.c.id).where(plans.c.merchant_id == unit.merchant_id, plans.c.id == plan_id)
    ).one_or_none()
    return found is not None


def _check_words(words: Mapping[str, str], *, field: str, needed: bool) -> None:
    texts = all(isinstance(text, str) and 0 < len(text) <= 500 for text in words.values())
    if not texts or not set(words) <= _LANGUAGES or (needed and not words):
        raise InvalidRequest(
            f"invalid_{field}",
            f"{field} has a text of 1 to 500 characters for 'id', 'en' or both.",
            field=field,
        )


def _check_external_id(unit: Work, external_id: str | None) -> None:
    if external_id is not None and queries.find_plan(unit, external_id=external_id) is not None:
        raise Conflict(
            "external_id_taken", f"{external_id!r} names another plan.", field="external_id"
        )


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    hidden = {"merchant_id", "id", "created_at"}
    return {
        name: str(value) if isinstance(value, UUID) else value
        for name, value in row.items()
        if name not in hidden
    }
