"""`tagihan explain [INVOICE]`: how every amount came about, and all that happened to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from billing.reports.explain import Explanation, explain_invoice
from core import ids
from core.calendars import civil_date
from core.db import connect
from core.errors import EngineError
from core.settings import Settings
from invoices.status import is_only_credited
from invoices.wording import language_of, long_date, rupiah, short_date
from ops.explain_words import JOURNALS, KINDS, STATES, WORDS, because, channel, either

_WIDTH = 80


def find_newest(session: Session) -> tuple[UUID, UUID]:
    """Find the invoice that was issued last, by its merchant's own time; merchant and id.

    Raises:
        LookupError: none was issued yet.
    """
    row = session.execute(
        text(
            "SELECT merchant_id, id FROM invoices WHERE issued_at IS NOT NULL "
            "ORDER BY issued_at DESC, number DESC, merchant_id LIMIT 1"
        )
    ).first()
    if row is None:
        raise LookupError("there is no invoice yet")
    return row.merchant_id, row.id


def find_invoice(session: Session, name: str) -> tuple[UUID, UUID]:
    """Find an invoice by its number, its public id or its UUID; merchant and id.

    Raises:
        LookupError: there is none, or several merchants use that number.
    """
    wanted: UUID | None = None
    try:
        wanted = ids.parse("invoice", name) if name.startswith("inv_") else UUID(name)
    except (EngineError, ValueError):
        wanted = None
    rows = session.execute(
        text(
            "SELECT i.merchant_id, i.id, m.slug FROM invoices i JOIN merchants m "
            "ON m.merchant_id = i.merchant_id WHERE i.number = :name OR i.id = :id LIMIT 5"
        ),
        {"name": name, "id": wanted},
    ).all()
    if not rows:
        raise LookupError(f"there is no invoice {name!r}")
    if len(rows) > 1:
        known = ", ".join(f"{row.slug} {ids.public('invoice', row.id)}" for row in rows)
        raise LookupError(f"several merchants have an invoice {name!r}: {known}")
    return rows[0].merchant_id, rows[0].id


def render(told: Explanation) -> str:
    """One screen of text."""
    return "\n".join(_render(told, language_of(told.locale)))


def _render(told: Explanation, language: str) -> Iterator[str]:
    words = WORDS[language]
    no_money = is_only_credited(told.status, told.paid, told.credited)
    status = "credited" if no_money else told.status
    yield _both(f"{told.number}  {words['to']} {told.buyer}", words[status])
    yield (
        f"{told.seller} · {words['issued']} {long_date(told.issued_on, language)}"
        f" · {words['due_on']} {long_date(told.due_on, language)}"
    )
    yield ""
    yield words["lines"]
    for line in told.lines:
        yield _both(f"  {line.position}. {line.text}", rupiah(line.amount))
        if line.period and line.period not in line.text:
            yield f"     {line.period}"
        yield f"     {line.arithmetic}"
    yield _both(f"  {words['subtotal']}", rupiah(told.subtotal))
    for label, sum_ in told.tax_steps:
        yield f"  {label}: {sum_}"
    yield _both(
        f"  {words['total']} = {rupiah(told.subtotal)} + {rupiah(told.tax)}", rupiah(told.total)
    )
    if told.status == "void":
        yield _both(f"  {words['due']}: {words['void']}", rupiah(0))
    else:
        taken = f"{rupiah(told.paid)} − {rupiah(told.credited)}"
        yield _both(f"  {words['due']} = {rupiah(told.total)} − {taken}", rupiah(told.due))
    if told.tax_point_on is not None and told.tax:
        yield f"  {words['tax_point']} {long_date(told.tax_point_on, language)}"
    yield ""
    yield words["money"] + ("" if told.money else f": {words['none']}")
    for one in told.money:
        what = f"  {_day(told, one.at, language)}  {words[one.kind]} {one.reference}".rstrip()
        yield _both(what, rupiah(one.amount))
    yield ""
    yield words["orders"] + ("" if told.orders else f": {words['none']}")
    for order in told.orders:
        code = f" [{order.code}]" if order.code else ""
        kind, state = either(KINDS, order.kind, language), either(STATES, order.state, language)
        way = channel(order.channel, language)
        yield _both(f"  {order.n}. {kind}, {way}: {state}{code}", rupiah(order.amount))
        yield f"     {order.order_id}"
        for step in order.steps:
            after = either(STATES, step.after, language)
            why = because(step.because, language)
            yield f"     {_day(told, step.at, language)}  {after:<11}  {why}"
    yield ""
    yield words["books"]
    for journal in told.journals:
        what = either(JOURNALS, journal.kind, language)
        yield f"  {short_date(journal.on, language):>11}  {what}"
        for account, amount in journal.postings:
            side = words["debit" if amount > 0 else "credit"]
            yield _both(f"      {side:<6} {account}", rupiah(abs(amount)))


def _day(told: Explanation, at: datetime, language: str) -> str:
    return f"{short_date(civil_date(at, told.zone), language):>11}"


def _both(left: str, right: str) -> str:
    gap = max(2, _WIDTH - len(left) - len(right))
    return f"{left}{' ' * gap}{right}"


def main(settings: Settings, invoice: str | None, language: str | None = None) -> int:
    """``tagihan explain``: print it, the newest where none is named; 1 when there is none."""
    if settings.database_url is None:
        raise ValueError("DATABASE_URL is not set")
    if language is None and settings.language != "merchant":
        language = settings.language
    db = connect(settings.database_url, role_prefix=settings.role_prefix, pool_size=1)
    try:
        with db.reader() as session:
            found = find_newest(session) if invoice is None else find_invoice(session, invoice)
            merchant_id, invoice_id = found
            told = explain_invoice(session, merchant_id, invoice_id, language=language)
    except LookupError as error:
        print(error.args[0], file=sys.stderr)
        return 1
    finally:
        db.close()
    print(render(told))
    return 0
