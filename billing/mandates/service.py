"""A holder's consent to be charged without being asked: kept as it was given, and ended."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, update

from billing.tables import mandates
from core import ids
from core.bulk import insert_rows
from core.errors import Conflict, NotFound
from core.work import Work
from payments.tables import payment_methods


def record_mandate(
    unit: Work,
    customer_id: UUID,
    payment_method_id: UUID,
    *,
    text_version: str,
    text: str,
    locale: str,
    amount_rule: str,
    cadence: str,
    source: str,
) -> UUID:
    """Keep a customer's consent to be charged without being asked; replaces the one before.

    Args:
        text_version: which wording was accepted, and ``text`` the wording itself.
        amount_rule: what may be charged, such as ``invoice_total``.
        cadence: how often, such as ``monthly``.
        source: the address it was given from.

    Raises:
        NotFound: ``payment_method_not_found`` for this customer.
        Conflict: ``payment_method_not_usable``, for one that has ended.
    """
    found = unit.session.execute(
        select(payment_methods.c.state)
        .where(
            payment_methods.c.merchant_id == unit.merchant_id,
            payment_methods.c.id == payment_method_id,
            payment_methods.c.customer_id == customer_id,
        )
        # Of two consents at once the second replaces the first.
        .with_for_update(key_share=True)
    ).one_or_none()
    if found is None:
        raise NotFound("payment_method_not_found", "the customer has no such payment method")
    if found.state == "ended":
        raise Conflict("payment_method_not_usable", "This payment method has ended.")
    end_mandate(unit, payment_method_id, because="replaced")
    mandate_id = ids.fresh()
    insert_rows(
        unit.session,
        mandates,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": mandate_id,
                "customer_id": customer_id,
                "payment_method_id": payment_method_id,
                "text_version": text_version,
                "locale": locale,
                "text": text,
                "amount_rule": amount_rule,
                "cadence": cadence,
                "accepted_at": unit.now,
                "source": source,
            }
        ],
    )
    told = {"mandate": ids.public("mandate", mandate_id), "text_version": text_version}
    unit.audit("mandate.record", "payment_method", payment_method_id, after=told | {"from": source})
    return mandate_id


def end_mandate(unit: Work, payment_method_id: UUID, *, because: str) -> None:
    """End the consent for a method, if there is one in force."""
    ended = unit.session.execute(
        update(mandates)
        .where(
            mandates.c.merchant_id == unit.merchant_id,
            mandates.c.payment_method_id == payment_method_id,
            mandates.c.ended_at.is_(None),
        )
        .values(ended_at=unit.now, ended_because=because)
        .returning(mandates.c.id)
    ).one_or_none()
    if ended is not None:
        unit.audit(
            "mandate.end",
            "payment_method",
            payment_method_id,
            before={"mandate": ids.public("mandate", ended.id)},
            after={"mandate": None, "because": because},
        )
