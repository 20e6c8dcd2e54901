"""Changing the plan or the quantity: previewed and done from one and the same plan.

Where an upgrade is paid first, it is offered here, and done by `upgrade_done` with its payment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import update

from billing import queries
from billing.drafts import Issued, lead_days
from billing.flows.change_quote import PlannedChange, plan_change
from billing.flows.change_rows import insert_change
from billing.flows.confirmations import confirm_change
from billing.flows.credit import CreditNote, credit_invoice
from billing.flows.ending import drop_scheduled
from billing.flows.issue import issue
from billing.flows.move_waits import put_back, quantity_back, waits_on
from billing.flows.orders import withdraw
from billing.flows.renew import catch_up
from billing.flows.renew_rows import replace_item
from billing.flows.upgrade_offers import in_the_way, let_go, pending, wait_for_payment
from billing.flows.use_balance import use_balance
from billing.pay_first import PayPolicy
from billing.plan_changes import QuoteMode
from billing.records import Change, Subscription
from billing.renewals import next_at, next_step
from billing.service import tell
from billing.tables import subscriptions
from core import ids
from core.errors import Conflict
from core.work import Work


@dataclass(frozen=True, slots=True)
class Changed:
    """A change that was stored; ``applied`` is false while it waits.

    It waits for the period's end or, where ``planned.pays_first``, until ``invoice`` is paid.
    """

    planned: PlannedChange
    subscription: Subscription
    applied: bool
    invoice: Issued | None
    notes: tuple[CreditNote, ...]


def preview(
    unit: Work,
    subscription_id: UUID,
    *,
    price_id: UUID | None = None,
    quantity: int | None = None,
    mode: QuoteMode | None = None,
    payment: PayPolicy | None = None,
) -> PlannedChange:
    """Show what `change` would store if it were called today; writes nothing.

    Raises:
        Conflict: ``renewal_due`` while a renewal is about to move the subscription, and what
            `change` raises.
    """
    subscription = queries.get_subscription(unit, subscription_id)
    if next_step(subscription.agreement, unit.now) is not None:
        raise Conflict("renewal_due", "The subscription is being renewed: ask again in a moment.")
    planned = plan_change(
        unit, subscription, price_id=price_id, quantity=quantity, mode=mode, payment=payment
    )
    waiting = pending(unit, subscription_id)
    if waiting is not None and not _is_the_same(waiting, planned):
        in_the_way(unit, waiting)
    return planned


def change(
    unit: Work,
    subscription_id: UUID,
    *,
    price_id: UUID | None = None,
    quantity: int | None = None,
    mode: QuoteMode | None = None,
    payment: PayPolicy | None = None,
    reason: str | None = None,
) -> Changed:
    """Change what a subscription has, as of today.

    An upgrade is done at once: what is unused of the old is credited as it was billed, the same
    days are charged at the new price, on one invoice. A downgrade waits for the period's end
    unless ``prorate`` is asked for. A change replaces one that waits.

    Where a saved method is charged, and the policy says ``pay_first``, an upgrade is offered: its
    invoice is charged, and it is done once that is paid. Asked for again it is the same offer.

    Args:
        price_id: the new price; the present one when only the quantity changes.
        quantity: the new quantity; the present one when only the price changes.
        mode: ``prorate``, ``at_period_end``, ``restart`` (a new period begins today) or ``switch``
            (billed from the next period on); by default by what it is worth in a year.
        payment: ``pay_first`` or ``apply_first``; by default the merchant's policy.

    Raises:
        NotFound: ``subscription_not_found`` or ``price_not_found``.
        Conflict: ``not_changeable``, ``cancel_scheduled``, ``price_not_sold``,
            ``nothing_to_change``; ``upgrade_being_paid`` while the charge of another upgrade is
            under way.
        InvalidRequest: ``invalid_quantity``, ``currency_mismatch``.
    """
    subscription = catch_up(unit, queries.lock_subscription(unit, subscription_id))
    planned = plan_change(
        unit, subscription, price_id=price_id, quantity=quantity, mode=mode, payment=payment
    )
    waiting = pending(unit, subscription.id)
    if waiting is not None:
        if _is_the_same(waiting, planned):
            again = replace(planned, change_id=waiting.id, invoice_id=waiting.invoice_id)
            return Changed(again, subscription, False, None, ())
        in_the_way(unit, waiting)
        subscription = let_go(unit, subscription.id, because="replaced")
    if planned.pays_first:
        return _offer(unit, subscription, planned, reason)
    waits, goes_along = make_way(unit, subscription.id, planned)
    if planned.quote.mode == "at_period_end":
        if not goes_along:
            insert_change(
                unit, subscription, planned, state="scheduled", invoice_id=None, reason=reason,
                waited=waits,
            )  # fmt: skip
        _bump(unit, subscription.id)
        told = tell_change(planned)
        tell(unit, "subscription.change_scheduled", subscription, told)
        before = {"price": str(planned.old.id), "quantity": planned.item.quantity}
        unit.audit(
            "subscription.schedule_change", "subscription", subscription.id,
            before=before, after=told,
        )  # fmt: skip
        later = queries.get_subscription(unit, subscription_id)
        confirm_change(unit, planned, later)
        return Changed(planned, later, False, None, ())

    notes = give_back(unit, planned)
    issued = issue(unit, [planned.draft])[0] if planned.draft is not None else None
    insert_change(
        unit, subscription, planned, state="applied",
        invoice_id=issued.id if issued else None, reason=reason, waited=waits,
    )  # fmt: skip
    return Changed(planned, carry_out(unit, subscription, planned), True, issued, notes)


def make_way(
    unit: Work, subscription_id: UUID, planned: PlannedChange
) -> tuple[Change | None, bool]:
    """Drop what waits for the period's end, unless it goes along with a change of the quantity.

    Returns:
        What waited, and whether it goes along: a price does, for who keeps his.
    """
    waits = queries.scheduled_changes(unit, [subscription_id]).get(subscription_id)
    goes_along = planned.new.id == planned.old.id and waits_on(
        unit, waits, quantity=planned.quantity, on=planned.quote.effective_on,
        at_period_end=planned.quote.mode == "at_period_end",
    )  # fmt: skip
    if not goes_along:
        drop_scheduled(unit, subscription_id)
    return waits, goes_along


def give_back(unit: Work, planned: PlannedChange) -> tuple[CreditNote, ...]:
    """Write the credit notes of a change."""
    notes = tuple(
        credit_invoice(
            unit,
            credit.invoice_id,
            reason="plan_change",
            source_kind="change",
            source_id=planned.change_id,
            net_lines=dict(credit.lines),
            in_place_of=credit.later(),
        )
        for credit in planned.credits
    )
    for note in notes:
        if note.to_invoice:
            # A number to pay the old amount to is of no use any more; another one follows.
            withdraw(unit, note.invoice_id)
    return notes


def carry_out(unit: Work, subscription: Subscription, planned: PlannedChange) -> Subscription:
    """Give a locked subscription what a change is for; its invoice and notes are there."""
    _apply(unit, subscription, planned)
    tell(unit, "subscription.plan_changed", subscription, tell_change(planned))
    use_balance(unit, subscription.customer_id)
    planned.usage.hold(unit)
    planned.usage.record(unit, issue(unit, planned.usage.drafts))
    after = queries.get_subscription(unit, subscription.id)
    confirm_change(unit, planned, after)
    return after


def _offer(
    unit: Work, subscription: Subscription, planned: PlannedChange, reason: str | None
) -> Changed:
    """Issue the invoice of an upgrade that is done once it is paid; nothing else changes."""
    assert planned.draft is not None
    [issued] = issue(unit, [planned.draft])
    insert_change(
        unit, subscription, planned, state="pending", invoice_id=issued.id, reason=reason,
        waited=queries.scheduled_changes(unit, [subscription.id]).get(subscription.id),
    )  # fmt: skip
    wait_for_payment(unit, subscription, tell_change(planned))
    return Changed(planned, queries.get_subscription(unit, subscription.id), False, issued, ())


def _is_the_same(waiting: Change, planned: PlannedChange) -> bool:
    """Whether the upgrade that waits to be paid is what is asked for once more."""
    wanted = (planned.new.id, planned.quantity, planned.quote.mode, planned.pays_first)
    return wanted == (waiting.to_price_id, waiting.quantity, waiting.mode, True)


def drop_change(unit: Work, subscription_id: UUID) -> bool:
    """Drop the change that waits for the period's end, or to be paid; says whether there was one.

    What the gateway takes for an upgrade all the same becomes balance.
    """
    subscription = catch_up(unit, queries.lock_subscription(unit, subscription_id))
    if pending(unit, subscription.id) is not None:
        let_go(unit, subscription.id, because="replaced")
        return True
    waiting = queries.scheduled_changes(unit, [subscription.id]).get(subscription.id)
    has = queries.items_in_force(unit, [subscription.id])[subscription.id].quantity
    wanted = (waiting.quantity if waiting else None) or has
    # A quantity that goes along with a move is dropped first, and the move waits on.
    goes_back = quantity_back(unit, subscription, was=wanted, now=has)
    dropped = goes_back or drop_scheduled(unit, subscription.id)
    if dropped and waiting is not None:
        if moved := waiting.quote.get("moved"):
            put_back(unit, subscription, UUID(moved))
        _bump(unit, subscription.id)
        unit.audit(
            "subscription.drop_change",
            "subscription",
            subscription.id,
            before={"price": str(waiting.to_price_id), "quantity": waiting.quantity},
            after={"price": None, "quantity": has} if goes_back else {"price": None},
        )
    return dropped


def tell_change(planned: PlannedChange) -> dict[str, Any]:
    """Give what events and audit say of a change."""
    return {
        "change": ids.public("change", planned.change_id),
        "mode": planned.quote.mode,
        "effective_on": planned.quote.effective_on.isoformat(),
        "from_price": ids.public("price", planned.old.id),
        "from_quantity": planned.item.quantity,
        "price": ids.public("price", planned.new.id),
        "plan": planned.new.plan_code,
        "quantity": planned.quantity,
        "invoice": ids.public("invoice", planned.invoice_id) if planned.invoice_id else None,
        "total": planned.charged,
        "credited": sum(credit.amount for credit in planned.credits),
    }


def _apply(unit: Work, subscription: Subscription, planned: PlannedChange) -> None:
    quote = planned.quote
    replace_item(
        unit,
        subscription.id,
        planned.item.id,
        price_id=planned.new.id,
        quantity=planned.quantity,
        on=quote.effective_on,
    )
    anchor = quote.new_anchor or subscription.anchor
    interval = planned.new.interval if quote.new_anchor else subscription.interval
    current = quote.new_period or subscription.current
    values: dict[str, Any] = {
        "anchor_on": anchor.on,
        "anchor_day": anchor.day,
        "interval_unit": interval.unit,
        "interval_count": interval.count,
        "lead_days": lead_days(interval, unit.merchant.issue_lead_days),
        "current_start": current.start,
        "current_end": current.end,
        "billed_through": quote.billed_through,
        "upgrade_until": None,
    }
    moved = replace(subscription, **values)
    table = subscriptions.c
    unit.session.execute(
        update(subscriptions)
        .where(table.merchant_id == unit.merchant_id, table.id == subscription.id)
        .values(**values, next_at=next_at(moved.agreement), version=table.version + 1)
    )
    before = {"price": str(planned.old.id), "quantity": planned.item.quantity}
    unit.audit(
        "subscription.change",
        "subscription",
        subscription.id,
        before=before,
        after=tell_change(planned),
    )


def _bump(unit: Work, subscription_id: UUID) -> None:
    """A new version: the next change of this subscription has another id."""
    table = subscriptions.c
    unit.session.execute(
        update(subscriptions)
        .where(table.merchant_id == unit.merchant_id, table.id == subscription_id)
        .values(version=table.version + 1)
    )
