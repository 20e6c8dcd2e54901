"""Voiding an invoice and what that means: a change that nobody paid has never been.

One function for a person who voids and for dunning's end. It also sits above `void_invoice` for
whoever ends a subscription, which puts nothing back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, update

from billing import queries
from billing.drafts import lead_days
from billing.flows.change_quote import billed_line
from billing.flows.ending import drop_scheduled
from billing.flows.issue_again import bill_what_it_took_off
from billing.flows.item_rows import resumed_id
from billing.flows.move_waits import put_back, quantity_back
from billing.flows.renew_rows import replace_item
from billing.flows.take_out_item import undo_item
from billing.flows.upgrade_offers import voided
from billing.flows.void import void_invoice
from billing.plan_changes import quote_cancel
from billing.records import Change, Item, Subscription
from billing.renewals import next_at
from billing.service import after_void, tell
from billing.tables import subscription_changes, subscriptions
from core import ids
from core.bulk import insert_rows
from core.calendars import Interval, Period, civil_date
from core.work import Mail, Work, queue_mail
from invoices.queries import Invoice, get_invoice, lines_in_force
from invoices.tables import invoices
from plans.queries import Price, get_price

_WHY: Final = {
    "dunning_end": {"id": "Tagihan belum dibayar", "en": "The bill was not paid"},
}


@dataclass(frozen=True, slots=True)
class _Undoable:
    """A change nobody paid, the item it brought, and the one it ended."""

    change: Change
    item: Item
    previous: Item


def take_out(unit: Work, invoice_id: UUID, *, reason: str) -> Invoice:
    """Void an open invoice that was never paid nor credited, and undo the change it was for.

    A subscription that was behind with nothing but this invoice is in order again.

    The plan goes back to what it was before, from today; the days on the new plan were a courtesy.
    See `_undoable` for when it does not. Either way what the change took off older invoices that
    were not paid is billed again, unless service has ended: else nobody would ask for it.

    Raises:
        NotFound: ``invoice_not_found``.
        Conflict: ``invoice_not_voidable``; a credit note is the way then.
    """
    seen = get_invoice(unit, invoice_id)
    if seen.subscription_id is None:
        return void_invoice(unit, invoice_id, reason=reason)
    subscription = queries.lock_subscription(unit, seen.subscription_id)
    if voided(unit, invoice_id):
        return get_invoice(unit, invoice_id)
    invoice = void_invoice(unit, invoice_id, reason=reason)
    if invoice.kind == "change" and subscription.ended_on is None:
        found = _undoable(unit, invoice, subscription)
        if found is not None:
            _undo(unit, invoice, subscription, found, reason=reason)
        elif not _billed_later(unit, invoice):
            undo_item(unit, subscription, invoice.id, reason=reason)
        _bill_again(unit, invoice)
    if invoice.kind == "period":
        after_void(unit, subscription.id)
    return invoice


def _undoable(unit: Work, invoice: Invoice, subscription: Subscription) -> _Undoable | None:
    """Find the change of a void invoice, the item it brought and the one before.

    None where something else stands on the change, and everything is left as it is:

    - another change followed, or a change at the period's end was taken up: that one was made from
      this plan, and its invoice is in force;
    - a later period was invoiced at the new price: who pays that wants the plan, and who does not
      is ended by that invoice's own case;
    - the change moved the anchor, and the dates from before are not known (changes of old) or have
      moved since.

    A part payment or a credit note never comes here: such an invoice is not voided but credited.
    """
    every = queries.changes_of(unit, subscription.id)
    made = [one for one in every if one.kind == "plan" and one.state == "applied"]
    change = next((one for one in made if one.invoice_id == invoice.id), None)
    if change is None or any(one.created_at > change.created_at for one in made):
        return None
    item = queries.items_in_force(unit, [subscription.id])[subscription.id]
    listed = queries.items_of(unit, subscription.id)
    brought = _brought(unit, item, listed)
    previous = next((one for one in listed if _follows(unit, brought, one)), None)
    if (
        previous is None
        or (item.price_id, item.quantity) != (change.to_price_id, change.quantity)
        or previous.price_id != change.from_price_id
        or _billed_later(unit, invoice)
    ):
        return None
    if change.quote.get("new_anchor") is not None:
        stands = (subscription.billed_through, subscription.current_end)
        if "before" not in change.quote or stands != (invoice.period_end, invoice.period_end):
            return None
    return _Undoable(change, item, previous)


def _bill_again(unit: Work, invoice: Invoice) -> None:
    """Bill what the change of a void invoice had taken off; the dates have been put back."""
    assert invoice.subscription_id is not None
    for change in queries.changes_of(unit, invoice.subscription_id):
        if change.kind in ("plan", "item") and change.invoice_id == invoice.id:
            now = queries.get_subscription(unit, invoice.subscription_id)
            bill_what_it_took_off(unit, now, change)


def _brought(unit: Work, item: Item, listed: Sequence[Item]) -> Item:
    """The item that a change brought, of what goes on of it after any number of pauses."""
    before = {resumed_id(unit, one.id, item.started_on): one for one in listed}
    stood_still = before.get(item.id)
    return item if stood_still is None else _brought(unit, stood_still, listed)


def _follows(unit: Work, item: Item, other: Item) -> bool:
    """Whether an item took the place of the other: its id was derived from it."""
    derived = unit.derive("item", other.id, item.started_on, item.price_id, item.quantity)
    return item.id == derived


def _billed_later(unit: Work, invoice: Invoice) -> bool:
    inv = invoices.c
    found = unit.session.execute(
        select(inv.id)
        .where(
            inv.merchant_id == unit.merchant_id,
            inv.subscription_id == invoice.subscription_id,
            inv.kind == "period",
            inv.status != "void",
            inv.period_start >= invoice.period_end,
        )
        .limit(1)
    )
    return found.first() is not None


def _undo(
    unit: Work, invoice: Invoice, subscription: Subscription, found: _Undoable, *, reason: str
) -> None:
    change, item, previous = found.change, found.item, found.previous
    on = civil_date(unit.now, subscription.billing_zone)
    price = get_price(unit, previous.price_id)
    _drop_same(unit, subscription, previous)
    replace_item(
        unit, subscription.id, item.id,
        price_id=previous.price_id, quantity=previous.quantity, on=on,
    )  # fmt: skip
    quantity_back(unit, subscription, was=item.quantity, now=previous.quantity)
    moved = change.quote.get("moved")
    if moved and not queries.scheduled_changes(unit, [subscription.id]):
        put_back(unit, subscription, UUID(moved))
    _store(unit, subscription, _dates_before(unit, subscription, change))
    row: dict[str, Any] = {
        "merchant_id": unit.merchant_id,
        "id": unit.derive("change", subscription.id, subscription.version),
        "subscription_id": subscription.id,
        "kind": "plan",
        "mode": "prorate",
        "state": "applied",
        "from_price_id": item.price_id,
        "to_price_id": price.id,
        "quantity": previous.quantity,
        "effective_on": on,
        "invoice_id": None,
        "reason": reason,
        "quote": {
            "net": 0,
            "new_anchor": None,
            "credits": [],
            "reverses": ids.public("change", change.id),
        },
        "created_at": unit.now,
        "closed_at": unit.now,
    }
    insert_rows(unit.session, subscription_changes, [row])
    told = {
        "change": ids.public("change", row["id"]),
        "reverses": ids.public("change", change.id),
        "because": reason if reason in _WHY else "voided",
        "mode": "prorate",
        "effective_on": on.isoformat(),
        "from_price": ids.public("price", item.price_id),
        "from_quantity": item.quantity,
        "price": ids.public("price", price.id),
        "plan": price.plan_code,
        "quantity": previous.quantity,
        "invoice": ids.public("invoice", invoice.id),
        "total": 0,
        "credited": 0,
    }
    tell(unit, "subscription.plan_changed", subscription, told)
    before = {"price": str(item.price_id), "quantity": item.quantity}
    unit.audit(
        "subscription.undo_change", "subscription", subscription.id, before=before, after=told
    )
    _mail(unit, subscription, price, row)
    unit.ring("subscription.renew")


def _drop_same(unit: Work, subscription: Subscription, previous: Item) -> None:
    """What waits for the period's end stays, unless it is what is put back now."""
    waiting = queries.scheduled_changes(unit, [subscription.id]).get(subscription.id)
    if waiting is None or waiting.to_price_id != previous.price_id:
        return
    if waiting.quantity in (None, previous.quantity):
        drop_scheduled(unit, subscription.id)


