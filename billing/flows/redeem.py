"""A customer brings a code: whether he may have it, and giving it to his subscription."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from billing import queries
from billing.discounts.queries import DiscountRow, find_by_code
from billing.discounts.service import end_grant, grant, hold_counters
from billing.flows.item_rows import Part, load_extras, parts_on
from billing.flows.renew import catch_up
from billing.lifecycle import SubscriptionStatus
from billing.records import Subscription
from billing.tables import subscriptions
from core.errors import Conflict, InvalidRequest
from core.work import Work
from invoices.queries import list_invoices
from plans.queries import get_price, load_prices

CODES_MAX = 5


def redeem(unit: Work, subscription: Subscription, code: str) -> UUID:
    """Give the discount of a code to a subscription, from the first period not billed yet.

    The caller holds the customer and the subscription; work that is due is done. Sign-ups call it
    before they bill, so their first period is lowered.

    Raises:
        InvalidRequest: ``code_not_found``, ``code_not_for_plan``, ``code_below_minimum``.
        Conflict: ``code_stopped``, ``code_not_yet``, ``code_over``, ``code_new_customers``,
            ``code_used_up``, ``code_used_by_customer``, ``code_given_already``.
    """
    discount = find_by_code(unit, code)
    if discount is None:
        raise InvalidRequest("code_not_found", "There is no such code.", field="code")
    _check_open(unit, discount)
    # What was billed stays as it is: at sign-up nothing was.
    since = subscription.billed_through
    if subscription.trial_end_on is None and not _billed(unit, subscription):
        since = subscription.current_start
    _check_for(unit, discount, subscription, _parts(unit, subscription))
    return grant(
        unit,
        discount,
        customer_id=subscription.customer_id,
        subscription_id=subscription.id,
        since=since,
        anchor=subscription.anchor,
        interval=subscription.interval,
    )


def redeem_all(unit: Work, subscription: Subscription, codes: Sequence[str]) -> None:
    """Redeem the codes of a sign-up, in their order: each takes its counter.

    Raises:
        InvalidRequest: ``too_many_codes``. And what `redeem` raises.
    """
    if len(codes) > CODES_MAX:
        message = f"A sign-up takes at most {CODES_MAX} codes."
        raise InvalidRequest("too_many_codes", message, field="codes")
    for code in sorted({one.strip().upper() for one in codes}):
        redeem(unit, subscription, code)


def give(unit: Work, subscription_id: UUID, code: str) -> UUID:
    """Give a discount to a subscription that is there; returns the grant.

    Raises:
        NotFound: ``subscription_not_found``. Conflict: ``already_canceled``. And what `redeem`
        raises.
    """
    subscription = queries.lock_subscription(unit, subscription_id)
    hold_counters(unit, [subscription_id], [code])  # catching up may take numbers
    subscription = catch_up(unit, subscription)
    if subscription.status == SubscriptionStatus.CANCELED:
        raise Conflict("already_canceled", "The subscription has ended.")
    return redeem(unit, subscription, code)


def take_away(unit: Work, subscription_id: UUID, grant_id: UUID) -> None:
    """End a subscription's discount with what is billed.

    Raises:
        NotFound: ``subscription_not_found`` or ``discount_not_found``.
    """
    subscription = catch_up(unit, queries.lock_subscription(unit, subscription_id))
    end_grant(unit, subscription.id, grant_id, subscription.billed_through)


def _check_open(unit: Work, discount: DiscountRow) -> None:
    if discount.stopped_at is not None:
        raise Conflict("code_stopped", "The code is not given any more.", field="code")
    if discount.starts_at is not None and unit.now < discount.starts_at:
        raise Conflict("code_not_yet", "The code can not be used yet.", field="code")
    if discount.ends_at is not None and unit.now >= discount.ends_at:
        raise Conflict("code_over", "The code can not be used any more.", field="code")


def _check_for(
    unit: Work, discount: DiscountRow, subscription: Subscription, parts: Sequence[Part]
) -> None:
    plans = discount.plan_ids
    if plans is not None and not any(str(part.price.plan_id) in plans for part in parts):
        raise InvalidRequest("code_not_for_plan", "The code is for other plans.", field="code")
    whole = sum(part.price.amount_for(part.quantity) for part in parts)
    if whole < discount.minimum_amount:
        raise InvalidRequest(
            "code_below_minimum",
            f"The code is for {discount.minimum_amount} rupiah a period or more.",
            field="code",
        )
    if discount.new_customers and _has_another(unit, subscription):
        raise Conflict("code_new_customers", "The code is for new customers.", field="code")


def _parts(unit: Work, subscription: Subscription) -> tuple[Part, ...]:
    item = queries.items_in_force(unit, [subscription.id])[subscription.id]
    extras = load_extras(unit, [subscription.id]).get(subscription.id, ())
    return parts_on(
        extras,
        load_prices(unit, {one.item.price_id for one in extras}),
        first=get_price(unit, item.price_id),
        quantity=item.quantity,
        on=subscription.current_start,
        first_paid=subscription.current_start,
    )


def _billed(unit: Work, subscription: Subscription) -> bool:
    return bool(list_invoices(unit, subscription_id=subscription.id, limit=1))


def _has_another(unit: Work, subscription: Subscription) -> bool:
    """Whether the customer had a subscription before; a sign-up nobody paid is none."""
    table = subscriptions.c
    found = unit.session.execute(
        select(table.id).where(
            table.merchant_id == unit.merchant_id,
            table.customer_id == subscription.customer_id,
            table.id != subscription.id,
            table.cancel_reason.is_distinct_from("first_payment_missing"),
        )
    )
    return found.first() is not None
