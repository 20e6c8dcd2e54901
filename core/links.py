"""Signed links: who holds one may see one document, until a day, without a key of ours."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal
from uuid import UUID

from core.errors import Unauthenticated

Purpose = Literal["invoice", "credit_note", "portal"]

# One byte each, never reused: a token says what it is for, and is good for nothing else.
_CODES: Final[dict[Purpose, int]] = {"invoice": 1, "credit_note": 2, "portal": 3}
_PURPOSES: Final = {code: purpose for purpose, code in _CODES.items()}

_DAY_ZERO: Final = date(2000, 1, 1)
_BODY: Final = 1 + 2 + 16 + 16
# 128 bits of HMAC-SHA-256: nobody guesses that, and the address stays on one line of a mail.
_SEAL: Final = 16
TOKEN_LENGTH: Final = (_BODY + _SEAL) * 4 // 3


@dataclass(frozen=True, slots=True)
class Link:
    """What a genuine token says. ``expires_on`` is the first civil date it no longer opens."""

    purpose: Purpose
    merchant_id: UUID
    subject_id: UUID
    expires_on: date

    def require_current(self, today: date) -> None:
        """Refuse a link whose time is over.

        Raises:
            Unauthenticated: ``link_expired``.
        """
        if today >= self.expires_on:
            raise Unauthenticated("link_expired", "this link is no longer valid")


def sign_link(
    key: bytes, purpose: Purpose, merchant_id: UUID, subject_id: UUID, expires_on: date
) -> str:
    """Make a token of 68 characters that stand in an address as they are.

    Equal arguments give equal tokens, so that a document that shows its link has equal bytes.

    Args:
        key: the vault's subkey ``links``.
        purpose: what may be seen.
        subject_id: of the invoice, credit note or customer.
        expires_on: the first date on which it no longer opens, in the merchant's zone.
    """
    days = (expires_on - _DAY_ZERO).days
    body = bytes([_CODES[purpose]]) + days.to_bytes(2) + merchant_id.bytes + subject_id.bytes
    return base64.urlsafe_b64encode(body + _seal(key, body)).decode("ascii")


def open_link(key: bytes, token: str) -> Link:
    """Check that a token is ours, and read it; whether its time is over is not asked.

    The merchant's own date is needed for that, and the merchant is only known afterwards.

    Raises:
        Unauthenticated: ``link_invalid``.
    """
    raw = _decoded(token)
    body, seal = raw[:_BODY], raw[_BODY:]
    # The comparison comes first and takes the same time wherever the first wrong byte is.
    if not hmac.compare_digest(seal, _seal(key, body)) or body[0] not in _PURPOSES:
        raise _invalid()
    return Link(
        purpose=_PURPOSES[body[0]],
        expires_on=_DAY_ZERO + timedelta(days=int.from_bytes(body[1:3])),
        merchant_id=UUID(bytes=body[3:19]),
        subject_id=UUID(bytes=body[19:35]),
    )


def read_link(key: bytes, token: str, today: date) -> Link:
    """Check that a token is ours and still good, and read it.

    Raises:
        Unauthenticated: ``link_invalid`` or ``link_expired``.
    """
    link = open_link(key, token)
    link.require_current(today)
    return link


def _seal(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, b"tagihan link 1:" + body, hashlib.sha256).digest()[:_SEAL]


def _decoded(token: str) -> bytes:
    if len(token) != TOKEN_LENGTH:
        raise _invalid()
    try:
        return base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise _invalid() from None


def _invalid() -> Unauthenticated:
    return Unauthenticated("link_invalid", "this link is not one of ours")
