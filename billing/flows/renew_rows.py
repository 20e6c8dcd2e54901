"""What renewal reads and writes: subscriptions with their items and prices, and their new dates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Date, Integer, Text, Uuid, bindparam, text, update

from billing import queries
from billing.discounted import Granted
from billing.discounts.queries import load_grants
from billing.discounts.service import release
from billing.drafts import NO_CHANGE, lead_days
from billing.flows.ending import drop_scheduled, give_back_beyond, take_back_unserved
from billing.flows.item_rows import Extra, load_extras, put_item
from billing.flows.move_waits import put_back
from billing.flows.pulling import kinds_of
from billing.lifecycle import SubscriptionStatus
from billing.records import Change, Customer, Subscription
from billing.renewals import Agreement, next_at
from billing.service import tell
from billing.tables import subscription_changes
from core import ids
from core.calendars import Anchor, Period
from core.db import UtcDateTime
from core.work import Work
from payments.queries import chargeable_kinds
from plans.queries import Price, load_prices


@dataclass(slots=True)
class Case:
    """A subscription being moved: its row as it was, its agreement as it becomes."""

    row: Subscription
    customer: Customer
    agreement: Agreement
    item_id: UUID
    price: Price
    quantity: int
    change: Change | None
    to_price: Price | None
    # Whether the merchant may charge its method, or a card where it has none, without the payer.
    may_pull: bool
    # The versions of the items beside the first, and the prices of all of them.
    extras: tuple[Extra, ...]
    prices: dict[UUID, Price]
    grants: tuple[Granted, ...]
    steps: int = 0
    ended_on: date | None = None
    adopted: Change | None = None
    # What stands for the change in the key of the invoice it was billed by last.
    billed_as: UUID = NO_CHANGE
    # Invoices that will be void by then: what is shown before it is done.
    voided: tuple[UUID, ...] = ()


def load(unit: Work, rows: list[Subscription]) -> list[Case]:
    """Read what renewing needs of many subscriptions, in nine queries."""
    listed = [row.id for row in rows]
    people = queries.load_customers(unit, [row.customer_id for row in rows])
    items = queries.items_in_force(unit, listed)
    changes = queries.scheduled_changes(unit, listed)
    extras = load_extras(unit, listed)
    grants = load_grants(unit, listed)
    wanted = {item.price_id for item in items.values()}
    wanted |= {one.item.price_id for every in extras.values() for one in every}
    wanted |= {change.to_price_id for change in changes.values() if change.to_price_id}
    prices = load_prices(unit, wanted)
    allowed, kinds = chargeable_kinds(unit), kinds_of(unit, [r.payment_method_id for r in rows])
    cases = []
    for row in rows:
        item, change = items[row.id], changes.get(row.id)
        to_price = prices[change.to_price_id] if change and change.to_price_id else None
        cases.append(
            Case(
                row=row,
                customer=people[row.customer_id],
                agreement=row.agreement,
                item_id=item.id,
                price=prices[item.price_id],
                quantity=item.quantity,
                change=change,
                to_price=to_price,
                may_pull=kinds.get(row.payment_method_id, "card") in allowed,
                extras=extras.get(row.id, ()),
                prices=prices,
                grants=grants.get(row.id, ()),
            )
        )
    return cases


def adopt(case: Case) -> None:
    """Let the scheduled change take hold: the period that is invoiced next is the new price's."""
    change = case.change
    if change is None or case.to_price is None:
        raise ValueError("there is no change to adopt")
    case.adopted, case.change = change, None
    case.price = case.to_price
    case.quantity = change.quantity or case.quantity
    moved = change.quote.get("new_anchor")
    if moved is not None:
        anchor = Anchor(date.fromisoformat(moved["on"]), moved["day"])
        case.agreement = replace(case.agreement, anchor=anchor, interval=case.price.interval)


def settle_change(unit: Work, case: Case, period: Period) -> None:
    """Close an adopted change: the old item ends, the new one begins, with the period's start."""
    change = case.adopted
    if change is None:
        return
    case.adopted = None
    wanted = unit.merchant.issue_lead_days
    case.agreement = replace(case.agreement, lead_days=lead_days(case.agreement.interval, wanted))
    case.item_id = replace_item(
        unit,
        case.row.id,
        case.item_id,
        price_id=case.price.id,
        quantity=case.quantity,
        on=period.start,
    )
    invoice_id = unit.derive("invoice", case.row.id, "period", period.start, case.billed_as)
    unit.session.execute(
        update(subscription_changes)
        .where(
            subscription_changes.c.merchant_id == unit.merchant_id,
            subscription_changes.c.id == change.id,
        )
        .values(state="applied", invoice_id=invoice_id, closed_at=unit.now)
    )
    tell(
        unit,
        "subscription.plan_changed",
        case.row,
        {
            "change": ids.public("change", change.id),
            "price": ids.public("price", case.price.id),
            "plan": case.price.plan_code,
            "quantity": case.quantity,
            "effective_on": period.start.isoformat(),
        },
    )
    if moved := change.quote.get("moved"):
        case.change = put_back(unit, case.row, UUID(moved))
        to_price = case.change and case.change.to_price_id
        case.to_price = load_prices(unit, [to_price])[to_price] if to_price else None


def replace_item(
    unit: Work, subscription_id: UUID, item_id: UUID, *, price_id: UUID, quantity: int, on: date
) -> UUID:
    """End one item and begin another on the same date; returns the new one's id.

    Where a change had taken hold of a period that is invoiced and not begun, two items reach
    beyond the date: the one being served, and the one that never will be. Both end.
    """
    new_id = unit.derive("item", item_id, on, price_id, quantity)
    put_item(
        unit, subscription_id, None, new_id=new_id, price_id=price_id, quantity=quantity, on=on
    )
    return new_id


