"""A customer subscribes: agreement, item, and a trial or the first invoice, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal
from uuid import UUID

from billing import queries
from billing.beginnings import Beginning, FixedDay, beginning_of
from billing.drafts import lead_days
from billing.flows.begin import check_start, first_invoice
from billing.flows.collection import check_automatic
from billing.flows.item_rows import put_item
from billing.flows.metered_prices import check_meters
from billing.flows.overrides import offered
from billing.flows.redeem import redeem_all
from billing.lifecycle import SubscriptionEvent, SubscriptionStatus
from billing.records import Customer, Subscription
from billing.renewals import Agreement, next_at
from billing.service import move_subscription, tell
from billing.tables import subscriptions
from core import ids
from core.bulk import insert_rows
from core.calendars import civil_date
from core.errors import Conflict, InvalidRequest
from core.work import Work
from invoices.queries import list_invoices
from plans.catalogue import TRIAL_DAYS_MAX
from plans.pricing import check_quantity
from plans.queries import Price, get_price

# How long a sign-up waits for its first payment.
INCOMPLETE_DAYS = 3
ITEMS_MAX = 20


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A new subscription, and the id of its first invoice unless it begins with a trial."""

    subscription: Subscription
    invoice_id: UUID | None


def subscribe(
    unit: Work,
    *,
    customer_id: UUID,
    price_id: UUID,
    quantity: int = 1,
    collection: Literal["automatic", "invoice"] | None = None,
    payment_method_id: UUID | None = None,
    interactive: bool = False,
    trial_days: int | None = None,
    start_on: date | None = None,
    fixed: FixedDay | None = None,
    external_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    items: Sequence[tuple[UUID, int]] = (),
    codes: Sequence[str] = (),
    key: str | None = None,
) -> Subscribed:
    """Subscribe a customer to a price from today, where the customer is, or a day to come.

    Before it begins nothing is billed, nor before a trial's end: the renewal issues the first
    invoice, charged to the method there is. Otherwise the first period is invoiced now:
    collected ``automatic``, the subscription is ``incomplete`` until that is paid, for three days
    at most; collected by ``invoice``, it is active at once.

    Args:
        collection: by default ``automatic`` when there is a method or the payer is present.
        payment_method_id: a saved method of this customer; one that is still being saved goes
            with ``interactive``.
        interactive: the payer is present and confirms the first payment, which saves the method.
        trial_days: overrides the price's own; 0 is none.
        start_on: the first date served, at most two years ahead; today by default.
        fixed: the day that periods begin on; the days before it are a first period of their own.
            By default they begin on the day of the first paid one.
        items: prices and quantities of what comes beside it, of the same interval and tax mode.
        codes: of discounts, from the first period that is paid for.
        key: the caller's idempotency key: the same key gives the same subscription.

    Raises:
        NotFound: ``customer_not_found`` or ``price_not_found``.
        InvalidRequest: ``invalid_quantity``, ``invalid_trial_days``, ``invalid_starts_on``,
            ``invalid_billing_day``, ``item_interval``, ``item_tax_mode``, ``too_many_items``,
            ``meter_twice``, ``payment_method_needed``, ``mandate_needed``.
        Conflict: ``price_not_sold``, ``no_recurring_cards``, ``payment_method_not_usable``,
            ``external_id_taken``.
    """
    queries.lock_customers(unit, [customer_id])
    customer = queries.get_customer(unit, customer_id)
    subscription_id = unit.derive("subscription", key) if key else ids.fresh()
    if key and (known := _known(unit, subscription_id)) is not None:
        return known
    price = offered(unit, customer_id, get_price(unit, price_id))
    today = civil_date(unit.now, customer.billing_zone)
    days = price.trial_days if trial_days is None else trial_days
    chosen = collection or ("automatic" if payment_method_id or interactive else "invoice")
    _check_terms(quantity, days)
    extras = [(offered(unit, customer_id, get_price(unit, one)), n) for one, n in items]
    check_items(price, extras)
    check_meters(unit, [{price.id}, *({extra.id} for extra, _ in extras)])
    begins = check_start(start_on, today)
    refuse_taken_id(unit, external_id)
    if chosen == "automatic":
        check_automatic(unit, customer.id, payment_method_id, interactive=interactive)
    elif payment_method_id is not None and not interactive:
        # Later invoices are the customer's to pay, but this card is charged for the first one.
        check_automatic(unit, customer.id, payment_method_id, interactive=False)

    begun = _begun(price, begins, days, fixed)
    agreement = _agreement(unit, customer, price, collection=chosen, today=today, begun=begun)
    _insert(
        unit, subscription_id, customer, agreement, begins,
        payment_method_id=payment_method_id, external_id=external_id, metadata=metadata or {},
    )  # fmt: skip
    item_id = unit.derive("item", subscription_id, begins, price.id, quantity)
    put_item(
        unit, subscription_id, None,
        new_id=item_id, price_id=price.id, quantity=quantity, on=begins,
    )  # fmt: skip
    for n, (extra, wanted) in enumerate(extras):
        extra_id = unit.derive("item", subscription_id, "beside", n)
        put_item(
            unit, subscription_id, extra_id,
            new_id=extra_id, price_id=extra.id, quantity=wanted, on=begins,
        )  # fmt: skip
    created = queries.get_subscription(unit, subscription_id)
    redeem_all(unit, created, codes)
    _told(unit, created, price, quantity)
    if days:
        return Subscribed(created, None)
    if begins > today:
        return Subscribed(created, None)
    first = first_invoice(unit, created, customer, price, quantity, interactive=interactive)
    if first.status == "paid" and created.status == SubscriptionStatus.INCOMPLETE:
        move_subscription(unit, created, SubscriptionEvent.ACTIVATED)
    return Subscribed(queries.get_subscription(unit, subscription_id), first.id)


