"""Subscriptions: shapes; the routes are in `subscription_routes`."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.shapes import (
    Day,
    ExternalId,
    Id,
    In,
    Instant,
    Metadata,
    MetadataIn,
    Out,
    Rupiah,
    Words,
    public,
)
from api.v1.change_shapes import ChangePreviewOut
from api.v1.item_shapes import ExtraOut, NewItemIn, shape_extras
from api.v1.orders import OrderOut, PaymentIn, newest_order
from billing import queries
from billing.pay_first import PayPolicy
from core import ids
from core.work import Work
from invoices.queries import get_invoice, list_invoices
from invoices.status import owed
from plans.queries import load_prices

Quantity = Annotated[int, Meta(ge=1, le=1_000_000)]
TrialDays = Annotated[int, Meta(ge=0, le=730)]
ChangeMode = Literal["prorate", "at_period_end", "restart", "switch"]


class NewSubscriptionIn(In):
    """A customer subscribes to a price, from today."""

    customer: Annotated[str, Meta(max_length=40, description="`cus_…`")]
    price: Annotated[str, Meta(max_length=40, description="`price_…`")]
    quantity: Quantity = 1
    items: Annotated[
        list[NewItemIn], Meta(max_length=19, description="What comes beside it: seats, add-ons.")
    ] = msgspec.field(default_factory=list)
    collection: Annotated[
        Literal["automatic", "invoice"] | None,
        Meta(
            description="`automatic` charges a saved card; `invoice` sends invoices that the "
            "customer pays. By default what `payment` suggests, else `invoice`."
        ),
    ] = None
    payment: Annotated[
        PaymentIn | None,
        Meta(description="How the first invoice is paid, in this request."),
    ] = None
    trial_days: Annotated[
        TrialDays | None, Meta(description="In place of the price's own; 0 is none.")
    ] = None
    codes: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=60)]],
        Meta(max_length=5, description="Codes of discounts, from the first paid period."),
    ] = msgspec.field(default_factory=list)
    billing_day: Annotated[
        Annotated[int, Meta(ge=1, le=31)] | None,
        Meta(
            description="The day of the month periods begin on, 31 is the last; the days before "
            "the first are prorated. For prices by months or years; by default the day of the "
            "first paid one."
        ),
    ] = None
    starts_on: Annotated[
        Day | None,
        Meta(
            description="The first date served, today or at most two years ahead. Before it "
            "nothing is billed; a card given now is saved and charged then."
        ),
    ] = None
    external_id: ExternalId | None = None
    metadata: MetadataIn = msgspec.field(default_factory=dict)


class SubscriptionPatch(In):
    """What is yours of a subscription; plan, quantity and end have routes of their own."""

    external_id: ExternalId | UnsetType | None = UNSET
    metadata: MetadataIn | UnsetType = UNSET
    version: Annotated[
        int | UnsetType,
        Meta(description="The version you read: refused (`version_conflict`) when it changed."),
    ] = UNSET


class ChangeIn(In):
    """Another price, another quantity, or both."""

    price: Annotated[Id | None, Meta(description="`price_…`")] = None
    quantity: Quantity | None = None
    mode: Annotated[
        ChangeMode | None,
        Meta(
            description="By default an upgrade is prorated now, a downgrade waits. `restart`: the "
            "rest comes back and a whole period begins today. `switch`: served now, billed from "
            "the next period on."
        ),
    ] = None
    payment: Annotated[
        PayPolicy | None,
        Meta(
            description="`pay_first`: where a saved method is charged, an upgrade is done once its "
            "invoice is paid. `apply_first`: at once. By default the merchant's `upgrade_policy`."
        ),
    ] = None
    reason: Words | None = None


class CancelIn(In, kw_only=True):
    """When and why it ends."""

    when: Annotated[
        Literal["period_end", "now", "date"],
        Meta(
            description="`now` gives the unused value back, `period_end` serves what is paid, "
            "`date` serves and bills up to the day `on`."
        ),
    ] = "period_end"
    on: Annotated[
        Day | None,
        Meta(description="The first date not served, with `date`; at most two years ahead."),
    ] = None
    reason: Words


class ItemOut(Out):
    """What a subscription has."""

    id: str
    price: str
    plan: str
    unit_amount: Rupiah
    quantity: int
    started_on: Day


class WaitingOut(Out):
    """A change that waits for the period's end."""

    id: str
    price: str | None
    quantity: int | None
    effective_on: Day


class PendingUpgradeOut(Out):
    """An upgrade that is done once its invoice is paid; its price holds before `valid_until`."""

    id: str
    price: str | None
    quantity: int | None
    invoice: str | None
    valid_until: Day | None


