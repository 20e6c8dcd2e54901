"""Mailing an invoice once more, because a person asks for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import func, or_, select

from billing.queries import get_customer
from core.errors import Conflict
from core.tables import messages
from core.work import Mail, Work, queue_mail
from invoices.queries import get_invoice
from invoices.status import is_only_credited

Wanted = Literal["document", "reminder"]
# Nobody gets the same mail twice within this time, whoever presses the button.
PAUSE: Final = timedelta(minutes=10)
_KINDS: Final[dict[tuple[Wanted, str], str]] = {
    ("document", "open"): "invoice.issued",
    ("document", "paid"): "invoice.paid",
    ("reminder", "open"): "dunning.reminder",
}


def send_again(unit: Work, invoice_id: UUID, wanted: Wanted, *, key: str) -> None:
    """Queue an invoice's mail with its link, to the address the customer has now.

    Args:
        wanted: ``document`` with its PDF (a receipt where it is paid), or a ``reminder`` that it is
            not paid.
        key: of the request: the same key queues one mail.

    Raises:
        NotFound: ``invoice_not_found``.
        Conflict: ``invoice_not_open`` for a void, written-off or wholly credited one, or a reminder
            of nothing; ``mail_on_its_way`` when the same mail was sent a moment ago.
    """
    invoice = get_invoice(unit, invoice_id, lock=True)
    kind = _KINDS.get((wanted, invoice.status))
    if is_only_credited(invoice.status, invoice.paid_amount, invoice.credited_amount):
        kind = None  # a receipt would thank for money that never came; the note was mailed
    if kind is None:
        raise Conflict("invoice_not_open", f"the invoice is {invoice.status}: nothing is sent")
    _require_pause(unit, invoice_id, kind)
    last = _last_sent(unit, invoice_id, kind)
    buyer = get_customer(unit, invoice.customer_id)
    mail = Mail(
        kind,
        "invoice",
        invoice_id,
        recipient=buyer.email,
        locale=buyer.locale,
        customer_id=buyer.id,
        key=key,
    )
    queue_mail(unit, [mail])
    unit.audit(
        "invoice.send",
        "invoice",
        invoice_id,
        before={"mail": kind, "sent_at": last},
        after={"mail": kind, "sent_at": None},
    )


def _last_sent(unit: Work, invoice_id: UUID, kind: str) -> str | None:
    c = messages.c
    last = unit.session.execute(
        select(func.max(c.sent_at)).where(
            c.merchant_id == unit.merchant_id, c.kind == kind, c.subject_id == invoice_id
        )
    ).scalar_one()
    return None if last is None else str(last.isoformat())


def _require_pause(unit: Work, invoice_id: UUID, kind: str) -> None:
    lately = unit.session.execute(
        select(messages.c.id)
        .where(
            messages.c.merchant_id == unit.merchant_id,
            messages.c.kind == kind,
            messages.c.subject_id == invoice_id,
            or_(
                messages.c.state.in_(("queued", "sending")),
                messages.c.sent_at > unit.real_now - PAUSE,
            ),
        )
        .limit(1)
    ).first()
    if lately is not None:
        raise Conflict("mail_on_its_way", "this mail is on its way, or was sent a moment ago")
