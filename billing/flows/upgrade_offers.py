"""Upgrades that wait to be paid: the offer is an open invoice that counts once it is paid (R37).

Until then nothing has changed: the item, the access, what is credited and what a renewal bills. The
price holds for its day; then, at the first refusal, or when the customer asks for something else,
the invoice is voided and nothing has been. What the gateway takes for it all the same is balance.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, Literal, cast
from uuid import UUID

from sqlalchemy import Row, select, update

from billing import queries
from billing.credits.queries import spendable_balance
from billing.flows.orders import open_orders
from billing.flows.pulling import usable_methods
from billing.flows.void import void_invoice
from billing.lifecycle import SubscriptionStatus
from billing.pay_first import PayPolicy, holds_until, is_paid_first
from billing.plan_changes import ChangeQuote
from billing.records import Change, Subscription
from billing.renewals import next_at
from billing.service import tell
from billing.tables import subscription_changes, subscriptions
from core import ids
from core.calendars import civil_date, instant_of
from core.errors import Conflict
from core.money import Money
from core.work import Mail, Work, queue_mail
from invoices.lines import PricedDocument
from invoices.tables import invoices
from plans.queries import get_price

# Why an offer came to nothing.
Because = Literal["declined", "lapsed", "replaced", "canceled", "paused", "voided", "unserved"]
_WHY: Final = {
    "declined": {
        "id": "Pembayarannya tidak berhasil",
        "en": "The payment did not go through",
    },
    "lapsed": {
        "id": "Pembayarannya tidak kami terima pada hari itu",
        "en": "The payment did not reach us on that day",
    },
    "unserved": {
        "id": "Langganan sedang tidak aktif",
        "en": "The subscription is not active",
    },
}
_SERVED = (SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)


def pays_first(
    unit: Work,
    subscription: Subscription,
    quote: ChangeQuote,
    document: PricedDocument | None,
    asked: PayPolicy | None,
) -> bool:
    """Say whether a change that was worked out waits until it is paid; reads only.

    Args:
        asked: the policy of the request, in place of the merchant's.
    """
    policy = asked or cast(PayPolicy, unit.merchant.upgrade_policy)
    if document is None or policy != "pay_first" or subscription.status not in _SERVED:
        return False
    method = subscription.payment_method_id
    pulls = (
        subscription.collection == "automatic"
        and method is not None
        and method in usable_methods(unit, [method])
    )
    held = Money(spendable_balance(unit, subscription.customer_id))
    return is_paid_first(
        policy, mode=quote.mode, net=quote.net, due=document.total - held, pulls=pulls
    )


def pending(unit: Work, subscription_id: UUID) -> Change | None:
    """Give the upgrade that waits to be paid, if there is one."""
    return queries.pending_changes(unit, [subscription_id]).get(subscription_id)


def wait_for_payment(unit: Work, subscription: Subscription, told: dict[str, Any]) -> None:
    """Note on a subscription until when the offer that was just written holds."""
    until = holds_until(civil_date(unit.now, subscription.billing_zone))
    _note(unit, replace(subscription, upgrade_until=until))
    said = {**told, "valid_until": until.isoformat()}
    tell(unit, "subscription.upgrade_waiting", subscription, said)
    unit.audit("subscription.offer_upgrade", "subscription", subscription.id, after=said)


def in_the_way(unit: Work, waiting: Change) -> None:
    """Refuse to put another change in the place of one whose charge is under way.

    Raises:
        Conflict: ``upgrade_being_paid``.
    """
    assert waiting.invoice_id is not None
    if any(one.state != "created" for one in open_orders(unit, waiting.invoice_id)):
        raise Conflict(
            "upgrade_being_paid",
            "An upgrade is being charged: wait for its outcome, or drop it first.",
        )


def let_go(unit: Work, subscription_id: UUID, *, because: Because) -> Subscription:
    """Let go of the upgrade that waits to be paid, if there is one: its invoice is voided.

    Orders for it are withdrawn; what is paid all the same becomes the customer's balance. The
    caller has locked the customer.
    """
    subscription = queries.lock_subscription(unit, subscription_id)
    change = pending(unit, subscription_id)
    if change is None:
        return subscription
    assert change.invoice_id is not None
    close_offer(unit, change, "replaced" if because == "replaced" else "lapsed")
    _note(unit, replace(subscription, upgrade_until=None))
    void_invoice(unit, change.invoice_id, reason=f"upgrade_{because}")
    told = {
        "change": ids.public("change", change.id),
        "price": ids.public("price", change.to_price_id) if change.to_price_id else None,
        "quantity": change.quantity,
        "invoice": ids.public("invoice", change.invoice_id),
        "because": because,
    }
    tell(unit, "subscription.upgrade_lapsed", subscription, told)
    unit.audit("subscription.drop_upgrade", "subscription", subscription.id, after=told)
    if because in _WHY:
        _mail(unit, subscription, change, because)
    return queries.get_subscription(unit, subscription_id)


def close_offer(
    unit: Work, change: Change, state: Literal["applied", "replaced", "lapsed"]
) -> None:
    """Say what became of an upgrade that waited to be paid."""
    table = subscription_changes.c
    unit.session.execute(
        update(subscription_changes)
        .where(table.merchant_id == unit.merchant_id, table.id == change.id)
        .values(state=state, closed_at=unit.now)
    )


def refused(unit: Work, invoice_id: UUID) -> bool:
    """The charge of an invoice was refused: an offer is let go, and chased by nobody.

    Returns:
        Whether it was an offer.
    """
    return _let_go_of(unit, invoice_id, because="declined")


def voided(unit: Work, invoice_id: UUID) -> bool:
    """A person voids an invoice: says whether it was an offer, which is let go."""
    return _let_go_of(unit, invoice_id, because="voided")


def before_booking(unit: Work, invoice: Row[Any]) -> Row[Any]:
    """Money came for an invoice: an offer that does not hold any more is let go first.

    Its day is over, or the subscription is not served: what came is booked as balance.

    Returns:
        The invoice as it stands.
    """
    if not invoice.is_offer or invoice.status != "open":
        return invoice
    subscription = queries.lock_subscription(unit, invoice.subscription_id)
    until = subscription.upgrade_until
    if until is not None and instant_of(until, subscription.billing_zone) > unit.now:
        return invoice
    let_go(unit, subscription.id, because="lapsed")
    mine = (invoices.c.merchant_id == unit.merchant_id, invoices.c.id == invoice.id)
    return unit.session.execute(select(invoices).where(*mine)).one()


def _let_go_of(unit: Work, invoice_id: UUID, *, because: Because) -> bool:
    inv = invoices.c
    found = unit.session.execute(
        select(inv.subscription_id).where(
            inv.merchant_id == unit.merchant_id,
            inv.id == invoice_id,
            inv.is_offer,
            inv.status == "open",
        )
    ).one_or_none()
    if found is None:
        return False
    let_go(unit, found.subscription_id, because=because)
    return True


def _note(unit: Work, subscription: Subscription) -> None:
    table = subscriptions.c
    unit.session.execute(
        update(subscriptions)
        .where(table.merchant_id == unit.merchant_id, table.id == subscription.id)
        .values(
            upgrade_until=subscription.upgrade_until,
            next_at=next_at(subscription.agreement),
            version=table.version + 1,
        )
    )
    unit.ring("subscription.renew")


def _mail(unit: Work, subscription: Subscription, change: Change, because: Because) -> None:
    if change.to_price_id is None:
        return
    buyer = queries.get_customer(unit, subscription.customer_id)
    price = get_price(unit, change.to_price_id)
    times = f" × {change.quantity}" if (change.quantity or 1) > 1 else ""
    queue_mail(
        unit,
        [
            Mail(
                "subscription.upgrade_not_paid",
                "subscription",
                subscription.id,
                recipient=buyer.email,
                locale=buyer.locale,
                customer_id=buyer.id,
                payload={
                    "plan": {language: name + times for language, name in price.plan_name.items()},
                    "reason": _WHY[because],
                },
                key=str(change.id),
            )
        ],
    )
