"""What a queued mail says: its wording, and all it needs, read in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from billing.engine import Engine
from billing.flows.document_parts import seller_facts
from billing.flows.documents import Document, Links, credit_note_document, invoice_document
from billing.tables import customers
from core import ids
from core.calendars import civil_date, instant_of
from core.mail import derived_message_id
from core.work import Work
from invoices.adapters.mail import WITH_DOCUMENT, Notice, NoticeKind
from invoices.adapters.mail import Links as MailLinks
from invoices.wording import language_of, until_text

# What is queued → which wording it gets.
WORDINGS: Final[Mapping[str, NoticeKind]] = {
    "invoice.issued": "invoice_issued",
    "invoice.paid": "payment_received",
    "invoice.part_paid": "payment_received",
    "credit_note.issued": "credit_note",
    "refund.requested": "refund",
    "refund.arrived": "refund_arrived",
    "refund.kept": "refund_kept",
    "card.not_saved": "card_not_saved",
    "payment.confirm_needed": "confirm_needed",
    "dunning.payment_failed": "payment_failed",
    "dunning.reminder": "payment_reminder",
    "dunning.last_warning": "last_warning",
    "subscription.ended": "subscription_ended",
    "subscription.canceled": "subscription_ended",
    "subscription.change_undone": "change_undone",
    "subscription.upgrade_not_paid": "upgrade_not_paid",
    "subscription.cancel_confirmed": "cancel_confirmed",
    "subscription.change_confirmed": "change_confirmed",
    "subscription.pause_confirmed": "pause_confirmed",
    "subscription.resume_confirmed": "resume_confirmed",
    "subscription.trial_moved": "trial_moved",
    "subscription.trial_ending": "trial_ending",
    "subscription.renewal_notice": "renewal_notice",
    "subscription.price_changes": "price_changes",
    "subscription.price_kept": "price_kept",
    "balance.expiring": "balance_expiring",
}
# These carry the document as a file.
WITH_FILE: Final = frozenset({"invoice.issued", "invoice.paid", "credit_note.issued"})
# These say that money came.
RECEIPTS: Final = frozenset({"invoice.paid", "invoice.part_paid"})
# These ask for money: when nothing is due any more they are not sent.
ASKS: Final = frozenset(
    {
        "dunning.payment_failed",
        "dunning.reminder",
        "dunning.last_warning",
        "payment.confirm_needed",
    }
)


@dataclass(frozen=True, slots=True)
class Leased:
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
class Ready:
    """All that is needed to write one mail; nothing of it asks the database again."""

    notice: Notice
    document: Document | None
    with_file: bool


class PointlessError(Exception):
    """The mail would say what is no longer true."""


def prepare(engine: Engine, unit: Work, message: Leased) -> Ready:
    """Read all that a queued mail says, as of now.

    Raises:
        PointlessError: it asks for money that is not due any more.
        NotFound, KeyError, ValueError: it can never be written.
    """
    wording = WORDINGS.get(message.kind)
    if wording is None:
        raise ValueError(f"nobody knows how to word a mail of kind {message.kind!r}")
    links = Links.of(engine)
    document = _document(unit, message, links)
    if document is None and wording in WITH_DOCUMENT:
        raise ValueError(f"a mail of kind {message.kind!r} is about an invoice or credit note")
    if message.kind in ASKS and document is not None and not document.view.can_pay:
        raise PointlessError("nothing is due any more")
    told = message.payload
    return Ready(
        notice=Notice(
            kind=wording,
            to=message.recipient,
            customer_name=_name(unit, message),
            locale=message.locale,
            seller=document.seller if document else seller_facts({}, unit.merchant),
            message_id=message_id_of(engine, unit, message.id),
            at=message.business_at,
            view=document.view if document else None,
            links=MailLinks(page=document.url if document else ""),
            when=_when(unit, message, document),
            amount=told.get("amount"),
            plan=_worded(told.get("plan"), message.locale),
            method=_worded(told.get("method"), message.locale) or _paid_by(message, document),
            # The wording goes on after it.
            reason=_worded(told.get("reason"), message.locale).rstrip("."),
            until=_until(message),
            balance=told.get("balance"),
            used=told.get("used") if told.get("metered") else None,
            old_plan=_worded(told.get("old_plan"), message.locale),
            starts=date.fromisoformat(told["starts"]) if told.get("starts") else None,
            charged=told.get("charged"),
            instead_of=_worded(told.get("instead_of"), message.locale),
            from_now=bool(told.get("from_now")),
            forfeits=bool(told.get("forfeits")),
        ),
        document=document,
        with_file=message.kind in WITH_FILE,
    )


def _when(unit: Work, message: Leased, document: Document | None) -> date | None:
    """The date the mail turns on: what was queued with it, or the day of the payment."""
    told = message.payload.get("when")
    if told:
        return date.fromisoformat(told)
    if message.kind in RECEIPTS and document is not None:
        return civil_date(document.state_at, unit.merchant.billing_zone)
    return None


def _until(message: Leased) -> str:
    """The last moment before the charge that the mail announces, where the payer is."""
    told = message.payload
    if not told.get("zone"):
        return ""
    end = instant_of(date.fromisoformat(told["when"]), told["zone"])
    return until_text(end, told["zone"], language_of(message.locale))


def _paid_by(message: Leased, document: Document | None) -> str:
    if message.kind not in RECEIPTS or document is None or not document.view.payments:
        return ""
    return document.view.payments[-1].method


def _document(unit: Work, message: Leased, links: Links) -> Document | None:
    on = civil_date(message.business_at, unit.merchant.billing_zone)
    if message.subject_kind == "invoice":
        return invoice_document(unit, message.subject_id, links=links, as_of=on)
    if message.subject_kind == "credit_note":
        return credit_note_document(unit, message.subject_id, links=links)
    if message.payload.get("invoice_id"):
        invoice_id = ids.parse("invoice", message.payload["invoice_id"])
        return invoice_document(unit, invoice_id, links=links, as_of=on)
    return None


def _name(unit: Work, message: Leased) -> str:
    if message.customer_id is None:
        return message.recipient
    found: str | None = unit.session.execute(
        select(customers.c.name).where(
            customers.c.merchant_id == unit.merchant_id, customers.c.id == message.customer_id
        )
    ).scalar_one_or_none()
    return found or message.recipient


def _worded(value: Mapping[str, str] | str | None, locale: str) -> str:
    if isinstance(value, Mapping):
        # A plan may be named in one language only: better that than no name.
        return value.get(language_of(locale)) or next((one for one in value.values() if one), "")
    return value or ""


def message_id_of(engine: Engine, unit: Work, message_id: UUID) -> str:
    """The Message-ID that a mail has for good, over any restore."""
    return derived_message_id(
        f"{unit.merchant_id}/{message_id}", _domain(engine.settings.mail_from)
    )


def _domain(address: str) -> str:
    return address.rpartition("@")[2] or "localhost"
