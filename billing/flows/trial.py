"""Extending a trial, or ending it today: previewed and done from one and the same plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import update

from billing import queries
from billing.beginnings import FixedDay, move_trial_end
from billing.discounted import Duration, Granted, ends_on
from billing.discounts.queries import get_discount, load_grants
from billing.discounts.tables import discount_grants
from billing.flows import renew_rows
from billing.flows.confirmations import confirm_trial_moved
from billing.flows.ending import find_unserved
from billing.flows.item_rows import load_extras
from billing.flows.next_bill import NextBill, next_bill
from billing.flows.renew import catch_up
from billing.flows.void import void_invoice
from billing.lifecycle import SubscriptionStatus
from billing.records import Subscription, dates_of
from billing.renewals import next_at, next_step
from billing.service import tell
from billing.tables import subscriptions
from core.calendars import civil_date
from core.errors import Conflict, InvalidRequest
from core.work import Work
from invoices.queries import lines_in_force, lock_open_invoices
from plans.catalogue import TRIAL_DAYS_MAX


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """What moving a trial's end will do.

    ``moved`` is the subscription with its new dates, ``voided`` what was invoiced ahead for the
    time behind the old end, ``grants`` its discounts, which begin with the first paid day.
    ``bill`` is the first invoice: now where the trial ends today.
    """

    moved: Subscription
    voided: tuple[UUID, ...]
    grants: tuple[Granted, ...]
    bill: NextBill | None

    @property
    def ends_on(self) -> date:
        """The first paid date."""
        assert self.moved.trial_end_on is not None
        return self.moved.trial_end_on


def preview_trial(unit: Work, subscription_id: UUID, *, to: date | None = None) -> PlannedTrial:
    """Show what `move_trial` would do if it were called now; writes nothing.

    Raises:
        Conflict: ``renewal_due`` while a renewal is about to move it, and what `move_trial` raises.
    """
    subscription = queries.get_subscription(unit, subscription_id)
    if next_step(subscription.agreement, unit.now) is not None:
        raise Conflict("renewal_due", "The subscription is being renewed: ask again in a moment.")
    return plan_trial(unit, subscription, to)


def move_trial(
    unit: Work, subscription_id: UUID, *, to: date | None = None, reason: str | None = None
) -> Subscription:
    """Extend a trial up to, and without, a date, or end it today.

    The anchor moves along, as do discounts. What was invoiced ahead is taken back. Ended today,
    its first period is invoiced now and collected its way: from the method it has, or by an
    invoice that the customer pays.

    Raises:
        NotFound: ``subscription_not_found``.
        Conflict: ``not_on_trial``, ``cancel_scheduled``, ``change_waits``, ``already_invoiced``,
            ``subscription_not_begun``.
        InvalidRequest: ``invalid_trial_end``.
    """
    subscription = catch_up(unit, queries.lock_subscription(unit, subscription_id))
    lock_open_invoices(unit, subscription.id)
    planned = plan_trial(unit, subscription, to)
    was = subscription.trial_end_on
    assert was is not None
    for invoice_id in planned.voided:
        void_invoice(unit, invoice_id, reason="trial_moved")
    _move_grants(unit, planned.grants)
    moved, table = planned.moved, subscriptions.c
    values: dict[str, Any] = {
        **dates_of(moved.agreement), "status": moved.status, "trial_end_on": moved.trial_end_on,
    }  # fmt: skip
    unit.session.execute(
        update(subscriptions)
        .where(table.merchant_id == unit.merchant_id, table.id == subscription.id)
        .values(**values, next_at=next_at(moved.agreement), version=table.version + 1)
    )
    told = {"was": was.isoformat(), "trial_end_on": planned.ends_on.isoformat()}
    tell(unit, "subscription.trial_moved", subscription, told)
    unit.audit(
        "subscription.move_trial", "subscription", subscription.id,
        before={"trial_end_on": told["was"]},
        after={"trial_end_on": told["trial_end_on"], "reason": reason},
    )  # fmt: skip
    confirm_trial_moved(unit, subscription, planned.ends_on, planned.bill)
    if moved.status != SubscriptionStatus.TRIALING:
        period = {"period_start": moved.current_start.isoformat(),
                  "period_end": moved.current_end.isoformat(), "status": moved.status}  # fmt: skip
        tell(unit, "subscription.trial_ended", subscription, period)
    catch_up(unit, queries.get_subscription(unit, subscription_id))
    unit.ring("subscription.renew")
    return queries.get_subscription(unit, subscription_id)


def plan_trial(unit: Work, subscription: Subscription, to: date | None) -> PlannedTrial:
    """Work out a trial's new end as of today; reads, and writes nothing.

    Raises:
        Conflict, InvalidRequest: see `move_trial`.
    """
    today = civil_date(unit.now, subscription.billing_zone)
    ends = subscription.trial_end_on
    if subscription.status != SubscriptionStatus.TRIALING or ends is None:
        raise Conflict("not_on_trial", "The trial is over.")
    _check(unit, subscription, today)
    wanted = today if to is None else to
    if wanted == today < subscription.started_on:
        raise Conflict(
            "subscription_not_begun",
            f"The subscription begins on {subscription.started_on}: end its trial from then on.",
        )
    if wanted > subscription.started_on + timedelta(days=TRIAL_DAYS_MAX):
        raise InvalidRequest(
            "invalid_trial_end", f"A trial lasts {TRIAL_DAYS_MAX} days at most.", field="ends_on"
        )
    voided = _ahead(unit, subscription, ends)
    agreement = move_trial_end(
        replace(subscription.agreement, billed_through=ends),
        today,
        wanted,
        fixed=_fixed_day(subscription, ends),
    )
    moved = replace(
        subscription,
        **dates_of(agreement),
        status=agreement.status.value,
        trial_end_on=agreement.trial_end_on,
    )
    grants = _moved_grants(unit, subscription, moved)
    [case] = renew_rows.load(unit, [moved])
    case.grants, case.voided = grants, voided
    return PlannedTrial(moved, voided, grants, next_bill(unit, case))


def _check(unit: Work, subscription: Subscription, today: date) -> None:
    if subscription.cancel_on is not None:
        raise Conflict(
            "cancel_scheduled",
            f"The subscription ends on {subscription.cancel_on}: undo that first.",
        )
    extras = load_extras(unit, [subscription.id]).get(subscription.id, ())
    today = max(today, subscription.started_on)  # what is had from the first day on waits for none
    later = any(
        one.item.started_on > today or (one.item.ended_on or today) > today for one in extras
    )
    waits = queries.scheduled_changes(unit, [subscription.id]).get(subscription.id)
    if later or (waits and not waits.is_move):
        raise Conflict("change_waits", "A change waits for the trial's end: drop it first.")


def _ahead(unit: Work, subscription: Subscription, ends: date) -> tuple[UUID, ...]:
    """What was invoiced for the time behind the trial, if nobody has paid of it."""
    unserved = find_unserved(unit, subscription.id, ends)
    left = [
        line
        for line in lines_in_force(unit, subscription.id, ends)
        if line.invoice_id not in unserved.voided
    ]
    if left or unserved.lines:
        raise Conflict("already_invoiced", "The time after the trial is invoiced and paid for.")
    return unserved.voided


def _fixed_day(subscription: Subscription, ends: date) -> FixedDay | None:
    """The day its periods begin on, where that is not the day its trial ends."""
    anchor, interval = subscription.anchor, subscription.interval
    if anchor.on == ends and anchor.day == ends.day:
        return None
    if interval.months:
        return FixedDay(day=anchor.day)
    return FixedDay(weekday=anchor.on.weekday()) if interval.unit == "week" else None


def _moved_grants(
    unit: Work, subscription: Subscription, moved: Subscription
) -> tuple[Granted, ...]:
    since = moved.trial_end_on
    assert since is not None
    found = []
    for one in load_grants(unit, [subscription.id]).get(subscription.id, ()):
        if one.since == subscription.trial_end_on:
            discount = get_discount(unit, one.discount_id)
            until: date | None = since  # one that was ended lowers nothing
            if one.ends_on != one.since:
                duration = cast(Duration, discount.duration)
                until = ends_on(since, duration, discount.count, moved.anchor, moved.interval)
            one = replace(one, since=since, ends_on=until)  # noqa: PLW2901
        found.append(one)
    return tuple(found)


def _move_grants(unit: Work, grants: Sequence[Granted]) -> None:
    table = discount_grants.c
    for one in grants:
        unit.session.execute(
            update(discount_grants)
            .where(table.merchant_id == unit.merchant_id, table.id == one.id)
            .values(since=one.since, ends_on=one.ends_on)
        )
