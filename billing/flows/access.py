"""The access decision of a subscription: its agreement, and the grace of what it owes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from billing import queries
from billing.access import Access, decide
from billing.flows.chase_facts import facts_of
from billing.records import Item, Subscription
from core.calendars import civil_date
from core.work import Work
from dunning.policy import served_until
from dunning.queries import load_policies, open_cases_of_customer
from invoices.queries import get_invoice


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision with what the subscription has: the customer may use as much, if any."""

    subscription: Subscription
    access: Access
    items: tuple[Item, ...]


def access_of(unit: Work, subscription_id: UUID) -> Decided:
    """Say whether a subscription is served at this moment; reads, and writes nothing.

    Raises:
        NotFound: ``subscription_not_found``.
    """
    subscription = queries.get_subscription(unit, subscription_id)
    grace = grace_until(unit, subscription) if subscription.status == "past_due" else None
    access = decide(subscription.agreement, unit.now, grace_until=grace)
    today = civil_date(unit.now, subscription.billing_zone)
    items = tuple(
        one
        for one in queries.items_of(unit, subscription_id)
        if one.started_on <= today and (one.ended_on is None or today < one.ended_on)
    )
    return Decided(subscription, access, items)


def grace_until(unit: Work, subscription: Subscription) -> date | None:
    """The first civil date without service: the earliest that a chased period's grace ends on."""
    cases = [
        case
        for case in open_cases_of_customer(unit, subscription.customer_id)
        if case.subscription_id == subscription.id
    ]
    policies = load_policies(unit, {case.policy_id for case in cases})
    ends = []
    for case in cases:
        invoice = get_invoice(unit, case.invoice_id)
        if invoice.kind == "period":
            zone = subscription.billing_zone
            ends.append(served_until(facts_of(unit, case, invoice), zone, policies[case.policy_id]))
    return min(ends, default=None)