class SubscriptionOut(Out):
    """A subscription. Its current period runs up to, but without, `current_end`.

    From `pause_on` it is not served, up to, but without, `resume_on`.
    """

    id: str
    external_id: str | None
    customer: str
    status: Annotated[
        str,
        Meta(
            description="`trialing`, `incomplete` (waits for its first payment), `active`, "
            "`past_due`, `unpaid`, `paused` or `canceled`."
        ),
    ]
    collection: str
    payment_method: str | None
    item: ItemOut | None
    items: Annotated[list[ExtraOut], Meta(description="What is beside `item`, or waits to be.")]
    interval_unit: str
    interval_count: int
    started_on: Day
    trial_end_on: Day | None
    current_start: Day
    current_end: Day
    billed_through: Day
    cancel_on: Day | None
    cancel_reason: str | None
    canceled_at: Instant | None
    ended_on: Day | None
    pause_on: Day | None
    pause_policy: str | None
    resume_on: Day | None
    waiting_change: WaitingOut | None
    pending_upgrade: PendingUpgradeOut | None
    metadata: Metadata
    version: int
    created_at: Instant


class SubscribedOut(Out):
    """A subscription with its newest invoice and how that is being paid."""

    subscription: SubscriptionOut
    invoice: Annotated[str | None, Meta(description="`inv_…`; none while a trial lasts.")]
    invoice_status: str | None
    due: Rupiah
    payment: Annotated[
        OrderOut | None,
        Meta(description="With `redirect_url` the payer must confirm there."),
    ]


class ChangedOut(Out):
    """A change that was made, or waits: for the period's end, or to be paid."""

    applied: bool
    preview: ChangePreviewOut
    subscription: SubscriptionOut
    invoice: str | None
    credit_notes: list[str]


def shape_subscriptions(unit: Work, rows: list[Any]) -> list[SubscriptionOut]:
    """Shape subscriptions with their items and waiting changes, in a few queries."""
    listed = [row.id for row in rows]
    items = queries.items_in_force(unit, listed)
    waiting = queries.scheduled_changes(unit, listed)
    pending = queries.pending_changes(unit, listed)
    prices = load_prices(unit, {item.price_id for item in items.values()})
    extras = shape_extras(unit, rows)
    return [
        _shape(
            row,
            items.get(row.id),
            extras[row.id],
            prices,
            waiting.get(row.id),
            pending=pending.get(row.id),
        )
        for row in rows
    ]


def read_subscription(unit: Work, subscription_id: UUID) -> SubscriptionOut:
    """Read one."""
    [shaped] = shape_subscriptions(unit, [queries.get_subscription(unit, subscription_id)])
    return shaped


def read_subscribed(unit: Work, subscription_id: UUID) -> SubscribedOut:
    """Read one with its newest invoice and order."""
    found = list_invoices(unit, subscription_id=subscription_id, limit=1)
    invoice = get_invoice(unit, found[0].id) if found else None
    shaped = queries.get_subscription(unit, subscription_id)
    return SubscribedOut(
        subscription=read_subscription(unit, subscription_id),
        invoice=public("invoice", invoice.id if invoice else None),
        invoice_status=invoice.status if invoice else None,
        due=owed(invoice.status, invoice.due_amount) if invoice else 0,
        payment=newest_order(
            unit,
            invoice_id=invoice.id if invoice else None,
            method_id=None if invoice else shaped.payment_method_id,
        ),
    )


def _shape(
    row: Any,
    item: Any,
    extras: list[ExtraOut],
    prices: dict[UUID, Any],
    waiting: Any,
    *,
    pending: Any,
) -> SubscriptionOut:
    return SubscriptionOut(
        id=ids.public("subscription", row.id), external_id=row.external_id,
        customer=ids.public("customer", row.customer_id), status=row.status,
        collection=row.collection, payment_method=public("payment_method", row.payment_method_id),
        item=None if item is None else ItemOut(
            id=ids.public("item", item.id), price=ids.public("price", item.price_id),
            plan=prices[item.price_id].plan_code,
            unit_amount=prices[item.price_id].unit_amount, quantity=item.quantity,
            started_on=item.started_on,
        ),
        items=extras,
        interval_unit=row.interval_unit, interval_count=row.interval_count,
        started_on=row.started_on, trial_end_on=row.trial_end_on,
        current_start=row.current_start, current_end=row.current_end,
        billed_through=row.billed_through, cancel_on=row.cancel_on,
        cancel_reason=row.cancel_reason, canceled_at=row.canceled_at, ended_on=row.ended_on,
        pause_on=row.pause_on, pause_policy=row.pause_policy, resume_on=row.resume_on,
        waiting_change=None if waiting is None or waiting.kind != "plan" else WaitingOut(
            id=ids.public("change", waiting.id), price=public("price", waiting.to_price_id),
            quantity=waiting.quantity, effective_on=waiting.effective_on,
        ),
        pending_upgrade=None if pending is None else PendingUpgradeOut(
            id=ids.public("change", pending.id), price=public("price", pending.to_price_id),
            quantity=pending.quantity, invoice=public("invoice", pending.invoice_id),
            valid_until=row.upgrade_until,
        ),
        metadata=row.metadata, version=row.version, created_at=row.created_at,
    )  # fmt: skip
