"""What a change of one item will do, worked out once: the preview shows it, the deed stores it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from billing import queries
from billing.drafts import InvoiceDraft
from billing.flows.change_quote import (
    billed_line,
    change_invoice,
    charge,
    check_changeable,
    credits_by_invoice,
    share_out,
)
from billing.flows.credit_plan import PlannedCredit
from billing.flows.item_rows import Extra, load_extras, prices_of_items, setup_line
from billing.flows.metered_prices import check_meters
from billing.flows.net_on import net_prices_on
from billing.flows.overrides import offered
from billing.flows.subscribe import check_items
from billing.item_changes import ItemQuote, quote_item
from billing.lifecycle import SubscriptionStatus
from billing.plan_changes import ChangeMode, Offer
from billing.records import Subscription
from core.calendars import civil_date
from core.errors import Conflict, InvalidRequest, NotFound
from core.work import Work
from invoices.lines import PricedDocument
from invoices.queries import lines_in_force
from plans.queries import Price, get_price, load_prices


@dataclass(frozen=True, slots=True)
class ItemWish:
    """What is asked for: an item that is there, or a price to add; a quantity of 0 removes it."""

    extra_id: UUID | None = None
    price_id: UUID | None = None
    quantity: int | None = None
    mode: ChangeMode | None = None


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """Everything a change of an item will store, before it is stored. Amounts in whole rupiah.

    ``old`` and ``new`` are the prices before and after, ``None`` where there is nothing;
    ``draft``, ``document`` and ``credits`` are those of `PlannedChange`.
    """

    change_id: UUID
    quote: ItemQuote
    extra_id: UUID
    old: Price | None
    old_quantity: int
    new: Price | None
    quantity: int
    credits: tuple[PlannedCredit, ...]
    draft: InvoiceDraft | None
    document: PricedDocument | None
    invoice_id: UUID | None


def plan_item(unit: Work, subscription: Subscription, wish: ItemWish) -> PlannedItem:
    """Work out a change of one item as of today; reads, and writes nothing.

    Work due on the subscription has been done before (R25).

    Raises:
        NotFound: ``item_not_found`` or ``price_not_found``.
        Conflict: ``not_changeable``, ``price_not_sold``, ``nothing_to_change``,
            ``cancel_scheduled``, ``change_waits``, ``item_not_begun``.
        InvalidRequest: ``price_needed``, ``invalid_quantity``, ``item_interval``,
            ``item_tax_mode``, ``too_many_items``, ``meter_twice``.
    """
    check_changeable(subscription)
    # Before it begins nothing is served: what is added then is had from the first day on.
    on = max(civil_date(unit.now, subscription.billing_zone), subscription.started_on)
    change_id = unit.derive("change", subscription.id, subscription.version)
    extras = load_extras(unit, [subscription.id]).get(subscription.id, ())
    prices = load_prices(unit, {one.item.price_id for one in extras})
    versions = [one for one in extras if one.item.extra_id == wish.extra_id]
    # What there will be once what waits has taken hold, and what there is today.
    last = versions[-1] if versions and versions[-1].item.ended_on is None else None
    today = next((one for one in versions if one.serves(on)), None)
    if wish.extra_id is not None and last is None and today is None:
        raise NotFound("item_not_found", "The subscription has no such item.")

    known = last or today
    old_price = prices[known.item.price_id] if known else None
    new, quantity = _wanted(unit, subscription, wish, known, old_price)
    if new is not None:
        others = [
            (prices[one.item.price_id], one.item.quantity)
            for one in extras
            if one.item.ended_on is None and one.item.extra_id != wish.extra_id
        ]
        first = _check_beside(unit, subscription, [*others, (new, quantity)])
        if old_price is None or new.id != old_price.id:
            beside = prices_of_items(extras, on, without=wish.extra_id)
            check_meters(unit, [first, *beside, {new.id}])
    present, future = _offer(prices, today or last), _offer(prices, last)
    extra_id = wish.extra_id or unit.derive("item", change_id, "beside")
    every = lines_in_force(unit, subscription.id, on)
    net_on = None
    if new is not None:
        net_on = net_prices_on(unit, subscription, every, new, quantity, extra_id=extra_id)
    wanted = None if new is None else Offer(new.terms, quantity, net_on)
    mode = _mode(wish, known, today)
    if wanted == future and (wanted == present or mode != "prorate"):
        raise Conflict("nothing_to_change", "The item is already what you ask for.")
    if wanted == present:
        mode = "at_period_end"  # what waits is undone, and nothing is billed for that
    lines = [one for one in every if one.extra_id == wish.extra_id and wish.extra_id is not None]
    quote = quote_item(
        old=present,
        new=wanted,
        lines=[billed_line(line) for line in lines],
        anchor=subscription.anchor,
        interval=subscription.interval,
        billed_through=subscription.billed_through,
        on=on,
        mode=mode,
        paid_from=(
            subscription.trial_end_on
            if subscription.status == SubscriptionStatus.TRIALING
            else None
        ),
    )
    charges = tuple(
        charge(line, new, quantity, extra_id, net_on=net_on)
        for line in quote.charges
        if new is not None
    )
    if quote.sets_up and new is not None and new.setup_amount:
        charges = (*charges, setup_line(new, extra_id))
    taxed_as = new or old_price
    assert taxed_as is not None  # an item is there, or a price is asked for
    customer = queries.get_customer(unit, subscription.customer_id)
    netted, noted = share_out(unit, quote.credits, lines, taxed_as)
    draft, document = change_invoice(
        unit, subscription, customer, taxed_as, change_id=change_id, lines=netted + charges
    )
    if document is not None and document.total.is_negative:
        # More is given back than charged: the notes fill the balance, which pays the charge.
        noted = credits_by_invoice(unit, lines, quote.credits)
        draft, document = change_invoice(
            unit, subscription, customer, taxed_as, change_id=change_id, lines=charges
        )
    return PlannedItem(
        change_id=change_id,
        quote=quote,
        extra_id=extra_id,
        old=old_price,
        old_quantity=known.item.quantity if known else 0,
        new=new,
        quantity=quantity,
        credits=noted,
        draft=draft,
        document=document,
        invoice_id=None if draft is None else unit.derive("invoice", *draft.key),
    )


def _wanted(
    unit: Work,
    subscription: Subscription,
    wish: ItemWish,
    known: Extra | None,
    old: Price | None,
) -> tuple[Price | None, int]:
    """Say what there is to be: a price and a quantity, or nothing."""
    present = known.item.quantity if known else 1
    quantity = present if wish.quantity is None else wish.quantity
    if quantity == 0:
        if known is None:
            raise InvalidRequest("invalid_quantity", "Nothing is added.", field="quantity")
        return None, 0
    if wish.price_id is not None and (old is None or wish.price_id != old.id):
        return offered(unit, subscription.customer_id, get_price(unit, wish.price_id)), quantity
    if old is None:
        raise InvalidRequest("price_needed", "Say which price is added.", field="price")
    return old, quantity


def _mode(wish: ItemWish, known: Extra | None, today: Extra | None) -> ChangeMode | None:
    if known is None or today is not None:
        return wish.mode
    if wish.mode == "prorate":
        raise Conflict(
            "item_not_begun", "The item begins with the next period: change it for then."
        )
    return "at_period_end"


def _check_beside(
    unit: Work, subscription: Subscription, extras: Sequence[tuple[Price, int]]
) -> set[UUID]:
    """All items stand on one invoice, also with what the first one waits to become.

    Gives the prices of the first: the one it has, and the one that a move has announced.
    """
    waits = queries.scheduled_changes(unit, [subscription.id]).get(subscription.id)
    if waits is not None and not waits.is_move:
        raise Conflict(
            "change_waits",
            "A change of the plan waits for the period's end: drop it, or let it take hold first.",
        )
    item = queries.items_in_force(unit, [subscription.id])[subscription.id]
    first = get_price(unit, item.price_id)
    check_items(first, extras)
    return {first.id, *([waits.to_price_id] if waits and waits.to_price_id else [])}


def _offer(prices: dict[UUID, Price], version: Extra | None) -> Offer | None:
    if version is None:
        return None
    return Offer(prices[version.item.price_id].terms, version.item.quantity)
