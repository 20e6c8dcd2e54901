"""Ids that Midtrans sees: derived from business keys, so that no crash or restore mints another."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final
from uuid import UUID, uuid5

from core.errors import InvalidRequest

ORDER_ID_LENGTH_MAX: Final = 36
ATTEMPTS_MAX: Final = 999
REFUND_KEY_LENGTH_MAX: Final = 60

# 28 characters of base32 are 140 bits: enough that two invoices never meet, and with "-999"
# still four characters below the limit.
STEM_LENGTH: Final = 28

ORDER_ID: Final = re.compile(rf"[a-z2-7]{{{STEM_LENGTH}}}-[1-9][0-9]{{0,2}}")

# A namespace of our own for keys towards Midtrans; any fixed UUID does, it must never change.
_IDEMPOTENCY: Final = UUID("5b0f8a9e-3c52-5d6b-9f64-0a4f1de07c11")


def order_id(namespace: bytes, owner_id: str, period_start: str, kind: str, n: int) -> str:
    """Derive the order id of one attempt or instrument.

    The merchant's random namespace is part of it: restoring a backup derives the same ids, while
    a wiped installation on the same Midtrans account derives others, so that no old settled order
    can pay a new invoice.

    Args:
        namespace: the merchant's 16 random bytes.
        owner_id: id of the subscription, or of the one-off invoice.
        period_start: ISO date of the period's first day, or a word for one-off work.
        kind: what is being collected, such as ``recurring`` or ``recurring:va``.
        n: 1 for the first try; n + 1 only after the gateway attested that n came to nothing.

    Returns:
        At most 36 characters of ``a-z 2-7 -`` and digits.

    Raises:
        InvalidRequest: ``too_many_attempts`` beyond 999, ``invalid_attempt_number`` below 1.
    """
    if n < 1:
        raise InvalidRequest("invalid_attempt_number", f"attempts are counted from 1, not {n}")
    if n > ATTEMPTS_MAX:
        raise InvalidRequest("too_many_attempts", f"no invoice is tried {n} times")
    digest = digest_of(namespace, owner_id, period_start, kind)
    stem = base64.b32encode(digest).decode("ascii").lower()[:STEM_LENGTH]
    return f"{stem}-{n}"


def digest_of(namespace: bytes, owner_id: str, period_start: str, kind: str) -> bytes:
    """32 bytes of a business key; the stem of its order ids is written from the first 140 bits."""
    return hashlib.sha256(_joined(namespace, owner_id, period_start, kind)).digest()


def is_order_id(text: str) -> bool:
    """Say whether ``text`` has the shape of an order id of ours."""
    return ORDER_ID.fullmatch(text) is not None


def refund_key(order_id: str, n: int, amount: int) -> str:
    """Derive the key of the n-th refund of an order.

    The amount is in it, because Midtrans repeats a refund whose key it knows whatever the amount
    says: a changed amount under an old key must not look like the old refund.
    """
    if n < 1 or amount < 1:
        raise InvalidRequest("invalid_refund", f"refund {n} of {amount} cannot have a key")
    key = f"{order_id}-r{n}-{amount}"
    if len(key) > REFUND_KEY_LENGTH_MAX:
        raise InvalidRequest("invalid_refund", f"the refund key {key!r} is too long")
    return key


def idempotency_key(order_id: str, operation: str, send: int) -> str:
    """Derive the ``Idempotency-Key`` of one send: a UUID of 36 characters.

    The operation is in it because Midtrans keeps keys over all endpoints; the send number counts
    up when a charge is sent again after the five minutes in which the old key is remembered.
    """
    return str(uuid5(_IDEMPOTENCY, f"{order_id}:{operation}:{send}"))


def _joined(namespace: bytes, *parts: str) -> bytes:
    """Join parts so that no two different lists give the same bytes."""
    joined = [namespace]
    for part in parts:
        raw = part.encode()
        joined.append(len(raw).to_bytes(4, "big") + raw)
    return b"".join(joined)
