"""The merchant a piece of work belongs to, and what time it is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from core.calendars import civil_date
from core.db import merchant_of
from core.errors import NotFound
from core.tables import clocks, merchants


@dataclass(frozen=True, slots=True)
class Merchant:
    """One legal entity with its own Midtrans account, tax status, zone and number series."""

    merchant_id: UUID
    slug: str
    external_id: str | None
    legal_name: str
    display_name: str
    email: str
    phone: str | None
    address: str
    npwp: str | None
    country: str
    billing_zone: str
    locale: str
    pkp_since: date | None
    pkp_until: date | None
    tax_treatment: str
    tax_point: str
    brand_color: str
    logo: bytes | None
    logo_media_type: str | None
    namespace: bytes
    gateway: str
    gateway_url: str | None
    server_key_sealed: bytes | None
    signature_key_sealed: bytes | None
    client_key: str | None
    gateway_merchant_id: str | None
    card_mode: str
    gateway_rps: int
    invoice_prefix: str
    credit_note_prefix: str
    number_pattern: str
    issue_lead_days: int
    payment_terms_days: int
    trial_notice_days: int
    renewal_notice_days: int
    credit_notice_days: int
    top_up_days: int | None
    cancel_day_billed: bool
    upgrade_policy: str
    refund_approval_above: int
    refund_approval_days: int
    mode: str
    metadata: dict[str, Any]
    created_at: datetime

    def __repr__(self) -> str:
        return f"Merchant({self.slug})"

    def today(self, now: datetime) -> date:
        """The civil date at ``now`` where the merchant is."""
        return civil_date(now, self.billing_zone)


_FIELDS = tuple(merchants.c[name] for name in Merchant.__slots__)
# Built once: every transaction of work begins with the second.
_MERCHANT = select(*_FIELDS).where(merchants.c.merchant_id == bindparam("merchant"))
_BEGINNING = (
    select(*_FIELDS, clocks.c.at)
    .join_from(merchants, clocks, merchants.c.merchant_id == clocks.c.merchant_id, isouter=True)
    .where(merchants.c.merchant_id == bindparam("merchant"))
)


def load_merchant(session: Session) -> Merchant:
    """Read the merchant this transaction was opened for.

    Raises:
        NotFound: ``merchant_not_found``.
    """
    row = session.execute(_MERCHANT, {"merchant": merchant_of(session)}).one_or_none()
    return Merchant(*_found(row))


def merchant_and_clock(session: Session) -> tuple[Merchant, datetime | None]:
    """The merchant, and what its test clock shows; None where it lives in machine time.

    Raises:
        NotFound: ``merchant_not_found``.
    """
    row = session.execute(_BEGINNING, {"merchant": merchant_of(session)}).one_or_none()
    *fields, at = _found(row)
    return Merchant(*fields), at


def merchant_and_now(session: Session, real_now: datetime) -> tuple[Merchant, datetime]:
    """The merchant, and what time it is there: its test clock where it has one, else machine time.

    Raises:
        NotFound: ``merchant_not_found``.
    """
    merchant, at = merchant_and_clock(session)
    return merchant, real_now if at is None else at


def _found(row: Any) -> Any:
    if row is None:
        raise NotFound("merchant_not_found", "there is no such merchant")
    return row