def _agreement(
    unit: Work,
    customer: Customer,
    price: Price,
    *,
    collection: Literal["automatic", "invoice"],
    today: date,
    begun: Beginning,
) -> Agreement:
    """Lay down the dates by how it begins (R16, R17, R20)."""
    agreement = Agreement(
        status=SubscriptionStatus.TRIALING,
        collection=collection,
        zone=customer.billing_zone,
        anchor=begun.anchor,
        interval=price.interval,
        lead_days=lead_days(price.interval, unit.merchant.issue_lead_days),
        current=begun.trial or begun.first,
        billed_through=begun.first_paid,
        trial_end_on=begun.trial.end if begun.trial else None,
    )
    if begun.trial:
        return agreement
    if begun.first_paid > today:  # the renewal bills it, as any other period
        return replace(agreement, status=SubscriptionStatus.ACTIVE)
    if collection == "invoice":
        status, until = SubscriptionStatus.ACTIVE, None
    else:
        status, until = SubscriptionStatus.INCOMPLETE, today + timedelta(days=INCOMPLETE_DAYS)
    return replace(
        agreement, status=status, incomplete_until=until, billed_through=agreement.current.end
    )


def _insert(
    unit: Work,
    subscription_id: UUID,
    customer: Customer,
    agreement: Agreement,
    today: date,
    *,
    payment_method_id: UUID | None,
    external_id: str | None,
    metadata: Mapping[str, Any],
) -> None:
    row = {
        "merchant_id": unit.merchant_id,
        "id": subscription_id,
        "external_id": external_id,
        "customer_id": customer.id,
        "status": agreement.status.value,
        "collection": agreement.collection,
        "payment_method_id": payment_method_id,
        "billing_zone": agreement.zone,
        "lead_days": agreement.lead_days,
        "terms_days": unit.merchant.payment_terms_days,
        "trial_notice_days": unit.merchant.trial_notice_days,
        "renewal_notice_days": unit.merchant.renewal_notice_days,
        "interval_unit": agreement.interval.unit,
        "interval_count": agreement.interval.count,
        "anchor_on": agreement.anchor.on,
        "anchor_day": agreement.anchor.day,
        "started_on": today,
        "trial_end_on": agreement.trial_end_on,
        "current_start": agreement.current.start,
        "current_end": agreement.current.end,
        "billed_through": agreement.billed_through,
        "incomplete_until": agreement.incomplete_until,
        "next_at": next_at(agreement),
        "metadata": dict(metadata),
        "created_at": unit.now,
    }
    insert_rows(unit.session, subscriptions, [row])


def _check_terms(quantity: int, trial: int) -> None:
    check_quantity(quantity)
    if not 0 <= trial <= TRIAL_DAYS_MAX:
        raise InvalidRequest(
            "invalid_trial_days", f"trial_days is 0 to {TRIAL_DAYS_MAX}.", field="trial_days"
        )


def check_items(first: Price, extras: Sequence[tuple[Price, int]]) -> None:
    """Refuse items that can not stand on one invoice with the first.

    Raises:
        InvalidRequest: ``invalid_quantity``, ``item_interval``, ``item_tax_mode`` or
            ``too_many_items``.
    """
    if len(extras) >= ITEMS_MAX:
        raise InvalidRequest(
            "too_many_items", f"A subscription has at most {ITEMS_MAX} items.", field="items"
        )
    for price, quantity in extras:
        check_quantity(quantity)
        if not price.interval.is_as_long_as(first.interval):
            raise InvalidRequest(
                "item_interval",
                "All items of a subscription are billed by one interval.",
                field="price",
            )
        if price.tax_mode != first.tax_mode:
            raise InvalidRequest(
                "item_tax_mode",
                "Either all items of a subscription have their tax inside, or none.",
                field="price",
            )


def _begun(price: Price, today: date, trial: int, fixed: FixedDay | None) -> Beginning:
    try:
        return beginning_of(today, price.interval, trial_days=trial, fixed=fixed)
    except ValueError as wrong:
        raise InvalidRequest("invalid_billing_day", f"{wrong}.", field="billing_day") from None


def refuse_taken_id(unit: Work, external_id: str | None) -> None:
    """Refuse an ``external_id`` that another subscription has: ``external_id_taken``."""
    if external_id is not None and queries.find_subscription(unit, external_id=external_id):
        raise Conflict(
            "external_id_taken", f"{external_id!r} names another subscription.", field="external_id"
        )


def _known(unit: Work, subscription_id: UUID) -> Subscribed | None:
    """Find what an earlier call with the same key made."""
    found = queries.find_subscription(unit, subscription_id=subscription_id)
    if found is None:
        return None
    invoices = list_invoices(unit, subscription_id=subscription_id, limit=1_000)
    starts = min((one for one in invoices if one.kind == "period"), key=_start, default=None)
    first = None if found.trial_end_on or starts is None else starts.id
    return Subscribed(found, first)


def _start(invoice: Any) -> date:
    start: date = invoice.period_start
    return start


def _told(unit: Work, subscription: Subscription, price: Price, quantity: int) -> None:
    trial_end = subscription.trial_end_on
    payload = {
        "status": subscription.status,
        "collection": subscription.collection,
        "price": ids.public("price", price.id),
        "plan": price.plan_code,
        "quantity": quantity,
        "period_start": subscription.current_start.isoformat(),
        "period_end": subscription.current_end.isoformat(),
        "trial_end_on": trial_end.isoformat() if trial_end else None,
    }
    tell(unit, "subscription.created", subscription, payload)
    unit.audit("subscription.create", "subscription", subscription.id, after=payload)
