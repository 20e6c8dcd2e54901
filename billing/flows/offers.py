"""Offering a way to pay: one open instrument a channel, for what is due at this moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, update

from billing.flows.orders import (
    OrderDraft,
    last_numbers,
    lock_open_invoice,
    open_orders,
    write_orders,
)
from billing.flows.page_news import leads_nowhere
from billing.queries import get_customer
from core import ids
from core.calendars import instant_of
from core.errors import Conflict, InvalidRequest
from core.work import Work
from invoices.tables import invoices
from payments.channels import CHANNELS, PULLS, STANDING
from payments.phones import wallet_phone
from payments.queries import (
    Offered,
    offered_channels,
    standing_channel,
    standing_channels,
    troubled_channels,
)

# How long after its due date an unpaid invoice can still be paid by the number it carries.
DAYS_AFTER_DUE: Final = 30


def offer(
    unit: Work, invoice_id: UUID, channel: str | None = None, *, keep_as: UUID | None = None
) -> UUID:
    """Offer a way to pay what is due on an invoice, or find the one that is open.

    Others that are open stay: whichever is paid first, the rest is withdrawn.

    Args:
        channel: a push channel that the merchant offers; the one that goes onto invoices when
            not said.
        keep_as: the pending method that the card of a hosted page is kept as.

    Raises:
        NotFound: ``invoice_not_found``.
        Conflict: ``invoice_not_open``, ``attempt_open``, ``instrument_ending``, ``page_open``,
            ``channel_not_offered``, ``channel_not_pushed``, ``amount_outside_limits``.
        InvalidRequest: ``phone_needed``, for a wallet that asks on the customer's phone.
    """
    invoice = lock_open_invoice(unit, invoice_id)
    chosen = _choose(unit, invoice, channel)
    for order in open_orders(unit, invoice_id):
        if order.kind == "attempt":
            raise Conflict("attempt_open", "the card is being charged: wait for its outcome")
        if order.channel != chosen:
            continue
        wrong = order.state == "review" or order.amount != invoice.due_amount
        if order.abandoning or wrong or leads_nowhere(order, unit.now):
            raise Conflict("instrument_ending", "the old number is being withdrawn: ask again soon")
        if keep_as is not None and order.payment_method_id != keep_as:
            raise Conflict("page_open", "a page that keeps no card, or another, is open: end it")
        found: UUID = order.id
        _note(unit, invoice, found, chosen, before=found)
        return found
    n = last_numbers(unit, [invoice_id]).get((invoice_id, "instrument"), 0) + 1
    draft = instrument(unit, invoice, n, chosen)
    [order_id] = write_orders(unit, [replace(draft, payment_method_id=keep_as)])
    if invoice.collection == "invoice":
        unit.session.execute(
            update(invoices)
            .where(invoices.c.merchant_id == unit.merchant_id, invoices.c.id == invoice_id)
            .values(collect_at=None)
        )
    _note(unit, invoice, order_id, chosen, before=None)
    return order_id


def instrument(unit: Work, invoice: Row[Any], n: int, channel: str) -> OrderDraft:
    """The order behind a number, a QR or a page of a locked invoice; it is sent after commit."""
    due_at = instant_of(invoice.due_on, invoice.billing_zone)
    return OrderDraft(
        kind="instrument",
        channel=channel,
        initiated_by="customer",
        customer_id=invoice.customer_id,
        amount=invoice.due_amount,
        n=n,
        owner=invoice.id,
        invoice_id=invoice.id,
        period=str(invoice.period_start or "-"),
        expires_at=expiry(channel, unit.now, due_at),
    )


def expiry(channel: str, now: datetime, due_at: datetime) -> datetime:
    """When an instrument ends: a number waits until some weeks after the due date, a QR or a
    wallet's page for as long as the gateway waits by default; never outside its limits.
    """
    row = CHANNELS[channel]
    limits = row.expiry
    if limits is None:
        raise ValueError(f"{channel} is not pushed")
    if channel in STANDING:
        until = max(due_at + timedelta(days=DAYS_AFTER_DUE), now + timedelta(days=1))
        return now + limits.clamp(until - now)
    return now + limits.clamp(limits.default)


def _note(
    unit: Work, invoice: Row[Any], order_id: UUID, channel: str, *, before: UUID | None
) -> None:
    """Who asked for it, also where it was there already."""
    unit.audit(
        "invoice.offer",
        "invoice",
        invoice.id,
        before={"order": before and ids.public("payment_order", before)},
        after={
            "order": ids.public("payment_order", order_id),
            "channel": channel,
            "amount": invoice.due_amount,
        },
    )


def first_choice(
    unit: Work, customer_id: UUID, offered: Sequence[Offered], amount: int
) -> str | None:
    """The channel of the number that is offered where the payer has not chosen."""
    standing = standing_channels(offered)
    return standing_channel(
        standing,
        amount,
        unit.today,
        preferred=get_customer(unit, customer_id).preferred_channel,
        troubled=troubled_channels(unit, standing),
    )


def _choose(unit: Work, invoice: Row[Any], channel: str | None) -> str:
    due, today = invoice.due_amount, unit.today
    offered = offered_channels(unit)
    wanted = channel or first_choice(unit, invoice.customer_id, offered, due)
    known = {one.channel.key: one for one in offered}
    if wanted in PULLS:
        raise Conflict(
            "channel_not_pushed",
            f"{wanted} is charged and not offered to the payer: send a `card_token` or a "
            "`payment_method`",
            field="payment.channel",
        )
    if wanted is None or wanted not in known:
        raise Conflict("channel_not_offered", f"the merchant does not offer {wanted or 'a number'}")
    if channel is not None and not known[wanted].takes(due, today):
        raise Conflict("amount_outside_limits", f"{wanted} does not take a payment of {due}")
    if "phone" in CHANNELS[wanted].needs:
        customer = get_customer(unit, invoice.customer_id)
        if wallet_phone(customer.phone) is None:
            raise InvalidRequest(
                "phone_needed",
                f"{CHANNELS[wanted].name_en} asks on the customer's phone: give the customer one",
                field="channel",
            )
    return wanted
