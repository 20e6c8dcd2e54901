"""An upgrade whose invoice is paid is done, as of the day it was offered on (R37)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from billing import queries
from billing.flows.change_plan import carry_out, give_back, make_way
from billing.flows.change_quote import PlannedChange, billed_line, credits_by_invoice
from billing.flows.upgrade_offers import close_offer, pending
from billing.flows.usage_close import plan_cut
from billing.plan_changes import ChangeQuote, QuoteMode, quote_end
from billing.records import Change, Subscription
from core.calendars import Anchor, Period
from core.money import Money
from core.work import Work
from invoices.queries import lines_in_force
from invoices.service import InvoiceState
from plans.queries import load_prices


def upgrade_paid(unit: Work, invoice: InvoiceState) -> None:
    """Do the upgrade that an invoice offered; nothing where it offered none.

    The price still holds, and nothing has come between: whatever does lets go of the offer first.
    """
    assert invoice.subscription_id is not None
    change = pending(unit, invoice.subscription_id)
    if change is None or change.invoice_id != invoice.id:
        return
    subscription = queries.lock_subscription(unit, invoice.subscription_id)
    close_offer(unit, change, "applied")
    planned = replace(_planned(unit, subscription, change), paid=invoice.total)
    make_way(unit, subscription.id, planned)
    give_back(unit, planned)
    carry_out(unit, replace(subscription, upgrade_until=None), planned)


def _planned(unit: Work, subscription: Subscription, change: Change) -> PlannedChange:
    """Put together again what was offered, with what it gives back of invoices not paid yet.

    What its own invoice credited counts by now; what is left to credit are the lines that wanted a
    note of their own, as they stand today.
    """
    kept = change.quote
    on = change.effective_on
    item = queries.items_in_force(unit, [subscription.id])[subscription.id]
    assert change.to_price_id is not None
    assert change.quantity is not None
    prices = load_prices(unit, {item.price_id, change.to_price_id})
    lines = [
        line
        for line in lines_in_force(unit, subscription.id, on)
        if line.extra_id is None and line.invoice_id != change.invoice_id
    ]
    credits_ = credits_by_invoice(unit, lines, quote_end([billed_line(one) for one in lines], on))
    anchor, period = kept.get("new_anchor"), kept.get("new_period")
    mode: QuoteMode = "restart" if change.mode == "restart" else "prorate"
    quote = ChangeQuote(
        mode=mode,
        effective_on=on,
        credits=(),
        charges=(),
        net=Money(kept["net"]),
        billed_through=date.fromisoformat(kept["through"]),
        new_anchor=Anchor(date.fromisoformat(anchor["on"]), anchor["day"]) if anchor else None,
        new_period=Period(*(date.fromisoformat(day) for day in period)) if period else None,
    )
    return PlannedChange(
        change_id=change.id,
        quote=quote,
        item=item,
        old=prices[item.price_id],
        new=prices[change.to_price_id],
        quantity=change.quantity,
        credits=credits_,
        draft=None,
        document=None,
        invoice_id=change.invoice_id,
        usage=plan_cut(unit, subscription, quote.new_period),
        pays_first=True,
    )
