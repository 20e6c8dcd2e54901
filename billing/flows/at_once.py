"""What a caller waits for: an order written with its invoice, sent once that has committed.

The first half runs inside the caller's transaction and only writes. The second, `press`, calls the
gateway with nothing open; it may be repeated after a crash and never sends what may have been sent:
an order in doubt is asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from billing import queries
from billing.engine import Engine
from billing.flows.card_requests import CardRequest, seal_card_request
from billing.flows.cards import check_card, new_card
from billing.flows.charge import send_one
from billing.flows.collection import check_automatic
from billing.flows.consents import Mandate, consent, consent_to_new, mandate_needed
from billing.flows.limits import count_card
from billing.flows.means import Means
from billing.flows.offers import offer
from billing.flows.orders import open_attempt, open_orders
from billing.flows.pay_once import OneOffLine, pay_once
from billing.flows.reconcile import resolve_now
from billing.flows.subscribe import Subscribed, subscribe
from core import ids
from core.actor import system
from core.errors import Conflict
from core.work import Work
from invoices.queries import Invoice, get_invoice, list_invoices
from payments.queries import page_for_cards
from payments.tables import payment_orders

_IN_DOUBT = ("sent", "unknown")


def subscribe_now(
    engine: Engine,
    unit: Work,
    *,
    customer_id: UUID,
    price_id: UUID,
    means: Means | None,
    key: str,
    **terms: Any,
) -> Subscribed:
    """Subscribe, and write the order of the first payment; or of the check of a card on a trial.

    Without ``means`` the workers collect by themselves. The other arguments and the refusals are
    those of `billing.flows.subscribe.subscribe`.
    """
    method_id = None
    if means is not None:
        _count(engine, unit, means, customer_id)
        means.require_no_terms()
    queries.lock_customers(unit, [customer_id])
    if means is not None and means.is_fresh_card:
        queries.get_customer(unit, customer_id)
        method_id = new_card(unit, customer_id, key)
        consent_to_new(unit, customer_id, method_id, means.mandate)
    elif means is not None:
        method_id = _saved(unit, customer_id, means)
    fresh = means is not None and means.is_fresh_card
    made = subscribe(
        unit,
        customer_id=customer_id,
        price_id=price_id,
        payment_method_id=method_id,
        interactive=fresh,
        key=key,
        **terms,
    )
    if means is None:
        return made
    # The same form sent again finds what its first copy wrote, and writes nothing beside it.
    if made.invoice_id is not None:
        if not open_orders(unit, made.invoice_id):
            _write_order(engine, unit, made.invoice_id, means, method_id)
        return made
    if means.is_card_on_page:
        raise Conflict(
            "page_needs_a_payment",
            "A hosted page saves a card with a payment, and a trial begins without one: send a "
            "card_token, or trial_days 0.",
            field="payment.channel",
        )
    if means.card_token is not None and method_id and not orders_of(unit, method_id=method_id):
        check_card(engine, unit, customer_id, method_id, means.card_token)
    return made


def pay_now(
    engine: Engine,
    unit: Work,
    customer_id: UUID,
    lines: Sequence[OneOffLine],
    means: Means,
    *,
    key: str,
    **terms: Any,
) -> UUID:
    """Invoice something once and write the order by which it is paid; returns the invoice.

    The other arguments and the refusals are those of `billing.flows.pay_once.pay_once`.
    """
    _count(engine, unit, means, customer_id)
    queries.lock_customers(unit, [customer_id])
    queries.get_customer(unit, customer_id)
    method_id = _kept(unit, customer_id, means, key)
    # A card that only its holder may charge pays this once; what it leaves due he pays himself.
    alone = means.card_token is not None and unit.merchant.card_mode == "two_click"
    pulls = means.is_pull and not alone
    invoice = pay_once(
        unit,
        customer_id,
        lines,
        collection="automatic" if pulls else "invoice",
        payment_method_id=method_id if pulls else None,
        interactive=means.card_token is not None,
        key=key,
        **terms,
    )
    _write_order(engine, unit, invoice.id, means, method_id)
    return invoice.id


def pay_invoice(
    engine: Engine, unit: Work, invoice_id: UUID, means: Means, *, key: str
) -> UUID | None:
    """Write the order by which an open invoice is paid now.

    A card that comes without a consent pays this once and is not kept.

    Raises:
        NotFound: ``invoice_not_found``. InvalidRequest: ``mandate_needed``.
        Conflict: ``invoice_not_open``, ``attempt_open``, ``instrument_open``,
            ``payment_method_not_usable``. TooMany: ``too_many_tries``.
    """
    customer_id = _open(unit, invoice_id).customer_id
    _count(engine, unit, means, customer_id, invoice_id)
    # Before the consent and the card are written: a decline that ends the card holds the customer.
    queries.lock_customers(unit, [customer_id])
    invoice = _open(unit, invoice_id)
    if invoice.kind != "one_off":
        means.require_no_terms()
    method_id = _kept(unit, invoice.customer_id, means, key)
    if means.payment_method_id is not None:
        check_automatic(unit, invoice.customer_id, method_id, interactive=False)
    elif means.is_pull and method_id is None and _begins_automatic(unit, invoice):
        raise mandate_needed()
    return _write_order(engine, unit, invoice_id, means, method_id)


def _open(unit: Work, invoice_id: UUID) -> Invoice:
    invoice = get_invoice(unit, invoice_id)
    if invoice.status != "open":
        raise Conflict("invoice_not_open", f"the invoice is {invoice.status}: nothing is collected")
    return invoice


def save_card(
    engine: Engine,
    unit: Work,
    customer_id: UUID,
    card_token: str,
    *,
    key: str,
    external_id: str | None = None,
    mandate: Mandate | None = None,
) -> UUID:
    """Write a new method and the small check that saves its token; the payer confirms by 3DS.

    Raises:
        NotFound: ``customer_not_found``.
    """
    queries.get_customer(unit, customer_id)
    _count(engine, unit, Means(card_token=card_token, mandate=mandate), customer_id)
    queries.lock_customers(unit, [customer_id])
    method_id = new_card(unit, customer_id, key, external_id=external_id)
    consent_to_new(unit, customer_id, method_id, mandate)
    if not orders_of(unit, method_id=method_id):
        check_card(engine, unit, customer_id, method_id, card_token)
    return method_id


def press(
    engine: Engine,
    merchant_id: UUID,
    *,
    invoice_id: UUID | None = None,
    method_id: UUID | None = None,
) -> None:
    """Send the orders of an invoice or of a card's check that were not sent yet; ask about those
    whose outcome nobody knows. What cannot be known now is found out by the workers.
    """
    with engine.work(merchant_id, system("charge")) as unit:
        gateway = engine.gateways.of(unit.merchant)
        orders = orders_of(unit, invoice_id=invoice_id, method_id=method_id)
    for order in orders:
        if order.state == "created":
            send_one(engine, merchant_id, order.id)
        elif order.state in _IN_DOUBT:
            resolve_now(engine, merchant_id, gateway, order)


def press_first(engine: Engine, merchant_id: UUID, subscription_id: UUID) -> None:
    """`press` for the newest invoice of a subscription; on a trial, for the check of its card."""
    with engine.work(merchant_id, system("charge")) as unit:
        method_id = queries.get_subscription(unit, subscription_id).payment_method_id
        found = list_invoices(unit, subscription_id=subscription_id, limit=1)
    if found:
        press(engine, merchant_id, invoice_id=found[0].id)
    elif method_id is not None:
        press(engine, merchant_id, method_id=method_id)


def orders_of(
    unit: Work, *, invoice_id: UUID | None = None, method_id: UUID | None = None
) -> list[Row[Any]]:
    """The orders of an invoice, or the checks of a card, oldest first."""
    table = payment_orders.c
    query = select(payment_orders).where(table.merchant_id == unit.merchant_id)
    if invoice_id is not None:
        query = query.where(table.invoice_id == invoice_id)
    else:
        query = query.where(table.payment_method_id == method_id, table.kind == "check")
    return list(unit.session.execute(query.order_by(table.n, table.id)))


def _count(
    engine: Engine, unit: Work, means: Means, customer_id: UUID, invoice_id: UUID | None = None
) -> None:
    """Who tests stolen cards tries many new ones; a saved card is no try."""
    if means.card_token is not None:
        _check_entry(unit)
        address = means.mandate.source if means.mandate is not None else ""
        count_card(engine, unit, customer_id, invoice_id=invoice_id, payer_address=address)


def _check_entry(unit: Work) -> None:
    if page_for_cards(unit) is not None:
        raise Conflict(
            "cards_on_page_only",
            "This merchant takes cards on Midtrans' page only: use `channel` with `snap`, and a "
            "`mandate` where the card is to be kept.",
            field="payment.card_token",
        )


def _write_order(
    engine: Engine, unit: Work, invoice_id: UUID, means: Means, method_id: UUID | None
) -> UUID | None:
    invoice = get_invoice(unit, invoice_id)
    if invoice.status != "open":
        return None  # the customer's balance paid it, or it is free
    if not means.is_pull:
        return offer(unit, invoice_id, means.channel, keep_as=method_id)
    sealed = None
    if means.card_token is not None:
        card = CardRequest(
            means.card_token,
            save_token=method_id is not None,
            authorize_only=means.authorize_only,
            installment_months=means.terms.months,
            acquirer=means.terms.bank,
            bins=means.terms.bins,
        )
        sealed = seal_card_request(engine, unit, invoice_id, card)
    order_id = open_attempt(
        unit,
        invoice_id,
        initiated_by="merchant" if sealed is None else "customer",
        payment_method_id=method_id,
        request_sealed=sealed,
        authorize_only=means.authorize_only,
    )
    unit.audit(
        "invoice.charge",
        "invoice",
        invoice_id,
        before={"status": invoice.status, "due": invoice.due_amount},
        after={
            "order": ids.public("payment_order", order_id),
            "method": method_id and ids.public("payment_method", method_id),
            **({"months": means.terms.months} if means.terms.months else {}),
        },
    )
    return order_id


def _saved(unit: Work, customer_id: UUID, means: Means) -> UUID | None:
    """A saved method, with the consent that came along."""
    if means.payment_method_id is not None:
        consent(unit, customer_id, means.payment_method_id, means.mandate)
    return means.payment_method_id


def _kept(unit: Work, customer_id: UUID, means: Means, key: str) -> UUID | None:
    """The method behind the means. A fresh card that nobody may charge later is not kept."""
    if not means.is_fresh_card:
        return _saved(unit, customer_id, means)
    if means.mandate is None:
        return None
    method_id = new_card(unit, customer_id, key)
    consent_to_new(unit, customer_id, method_id, means.mandate)
    return method_id


def _begins_automatic(unit: Work, invoice: Invoice) -> bool:
    """Whether paying this invoice begins a subscription that is charged without the payer."""
    if invoice.subscription_id is None or invoice.collection != "automatic":
        return False
    return queries.get_subscription(unit, invoice.subscription_id).status == "incomplete"
