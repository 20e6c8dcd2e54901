"""A charge of a linked wallet that its holder must confirm: the payer is told, and led there.

The gateway waits for some minutes. What is not confirmed in that time runs out like any refusal
that only the customer can mend: the invoice is chased, and its page leads to the wallet again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from core.work import Mail, Work, queue_mail
from payments.channels import CHANNELS


def confirm_needed(unit: Work, order: Row[Any], invoice: Row[Any] | None) -> None:
    """Tell the payer of a pull that waits for a PIN; who sits before the page is led by it."""
    if order.kind != "attempt" or not CHANNELS[order.channel].by_account or invoice is None:
        return
    unit.event(
        "payment.confirm_needed",
        "payment_order",
        order.id,
        {"invoice": invoice.number, "amount": order.amount, "channel": order.channel},
        customer_id=order.customer_id,
    )
    if order.initiated_by != "merchant":
        return
    mail = Mail(
        kind="payment.confirm_needed",
        subject_kind="invoice",
        subject_id=invoice.id,
        recipient=invoice.buyer["email"],
        locale=invoice.locale,
        customer_id=invoice.customer_id,
        payload={"method": {lang: CHANNELS["gopay"].name(lang) for lang in ("id", "en")}},
        key=order.order_id,
    )
    queue_mail(unit, [mail])
