"""Where paying an invoice stands, read from its orders for the customer's page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select

from api.pages.portal_reads import is_late
from core.work import Work
from invoices.document import safe_url
from payments.channels import CHANNELS, STANDING
from payments.tables import payment_orders

_UNDER_WAY: Final = ("created", "sent", "unknown")


@dataclass(frozen=True, slots=True)
class Paying:
    """Where paying an invoice stands.

    ``state`` is none, preparing (the bank is being asked for a number), offered, charging (a card
    is being charged), authorized (a card holds the amount), challenge (the fraud desk looks at
    it), confirm (its holder has to confirm at ``confirm_url``), late (the address at which he could
    is dead, and the charge ends by itself at ``ends``), declined (the card was refused, with the
    bank's ``code``), released (what a card held was let go, or ran out) or failed (the bank gave
    no number). ``transaction_id`` is the offered one's.

    ``refused`` is the way that the payer chose last, where it was refused: its channel, the code,
    and Midtrans' word for what was chosen on a hosted page.
    """

    state: str
    transaction_id: str | None = None
    offers: int = 0
    confirm_url: str = ""
    code: str = ""
    by_wallet: bool = False
    ends: datetime | None = None
    channel: str = "card"
    refused: tuple[str, str, str] | None = None


def paying_of(unit: Work, invoice_id: UUID) -> Paying:
    """Read where paying an invoice stands from its orders."""
    rows = _orders(unit, invoice_id)
    found = _stands(unit, rows)
    if found.state in ("none", "offered", "preparing"):
        return replace(found, refused=_refused(rows))
    return found


def _orders(unit: Work, invoice_id: UUID) -> list[Row[Any]]:
    found: Iterable[Any] = unit.session.execute(
        select(
            payment_orders.c.id,
            payment_orders.c.kind,
            payment_orders.c.channel,
            payment_orders.c.state,
            payment_orders.c.abandoning,
            payment_orders.c.transaction_id,
            payment_orders.c.instructions,
            payment_orders.c.code,
            payment_orders.c.held,
            payment_orders.c.expires_at,
            payment_orders.c.authorize_only,
            payment_orders.c.decline_class,
            payment_orders.c.answer["payment_type"].astext.label("payment_type"),
        )
        .where(
            payment_orders.c.merchant_id == unit.merchant_id,
            payment_orders.c.invoice_id == invoice_id,
        )
        .order_by(payment_orders.c.n)
    )
    return list(found)


def _refused(rows: Sequence[Row[Any]]) -> tuple[str, str, str] | None:
    """What the payer chose last; a number to pay to may have been asked for since."""
    chosen = [row for row in rows if row.channel not in STANDING or row.state == "failed"]
    if not chosen or chosen[-1].kind != "instrument" or chosen[-1].decline_class is None:
        return None
    last = chosen[-1]
    return str(last.channel), str(last.code or ""), str(last.payment_type or "")


def _stands(unit: Work, rows: Sequence[Row[Any]]) -> Paying:
    offers = [row for row in rows if row.kind == "instrument" and row.channel in STANDING]
    asked = sum(row.kind == "instrument" for row in rows)
    for row in rows:
        if row.held is not None:
            return Paying(row.held, offers=asked)
        if row.kind == "attempt" and row.state in (*_UNDER_WAY, "pending"):
            confirm = safe_url(str(row.instructions.get("redirect_url", "")))
            state = "confirm" if confirm and row.state == "pending" else "charging"
            if state == "confirm" and _linked(row) and is_late(unit, row.id):
                return Paying("late", offers=asked, by_wallet=True, ends=row.expires_at)
            return Paying(state, offers=asked, confirm_url=confirm, by_wallet=_linked(row))
    for row in reversed(offers):
        if row.state == "pending" and not row.abandoning:
            return Paying("offered", row.transaction_id, asked)
        if row.state in _UNDER_WAY and not row.abandoning:
            return Paying("preparing", offers=asked)
    if offers and offers[-1].state == "failed" and offers[-1].transaction_id is None:
        return Paying("failed", offers=asked)
    if rows and rows[-1].kind == "attempt" and rows[-1].state == "failed":
        if rows[-1].authorize_only and rows[-1].decline_class is None and rows[-1].transaction_id:
            return Paying("released", offers=asked)  # it was held, and no bank refused it
        code = rows[-1].code or ""
        return Paying(
            "declined",
            offers=asked,
            code=code,
            by_wallet=_linked(rows[-1]),
            channel=rows[-1].channel,
        )
    return Paying("none", offers=asked)


def _linked(row: Any) -> bool:
    return CHANNELS[row.channel].by_account
