"""The rows of billing as plain values: a customer, a subscription, its items and changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, cast
from uuid import UUID

from billing.lifecycle import SubscriptionStatus
from billing.renewals import Agreement, Collection
from core.calendars import Anchor, Interval, Period, Unit


@dataclass(frozen=True, slots=True)
class Customer:
    """Who pays. Personal data: it goes onto invoices, never into events or logs."""

    id: UUID
    external_id: str | None
    name: str
    company: str | None
    email: str
    phone: str | None
    address: str | None
    npwp: str | None
    locale: str
    billing_zone: str
    preferred_channel: str | None
    metadata: dict[str, Any]
    version: int
    created_at: datetime

    def __repr__(self) -> str:
        return f"Customer({self.id})"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription's row; dates are civil dates in ``billing_zone``, ends are exclusive."""

    id: UUID
    external_id: str | None
    customer_id: UUID
    status: str
    collection: str
    payment_method_id: UUID | None
    billing_zone: str
    lead_days: int
    terms_days: int
    interval_unit: Unit
    interval_count: int
    anchor_on: date
    anchor_day: int
    started_on: date
    trial_end_on: date | None
    current_start: date
    current_end: date
    billed_through: date
    incomplete_until: date | None
    cancel_on: date | None
    cancel_reason: str | None
    canceled_at: datetime | None
    ended_on: date | None
    pause_on: date | None
    pause_policy: str | None
    resume_on: date | None
    resume_keeps_anchor: bool
    upgrade_until: date | None
    next_at: datetime | None
    metadata: dict[str, Any]
    version: int
    created_at: datetime

    @property
    def current(self) -> Period:
        return Period(self.current_start, self.current_end)

    @property
    def anchor(self) -> Anchor:
        return Anchor(self.anchor_on, self.anchor_day)

    @property
    def interval(self) -> Interval:
        return Interval(self.interval_unit, self.interval_count)

    @property
    def agreement(self) -> Agreement:
        """The dates as the renewal rules know them."""
        return Agreement(
            status=SubscriptionStatus(self.status),
            collection=cast(Collection, self.collection),
            zone=self.billing_zone,
            anchor=self.anchor,
            interval=self.interval,
            lead_days=self.lead_days,
            current=self.current,
            billed_through=self.billed_through,
            trial_end_on=self.trial_end_on,
            cancel_on=self.cancel_on,
            incomplete_until=self.incomplete_until,
            pause_on=self.pause_on,
            resume_on=self.resume_on,
            keeps_anchor=self.resume_keeps_anchor,
            upgrade_until=self.upgrade_until,
        )


NO_PAUSE: Final[Mapping[str, Any]] = {
    "pause_on": None, "pause_policy": None, "resume_on": None, "resume_keeps_anchor": False,
}  # fmt: skip
"""The columns of a subscription that is not paused, and not about to be."""


def dates_of(agreement: Agreement) -> dict[str, Any]:
    """The columns of a subscription that say from when it is served and billed, and by what day."""
    return {
        "anchor_on": agreement.anchor.on,
        "anchor_day": agreement.anchor.day,
        "current_start": agreement.current.start,
        "current_end": agreement.current.end,
        "billed_through": agreement.billed_through,
    }


@dataclass(frozen=True, slots=True)
class Item:
    """What a subscription has of which price, from ``started_on`` up to ``ended_on``.

    The first item, which interval and trial come from, has no ``extra_id``; of the items beside
    it the versions of one share it.
    """

    id: UUID
    subscription_id: UUID
    extra_id: UUID | None
    price_id: UUID
    quantity: int
    started_on: date
    ended_on: date | None


@dataclass(frozen=True, slots=True)
class Change:
    """A plan change: waiting for ``effective_on``, done, or replaced by another."""

    id: UUID
    subscription_id: UUID
    kind: str
    mode: str
    state: str
    from_price_id: UUID | None
    to_price_id: UUID | None
    quantity: int | None
    extra_id: UUID | None
    effective_on: date
    invoice_id: UUID | None
    reason: str | None
    quote: dict[str, Any]
    created_at: datetime

    @property
    def is_move(self) -> bool:
        """Whether the merchant announced it to all who have a price, see `billing.flows.moves`."""
        return self.reason == "price_move"