def _dates_before(unit: Work, subscription: Subscription, change: Change) -> dict[str, Any]:
    """Give the dates a moved anchor has to go back to; nothing where it had not moved.

    Days served beyond them are billed by the next renewal, at the old price, as if it had come
    late. Who was to leave with the new period leaves with the old one, and what lies beyond is
    not billed any more.
    """
    if change.quote.get("new_anchor") is None:
        return {}
    was = change.quote["before"]
    current = Period(*(date.fromisoformat(day) for day in was["current"]))
    interval = Interval(*was["interval"])
    values: dict[str, Any] = {
        "anchor_on": date.fromisoformat(was["anchor"]["on"]),
        "anchor_day": was["anchor"]["day"],
        "interval_unit": interval.unit,
        "interval_count": interval.count,
        "lead_days": lead_days(interval, unit.merchant.issue_lead_days),
        "current_start": current.start,
        "current_end": current.end,
        "billed_through": date.fromisoformat(was["billed_through"]),
    }
    if subscription.cancel_on is not None:
        lines = lines_in_force(unit, subscription.id, current.start)
        values["cancel_on"] = quote_cancel(
            lines=[billed_line(line) for line in lines],
            period=current,
            on=current.start,
            mode="at_period_end",
        ).end_on
        values["billed_through"] = min(values["billed_through"], values["cancel_on"])
    if subscription.pause_on is not None and subscription.status != "paused":
        # What is to be paused after its paid time is, after the shorter one.
        values["pause_on"] = min(subscription.pause_on, current.end)
    return values


def _store(unit: Work, subscription: Subscription, values: dict[str, Any]) -> None:
    table = subscriptions.c
    moved = replace(subscription, **values)
    unit.session.execute(
        update(subscriptions)
        .where(table.merchant_id == unit.merchant_id, table.id == subscription.id)
        .values(**values, next_at=next_at(moved.agreement), version=table.version + 1)
    )


def _mail(unit: Work, subscription: Subscription, price: Price, change: dict[str, Any]) -> None:
    buyer = queries.get_customer(unit, subscription.customer_id)
    times = f" × {change['quantity']}" if change["quantity"] > 1 else ""
    payload: dict[str, Any] = {
        "when": change["effective_on"].isoformat(),
        "plan": {language: name + times for language, name in price.plan_name.items()},
    }
    if change["reason"] in _WHY:
        payload["reason"] = _WHY[change["reason"]]
    queue_mail(
        unit,
        [
            Mail(
                "subscription.change_undone",
                "subscription",
                subscription.id,
                recipient=buyer.email,
                locale=buyer.locale,
                customer_id=buyer.id,
                payload=payload,
                key=str(change["id"]),
            )
        ],
    )
