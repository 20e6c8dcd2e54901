"""Whether a customer's invoices may be collected without the payer."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from billing.flows.consents import mandate_needed
from billing.queries import has_mandate
from core.errors import Conflict, InvalidRequest
from core.work import Work
from payments.tables import payment_methods


def check_automatic(
    unit: Work, customer_id: UUID, payment_method_id: UUID | None, *, interactive: bool
) -> None:
    """Refuse automatic collection where nothing could ever be charged.

    Raises:
        Conflict: ``no_recurring_cards`` or ``payment_method_not_usable``.
        InvalidRequest: ``payment_method_needed`` or ``mandate_needed``.
    """
    if unit.merchant.card_mode != "recurring":
        raise Conflict(
            "no_recurring_cards",
            "The merchant's Midtrans account may not charge saved cards without the payer: "
            "collect by invoice.",
            field="collection",
        )
    if payment_method_id is None:
        if interactive:
            return
        raise InvalidRequest(
            "payment_method_needed",
            "Automatic collection needs a saved method, or the payer to confirm the first payment.",
            field="payment_method",
        )
    usable = ("active", "pending") if interactive else ("active",)
    found = unit.session.execute(
        select(payment_methods.c.id).where(
            payment_methods.c.merchant_id == unit.merchant_id,
            payment_methods.c.id == payment_method_id,
            payment_methods.c.customer_id == customer_id,
            payment_methods.c.state.in_(usable),
        )
    ).one_or_none()
    if found is None:
        raise Conflict(
            "payment_method_not_usable",
            "The customer has no such active payment method.",
            field="payment_method",
        )
    if not has_mandate(unit, payment_method_id):
        raise mandate_needed()
