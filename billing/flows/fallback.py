"""The next of a customer's methods, when one was refused and waiting with it is of no use.

Written with the refusal, in one transaction: the invoice names the next method and is due. The
charge itself is opened, sent and settled like any other, so that one at a time is under way.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update

from billing.flows.chase_causes import end_charged_method
from billing.flows.chase_facts import facts_of, method_words
from billing.flows.methods import MAY_WORK_LATER
from billing.flows.pulling import live_methods, usable_methods
from billing.tables import subscriptions
from core import ids
from core.work import Work
from dunning.policies import DEFAULT_POLICY
from dunning.queries import load_policies, open_case
from dunning.service import next_try_at
from invoices.queries import Invoice, get_invoice
from invoices.tables import invoices
from payments.channels import CHANNELS
from payments.declines import Decline, decline, decline_of_status
from payments.fallback import Saved, moves_on, next_method
from payments.queries import methods_in_order
from payments.tables import payment_methods, payment_orders


def note_refusal(unit: Work, order: Row[Any], invoice: Row[Any], verdict: Decline) -> None:
    """Tell of a refusal, and keep on a pull what kind it was: what is charged next asks for it."""
    unit.event(
        "payment.declined",
        "payment_order",
        order.id,
        {
            "invoice": invoice.number,
            "amount": order.amount,
            "code": verdict.code,
            "class": str(verdict.klass),
            "channel": order.channel,
            "initiated_by": order.initiated_by,
        },
        customer_id=order.customer_id,
    )
    if order.kind != "attempt":
        return
    unit.session.execute(
        update(payment_orders)
        .where(payment_orders.c.merchant_id == unit.merchant_id, payment_orders.c.id == order.id)
        .values(decline_class=str(verdict.klass))
    )
    by_holder = order.initiated_by != "merchant" and CHANNELS[order.channel].by_account
    if verdict.cancel_mandate and by_holder:
        # He asked for it himself: the account is gone for the pulls to come as well.
        end_charged_method(unit, order.customer_id, order.payment_method_id, verdict.reason)


def charge_next(unit: Work, order: Row[Any], invoice: Row[Any], verdict: Decline) -> bool:
    """Go over to the next method after a refusal that only the holder can mend.

    The caller holds customer, invoice and order. Where another than the refused method was named
    meanwhile, that one has the turn already. One that may work later is charged again only while
    the policy has tries left for it.

    Returns:
        Whether there is a next one; else the invoice is chased as ever.
    """
    if not moves_on(verdict) or not _was_planned(order, invoice):
        return False
    softly = not _has_tries(unit, invoice.id)
    if not _go_over(unit, invoice, order.payment_method_id, verdict.code, softly=softly):
        return False
    if verdict.cancel_mandate:
        end_charged_method(unit, invoice.customer_id, order.payment_method_id, verdict.reason)
    return True


def charge_when_given_up(unit: Work, order: Row[Any], invoice: Row[Any], verdict: Decline) -> None:
    """When the policy has no further try for a soft refusal, each other method is tried once."""
    if str(verdict.klass) not in MAY_WORK_LATER or not _was_planned(order, invoice):
        return
    if open_case(unit, invoice.id) is not None and not _has_tries(unit, invoice.id):
        _go_over(unit, invoice, order.payment_method_id, verdict.code, softly=True)


def stand_in(unit: Work, invoice_id: UUID, method_id: UUID | None, why: str) -> bool:
    """Go over to the next method where the named one can not be charged; whether there is one.

    Args:
        why: what is missing, as one of our own codes. Where nothing was ever named, nothing is
            chosen for the payer.
    """
    if method_id is None:
        return False
    invoice = unit.session.execute(
        select(invoices)
        .where(invoices.c.merchant_id == unit.merchant_id, invoices.c.id == invoice_id)
        .with_for_update()
    ).one()
    if invoice.status != "open" or invoice.collection != "automatic":
        return False
    return _go_over(unit, invoice, method_id, why, softly=False)


def in_turn(unit: Work, invoice: Invoice) -> list[Row[Any]]:
    """The methods an open invoice is charged to by itself, in the order that they are tried.

    The one that is named for it comes first, then the others in the customer's order; none that
    was refused for it for good, and none twice.
    """
    named = invoice.payment_method_id
    if invoice.status != "open" or invoice.collection != "automatic" or named is None:
        return []
    standing = {row.id: row for row in methods_in_order(unit, invoice.customer_id)}
    usable = usable_methods(unit, standing)
    over = select(payment_orders.c.id).where(
        *_refused(unit, invoice.id, softly=False), payment_orders.c.payment_method_id == named
    )
    is_over = named not in usable or unit.session.execute(over.limit(1)).one_or_none() is not None
    turns = [] if is_over else [named]
    tried, tokens = _tried(unit, invoice.id, named, softly=not _has_tries(unit, invoice.id))
    saved = [Saved(row.id, row.token_hash, row.id in usable) for row in standing.values()]
    while (chosen := next_method(saved, tried, tokens)) is not None:
        turns.append(chosen)
        tried.add(chosen)
        tokens |= {one.token for one in saved if one.id == chosen and one.token is not None}
    return [standing[one] for one in turns]


def taken_over(unit: Work, order: Row[Any], invoice: Row[Any]) -> dict[str, Any]:
    """What the payer is told where this pull paid in place of another method.

    What was charged to a method that only its holder can mend goes over to the one that paid.
    """
    if order.kind != "attempt" or order.initiated_by != "merchant":
        return {}
    c = payment_orders.c
    refused = unit.session.execute(
        select(payment_orders)
        .where(*_refused(unit, invoice.id), c.payment_method_id != order.payment_method_id)
        .where(c.n < order.n)
        .order_by(c.n.desc())
        .limit(1)
    ).one_or_none()
    moved = _follow(unit, order, invoice)
    if refused is None:
        return {}
    verdict = _verdict(refused)
    return {
        "instead_of": method_words(unit, refused.payment_method_id),
        "reason": {"id": verdict.reason_id, "en": verdict.reason_en},
        "from_now": moved,
    }


def _has_tries(unit: Work, invoice_id: UUID) -> bool:
    """Whether the policy of an invoice's open case has another try for what may work later."""
    case = open_case(unit, invoice_id)
    if case is None:
        return False
    invoice = get_invoice(unit, invoice_id)
    policy = load_policies(unit, [case.policy_id]).get(case.policy_id, DEFAULT_POLICY)
    facts = facts_of(unit, case, invoice)
    return next_try_at(facts, unit.now, invoice.billing_zone, policy) is not None


