"""Writes of customers and subscriptions inside this folder; what a payment changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import update

from billing import queries
from billing.lifecycle import SubscriptionEvent, SubscriptionStatus, move
from billing.records import NO_PAUSE, Customer, Subscription, dates_of
from billing.renewals import Agreement, next_at, resume
from billing.tables import customers, subscriptions
from core import ids
from core.bulk import insert_rows
from core.calendars import civil_date, zone_of
from core.errors import Conflict, InvalidRequest
from core.npwp import tidy_npwp
from core.work import Work
from invoices.queries import get_invoice, lines_in_force
from invoices.service import InvoiceState
from payments.channels import STANDING

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|[^@\s]+@localhost")
_EDITABLE = frozenset(
    {
        "external_id", "name", "company", "email", "phone", "address", "npwp", "locale",
        "billing_zone", "preferred_channel", "metadata",
    }
)  # fmt: skip


def create_customer(
    unit: Work,
    *,
    name: str,
    email: str,
    company: str | None = None,
    phone: str | None = None,
    address: str | None = None,
    npwp: str | None = None,
    locale: str | None = None,
    billing_zone: str | None = None,
    preferred_channel: str | None = None,
    external_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Customer:
    """Create a customer; language and zone are the merchant's where they are not said.

    Args:
        npwp: 15 or 16 digits; dots and dashes are dropped.
        billing_zone: IANA name, decides on which date the customer's periods begin.
        key: the caller's idempotency key: the same key gives the same customer.

    Raises:
        InvalidRequest: naming the field that is wrong.
        Conflict: ``external_id_taken``.
    """
    customer_id = unit.derive("customer", key) if key else ids.fresh()
    if key and (known := queries.load_customers(unit, [customer_id])):
        return known[customer_id]
    fields: dict[str, Any] = {
        "external_id": external_id,
        "name": name,
        "company": company,
        "email": email,
        "phone": phone,
        "address": address,
        "npwp": npwp,
        "locale": locale or unit.merchant.locale,
        "billing_zone": billing_zone or unit.merchant.billing_zone,
        "preferred_channel": preferred_channel,
        "metadata": dict(metadata or {}),
    }
    _check(unit, fields)
    row = {
        "merchant_id": unit.merchant_id,
        "id": customer_id,
        **fields,
        "created_at": unit.now,
    }
    insert_rows(unit.session, customers, [row])
    unit.event(
        "customer.created",
        "customer",
        customer_id,
        {"customer": ids.public("customer", customer_id)},
        customer_id=customer_id,
    )
    # Personal data is erased on request; an audit is not: it names the fields, not their content.
    unit.audit("customer.create", "customer", customer_id, after={"fields": _given(fields)})
    return queries.get_customer(unit, customer_id)


def update_customer(unit: Work, customer_id: UUID, fields: Mapping[str, Any]) -> Customer:
    """Change a customer; invoices already issued keep what they say.

    Raises:
        NotFound: ``customer_not_found``.
        InvalidRequest: naming the field that is wrong.
        Conflict: ``external_id_taken``.
    """
    for name in sorted(set(fields) - _EDITABLE):
        raise InvalidRequest("not_editable", f"{name!r} can not be changed.", field=name)
    queries.lock_customers(unit, [customer_id])
    before = queries.get_customer(unit, customer_id)
    changed = {name: value for name, value in fields.items() if getattr(before, name) != value}
    if not changed:
        return before
    _check(unit, changed)
    unit.session.execute(
        update(customers)
        .where(customers.c.merchant_id == unit.merchant_id, customers.c.id == customer_id)
        .values(**changed, version=customers.c.version + 1)
    )
    filled = {"fields": _given({name: getattr(before, name) for name in changed})}
    told = {"fields": sorted(changed)}
    unit.audit("customer.update", "customer", customer_id, before=filled, after=told)
    return queries.get_customer(unit, customer_id)


def after_paid(unit: Work, invoice: InvoiceState) -> None:
    """Do what an invoice being paid means for its subscription.

    Call it once for each `InvoiceState` with ``became_paid``. An incomplete subscription becomes
    active; one that is behind becomes active when no other period of it is overdue or declined. Of
    one that is paused, what is paid for and left after the pause is served again.
    Money, tax and the receipt are the caller's.
    """
    if invoice.subscription_id is None:
        return
    subscription = queries.lock_subscription(unit, invoice.subscription_id)
    match SubscriptionStatus(subscription.status):
        case SubscriptionStatus.INCOMPLETE:
            move_subscription(unit, subscription, SubscriptionEvent.ACTIVATED)
        case SubscriptionStatus.PAST_DUE | SubscriptionStatus.UNPAID:
            if not queries.is_behind(unit, subscription.id, without=invoice.id):
                move_subscription(unit, subscription, SubscriptionEvent.PAYMENT_RECOVERED)
        case SubscriptionStatus.PAUSED:
            _hold_through(
                unit, subscription, max(_held(unit, subscription), subscription.billed_through)
            )
        case _:
            pass
    if invoice.kind == "change":
        # Lazy: an upgrade that is done gives back and issues, which pays invoices.
        from billing.flows.upgrade_done import upgrade_paid

        upgrade_paid(unit, invoice)


def after_written_off(unit: Work, subscription_id: UUID) -> None:
    """A period was written off while it is paused: time that nobody paid is not served after it."""
    subscription = queries.lock_subscription(unit, subscription_id)
    if subscription.status == SubscriptionStatus.PAUSED:
        _hold_through(
            unit, subscription, min(_held(unit, subscription), subscription.billed_through)
        )


def after_void(unit: Work, subscription_id: UUID) -> None:
    """What put a subscription behind was taken out: it is in order if nothing else does.

    One that is not served any more stays so: nobody paid.
    """
    subscription = queries.lock_subscription(unit, subscription_id)
    if subscription.status != SubscriptionStatus.PAST_DUE:
        return
    if not queries.is_behind(unit, subscription.id):
        move_subscription(unit, subscription, SubscriptionEvent.PAYMENT_RECOVERED)


def after_failed(unit: Work, invoice_id: UUID) -> None:
    """Do what follows from a charge that was declined, or an invoice left unpaid past its day.

    Only an invoice for a period puts its subscription behind; an upgrade or a one-off does not.
    """
    invoice = get_invoice(unit, invoice_id)
    if invoice.subscription_id is None or invoice.kind != "period" or invoice.status != "open":
        return
    subscription = queries.lock_subscription(unit, invoice.subscription_id)
    if subscription.status == SubscriptionStatus.ACTIVE:
        move_subscription(unit, subscription, SubscriptionEvent.PAYMENT_FAILED)


_TOLD = {
    SubscriptionEvent.ACTIVATED: "subscription.activated",
    SubscriptionEvent.PAYMENT_FAILED: "subscription.past_due",
    SubscriptionEvent.PAYMENT_RECOVERED: "subscription.recovered",
}


def move_subscription(unit: Work, subscription: Subscription, event: SubscriptionEvent) -> str:
    """Move a locked subscription by the table of legal moves; its next step follows.

    Raises:
        IllegalMove: ``illegal_move``.
    """
    status = move(SubscriptionStatus(subscription.status), event)
    if status == subscription.status:
        return status.value
    values: dict[str, Any] = {"status": status.value, "version": subscriptions.c.version + 1}
    if event is SubscriptionEvent.ACTIVATED:
        values["incomplete_until"] = None
    payload = {"status": status.value}
    agreement = replace(subscription.agreement, status=status)
    if event is SubscriptionEvent.GAVE_UP_KEEP and subscription.pause_on is not None:
        values |= NO_PAUSE  # who pays his debt later wants to be served
        agreement = replace(agreement, pause_on=None, resume_on=None, keeps_anchor=False)
    if subscription.status == SubscriptionStatus.UNPAID and status.is_billable:
        agreement = _served_again(unit, agreement)
        values |= dates_of(agreement)
    if agreement.billed_through != subscription.billed_through:
        payload["served_from"] = agreement.billed_through.isoformat()
    table = subscriptions.c
    unit.session.execute(
        update(subscriptions)
        .where(table.merchant_id == unit.merchant_id, table.id == subscription.id)
        .values(**values, next_at=next_at(agreement))
    )
    if event in _TOLD:
        tell(unit, _TOLD[event], subscription, payload)
    unit.ring("subscription.renew")
    return status.value


def tell(
    unit: Work, type_: str, subscription: Subscription, payload: Mapping[str, Any] | None = None
) -> None:
    """Record an event about a subscription."""
    unit.event(
        type_,
        "subscription",
        subscription.id,
        {
            "subscription": ids.public("subscription", subscription.id),
            "customer": ids.public("customer", subscription.customer_id),
            **(payload or {}),
        },
        customer_id=subscription.customer_id,
    )


def _held(unit: Work, subscription: Subscription) -> date:
    """Up to where a paused subscription is paid for, or owes: at the least until its pause."""
    paused_on = subscription.pause_on
    assert paused_on is not None
    if subscription.pause_policy != "forfeit":
        return subscription.billed_through
    lines = lines_in_force(unit, subscription.id, paused_on)
    left = [one for one in lines if not one.amount or one.amount > one.by_changes + one.by_hand]
    return max([paused_on, *(one.period_end for one in left)])


def _hold_through(unit: Work, subscription: Subscription, held: date) -> None:
    if held == subscription.billed_through:
        return
    table = subscriptions.c
    unit.session.execute(
        update(subscriptions)
        .where(table.merchant_id == unit.merchant_id, table.id == subscription.id)
        .values(billed_through=held, version=table.version + 1)
    )


def _served_again(unit: Work, agreement: Agreement) -> Agreement:
    """Days nobody was served are not billed: time that is not invoiced yet begins today (R42)."""
    today = civil_date(unit.now, agreement.zone)
    return agreement if today < agreement.billed_through else resume(agreement, today)


def _check(unit: Work, fields: dict[str, Any]) -> None:
    for name, needed, limit in (
        ("name", True, 200), ("email", True, 254), ("company", False, 200), ("phone", False, 40),
        ("address", False, 500), ("external_id", False, 255),
    ):  # fmt: skip
        value = fields.get(name)
        if name in fields and (
            (needed and not str(value or "").strip()) or len(str(value or "")) > limit
        ):
            raise InvalidRequest(
                f"invalid_{name}", f"{name} has 1 to {limit} characters.", field=name
            )
    if "email" in fields and _EMAIL.fullmatch(fields["email"]) is None:
        raise InvalidRequest("invalid_email", "That is not an address of mail.", field="email")
    if "locale" in fields and fields["locale"] not in ("id", "en"):
        raise InvalidRequest("invalid_locale", "locale is 'id' or 'en'.", field="locale")
    if "billing_zone" in fields:
        zone_of(fields["billing_zone"], "billing_zone")
    if fields.get("npwp"):
        fields["npwp"] = tidy_npwp(fields["npwp"])
    if fields.get("preferred_channel") not in {None, *STANDING}:
        raise InvalidRequest("unknown_channel", "No such number.", field="preferred_channel")
    external_id = fields.get("external_id")
    if external_id and queries.find_customer(unit, external_id=external_id) is not None:
        raise Conflict(
            "external_id_taken", f"{external_id!r} names another customer.", field="external_id"
        )


def _given(fields: Mapping[str, Any]) -> list[str]:
    return sorted(name for name, value in fields.items() if value)
