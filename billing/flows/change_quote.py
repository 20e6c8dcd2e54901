"""What a plan change will do, worked out once: the preview shows it, the change stores it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from billing import queries
from billing.change_lines import NetOn
from billing.drafts import InvoiceDraft, due_date, priced_line
from billing.flows.change_modes import quote_of
from billing.flows.credit_plan import PlannedCredit, plan_credits
from billing.flows.issue import price_drafts
from billing.flows.item_rows import load_extras, prices_of_items
from billing.flows.metered_prices import check_meters
from billing.flows.net_on import net_prices_on
from billing.flows.overrides import offered
from billing.flows.upgrade_offers import pays_first
from billing.flows.usage_close import Closing, plan_cut
from billing.lifecycle import SubscriptionStatus
from billing.pay_first import PayPolicy
from billing.plan_changes import (
    BilledLine,
    ChangeLine,
    ChangeQuote,
    Offer,
    QuoteMode,
)
from billing.records import Customer, Item, Subscription
from core.calendars import Period, civil_date
from core.errors import Conflict
from core.money import Money
from core.work import Work
from invoices.lines import (
    DraftLine,
    LineKind,
    PricedDocument,
    credit_line,
    describe,
)
from invoices.queries import LineInForce, lines_in_force
from invoices.tax import is_pkp, terms_for
from invoices.tax_terms import TaxTerms
from plans.pricing import check_quantity
from plans.queries import Price, get_price, load_prices

CHANGEABLE = frozenset(
    {SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE}
)


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """Everything a change will store, before it is stored. Amounts in whole rupiah.

    ``draft`` and ``document`` are the invoice of the change; there is none at the period's end,
    on trial, or where nothing is charged. ``credits`` are credit notes: on invoices not paid yet
    (R43), and where more is given back than charged (R44). ``usage`` is what was used in a period
    that the change cuts, and is billed now. ``pays_first``: all of it waits until the invoice is
    paid (R37).
    """

    change_id: UUID
    quote: ChangeQuote
    item: Item
    old: Price
    new: Price
    quantity: int
    credits: tuple[PlannedCredit, ...]
    draft: InvoiceDraft | None
    document: PricedDocument | None
    invoice_id: UUID | None
    usage: Closing = field(default_factory=Closing)
    pays_first: bool = False
    paid: int = 0

    @property
    def charged(self) -> int:
        """What its invoice comes to, or came to when it was paid."""
        return self.document.total.amount if self.document else self.paid


def plan_change(
    unit: Work,
    subscription: Subscription,
    *,
    price_id: UUID | None,
    quantity: int | None,
    mode: QuoteMode | None,
    payment: PayPolicy | None = None,
) -> PlannedChange:
    """Work out a change as of today; reads, and writes nothing.

    Work due on the subscription has been done before (R25).

    Raises:
        NotFound: ``price_not_found``.
        Conflict: ``not_changeable``, ``price_not_sold``, ``nothing_to_change``,
            ``cancel_scheduled``, ``pause_scheduled``.
        InvalidRequest: ``invalid_quantity``, ``currency_mismatch``, ``meter_twice``.
    """
    check_changeable(subscription)
    item = queries.items_in_force(unit, [subscription.id])[subscription.id]
    old = get_price(unit, item.price_id)
    new = old if price_id is None else get_price(unit, price_id)
    if new.id != old.id or (price_id is not None and new.is_sold):
        new = offered(unit, subscription.customer_id, new)
    wanted = item.quantity if quantity is None else quantity
    check_quantity(wanted)
    _check_items(unit, subscription, old, new, restarts=mode == "restart")
    on = civil_date(unit.now, subscription.billing_zone)
    # Items beside the first go on as they are.
    every = lines_in_force(unit, subscription.id, on)
    lines = [one for one in every if one.extra_id is None]
    net_on = net_prices_on(unit, subscription, every, new, wanted, extra_id=None)
    quote = quote_of(
        subscription,
        old=Offer(old.terms, item.quantity),
        new=Offer(new.terms, wanted, net_on),
        lines=[billed_line(line) for line in lines],
        on=on,
        mode=mode,
    )
    # The version makes the id: the same preview and change have the same, the next has another.
    change_id = unit.derive("change", subscription.id, subscription.version)
    charges = tuple(charge(line, new, wanted, net_on=net_on) for line in quote.charges)
    netted, noted = share_out(unit, quote.credits, lines, new)
    customer = queries.get_customer(unit, subscription.customer_id)
    draft, document = change_invoice(
        unit, subscription, customer, new, change_id=change_id, lines=netted + charges
    )
    if document is not None and document.total.is_negative:
        # More is given back than charged: the notes fill the balance, which pays the charge.
        noted = credits_by_invoice(unit, lines, quote.credits)
        draft, document = change_invoice(
            unit, subscription, customer, new, change_id=change_id, lines=charges
        )
    waits = pays_first(unit, subscription, quote, document, payment)
    if draft is not None and waits:
        draft = replace(draft, is_offer=True)
    return PlannedChange(
        change_id=change_id,
        quote=quote,
        item=item,
        old=old,
        new=new,
        quantity=wanted,
        credits=noted,
        draft=draft,
        document=document,
        invoice_id=None if draft is None else unit.derive("invoice", *draft.key),
        usage=plan_cut(unit, subscription, quote.new_period),
        pays_first=waits,
    )


def billed_line(line: LineInForce) -> BilledLine:
    """Show a stored line to the rules of changes."""
    return BilledLine(
        line_id=line.id,
        net=Money(line.amount),
        period=Period(line.period_start, line.period_end),
        credited=Money(line.by_changes),
        manual=Money(line.by_hand),
        is_paid=line.status == "paid",
    )


def credits_by_invoice(
    unit: Work,
    lines: Sequence[LineInForce],
    credits_: Sequence[ChangeLine],
    *,
    without: Collection[UUID] = (),
) -> tuple[PlannedCredit, ...]:
    """Turn the credits of a quote into credit notes, each within its own invoice."""
    source = {line.id: line.invoice_id for line in lines}
    wanted = [
        (source[credit.credits_line_id], credit.credits_line_id, -credit.amount.amount)
        for credit in credits_
        if credit.credits_line_id is not None and not credit.amount.is_zero
    ]
    return plan_credits(unit, wanted, without=without)


def check_changeable(subscription: Subscription) -> None:
    """Refuse to change what is not served, or is about to end."""
    if SubscriptionStatus(subscription.status) not in CHANGEABLE:
        raise Conflict(
            "not_changeable", f"A subscription that is {subscription.status} is not changed."
        )
    if subscription.cancel_on is not None:
        raise Conflict(
            "cancel_scheduled",
            f"The subscription ends on {subscription.cancel_on}: undo that first.",
        )
    if subscription.pause_on is not None:
        raise Conflict(
            "pause_scheduled",
            f"The subscription is paused from {subscription.pause_on}: undo that first.",
        )


def _check_items(
    unit: Work, subscription: Subscription, old: Price, new: Price, *, restarts: bool
) -> None:
    """All items have one period and one tax mode, and no meter is billed by two of them."""
    same = old.interval.is_as_long_as(new.interval) and old.tax_mode == new.tax_mode
    alike = same and not restarts
    today = civil_date(unit.now, subscription.billing_zone)
    extras = load_extras(unit, [subscription.id]).get(subscription.id, ())
    beside = prices_of_items(extras, today)
    if new.id != old.id:
        check_meters(unit, [*beside, {new.id}])
    if not alike and beside:
        raise Conflict(
            "items_in_the_way",
            "Other items are billed by the present interval and tax mode: remove them first.",
            field="price",
        )


def share_out(
    unit: Work, credits_: Sequence[ChangeLine], lines: Sequence[LineInForce], new: Price
) -> tuple[tuple[DraftLine, ...], tuple[PlannedCredit, ...]]:
    """Credits of paid invoices stand on the change's own invoice, all others are credit notes.

    A line also needs a note where it was taxed by another rule than the new invoice will be: one
    document has one treatment, and a credit returns the tax that was charged.
    """
    by_id = {line.id: line for line in lines}
    merchant = unit.merchant
    pkp = is_pkp(merchant.pkp_since, merchant.pkp_until, unit.today)
    now = terms_for(merchant.tax_treatment, new.terms.tax_mode, unit.today, pkp=pkp)
    sold = load_prices(unit, [line.price_id for line in lines if line.price_id])
    netted: list[DraftLine] = []
    noted: list[ChangeLine] = []
    for credit in credits_:
        if credit.credits_line_id is None:
            continue
        line = by_id[credit.credits_line_id]
        then = TaxTerms.from_json(line.tax)
        alike = (then.code, then.mode, then.effective) == (now.code, now.mode, now.effective)
        if line.status == "paid" and alike:
            price = sold.get(line.price_id) if line.price_id else None
            netted.append(_credit(line, credit, price.name if price else line.description))
        else:
            noted.append(credit)
    return tuple(netted), credits_by_invoice(unit, lines, noted)


def _credit(line: LineInForce, credit: ChangeLine, name: Mapping[str, str]) -> DraftLine:
    made = credit_line(
        describe(LineKind.CREDIT, name),
        billed=credit.base,
        numerator=credit.days,
        denominator=credit.of_days,
        period=credit.period,
        credits_line_id=line.id,
        already_credited=Money(line.by_changes),
        manual_credits=Money(line.by_hand),
        price_id=line.price_id,
        extra_id=line.extra_id,
    )
    if made.amount != credit.amount:
        raise ValueError(f"{made.amount} is not the {credit.amount} that was quoted")
    return made


def charge(
    line: ChangeLine,
    price: Price,
    quantity: int,
    extra_id: UUID | None = None,
    *,
    net_on: NetOn | None = None,
) -> DraftLine:
    """Write a charge of a quote as a line."""
    return priced_line(
        LineKind.RECURRING if line.days == line.of_days else LineKind.CHARGE,
        name=price.name,
        price_id=price.id,
        terms=price.terms,
        quantity=quantity,
        period=line.period,
        days=line.days,
        of_days=line.of_days,
        extra_id=extra_id,
        net=None if net_on is None else net_on(line.period.start),
    )


def change_invoice(
    unit: Work,
    subscription: Subscription,
    customer: Customer,
    new: Price,
    *,
    change_id: UUID,
    lines: tuple[DraftLine, ...],
) -> tuple[InvoiceDraft | None, PricedDocument | None]:
    """Draft the invoice of a change and price it; none where there is nothing to put on it."""
    if not lines:
        return None, None
    agreement = subscription.agreement
    today = civil_date(unit.now, agreement.zone)
    charged = [line.period for line in lines if line.period and line.kind is not LineKind.CREDIT]
    spans = charged or [line.period for line in lines if line.period]
    draft = InvoiceDraft(
        customer=customer,
        kind="change",
        lines=lines,
        tax_mode=new.terms.tax_mode,
        collection=agreement.collection,
        zone=agreement.zone,
        due_on=due_date(agreement.collection, today, subscription.terms_days),
        subscription_id=subscription.id,
        period=Period(min(one.start for one in spans), max(one.end for one in spans)),
        change_id=change_id,
        payment_method_id=subscription.payment_method_id,
    )
    [document] = price_drafts(unit.merchant, [draft], unit.today, allow_negative=True)
    return draft, document
