"""Mail on its way: leased, written, handed to the mail server outside of any transaction.

A crash between the server's yes and our note sends the same mail again, with the same Message-ID:
mail programs show it once.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, exists, or_, select, update

from billing.engine import Engine
from billing.flows.letters import Leased, PointlessError, Ready, prepare
from billing.flows.reviews import open_review
from core import ids
from core.actor import system
from core.errors import NotFound
from core.mail import MailRefused, MailUnavailable, OutgoingMail
from core.tables import messages
from core.work import Work
from invoices.adapters.mail import compose
from invoices.adapters.pdf import DocumentUnreadable
from invoices.tables import invoices
from payments.tables import payment_orders

BATCH: Final = 20
LEASE: Final = timedelta(minutes=3)
# A mail about an invoice waits this long, in machine time, for the number to pay to.
INSTRUMENT_PATIENCE: Final = timedelta(seconds=45)
# A mail server that is down is asked again after these spans, then every six hours.
BACKOFF: Final = tuple(timedelta(seconds=s) for s in (30, 120, 600, 3600, 6 * 3600))
SENDS_MAX: Final = 24

_LOG = logging.getLogger("tagihan.mail")


def send_due(engine: Engine, merchant_id: UUID, limit: int = BATCH) -> int:
    """Send the queued mails of a merchant that are due; returns how many were tried."""
    leased = _lease(engine, merchant_id, limit)
    for sent, message in enumerate(leased, 1):
        if not _send(engine, merchant_id, message):
            # The server takes no mail now: the rest of the batch need not knock too.
            for waiting in leased[sent:]:
                _later(engine, merchant_id, waiting, "the mail server was not reachable")
            break
    return len(leased)


def _lease(engine: Engine, merchant_id: UUID, limit: int) -> list[Leased]:
    with engine.work(merchant_id, system("mail")) as unit:
        rows = unit.session.execute(
            select(messages)
            .where(
                messages.c.merchant_id == merchant_id,
                messages.c.next_at <= unit.real_now,
                or_(messages.c.next_at <= unit.real_now - INSTRUMENT_PATIENCE, ~_waits(unit)),
            )
            .order_by(messages.c.business_at, messages.c.next_at, messages.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        if not rows:
            return []
        until = unit.real_now + LEASE
        unit.session.execute(
            update(messages)
            .where(
                messages.c.merchant_id == merchant_id, messages.c.id.in_([row.id for row in rows])
            )
            .values(state="sending", sends=messages.c.sends + 1, lease_until=until, next_at=until)
        )
        return [
            Leased(
                row.id,
                row.kind,
                row.customer_id,
                row.subject_kind,
                row.subject_id,
                row.recipient,
                row.locale,
                row.payload,
                row.business_at,
                row.sends + 1,
            )
            for row in rows
        ]


def _waits(unit: Work) -> Any:
    """Whether the mail is about an invoice whose number to pay to is still being asked for."""
    asked = exists().where(
        payment_orders.c.merchant_id == invoices.c.merchant_id,
        payment_orders.c.invoice_id == invoices.c.id,
        payment_orders.c.kind == "instrument",
        payment_orders.c.state.in_(("created", "sent")),
    )
    return exists().where(
        messages.c.kind == "invoice.issued",
        invoices.c.merchant_id == messages.c.merchant_id,
        invoices.c.id == messages.c.subject_id,
        invoices.c.status == "open",
        invoices.c.collection == "invoice",
        or_(and_(invoices.c.collect_at.is_not(None), invoices.c.collect_at <= unit.now), asked),
    )


def _send(engine: Engine, merchant_id: UUID, message: Leased) -> bool:
    """Send one mail; False when the mail server itself takes nothing now."""
    try:
        with engine.work(merchant_id, system("mail")) as unit:
            ready = prepare(engine, unit, message)
        engine.mailer.send(_written(ready))
    except MailUnavailable as error:
        _later(engine, merchant_id, message, str(error))
        return False
    except PointlessError as error:
        _close(engine, merchant_id, message, "dropped", str(error), review=False)
    except (MailRefused, NotFound, DocumentUnreadable, KeyError, ValueError) as error:
        _close(engine, merchant_id, message, "dead", f"{type(error).__name__}: {error}")
    except Exception as error:
        # A bug for one message: it comes again later, the others of its batch are not held up.
        _LOG.exception("a mail was not sent", extra={"mail": str(message.id)})
        _later(engine, merchant_id, message, type(error).__name__)
    else:
        _close(engine, merchant_id, message, "sent")
    return True


def _written(ready: Ready) -> OutgoingMail:
    """Render file and mail; the slow part, with no transaction open."""
    notice = ready.notice
    if ready.with_file and ready.document is not None:
        notice = replace(notice, pdf=ready.document.pdf())
    return compose(notice)


def _close(
    engine: Engine,
    merchant_id: UUID,
    message: Leased,
    state: str,
    failure: str | None = None,
    *,
    review: bool = True,
) -> None:
    """Note how it ended; a person looks at mail that will never be taken."""
    with engine.work(merchant_id, system("mail")) as unit:
        done = unit.session.execute(
            update(messages)
            .where(
                messages.c.merchant_id == merchant_id,
                messages.c.id == message.id,
                messages.c.state == "sending",
            )
            .values(
                state=state,
                next_at=None,
                lease_until=None,
                sent_at=unit.real_now if state == "sent" else None,
                failure=failure and failure[:500],
            )
        )
        if done.rowcount == 0:  # type: ignore[attr-defined]
            return
        if state == "sent":
            unit.event(
                "message.sent",
                "message",
                message.id,
                {
                    "kind": message.kind,
                    "subject": ids.public(message.subject_kind, message.subject_id),
                },
                customer_id=message.customer_id,
                at=message.business_at,
            )
        elif review:
            open_review(
                unit, "mail_refused", "message", message.id, {"kind": message.kind, "why": failure}
            )


def _later(engine: Engine, merchant_id: UUID, message: Leased, failure: str) -> None:
    if message.sends >= SENDS_MAX:
        _close(engine, merchant_id, message, "dead", failure)
        return
    wait = BACKOFF[min(message.sends, len(BACKOFF)) - 1]
    with engine.work(merchant_id, system("mail")) as unit:
        unit.session.execute(
            update(messages)
            .where(
                messages.c.merchant_id == merchant_id,
                messages.c.id == message.id,
                messages.c.state == "sending",
            )
            .values(
                state="queued",
                lease_until=None,
                next_at=unit.real_now + wait,
                failure=failure[:500],
            )
        )
