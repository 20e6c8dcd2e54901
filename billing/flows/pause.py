"""Pausing and resuming: nothing is served or billed between two dates, and what that means.

A pause and the end of it are steps of the renewal (`billing.renewals`): who asks for one today is
served by the same code as who asked for it weeks ago. What was invoiced and is not served any more
is taken back here, when the pause is asked for. An invoice for time that was served stays owed and
is chased as ever.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import update

from billing import queries
from billing.flows import renew_rows
from billing.flows.cancel import issue_ahead_again
from billing.flows.confirmations import confirm_pause, confirm_resume
from billing.flows.credit import credit_invoice
from billing.flows.issue import issue
from billing.flows.next_bill import NextBill, next_bill
from billing.flows.orders import withdraw
from billing.flows.pause_quote import PausePolicy, PlannedPause, check_resume_on, plan_pause
from billing.flows.renew import catch_up, run_steps
from billing.flows.upgrade_offers import let_go
from billing.flows.usage_close import shut
from billing.flows.use_balance import use_balance
from billing.flows.void import void_invoice
from billing.lifecycle import SubscriptionStatus
from billing.records import NO_PAUSE, Subscription
from billing.renewals import Resume, apply, next_at, next_step
from billing.service import tell
from billing.tables import subscription_changes, subscriptions
from core import ids
from core.bulk import insert_rows
from core.calendars import Period, civil_date, instant_of
from core.errors import Conflict
from core.work import Work
from invoices.lines import PricedDocument
from invoices.queries import lock_open_invoices


@dataclass(frozen=True, slots=True)
class PlannedResume:
    """What resuming will do: from when it is served, and what is billed then.

    Where paid time is left, which was not given back, that is served first and there is no bill.
    """

    on: date
    period: Period
    bill: NextBill | None

    @property
    def document(self) -> PricedDocument | None:
        return None if self.bill is None else self.bill.document


def preview_pause(
    unit: Work,
    subscription_id: UUID,
    *,
    policy: PausePolicy = "serve_paid",
    resume_on: date | None = None,
) -> PlannedPause:
    """Show what `pause` would do if it were called now; writes nothing.

    Raises:
        Conflict: ``renewal_due`` while a renewal is about to move it, and what `pause` raises.
    """
    return plan_pause(unit, _at_rest(unit, subscription_id), policy, resume_on)


def pause(
    unit: Work,
    subscription_id: UUID,
    *,
    policy: PausePolicy = "serve_paid",
    resume_on: date | None = None,
    keep_anchor: bool = False,
    reason: str | None = None,
) -> Subscription:
    """Pause a subscription: when its paid time is over, or today.

    Args:
        policy: what becomes of the time that is paid for, see `PausePolicy`.
        resume_on: the first date it is served again; by default somebody resumes it.
        keep_anchor: when it resumes by itself, whether periods begin on the day they did.

    Raises:
        NotFound: ``subscription_not_found``.
        Conflict: ``not_pausable``, ``cancel_scheduled``, ``pause_scheduled``, ``change_waits``.
        InvalidRequest: ``invalid_resume_on``.
    """
    subscription = catch_up(unit, queries.lock_subscription(unit, subscription_id))
    subscription = let_go(unit, subscription.id, because="paused")
    lock_open_invoices(unit, subscription.id)
    if policy != "serve_paid":
        shut(unit)
    planned = plan_pause(unit, subscription, policy, resume_on)
    pause_id = unit.derive("pause", subscription.id, subscription.version)
    _record(unit, subscription, planned, pause_id, reason)
    confirm_pause(unit, subscription, planned)
    for invoice_id in planned.voided:
        void_invoice(unit, invoice_id, reason="pause")
    for credit in planned.credits:
        note = credit_invoice(
            unit,
            credit.invoice_id,
            reason="pause",
            source_kind="pause",
            source_id=pause_id,
            net_lines=dict(credit.lines),
            in_place_of=credit.later(),
        )
        if note.to_invoice:
            # A number to pay the old amount to is of no use any more; another one follows.
            withdraw(unit, credit.invoice_id)
    planned.usage.hold(unit)
    planned.usage.record(unit, issue(unit, planned.usage.drafts))
    pausing = _store(
        unit,
        subscription,
        pause_on=planned.quote.pause_on,
        pause_policy=policy,
        resume_on=resume_on,
        resume_keeps_anchor=keep_anchor,
        billed_through=_billed_through(subscription, planned),
    )
    if policy == "serve_paid":
        tell(unit, "subscription.pause_scheduled", subscription, _told(planned))
    else:
        run_steps(unit, [pausing])
    unit.ring("subscription.renew")
    use_balance(unit, subscription.customer_id)
    return queries.get_subscription(unit, subscription_id)


def undo_pause(unit: Work, subscription_id: UUID) -> Subscription:
    """Let a subscription go on that was to be paused when its paid time is over.

    Raises:
        NotFound: ``subscription_not_found``.
        Conflict: ``not_scheduled`` where nothing is to be undone; one that is paused is resumed.
    """
    subscription = catch_up(unit, queries.lock_subscription(unit, subscription_id))
    if subscription.pause_on is None or subscription.status == SubscriptionStatus.PAUSED:
        raise Conflict("not_scheduled", "The subscription is not about to be paused.")
    going_on = _store(unit, subscription, **NO_PAUSE)
    unit.audit(
        "subscription.undo_pause",
        "subscription",
        subscription.id,
        before={"pause_on": subscription.pause_on.isoformat()},
        after={"pause_on": None},
    )
    issue_ahead_again(unit, going_on)
    unit.ring("subscription.renew")
    return queries.get_subscription(unit, subscription_id)


def preview_resume(
    unit: Work, subscription_id: UUID, *, on: date | None = None, keep_anchor: bool = False
) -> PlannedResume:
    """Show what `resume` would bill, on the date it is served again; writes nothing.

    Raises:
        Conflict: ``not_paused``, ``renewal_due``. InvalidRequest: ``invalid_resume_on``.
    """
    subscription = _resuming(unit, _at_rest(unit, subscription_id), on, keep_anchor)
    return _plan_resume(unit, subscription)


def resume(
    unit: Work, subscription_id: UUID, *, on: date | None = None, keep_anchor: bool = False
) -> Subscription:
    """Serve a paused subscription again, today or on a date to come.

    Time that is paid for and was not given back is served first. Otherwise a new period begins
    with that day and is invoiced, and the anchor moves to it, or stays and a part of a period
    leads up to it. Who owes for a period that is overdue comes back as ``past_due``.

    Raises:
        NotFound: ``subscription_not_found``.
        Conflict: ``not_paused``. InvalidRequest: ``invalid_resume_on``.
    """
    subscription = catch_up(unit, queries.lock_subscription(unit, subscription_id))
    lock_open_invoices(unit, subscription.id)
    resuming = _resuming(unit, subscription, on, keep_anchor)
    planned = _plan_resume(unit, resuming)
    confirm_resume(unit, subscription, planned.on, planned.bill)
    _store(
        unit, subscription,
        resume_on=resuming.resume_on, resume_keeps_anchor=resuming.resume_keeps_anchor,
    )  # fmt: skip
    unit.audit(
        "subscription.resume",
        "subscription",
        subscription.id,
        before={"resume_on": subscription.resume_on and subscription.resume_on.isoformat()},
        after={"resume_on": str(resuming.resume_on), "keep_anchor": keep_anchor},
    )
    catch_up(unit, queries.get_subscription(unit, subscription_id))
    unit.ring("subscription.renew")
    return queries.get_subscription(unit, subscription_id)


def _at_rest(unit: Work, subscription_id: UUID) -> Subscription:
    subscription = queries.get_subscription(unit, subscription_id)
    if next_step(subscription.agreement, unit.now) is not None:
        raise Conflict("renewal_due", "The subscription is being renewed: ask again in a moment.")
    return subscription


def _resuming(
    unit: Work, subscription: Subscription, on: date | None, keep_anchor: bool
) -> Subscription:
    if subscription.status != SubscriptionStatus.PAUSED:
        raise Conflict("not_paused", f"A subscription that is {subscription.status} goes on.")
    today = civil_date(unit.now, subscription.billing_zone)
    wanted = today if on is None else on
    check_resume_on(wanted, today)
    return replace(subscription, resume_on=wanted, resume_keeps_anchor=keep_anchor)


def _plan_resume(unit: Work, resuming: Subscription) -> PlannedResume:
    [case] = renew_rows.load(unit, [resuming])
    day = resuming.resume_on
    assert day is not None
    case.agreement = apply(case.agreement, Resume(day))
    bill = next_bill(unit, case, by=instant_of(day, resuming.billing_zone))
    return PlannedResume(day, case.agreement.current, bill)


def _billed_through(subscription: Subscription, planned: PlannedPause) -> date:
    """The first date nobody paid for, or has to: what was given back or voided lies beyond it."""
    if planned.policy == "forfeit":
        return min(subscription.billed_through, planned.held_through)
    return min(subscription.billed_through, planned.quote.pause_on)


def _told(planned: PlannedPause) -> dict[str, Any]:
    return {
        "pause_on": planned.quote.pause_on.isoformat(),
        "resume_on": planned.resume_on.isoformat() if planned.resume_on else None,
        "policy": planned.policy,
    }


def _record(
    unit: Work,
    subscription: Subscription,
    planned: PlannedPause,
    pause_id: UUID,
    reason: str | None,
) -> None:
    row = {
        "merchant_id": unit.merchant_id,
        "id": pause_id,
        "subscription_id": subscription.id,
        "kind": "pause",
        "mode": "at_period_end" if planned.policy == "serve_paid" else "immediate",
        "state": "applied",
        "effective_on": planned.quote.pause_on,
        "reason": reason,
        "quote": {
            "policy": planned.version,
            "resume_on": planned.resume_on.isoformat() if planned.resume_on else None,
            "credits": [
                {"invoice": ids.public("invoice", one.invoice_id), "amount": one.amount}
                for one in planned.credits
            ],
        },
        "created_at": unit.now,
        "closed_at": unit.now,
    }
    insert_rows(unit.session, subscription_changes, [row])
    unit.audit(
        "subscription.pause",
        "subscription",
        subscription.id,
        before={"status": subscription.status},
        after=_told(planned) | {"reason": reason},
    )


def _store(unit: Work, subscription: Subscription, **values: Any) -> Subscription:
    table = subscriptions.c
    agreement = replace(subscription, **values).agreement
    unit.session.execute(
        update(subscriptions)
        .where(table.merchant_id == unit.merchant_id, table.id == subscription.id)
        .values(**values, next_at=next_at(agreement), version=table.version + 1)
    )
    return queries.get_subscription(unit, subscription.id)
