"""A change of an item that nobody paid has never been: what was before it comes back today."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import update

from billing import queries
from billing.flows.item_rows import load_extras, put_item
from billing.records import Change, Subscription
from billing.service import tell
from billing.tables import subscription_changes, subscriptions
from core import ids
from core.bulk import insert_rows
from core.calendars import civil_date
from core.work import Work


def undo_item(
    unit: Work, subscription: Subscription, invoice_id: UUID, *, reason: str
) -> Change | None:
    """Undo the change of an item whose invoice was voided; returns it, or none.

    None where it was changed again since, or where the item is not what the change made of it:
    then something else stands on the change, and everything is left as it is. The days served
    were a courtesy. The caller holds the subscription, and has seen that no later period was
    billed.
    """
    made = [one for one in queries.changes_of(unit, subscription.id) if one.kind == "item"]
    change = next((one for one in made if one.invoice_id == invoice_id), None)
    if change is None or change.extra_id is None:
        return None
    since = [one for one in made if one.created_at > change.created_at]
    if any(one.extra_id == change.extra_id for one in since):
        return None
    versions = load_extras(unit, [subscription.id]).get(subscription.id, ())
    now = [one.item for one in versions if one.item.extra_id == change.extra_id]
    present = next((one for one in now if one.ended_on is None), None)
    has = (present.price_id, present.quantity) if present else (None, 0)
    if has != (change.to_price_id, change.quantity):
        return None
    on = civil_date(unit.now, subscription.billing_zone)
    back = unit.derive("change", subscription.id, subscription.version)
    before = int(change.quote["from_quantity"])
    put_item(
        unit,
        subscription.id,
        change.extra_id,
        new_id=unit.derive("item", back) if before else None,
        price_id=change.from_price_id,
        quantity=before,
        on=on,
    )
    row: dict[str, Any] = {
        "merchant_id": unit.merchant_id,
        "id": back,
        "subscription_id": subscription.id,
        "extra_id": change.extra_id,
        "kind": "item",
        "mode": "prorate",
        "state": "applied",
        "from_price_id": change.to_price_id,
        "to_price_id": change.from_price_id,
        "quantity": before,
        "effective_on": on,
        "invoice_id": None,
        "reason": reason,
        "quote": {
            "net": 0,
            "from_quantity": change.quantity,
            "credits": [],
            "reverses": ids.public("change", change.id),
        },
        "created_at": unit.now,
        "closed_at": unit.now,
    }
    insert_rows(unit.session, subscription_changes, [row])
    table = subscriptions.c
    unit.session.execute(
        update(subscriptions)
        .where(table.merchant_id == unit.merchant_id, table.id == subscription.id)
        .values(version=table.version + 1)
    )
    _told(unit, subscription, change, row)
    return change


def _told(unit: Work, subscription: Subscription, change: Change, row: dict[str, Any]) -> None:
    old, new = row["from_price_id"], row["to_price_id"]
    told = {
        "change": ids.public("change", row["id"]),
        "item": ids.public("item", row["extra_id"]),
        "reverses": ids.public("change", change.id),
        "mode": "prorate",
        "effective_on": row["effective_on"].isoformat(),
        "from_price": ids.public("price", old) if old else None,
        "from_quantity": change.quantity,
        "price": ids.public("price", new) if new else None,
        "quantity": row["quantity"],
        "total": 0,
        "credited": 0,
    }
    tell(unit, "subscription.item_changed", subscription, told)
    before = {"price": told["from_price"], "quantity": change.quantity}
    unit.audit(
        "subscription.undo_change_item", "subscription", subscription.id, before=before, after=told
    )
