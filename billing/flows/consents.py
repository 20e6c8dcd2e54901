"""A card holder's consent: kept as it was given, and asked for wherever we charge without him."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from billing import queries
from billing.flows.cards import use_method
from billing.mandates.service import record_mandate
from core.errors import Conflict, InvalidRequest, NotFound
from core.work import Work
from payments.tables import payment_methods


@dataclass(frozen=True, slots=True)
class Mandate:
    """A customer's consent to be charged without being asked, as it was given."""

    text_version: str
    text: str
    locale: str
    source: str
    amount_rule: str = "invoice_total"
    cadence: str = "per_period"


def consent(unit: Work, customer_id: UUID, method_id: UUID, mandate: Mandate | None) -> None:
    """Keep a consent that came with a request; without one nothing changes.

    Raises:
        NotFound: ``payment_method_not_found`` for this customer.
        Conflict: ``payment_method_not_usable``, for one that has ended.
    """
    if mandate is not None:
        record_mandate(
            unit,
            customer_id,
            method_id,
            text_version=mandate.text_version,
            text=mandate.text,
            locale=mandate.locale,
            amount_rule=mandate.amount_rule,
            cadence=mandate.cadence,
            source=mandate.source,
        )


def consent_to_new(unit: Work, customer_id: UUID, method_id: UUID, mandate: Mandate | None) -> None:
    """Keep the consent that a new method came with, once.

    The request that made the method may come again after it ended, or after its holder took the
    consent back: that is no new consent.
    """
    if not queries.was_consented(unit, method_id):
        consent(unit, customer_id, method_id, mandate)


def consent_later(unit: Work, method_id: UUID, mandate: Mandate) -> UUID:
    """Keep the consent for a card that is saved or being saved; from then on it is charged.

    Raises:
        NotFound: ``payment_method_not_found``.
        Conflict: ``payment_method_not_usable``, for one that has ended.
    """
    table = payment_methods.c
    mine = (table.merchant_id == unit.merchant_id, table.id == method_id)
    customer_id = unit.session.execute(select(table.customer_id).where(*mine)).scalar_one_or_none()
    if customer_id is None:
        raise NotFound("payment_method_not_found", "there is no such payment method")
    queries.lock_customers(unit, [customer_id])
    state = unit.session.execute(select(table.state).where(*mine).with_for_update()).scalar_one()
    if state == "ended":
        raise Conflict("payment_method_not_usable", "This payment method has ended.")
    consent(unit, customer_id, method_id, mandate)
    if state == "active":
        use_method(unit, customer_id, method_id)
    return method_id


def mandate_needed() -> InvalidRequest:
    """The refusal of a charge, or an agreement on charges, that the holder did not consent to."""
    return InvalidRequest(
        "mandate_needed",
        "A card is charged without its holder only with his consent. Send `payment.mandate`: the "
        "wording he accepted, its version and the address it was given from; or record it with "
        "POST /api/v1/payment-methods/{id}/mandate; or collect by invoice.",
        field="payment.mandate",
    )
