"""Mail on its way: leased, written, handed to the mail server outside of any transaction.

A crash between the server's yes and our note sends the same mail again, with the same Message-ID:
mail programs show it once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, exists, or_, select, update

from billing.engine import Engine
from billing.flows.document_parts import seller_facts
from billing.flows.documents import Document, Links, credit_note_document, invoice_document
from billing.flows.reviews import open_review
from billing.tables import customers
from core import ids
from core.actor import system
from core.calendars import civil_date
from core.errors import NotFound
from core.mail import MailRefused, MailUnavailable, OutgoingMail, derived_message_id
from core.tables import messages
from core.work import Work
from invoices.adapters.mail import WITH_DOCUMENT, Notice, NoticeKind, compose
from invoices.adapters.mail import Links as MailLinks
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

# What is queued → which wording it gets.
WORDINGS: Final[Mapping[str, NoticeKind]] = {
    "invoice.issued": "invoice_issued",
    "invoice.paid": "payment_received",
    "invoice.part_paid": "payment_received",
    "credit_note.issued": "credit_note",
    "refund.requested": "refund",
    "dunning.payment_failed": "payment_failed",
    "dunning.reminder": "payment_reminder",
    "dunning.last_warning": "last_warning",
    "subscription.ended": "subscription_ended",
    "subscription.canceled": "subscription_ended",
    "subscription.change_undone": "change_undone",
    "subscription.trial_ending": "trial_ending",
    "subscription.renewal_notice": "renewal_notice",
}
# These carry the document as a file.
WITH_FILE: Final = frozenset({"invoice.issued", "invoice.paid", "credit_note.issued"})
# These say that money came.
RECEIPTS: Final = frozenset({"invoice.paid", "invoice.part_paid"})
# These ask for money: when nothing is due any more they are not sent.
ASKS: Final = frozenset({"dunning.payment_failed", "dunning.reminder", "dunning.last_warning"})


@dataclass(frozen=True, slots=True)
class _Leased:
    """A message that is ours to send until the lease ends, as it was when leased."""

    id: UUID
    kind: str
    customer_id: UUID | None
    subject_kind: str
    subject_id: UUID
    recipient: str
    locale: str
    payload: dict[str, Any]
    business_at: datetime
    sends: int


@dataclass(frozen=True, slots=True)
class _Ready:
    """All that is needed to write one mail; nothing of it asks the database again."""

    notice: Notice
    document: Document | None
    with_file: bool


_LOG = logging.getLogger("tagihan.mail")


class _PointlessError(Exception):
    """The mail would say what is no longer true."""


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


def _lease(engine: Engine, merchant_id: UUID, limit: int) -> list[_Leased]:
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
            _Leased(
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


def _send(engine: Engine, merchant_id: UUID, message: _Leased) -> bool:
    """Send one mail; False when the mail server itself takes nothing now."""
    try:
        with engine.work(merchant_id, system("mail")) as unit:
            ready = _prepare(engine, unit, message)
        engine.mailer.send(_written(ready))
    except MailUnavailable as error:
        _later(engine, merchant_id, message, str(error))
        return False
    except _PointlessError as error:
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


def _written(ready: _Ready) -> OutgoingMail:
    """Render file and mail; the slow part, with no transaction open."""
    notice = ready.notice
    if ready.with_file and ready.document is not None:
        notice = replace(notice, pdf=ready.document.pdf())
    return compose(notice)


def _prepare(engine: Engine, unit: Work, message: _Leased) -> _Ready:
    wording = WORDINGS.get(message.kind)
    if wording is None:
        raise ValueError(f"nobody knows how to word a mail of kind {message.kind!r}")
    links = Links.of(engine)
    document = _document(unit, message, links)
    if document is None and wording in WITH_DOCUMENT:
        raise ValueError(f"a mail of kind {message.kind!r} is about an invoice or credit note")
    if message.kind in ASKS and document is not None and not document.view.can_pay:
        raise _PointlessError("nothing is due any more")
    told = message.payload
    return _Ready(
        notice=Notice(
            kind=wording,
            to=message.recipient,
            customer_name=_name(unit, message),
            locale=message.locale,
            seller=document.seller if document else seller_facts({}, unit.merchant),
            message_id=derived_message_id(
                f"{unit.merchant_id}/{message.id}", _domain(engine.settings.mail_from)
            ),
            at=message.business_at,
            view=document.view if document else None,
            links=MailLinks(page=document.url if document else ""),
            when=_when(unit, message, document),
            amount=told.get("amount"),
            plan=_worded(told.get("plan"), message.locale),
            method=_worded(told.get("method"), message.locale) or _paid_by(message, document),
            # The wording goes on after it.
            reason=_worded(told.get("reason"), message.locale).rstrip("."),
        ),
        document=document,
        with_file=message.kind in WITH_FILE,
    )


def _when(unit: Work, message: _Leased, document: Document | None) -> date | None:
    """The date the mail turns on: what was queued with it, or the day of the payment."""
    told = message.payload.get("when")
    if told:
        return date.fromisoformat(told)
    if message.kind in RECEIPTS and document is not None:
        return civil_date(document.state_at, unit.merchant.billing_zone)
    return None


def _paid_by(message: _Leased, document: Document | None) -> str:
    if message.kind not in RECEIPTS or document is None or not document.view.payments:
        return ""
    return document.view.payments[-1].method


def _document(unit: Work, message: _Leased, links: Links) -> Document | None:
    on = civil_date(message.business_at, unit.merchant.billing_zone)
    if message.subject_kind == "invoice":
        return invoice_document(unit, message.subject_id, links=links, as_of=on)
    if message.subject_kind == "credit_note":
        return credit_note_document(unit, message.subject_id, links=links)
    if message.payload.get("invoice_id"):
        invoice_id = ids.parse("invoice", message.payload["invoice_id"])
        return invoice_document(unit, invoice_id, links=links, as_of=on)
    return None


def _name(unit: Work, message: _Leased) -> str:
    if message.customer_id is None:
        return message.recipient
    found: str | None = unit.session.execute(
        select(customers.c.name).where(
            customers.c.merchant_id == unit.merchant_id, customers.c.id == message.customer_id
        )
    ).scalar_one_or_none()
    return found or message.recipient


def _close(
    engine: Engine,
    merchant_id: UUID,
    message: _Leased,
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


def _later(engine: Engine, merchant_id: UUID, message: _Leased, failure: str) -> None:
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


def _worded(value: Mapping[str, str] | str | None, locale: str) -> str:
    if isinstance(value, Mapping):
        return value.get("en" if locale.startswith("en") else "id") or ""
    return value or ""


def _domain(address: str) -> str:
    return address.rpartition("@")[2] or "localhost"