def tell_rolled(unit: Work, case: Case, period: Period, *, ends_trial: bool) -> None:
    """Record that a new service period has begun."""
    tell(
        unit,
        "subscription.trial_ended" if ends_trial else "subscription.renewed",
        case.row,
        {
            "period_start": period.start.isoformat(),
            "period_end": period.end.isoformat(),
            "status": case.agreement.status.value,
        },
    )


def end(unit: Work, case: Case, on: date, *, was: SubscriptionStatus) -> None:
    """End a subscription: what was invoiced beyond the end is taken back, a change is dropped."""
    incomplete = was is SubscriptionStatus.INCOMPLETE
    drop_scheduled(unit, case.row.id)
    since = case.row.started_on if incomplete else on
    take_back_unserved(unit, case.row, since, freed_from=since)
    if not incomplete and _ends_on_date(unit, case.row.id):
        give_back_beyond(unit, case.row, on)
    case.change = None
    if incomplete:
        release(unit, [case.row.id])
    tell(
        unit,
        "subscription.canceled",
        case.row,
        {
            "ended_on": on.isoformat(),
            "reason": "first_payment_missing" if incomplete else case.row.cancel_reason,
        },
    )


def _ends_on_date(unit: Work, subscription_id: UUID) -> bool:
    """Whether it was to end on a date: what was billed beyond comes back on that day."""
    asked = [one for one in queries.changes_of(unit, subscription_id) if one.kind == "cancel"]
    return bool(asked) and asked[-1].mode == "on_date"


_STORE = text(
    """
    UPDATE subscriptions s SET
        status = v.status, current_start = v.current_start, current_end = v.current_end,
        billed_through = v.billed_through, anchor_on = v.anchor_on, anchor_day = v.anchor_day,
        interval_unit = v.interval_unit, interval_count = v.interval_count,
        lead_days = v.lead_days, next_at = v.next_at, ended_on = v.ended_on,
        pause_on = v.pause_on, resume_on = v.resume_on, upgrade_until = v.upgrade_until,
        pause_policy = CASE WHEN v.pause_on IS NOT NULL THEN s.pause_policy END,
        resume_keeps_anchor = s.resume_keeps_anchor AND v.pause_on IS NOT NULL,
        cancel_reason = CASE WHEN v.ended_on IS NOT NULL AND s.status = 'incomplete'
                             THEN 'first_payment_missing' ELSE s.cancel_reason END,
        canceled_at = CASE WHEN v.ended_on IS NULL THEN s.canceled_at
                           ELSE coalesce(s.canceled_at, :now) END,
        version = s.version + 1
    FROM unnest(
        CAST(:id AS uuid[]), CAST(:status AS text[]), CAST(:current_start AS date[]),
        CAST(:current_end AS date[]), CAST(:billed_through AS date[]),
        CAST(:anchor_on AS date[]), CAST(:anchor_day AS integer[]),
        CAST(:interval_unit AS text[]), CAST(:interval_count AS integer[]),
        CAST(:lead_days AS integer[]), CAST(:next_at AS timestamptz[]),
        CAST(:ended_on AS date[]), CAST(:pause_on AS date[]), CAST(:resume_on AS date[]),
        CAST(:upgrade_until AS date[])
    ) AS v(id, status, current_start, current_end, billed_through, anchor_on, anchor_day,
           interval_unit, interval_count, lead_days, next_at, ended_on, pause_on, resume_on,
           upgrade_until)
    WHERE s.merchant_id = :merchant_id AND s.id = v.id
    """
).bindparams(
    bindparam("merchant_id", type_=Uuid()),
    bindparam("now", type_=UtcDateTime()),
    bindparam("id", type_=ARRAY(Uuid())),
    bindparam("next_at", type_=ARRAY(UtcDateTime())),
    *(bindparam(name, type_=ARRAY(Text())) for name in ("status", "interval_unit")),
    *(
        bindparam(name, type_=ARRAY(Integer()))
        for name in ("anchor_day", "interval_count", "lead_days")
    ),
    *(
        bindparam(name, type_=ARRAY(Date()))
        for name in (
            "current_start",
            "current_end",
            "billed_through",
            "anchor_on",
            "ended_on",
            "pause_on",
            "resume_on",
            "upgrade_until",
        )
    ),
)


def store(unit: Work, cases: list[Case]) -> None:
    """Write the new dates of many subscriptions in one statement."""
    if not cases:
        return
    rows = [_values(case) for case in cases]
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
    unit.session.execute(_STORE, {"merchant_id": unit.merchant_id, "now": unit.now, **columns})


def _values(case: Case) -> dict[str, Any]:
    agreement = case.agreement
    return {
        "id": case.row.id,
        "status": agreement.status.value,
        "current_start": agreement.current.start,
        "current_end": agreement.current.end,
        "billed_through": agreement.billed_through,
        "anchor_on": agreement.anchor.on,
        "anchor_day": agreement.anchor.day,
        "interval_unit": agreement.interval.unit,
        "interval_count": agreement.interval.count,
        "lead_days": agreement.lead_days,
        "next_at": next_at(agreement),
        "ended_on": case.ended_on,
        "pause_on": agreement.pause_on,
        "resume_on": agreement.resume_on,
        "upgrade_until": agreement.upgrade_until,
    }
