"""Adding, changing and removing items beside the first: previewed and done from one plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import update

from billing import queries
from billing.drafts import Issued
from billing.flows.credit import CreditNote, credit_invoice
from billing.flows.issue import issue
from billing.flows.item_quote import ItemWish, PlannedItem, plan_item
from billing.flows.item_rows import put_item
from billing.flows.orders import withdraw
from billing.flows.renew import catch_up
from billing.flows.upgrade_offers import in_the_way, let_go, pending
from billing.flows.use_balance import use_balance
from billing.records import Subscription
from billing.renewals import next_step
from billing.service import tell
from billing.tables import subscription_changes, subscriptions
from core import ids
from core.bulk import insert_rows
from core.errors import Conflict
from core.work import Work


@dataclass(frozen=True, slots=True)
class ItemChanged:
    """A change of an item that was stored; what waits takes hold at ``quote.effective_on``."""

    planned: PlannedItem
    subscription: Subscription
    invoice: Issued | None
    notes: tuple[CreditNote, ...]


def preview_item(unit: Work, subscription_id: UUID, wish: ItemWish) -> PlannedItem:
    """Show what `change_item` would store if it were called today; writes nothing.

    Raises:
        Conflict: ``renewal_due`` while a renewal is about to move the subscription, and what
            `change_item` raises.
    """
    subscription = queries.get_subscription(unit, subscription_id)
    if next_step(subscription.agreement, unit.now) is not None:
        raise Conflict("renewal_due", "The subscription is being renewed: ask again in a moment.")
    return plan_item(unit, subscription, wish)


def change_item(
    unit: Work, subscription_id: UUID, wish: ItemWish, *, reason: str | None = None
) -> ItemChanged:
    """Add an item, change its price or quantity, or remove it, as of today.

    What is worth more is done at once: the unused of the old is credited as it was billed, the
    same days are charged anew, on one invoice. What is worth less waits for the period's end
    unless ``prorate`` is asked for; then it simply is what the next period is billed by.

    Raises:
        What `plan_item` raises, and NotFound ``subscription_not_found``.
    """
    subscription = catch_up(unit, queries.lock_subscription(unit, subscription_id))
    waiting = pending(unit, subscription.id)
    if waiting is not None:
        in_the_way(unit, waiting)
        subscription = let_go(unit, subscription.id, because="replaced")
    planned = plan_item(unit, subscription, wish)
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
    # The item's row is there before the lines that point at it.
    put_item(
        unit,
        subscription.id,
        planned.extra_id,
        new_id=_version_id(unit, planned),
        price_id=planned.new.id if planned.new else None,
        quantity=planned.quantity,
        on=planned.quote.effective_on,
    )
    issued = issue(unit, [planned.draft])[0] if planned.draft is not None else None
    _record(unit, subscription, planned, issued.id if issued else None, reason)
    use_balance(unit, subscription.customer_id)
    return ItemChanged(planned, queries.get_subscription(unit, subscription_id), issued, notes)


def tell_item(planned: PlannedItem) -> dict[str, Any]:
    """Give what events and audit say of a change of an item."""
    shown = planned.new or planned.old
    return {
        "change": ids.public("change", planned.change_id),
        "item": ids.public("item", planned.extra_id),
        "mode": planned.quote.mode,
        "effective_on": planned.quote.effective_on.isoformat(),
        "from_price": ids.public("price", planned.old.id) if planned.old else None,
        "from_quantity": planned.old_quantity,
        "price": ids.public("price", planned.new.id) if planned.new else None,
        "plan": shown.plan_code if shown else None,
        "quantity": planned.quantity,
        "invoice": ids.public("invoice", planned.invoice_id) if planned.invoice_id else None,
        "total": planned.document.total.amount if planned.document else 0,
        "credited": sum(credit.amount for credit in planned.credits),
    }


def _version_id(unit: Work, planned: PlannedItem) -> UUID | None:
    if planned.new is None:
        return None
    if planned.extra_id == unit.derive("item", planned.change_id, "beside"):
        return planned.extra_id
    return unit.derive("item", planned.change_id)


def _record(
    unit: Work,
    subscription: Subscription,
    planned: PlannedItem,
    invoice_id: UUID | None,
    reason: str | None,
) -> None:
    row = {
        "merchant_id": unit.merchant_id,
        "id": planned.change_id,
        "subscription_id": subscription.id,
        "extra_id": planned.extra_id,
        "kind": "item",
        "mode": planned.quote.mode,
        # Items are dated rows: what waits needs nobody to take it up.
        "state": "applied",
        "from_price_id": planned.old.id if planned.old else None,
        "to_price_id": planned.new.id if planned.new else None,
        "quantity": planned.quantity,
        "effective_on": planned.quote.effective_on,
        "invoice_id": invoice_id,
        "reason": reason,
        "quote": {
            "net": planned.quote.net.amount,
            "from_quantity": planned.old_quantity,
            "credits": [
                {"invoice": ids.public("invoice", one.invoice_id), "amount": one.amount}
                for one in planned.credits
            ],
        },
        "created_at": unit.now,
        "closed_at": unit.now,
    }
    insert_rows(unit.session, subscription_changes, [row])
    # A new version: the next change of this subscription has another id.
    table = subscriptions.c
    unit.session.execute(
        update(subscriptions)
        .where(table.merchant_id == unit.merchant_id, table.id == subscription.id)
        .values(version=table.version + 1)
    )
    told = tell_item(planned)
    tell(unit, "subscription.item_changed", subscription, told)
    before = {"price": told["from_price"], "quantity": planned.old_quantity}
    unit.audit(
        "subscription.change_item", "subscription", subscription.id, before=before, after=told
    )