def _was_planned(order: Row[Any], invoice: Row[Any]) -> bool:
    """Whether it was the invoice's own method that was charged, and nobody took the charge back."""
    return bool(
        invoice.status == "open"
        and invoice.collection == "automatic"
        and order.payment_method_id is not None
        and order.payment_method_id == invoice.payment_method_id
        and not order.abandoning
    )


def _go_over(unit: Work, invoice: Row[Any], refused: UUID, because: str, *, softly: bool) -> bool:
    tried, tokens = _tried(unit, invoice.id, refused, softly=softly)
    standing = methods_in_order(unit, invoice.customer_id)
    usable = usable_methods(unit, [row.id for row in standing])
    chosen = next_method(
        (Saved(row.id, row.token_hash, row.id in usable) for row in standing), tried, tokens
    )
    if chosen is None:
        return False
    unit.session.execute(
        update(invoices)
        .where(invoices.c.merchant_id == unit.merchant_id, invoices.c.id == invoice.id)
        .values(payment_method_id=chosen, collect_at=unit.now)
    )
    unit.ring("invoice.collect")
    unit.event(
        "payment.next_method",
        "invoice",
        invoice.id,
        {
            "invoice": ids.public("invoice", invoice.id),
            "number": invoice.number,
            "amount": invoice.due_amount,
            "method": ids.public("payment_method", chosen),
            "instead_of": ids.public("payment_method", refused),
            "code": because,
        },
        customer_id=invoice.customer_id,
    )
    return True


def _tried(
    unit: Work, invoice_id: UUID, refused: UUID, *, softly: bool
) -> tuple[set[UUID], set[bytes]]:
    """Methods that this invoice is not charged to any more, and the hashes of their tokens.

    ``softly``: also those that may work later, as each has had its tries.
    """
    query = select(payment_orders.c.payment_method_id).where(
        *_refused(unit, invoice_id, softly=softly)
    )
    found = {*unit.session.execute(query).scalars(), refused}
    c = payment_methods.c
    hashes = unit.session.execute(
        select(c.token_hash).where(c.merchant_id == unit.merchant_id, c.id.in_(found))
    ).scalars()
    return found, {one for one in hashes if one is not None}


def _refused(unit: Work, invoice_id: UUID, *, softly: bool = True) -> tuple[Any, ...]:
    c = payment_orders.c
    return (
        c.merchant_id == unit.merchant_id,
        c.invoice_id == invoice_id,
        c.kind == "attempt",
        c.initiated_by == "merchant",
        c.state == "failed",
        c.payment_method_id.is_not(None),
        # What was never sent was not refused.
        c.decline_class.is_not(None),
        *(() if softly else (c.decline_class.not_in(MAY_WORK_LATER),)),
    )


def _follow(unit: Work, order: Row[Any], invoice: Row[Any]) -> bool:
    """Move agreements from a method that is of no use any more to the one that paid."""
    s = subscriptions.c
    if invoice.subscription_id is None or order.payment_method_id is None:
        return False
    named: UUID | None = unit.session.execute(
        select(s.payment_method_id).where(
            s.merchant_id == unit.merchant_id, s.id == invoice.subscription_id
        )
    ).scalar_one()
    if named is None or named == order.payment_method_id:
        return False
    for_good = select(payment_orders.c.id).where(
        *_refused(unit, invoice.id, softly=False), payment_orders.c.payment_method_id == named
    )
    if live_methods(unit, [named]) and not unit.session.execute(for_good.limit(1)).all():
        return False
    moved = unit.session.execute(
        update(subscriptions)
        .where(
            s.merchant_id == unit.merchant_id,
            s.customer_id == invoice.customer_id,
            s.payment_method_id == named,
            s.collection == "automatic",
            s.status != "canceled",
        )
        .values(payment_method_id=order.payment_method_id)
        .returning(s.id)
    ).scalars()
    for one in sorted(moved):
        unit.audit(
            "subscription.method",
            "subscription",
            one,
            before={"payment_method": ids.public("payment_method", named)},
            after={"payment_method": ids.public("payment_method", order.payment_method_id)},
        )
    return True


def _verdict(order: Row[Any]) -> Decline:
    found = decline(order.code, "gopay" if order.channel == "gopay_linked" else "credit_card")
    return found if found.known else decline_of_status(order.code or "400")
