"""How a subscription begins: on which day, and with which invoice where that is today."""

from __future__ import annotations

from datetime import date

from billing.discounts.queries import load_grants
from billing.drafts import InvoiceDraft, Issued, due_date
from billing.flows.issue import issue
from billing.flows.item_rows import load_extras, part_lines, parts_on
from billing.records import Customer, Subscription
from core.errors import InvalidRequest
from core.work import Work
from plans.queries import Price, load_prices

_YEARS = 2


def check_start(start_on: date | None, today: date) -> date:
    """Give the first date served; refuse one that is over or years ahead: ``invalid_starts_on``."""
    if start_on is None:
        return today
    if not today <= start_on <= date(today.year + _YEARS, today.month, min(today.day, 28)):
        raise InvalidRequest(
            "invalid_starts_on",
            f"A subscription starts today ({today}) or at most {_YEARS} years ahead.",
            field="starts_on",
        )
    return start_on


def first_invoice(
    unit: Work,
    subscription: Subscription,
    customer: Customer,
    price: Price,
    quantity: int,
    *,
    interactive: bool,
) -> Issued:
    """Issue the invoice of the first period of a subscription that begins now."""
    extras = load_extras(unit, [subscription.id]).get(subscription.id, ())
    parts = parts_on(
        extras, load_prices(unit, {one.item.price_id for one in extras}),
        first=price, quantity=quantity,
        on=subscription.current_start, first_paid=subscription.current_start,
        grants=load_grants(unit, [subscription.id]).get(subscription.id, ()),
    )  # fmt: skip
    lines = part_lines(
        parts,
        period=subscription.current,
        anchor=subscription.anchor,
        interval=subscription.interval,
    )
    agreement = subscription.agreement
    today = subscription.started_on
    [issued] = issue(
        unit,
        [
            InvoiceDraft(
                customer=customer,
                kind="period",
                lines=lines,
                tax_mode=price.terms.tax_mode,
                collection=agreement.collection,
                zone=agreement.zone,
                due_on=due_date(agreement.collection, today, subscription.terms_days),
                subscription_id=subscription.id,
                period=subscription.current,
                payment_method_id=subscription.payment_method_id,
                collect="by_payer" if interactive else "at_once",
            )
        ],
    )
    return issued
