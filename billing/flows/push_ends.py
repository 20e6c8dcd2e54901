"""How a push ended unpaid is told: refused by somebody, run out, or taken back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, update

from core.work import Work
from payments.gateway import Answer
from payments.refusals import REFUSING, told_of
from payments.tables import payment_orders


def tell_end(unit: Work, order: Row[Any], invoice: Row[Any], answer: Answer) -> None:
    """Tell of the end, and keep on the order what kind of refusal it was where it was one.

    The payer said no on the telephone, or his wallet did: what merely ran out was refused by
    nobody.
    """
    told = {"invoice": invoice.number, "amount": order.amount, "withdrawn": order.abandoning}
    if answer.transaction_status not in REFUSING:
        _event(unit, order, "instrument.expired", told)
        return
    verdict = told_of(
        answer.code,
        order.channel,
        transaction_status=answer.transaction_status,
        payment_type=answer.payment_type,
        fraud=answer.fraud,
        masked=answer.masked,
    )
    klass = str(verdict.klass)
    unit.session.execute(
        update(payment_orders)
        .where(payment_orders.c.merchant_id == unit.merchant_id, payment_orders.c.id == order.id)
        .values(decline_class=klass)
    )
    told |= {"channel": order.channel, "code": verdict.code, "class": klass}
    if answer.payment_type:
        told["payment_type"] = answer.payment_type
    _event(unit, order, "instrument.refused", told)


def _event(unit: Work, order: Row[Any], kind: str, payload: dict[str, Any]) -> None:
    unit.event(kind, "payment_order", order.id, payload, customer_id=order.customer_id)
