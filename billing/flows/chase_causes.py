"""Refusals that say nothing about the customer, and methods whose holder stopped us."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import update

from billing.flows.chase_facts import failed_lately
from billing.flows.reviews import open_review
from billing.mandates.service import end_mandate
from core import ids
from core.work import Work
from dunning.notices import by_day
from dunning.policies import DEFAULT_POLICY
from invoices.queries import Invoice
from invoices.tables import invoices
from payments.declines import Decline, DeclineClass
from payments.tables import payment_methods

# A bank that was down is asked again soon, a few times, before it counts as a refusal.
_TECHNICAL_TRIES: Final = 3
_TECHNICAL_WAIT: Final = timedelta(hours=1)
_CONFIGURATION_WAIT: Final = timedelta(hours=20)
# What a payer is told about money that the bank took back.
CHARGED_BACK: Final = {
    "id": "pembayaran dibatalkan lewat bank penerbit kartu",
    "en": "the payment was taken back through the card's bank",
}
TAKEN_BACK: Final = {
    "id": "pembayaran dibatalkan oleh bank",
    "en": "the payment was taken back by the bank",
}


def is_not_the_customers(unit: Work, invoice: Invoice, decline: Decline) -> bool:
    """Deal with refusals that say nothing about the customer; the case is left alone."""
    zone = invoice.billing_zone
    if decline.klass is DeclineClass.CONFIGURATION:
        open_review(unit, "gateway_setup", "invoice", invoice.id, {"code": decline.code})
        collect_at(unit, invoice.id, by_day(unit.now + _CONFIGURATION_WAIT, zone, DEFAULT_POLICY))
        return True
    if decline.klass is DeclineClass.TECHNICAL:
        lately = failed_lately(unit, invoice.id, timedelta(days=1))
        if lately <= _TECHNICAL_TRIES:
            again = unit.now + _TECHNICAL_WAIT * 2 ** max(lately - 1, 0)
            collect_at(unit, invoice.id, by_day(again, zone, DEFAULT_POLICY))
            return True
    return False


def collect_at(unit: Work, invoice_id: UUID, at: Any) -> None:
    unit.session.execute(
        update(invoices)
        .where(invoices.c.merchant_id == unit.merchant_id, invoices.c.id == invoice_id)
        .values(collect_at=at)
    )


def end_charged_method(unit: Work, customer_id: UUID, method_id: UUID, reason: str) -> None:
    """The holder stopped us at the bank: the consent is over and the method is never charged."""
    ended = unit.session.execute(
        update(payment_methods)
        .where(
            payment_methods.c.merchant_id == unit.merchant_id,
            payment_methods.c.id == method_id,
            payment_methods.c.state != "ended",
        )
        .values(state="ended", ended_because=reason, token_sealed=None, next_at=None)
        .returning(payment_methods.c.kind)
    ).scalar_one_or_none()
    end_mandate(unit, method_id, because=reason)
    if ended is not None:
        unit.event(
            "method.ended",
            "payment_method",
            method_id,
            {"method": ids.public("payment_method", method_id), "because": reason, "kind": ended},
            customer_id=customer_id,
        )
