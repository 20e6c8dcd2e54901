"""Writes of discounts: made, stopped, counted, given to subscriptions, given back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from billing.discounted import ends_on
from billing.discounts import queries
from billing.discounts.limits import check_limits
from billing.discounts.queries import DiscountRow
from billing.discounts.tables import discount_grants, discounts
from billing.discounts.terms import check_terms, wrong_discount
from core import ids
from core.bulk import insert_rows
from core.calendars import Anchor, Interval
from core.errors import Conflict, InvalidRequest, NotFound
from core.work import Work


def create_discount(
    unit: Work,
    *,
    code: str,
    name: Mapping[str, str],
    basis_points: int | None = None,
    amount: int | None = None,
    duration: str = "once",
    count: int | None = None,
    plan_ids: Sequence[UUID] | None = None,
    new_customers: bool = False,
    minimum_amount: int = 0,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    max_redemptions: int | None = None,
    per_customer: int = 1,
    key: str | None = None,
) -> DiscountRow:
    """Make a discount: a percentage or an amount off the price of a period, under a code.

    Args:
        code: 2 to 40 of ``A-Z 0-9 _ -``; what people type is raised to it.
        basis_points: of 1 to 10,000 (100%), of each item; or ``amount``, whole rupiah a period.
        duration: ``once``, ``forever``, or ``count`` ``periods`` or ``months``.
        plan_ids: the plans it is for; ``None`` all.
        minimum_amount: what the first period comes to at least, before tax and discounts.
        key: the caller's idempotency key: the same key gives the same discount.

    Raises:
        InvalidRequest: ``invalid_discount``, ``invalid_limit`` or ``invalid_amount`` naming the
            field, or ``invalid_name``.
        Conflict: ``code_taken``.
    """
    discount_id = unit.derive("discount", key) if key else ids.fresh()
    if key and _exists(unit, discount_id):
        return queries.get_discount(unit, discount_id)
    raised = code.strip().upper()
    check_terms(raised, basis_points, amount, duration, count)
    if not name or not set(name) <= {"id", "en"} or not all(map(str.strip, name.values())):
        raise InvalidRequest("invalid_name", "A discount has a name in a language.", field="name")
    if starts_at is not None and ends_at is not None and starts_at >= ends_at:
        raise wrong_discount("A discount ends after it begins.", "ends_at")
    check_limits(max_redemptions, per_customer, minimum_amount)
    if queries.find_by_code(unit, raised) is not None:
        raise Conflict("code_taken", f"There is a discount {raised!r} already.", field="code")
    row: dict[str, Any] = {
        "merchant_id": unit.merchant_id,
        "id": discount_id,
        "code": raised,
        "name": dict(name),
        "basis_points": basis_points,
        "amount": amount,
        "duration": duration,
        "count": count,
        "plan_ids": None if plan_ids is None else [str(one) for one in plan_ids],
        "new_customers": new_customers,
        "minimum_amount": minimum_amount,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "max_redemptions": max_redemptions,
        "per_customer": per_customer,
        "created_by": unit.actor.name,
        "created_at": unit.now,
    }
    insert_rows(unit.session, discounts, [row])
    told = {
        "discount": ids.public("discount", discount_id),
        "code": raised,
        "basis_points": basis_points,
        "amount": amount,
        "duration": duration,
    }
    unit.event("discount.created", "discount", discount_id, told)
    unit.audit("discount.create", "discount", discount_id, after=told)
    return queries.get_discount(unit, discount_id)


def stop_discount(unit: Work, discount_id: UUID) -> DiscountRow:
    """Give a discount to nobody any more; who has it keeps it.

    Raises:
        NotFound: ``discount_not_found``.
    """
    before = queries.get_discount(unit, discount_id, lock=True)
    if before.stopped_at is not None:
        return before
    unit.session.execute(
        update(discounts)
        .where(discounts.c.merchant_id == unit.merchant_id, discounts.c.id == discount_id)
        .values(stopped_at=unit.now, stopped_by=unit.actor.name)
    )
    told = {"discount": ids.public("discount", discount_id), "code": before.code}
    unit.event("discount.stopped", "discount", discount_id, told)
    unit.audit(
        "discount.stop", "discount", discount_id,
        before={"stopped": False}, after={"stopped": True},
    )  # fmt: skip
    return queries.get_discount(unit, discount_id)


def count_use(unit: Work, discount: DiscountRow) -> None:
    """Count one more use of a code; the last of many at once gets none.

    Raises:
        Conflict: ``code_used_up`` or ``code_stopped``.
    """
    table = discounts.c
    found = unit.session.execute(
        update(discounts)
        .where(
            table.merchant_id == unit.merchant_id,
            table.id == discount.id,
            table.stopped_at.is_(None),
            table.max_redemptions.is_(None) | (table.redeemed < table.max_redemptions),
        )
        .values(redeemed=table.redeemed + 1)
        .returning(table.redeemed)
    ).one_or_none()
    if found is None:
        if queries.get_discount(unit, discount.id).stopped_at is not None:
            raise Conflict("code_stopped", "The code is not given any more.", field="code")
        raise Conflict("code_used_up", "The code has been used as often as it may.", field="code")


def grant(
    unit: Work,
    discount: DiscountRow,
    *,
    customer_id: UUID,
    subscription_id: UUID,
    since: date,
    anchor: Anchor,
    interval: Interval,
) -> UUID:
    """Count a use and give the discount to a subscription; the caller holds the customer.

    Raises:
        Conflict: ``code_used_up``, ``code_stopped``, ``code_used_by_customer``,
            ``code_given_already``.
    """
    uses = queries.uses_of(unit, discount.id, customer_id)
    present = queries.load_grants(unit, [subscription_id]).get(subscription_id, ())
    if any(one.discount_id == discount.id for one in present):
        raise Conflict("code_given_already", "The subscription has this discount.", field="code")
    if len(uses) >= discount.per_customer:
        raise Conflict(
            "code_used_by_customer",
            "The customer has used the code as often as one may.",
            field="code",
        )
    count_use(unit, discount)
    nth = next(n for n in range(1, len(uses) + 2) if n not in uses)
    grant_id = unit.derive("grant", discount.id, customer_id, nth, subscription_id)
    row = {
        "merchant_id": unit.merchant_id,
        "id": grant_id,
        "discount_id": discount.id,
        "customer_id": customer_id,
        "subscription_id": subscription_id,
        "place": max((one.place for one in present), default=0) + 1,
        "nth": nth,
        "since": since,
        "ends_on": ends_on(since, discount.duration, discount.count, anchor, interval),  # type: ignore[arg-type]
        "made_by": unit.actor.name,
        "created_at": unit.now,
    }
    insert_rows(unit.session, discount_grants, [row])
    told = {
        "discount": ids.public("discount", discount.id),
        "code": discount.code,
        "since": since.isoformat(),
        "ends_on": row["ends_on"].isoformat() if isinstance(row["ends_on"], date) else None,
    }
    unit.event("discount.given", "subscription", subscription_id, told, customer_id=customer_id)
    before = {"codes": [one.code for one in present]}
    unit.audit("discount.give", "subscription", subscription_id, before=before, after=told)
    return grant_id


def end_grant(unit: Work, subscription_id: UUID, grant_id: UUID, on: date) -> None:
    """Let a discount lower nothing that starts from a date on; what is billed stays.

    Raises:
        NotFound: ``discount_not_found``: the subscription has no such discount any more.
    """
    present = queries.load_grants(unit, [subscription_id]).get(subscription_id, ())
    found = next((one for one in present if one.id == grant_id), None)
    if found is None or (found.ends_on is not None and found.ends_on <= on):
        raise NotFound("discount_not_found", "the subscription has no such discount")
    unit.session.execute(
        update(discount_grants)
        .where(discount_grants.c.merchant_id == unit.merchant_id, discount_grants.c.id == grant_id)
        .values(ends_on=max(on, found.since), ended_by=unit.actor.name)
    )
    before = {"ends_on": found.ends_on.isoformat() if found.ends_on else None}
    after = {"code": found.code, "ends_on": max(on, found.since).isoformat()}
    unit.event("discount.ended", "subscription", subscription_id, after)
    unit.audit("discount.end", "subscription", subscription_id, before=before, after=after)


def hold_counters(
    unit: Work, subscription_ids: Sequence[UUID] = (), codes: Sequence[str] = ()
) -> None:
    """Lock the counters of codes that subscriptions have, and of those named, in their one order.

    Counters come before the numbers of documents: who may take numbers, and give or take back a
    use in the same transaction, holds them first.
    """
    given = discount_grants.c
    theirs = select(given.discount_id).where(
        given.merchant_id == unit.merchant_id,
        given.subscription_id.in_(sorted(subscription_ids)),
        given.released_at.is_(None),
    )
    raised = [one.strip().upper() for one in codes]
    unit.session.execute(
        select(discounts.c.id)
        .where(
            discounts.c.merchant_id == unit.merchant_id,
            discounts.c.id.in_(theirs) | discounts.c.code.in_(raised),
        )
        .order_by(discounts.c.code)
        .with_for_update(key_share=True)
    )


def release(unit: Work, subscription_ids: Sequence[UUID]) -> None:
    """Give back the uses of codes by sign-ups that came to nothing, in the order of codes."""
    hold_counters(unit, subscription_ids)
    given = discount_grants.c
    rows = unit.session.execute(
        select(given.id, given.discount_id).where(
            given.merchant_id == unit.merchant_id,
            given.subscription_id.in_(sorted(subscription_ids)),
            given.released_at.is_(None),
        )
    ).all()
    for row in rows:
        unit.session.execute(
            update(discount_grants)
            .where(given.merchant_id == unit.merchant_id, given.id == row.id)
            .values(released_at=unit.now)
        )
        unit.session.execute(
            update(discounts)
            .where(discounts.c.merchant_id == unit.merchant_id, discounts.c.id == row.discount_id)
            .values(redeemed=discounts.c.redeemed - 1)
        )


def _exists(unit: Work, discount_id: UUID) -> bool:
    found = unit.session.execute(
        select(discounts.c.id).where(
            discounts.c.merchant_id == unit.merchant_id, discounts.c.id == discount_id
        )
    )
    return found.one_or_none() is not None
