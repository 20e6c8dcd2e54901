"""Cancelling a subscription: at the period's end, on a date, or now; unused value comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import update

from billing import queries
from billing.discounts.service import release
from billing.flows import renew_rows
from billing.flows.cancel_quote import PlannedCancel, When, plan_cancel, when_of
from billing.flows.confirmations import confirm_cancel
from billing.flows.credit import credit_invoice
from billing.flows.credit_plan import PlannedCredit
from billing.flows.ending import drop_scheduled
from billing.flows.issue import issue
from billing.flows.issue_again import issue_again
from billing.flows.item_rows import part_lines, parts_on, without_setup_again
from billing.flows.move_waits import moved_by, put_back, waits_again
from billing.flows.orders import withdraw
from billing.flows.renew import catch_up, step_of
from billing.flows.upgrade_offers import let_go
from billing.flows.usage_close import shut
from billing.flows.use_balance import use_balance
from billing.flows.void import void_invoice
from billing.lifecycle import SubscriptionEvent, SubscriptionStatus, move
from billing.records import Subscription
from billing.renewals import Issue, apply, next_at, next_step
from billing.service import tell
from billing.tables import subscription_changes, subscriptions
from core import ids
from core.bulk import insert_rows
from core.calendars import civil_date
from core.errors import Conflict
from core.work import Work
from invoices.queries import existing, get_invoice, lock_open_invoices


def preview_cancel(
    unit: Work, subscription_id: UUID, *, when: When = "period_end", to: date | None = None
) -> PlannedCancel:
    """Show what `cancel` would do if it were called now; writes nothing.

    Raises:
        NotFound: ``subscription_not_found``.
        Conflict: ``already_canceled``; ``renewal_due`` while a renewal is about to move it.
    """
    subscription = queries.get_subscription(unit, subscription_id)
    if next_step(subscription.agreement, unit.now) is not None:
        raise Conflict("renewal_due", "The subscription is being renewed: ask again in a moment.")
    return plan_cancel(unit, subscription, when, to)


def cancel(
    unit: Work,
    subscription_id: UUID,
    *,
    when: When = "period_end",
    to: date | None = None,
    reason: str | None = None,
    confirm: bool = True,
) -> Subscription:
    """Cancel a subscription.

    At the period's end: what is paid is served, an invoice that was issued ahead is taken back,
    and of one that reaches beyond the end (a change) what lies beyond is given back. Now: service
    ends with today (the merchant may say: with yesterday). The unused value becomes the customer's
    balance, or lowers an invoice that is not paid yet (R39, R40, R43). On a date: the last period
    is billed up to it, and what was billed beyond it before is given back on that day. A plan
    change that waits for the end or later is dropped.

    Args:
        to: the first date not served, where it ends on a ``date``.
        confirm: whether the customer is told by mail; not where another mail says it.

    Raises:
        NotFound: ``subscription_not_found``.
        Conflict: ``already_canceled``. InvalidRequest: ``invalid_cancel_on``.
    """
    subscription = catch_up(unit, queries.lock_subscription(unit, subscription_id))
    subscription = let_go(unit, subscription.id, because="canceled")
    lock_open_invoices(unit, subscription.id)
    today = civil_date(unit.now, subscription.billing_zone)
    when = when_of(subscription, when, to, today=today)
    if when == "now":
        shut(unit)
    planned = plan_cancel(unit, subscription, when, to)
    end_on = planned.quote.end_on
    waits = queries.scheduled_changes(unit, [subscription.id]).get(subscription.id)
    if waits is not None and (when != "date" or waits.effective_on >= end_on):
        drop_scheduled(unit, subscription.id)
    else:
        waits = None
    kept = moved_by(waits) or _kept_before(unit, subscription)
    if when == "date" and kept and waits_again(unit, subscription, UUID(kept["moved"]), end_on):
        kept = {}
    _record(unit, subscription, planned, reason, kept)
    incomplete = subscription.status == SubscriptionStatus.INCOMPLETE
    for invoice_id in planned.voided:
        void_invoice(unit, invoice_id, reason="cancellation")
    _give_back(unit, planned.credits, planned_id(unit, subscription))
    planned.usage.hold(unit)
    planned.usage.record(unit, issue(unit, planned.usage.drafts))
    scheduled = when != "now" and not incomplete
    if incomplete:
        release(unit, [subscription.id])
    if confirm:
        confirm_cancel(unit, subscription, end_on, scheduled=scheduled)
    if scheduled:
        _schedule(unit, subscription, planned, reason)
    else:
        _end(unit, subscription, end_on, reason)
    use_balance(unit, subscription.customer_id)
    return queries.get_subscription(unit, subscription_id)


def undo_cancel(unit: Work, subscription_id: UUID) -> Subscription:
    """Let a subscription go on that was to end with its period, or on a date.

    A move to another version that was announced to its customer waits again.

    Raises:
        NotFound: ``subscription_not_found``.
        Conflict: ``not_scheduled`` where nothing is to be undone.
    """
    subscription = catch_up(unit, queries.lock_subscription(unit, subscription_id))
    if subscription.cancel_on is None or subscription.status == SubscriptionStatus.CANCELED:
        raise Conflict("not_scheduled", "The subscription is not about to end.")
    going_on = replace(subscription, cancel_on=None)
    _update(
        unit,
        subscription,
        cancel_on=None,
        cancel_reason=None,
        canceled_at=None,
        next_at=next_at(going_on.agreement),
    )
    unit.audit(
        "subscription.undo_cancel",
        "subscription",
        subscription.id,
        before={"cancel_on": subscription.cancel_on.isoformat()},
        after={"cancel_on": None},
    )
    if kept := _kept_before(unit, subscription):
        put_back(unit, subscription, UUID(kept["moved"]))
    issue_ahead_again(unit, queries.get_subscription(unit, subscription_id))
    return queries.get_subscription(unit, subscription_id)


def _kept_before(unit: Work, subscription: Subscription) -> dict[str, str]:
    """What the cancel that is in force keeps of a move it dropped; nothing where none is."""
    if subscription.cancel_on is None:
        return {}
    canceled = [one for one in queries.changes_of(unit, subscription.id) if one.kind == "cancel"]
    moved = canceled[-1].quote.get("moved") if canceled else None
    return {"moved": moved} if moved else {}


def planned_id(unit: Work, subscription: Subscription) -> UUID:
    """Derive the id of this cancellation; the one after an undo has another."""
    return unit.derive("cancel", subscription.id, subscription.version)


def _give_back(unit: Work, credits_: Sequence[PlannedCredit], source_id: UUID) -> None:
    for credit in credits_:
        note = credit_invoice(
            unit,
            credit.invoice_id,
            reason="cancellation",
            source_kind="cancel",
            source_id=source_id,
            net_lines=dict(credit.lines),
            in_place_of=credit.later(),
        )
        if note.to_invoice:
            # A number to pay the old amount to is of no use any more; another one follows.
            withdraw(unit, credit.invoice_id)


def _schedule(
    unit: Work, subscription: Subscription, planned: PlannedCancel, reason: str | None
) -> None:
    # What was issued ahead has just been taken back: it is not billed any more.
    end_on = planned.quote.end_on
    billed = min(subscription.billed_through, max(end_on, subscription.current_start))
    if planned.quote.mode == "on_date":
        gone = [*planned.voided, *(one.invoice_id for one in planned.credits)]
        starts = [get_invoice(unit, one).period_start for one in gone]
        billed = min([subscription.billed_through, *(one for one in starts if one is not None)])
    ending = replace(subscription, cancel_on=end_on, billed_through=billed)
    _update(
        unit,
        subscription,
        cancel_on=end_on,
        cancel_reason=reason,
        canceled_at=unit.now,
        billed_through=billed,
        next_at=next_at(ending.agreement),
    )
    tell(
        unit,
        "subscription.cancel_scheduled",
        subscription,
        {"ends_on": end_on.isoformat(), "reason": reason},
    )
    unit.ring("subscription.renew")


def _end(unit: Work, subscription: Subscription, end_on: date, reason: str | None) -> None:
    status = move(SubscriptionStatus(subscription.status), SubscriptionEvent.CANCELED)
    _update(
        unit,
        subscription,
        status=status.value,
        cancel_on=end_on,
        cancel_reason=reason,
        canceled_at=unit.now,
        ended_on=end_on,
        next_at=None,
    )
    tell(
        unit,
        "subscription.canceled",
        subscription,
        {"ended_on": end_on.isoformat(), "reason": reason},
    )


def _record(
    unit: Work,
    subscription: Subscription,
    planned: PlannedCancel,
    reason: str | None,
    kept: dict[str, str],
) -> None:
    insert_rows(
        unit.session,
        subscription_changes,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": planned_id(unit, subscription),
                "subscription_id": subscription.id,
                "kind": "cancel",
                "mode": planned.quote.mode,
                "state": "applied",
                "effective_on": planned.quote.end_on,
                "reason": reason,
                "quote": {
                    "credits": [
                        {"invoice": ids.public("invoice", one.invoice_id), "amount": one.amount}
                        for one in planned.credits
                    ],
                    # What a move announced holds again for who goes on (`undo_cancel`).
                    **kept,
                },
                "created_at": unit.now,
                "closed_at": unit.now,
            }
        ],
    )
    unit.audit(
        "subscription.cancel",
        "subscription",
        subscription.id,
        before={"status": subscription.status},
        after={"end_on": planned.quote.end_on.isoformat(), "reason": reason},
    )


def issue_ahead_again(unit: Work, subscription: Subscription) -> None:
    """Issue anew what was issued ahead and taken back: its old key is spent on a void invoice."""
    [case] = renew_rows.load(unit, [subscription])
    step = step_of(case, unit.now)  # what waits for this period is billed, as was announced
    if not isinstance(step, Issue):
        return
    spent = unit.derive("invoice", subscription.id, "period", step.period.start, UUID(int=0))
    if spent not in existing(unit, [spent]):
        return
    agreement = case.agreement
    parts = parts_on(
        case.extras, case.prices, first=case.price, quantity=case.quantity, on=step.period.start,
        first_paid=subscription.trial_end_on or subscription.started_on, grants=case.grants,
    )  # fmt: skip
    parts = without_setup_again(unit, subscription.id, parts)
    case.billed_as = unit.derive("reissue", subscription.id, subscription.version)
    issue_again(
        unit,
        subscription,
        lines=part_lines(
            parts, period=step.period, anchor=agreement.anchor, interval=agreement.interval
        ),
        period=step.period,
        tax_mode=case.price.terms.tax_mode,
        key=case.billed_as,
    )
    case.agreement = apply(agreement, step)
    renew_rows.settle_change(unit, case, step.period)
    renew_rows.store(unit, [case])


def _update(unit: Work, subscription: Subscription, **values: Any) -> None:
    table = subscriptions.c
    unit.session.execute(
        update(subscriptions)
        .where(table.merchant_id == unit.merchant_id, table.id == subscription.id)
        .values(**values, version=table.version + 1)
    )
