"""A mail to send: the base notice and its kinds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from documents import examples as ex

from core.mail import derived_message_id
from invoices.adapters.mail import WITH_DOCUMENT, Links, Notice, NoticeKind
from invoices.document import view_of

PDF = b"%PDF-1.7 not really"
NOTICE = Notice(
    kind="invoice_issued",
    to="dewi@kopipelangi.example",
    customer_name="Dewi Anggraini",
    locale="id",
    seller=ex.SELLER,
    message_id=derived_message_id("larasa/inv_1/issued", "larasa.example"),
    at=datetime(2026, 11, 21, 2, tzinfo=UTC),
    view=view_of(ex.OPEN),
    links=Links(ex.PAGE),
    when=date(2026, 11, 25),
    amount=3_873_900,
    plan="Larasa Tumbuh",
    method="Visa •••• 1111",
    reason="dana tidak mencukupi",
    until="24 November 2026, 23.59 WIB",
    old_plan="Larasa Mulai",
    starts=date(2026, 11, 25),
    charged=110_000,
    pdf=PDF,
)


def notice(kind: NoticeKind, locale: str = "id") -> Notice:
    facts = {"payment_received": ex.PAID, "credit_note": ex.CREDIT_NOTE}.get(kind, ex.OPEN)
    view = view_of(replace(facts, locale=locale)) if kind in WITH_DOCUMENT else None
    return replace(NOTICE, kind=kind, locale=locale, view=view)
