"""When nobody paid: the subscription ends with its first unpaid period, or service stops.

What was served unpaid was a courtesy: the end lies where the paid time ended, and the debt beyond
it is taken back by a void or a credit note.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import update

from billing.flows.ending import drop_scheduled, give_back_freed, take_back_unserved
from billing.flows.void import mark_uncollectible
from billing.lifecycle import SubscriptionEvent, SubscriptionStatus, move
from billing.queries import get_customer, get_subscription, is_behind
from billing.records import Subscription
from billing.service import move_subscription, tell
from billing.tables import subscriptions
from core.calendars import civil_date
from core.work import Mail, Work, queue_mail
from dunning import service
from dunning.policies import EndAction
from dunning.queries import DunningCase
from invoices.queries import Invoice, lines_in_force, lines_of, lock_open_invoices

_REASON = {"id": "Tagihan belum dibayar", "en": "The bill was not paid"}


def end_case(unit: Work, case: DunningCase, invoice: Invoice, action: EndAction) -> None:
    """Stop chasing and do what the policy says; customer, subscription and invoice are locked.

    ``cancel`` ends the subscription with the first date of its first unpaid period (R41) and takes
    its open invoices back; where later time was paid for, it ends with today, as if cancelled, and
    the debt before is written off. What was used up to now is billed, as by any other end.
    ``unpaid`` writes the debt off and keeps the subscription, unserved unless later time was paid
    for. An invoice without a period (an upgrade, a one-off) never ends a subscription.
    """
    # Lazy: what is paid closes its case.
    from billing.flows.use_balance import use_balance

    service.record_steps(unit, [(case.id, "end", {"action": action})])
    service.close(unit, case, "exhausted", action)
    _end(unit, invoice, action)
    use_balance(unit, invoice.customer_id)


def _end(unit: Work, invoice: Invoice, action: EndAction) -> None:
    subscription = (
        get_subscription(unit, invoice.subscription_id) if invoice.subscription_id else None
    )
    if subscription is None or invoice.kind == "one_off":
        mark_uncollectible(unit, invoice.id, reason="dunning_end")
        return
    if invoice.kind == "change" or subscription.status == SubscriptionStatus.CANCELED:
        _take_back(unit, invoice, subscription)
        return
    if action == "unpaid":
        mark_uncollectible(unit, invoice.id, reason="dunning_end")
        if subscription.status != SubscriptionStatus.PAST_DUE:
            return
        today = civil_date(unit.now, subscription.billing_zone)
        if not _is_paid_beyond(unit, subscription, today):
            _keep_unserved(unit, subscription)
        elif not is_behind(unit, subscription.id):
            move_subscription(unit, subscription, SubscriptionEvent.PAYMENT_RECOVERED)
        return
    end_on = first_unpaid_on(unit, subscription, invoice)
    if _is_paid_beyond(unit, subscription, end_on):
        _cancel_today(unit, subscription)
    else:
        _cancel(unit, subscription, end_on)
    _say_goodbye(unit, subscription.id, subscription.customer_id)


def _keep_unserved(unit: Work, subscription: Subscription) -> None:
    # Lazy: what is let go ends cases.
    from billing.flows.upgrade_offers import let_go

    left = let_go(unit, subscription.id, because="unserved")
    move_subscription(unit, left, SubscriptionEvent.GAVE_UP_KEEP)


def first_unpaid_on(unit: Work, subscription: Subscription, invoice: Invoice) -> date:
    """The first date of the first unpaid period: where the paid time ended."""
    starts = [
        one.period_start
        for one in lock_open_invoices(unit, subscription.id)
        if one.kind == "period" and one.period_start is not None
    ]
    return min(starts, default=invoice.period_start or subscription.current_start)


def _cancel(unit: Work, subscription: Subscription, end_on: date) -> None:
    # Lazy: issuing opens cases, and what is let go ends them.
    from billing.flows.upgrade_offers import let_go
    from billing.flows.usage_close import bill_usage, final_through, shut

    let_go(unit, subscription.id, because="unserved")
    shut(unit)
    drop_scheduled(unit, subscription.id)
    taken = take_back_unserved(
        unit, subscription, end_on, reason="dunning_end", freed_from=max(end_on, unit.today)
    )
    for one in lock_open_invoices(unit, subscription.id):
        if any(line.kind == "usage" for line in lines_of(unit, one.id)):
            # What was used before the end stood beside it, and was chased with it.
            mark_uncollectible(unit, one.id, reason="dunning_end")
    # The time was a courtesy; what was used in it is owed, as at any other end.
    bill_usage(unit, subscription, final_through(unit, subscription))
    status = move(SubscriptionStatus(subscription.status), SubscriptionEvent.CANCELED)
    table = subscriptions.c
    unit.session.execute(
        update(subscriptions)
        .where(table.merchant_id == unit.merchant_id, table.id == subscription.id)
        .values(
            status=status.value,
            cancel_on=end_on,
            cancel_reason="unpaid",
            canceled_at=unit.now,
            ended_on=end_on,
            next_at=None,
            version=table.version + 1,
        )
    )
    tell(
        unit,
        "subscription.canceled",
        subscription,
        {"ended_on": end_on.isoformat(), "reason": "unpaid", "invoices_taken_back": len(taken)},
    )


def _is_paid_beyond(unit: Work, subscription: Subscription, end_on: date) -> bool:
    """Whether money was taken for time after ``end_on`` and not given back since."""
    return any(
        line.status == "paid" and line.paid_amount > 0
        and line.amount > line.by_changes + line.by_hand
        for line in lines_in_force(unit, subscription.id, end_on)
    )  # fmt: skip


def _cancel_today(unit: Work, subscription: Subscription) -> None:
    """End with today: what was paid for later days is given back, what was served is owed."""
    # Lazy: a cancellation writes credit notes, which close cases.
    from billing.flows.cancel import cancel

    owed = {one.id for one in lock_open_invoices(unit, subscription.id)}
    cancel(unit, subscription.id, when="now", reason="unpaid", confirm=False)
    for one in lock_open_invoices(unit, subscription.id):
        # What was used up to now was billed just now: nobody has asked for it yet.
        if one.id in owed:
            mark_uncollectible(unit, one.id, reason="dunning_end")


def _take_back(unit: Work, invoice: Invoice, subscription: Subscription) -> None:
    """Nothing was promised for it any more: void it, or credit what is left of it.

    A void change gives its credit back to the older line. While service goes on that line is
    served again (`take_out` puts the old plan back); once it has ended, what is unused of the line
    since then is given back. A change that was paid in part stays: the customer took it up, and
    what he did not pay is waived.
    """
    if not invoice.paid_amount and not invoice.credited_amount:
        # Lazy: what is put back reaches up to changes, whose invoices open cases.
        from billing.flows.take_out import take_out

        take_out(unit, invoice.id, reason="dunning_end")
        if subscription.ended_on is not None:
            give_back_freed(
                unit, subscription, [invoice.id], subscription.ended_on, reason="dunning_end"
            )
        return
    # Lazy: a credit note closes the case of its invoice.
    from billing.flows.credit import credit_invoice

    credit_invoice(
        unit,
        invoice.id,
        reason="dunning_end",
        gross_amount=invoice.due_amount,
        source_kind="subscription_end",
        source_id=invoice.id,
    )


def _say_goodbye(unit: Work, subscription_id: UUID, customer_id: UUID) -> None:
    """The customer hears the day the warning spoke of, not the day the paid time ended."""
    buyer = get_customer(unit, customer_id)
    queue_mail(
        unit,
        [
            Mail(
                "subscription.ended",
                "subscription",
                subscription_id,
                recipient=buyer.email,
                locale=buyer.locale,
                customer_id=buyer.id,
                payload={"when": unit.today.isoformat(), "reason": _REASON},
            )
        ],
    )
