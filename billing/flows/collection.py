"""Whether a customer's invoices may be collected without the payer."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from billing.flows.consents import mandate_needed
from billing.flows.pulling import kinds_of
from billing.queries import has_mandate
from core.errors import Conflict, InvalidRequest
from core.work import Work
from payments.method_kinds import KINDS
from payments.queries import chargeable_kinds
from payments.tables import payment_methods


def check_automatic(
    unit: Work, customer_id: UUID, payment_method_id: UUID | None, *, interactive: bool
) -> None:
    """Refuse automatic collection where nothing could ever be charged.

    Raises:
        Conflict: ``no_recurring_cards``, ``no_linked_wallets`` or ``payment_method_not_usable``.
        InvalidRequest: ``payment_method_needed`` or ``mandate_needed``.
    """
    kind = kinds_of(unit, [payment_method_id]).get(payment_method_id, "card")
    if kind not in chargeable_kinds(unit):
        raise _not_allowed(kind)
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


def _not_allowed(kind: str) -> Conflict:
    if KINDS[kind].linked:
        return Conflict(
            "no_linked_wallets",
            "The merchant has no charges of linked wallets switched on: collect by invoice.",
            field="payment_method",
        )
    return Conflict(
        "no_recurring_cards",
        "The merchant's Midtrans account may not charge saved cards without the payer: "
        "collect by invoice.",
        field="collection",
    )
