"""Public ids (``sub_…``) around UUIDs, and UUIDs derived from business keys.

An id that can be derived is derived: after a crash, a replay or the restore of a backup the same
business key leads to the same row and, through it, to the same order id at the gateway.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID, uuid5

from core.errors import InvalidRequest

PREFIXES = {
    "merchant": "mer",
    "customer": "cus",
    "payment_method": "pm",
    "mandate": "man",
    "plan": "plan",
    "meter": "mtr",
    "price": "price",
    "subscription": "sub",
    "item": "si",
    "override": "own",
    "discount": "dc",
    "grant": "dg",
    "lot": "lot",
    "change": "chg",
    "price_move": "mov",
    "invoice": "inv",
    "line": "line",
    "credit_note": "cn",
    "payment_order": "po",
    "payment": "pay",
    "refund": "re",
    "event": "evt",
    "key": "key",
    "staff": "staff",
    "case": "case",
    "clock": "clk",
    "notification": "ntf",
    "message": "msg",
    "review": "rev",
    "settlement_file": "stl",
    "difference": "dif",
    "status_sweep": "swp",
}


def derive(namespace: bytes, kind: str, *parts: object) -> UUID:
    """Derive the UUID of a thing of ``kind`` from its business key inside one merchant.

    Args:
        namespace: the merchant's 16 random bytes, minted once.
        kind: what the id names, so that equal keys of two kinds differ.
        parts: the business key; each part is written with ``str``.
    """
    return uuid5(UUID(bytes=namespace), ":".join([kind, *(str(part) for part in parts)]))


_random_bytes: Callable[[int], bytes] = secrets.token_bytes


def fresh() -> UUID:
    """Mint a random UUID for things that have no business key (keys, sessions)."""
    return UUID(bytes=_random_bytes(16), version=4)


@contextmanager
def drawn_from(source: Callable[[int], bytes]) -> Iterator[None]:
    """Let a simulation own the randomness of this process, so that a run can be lived again."""
    global _random_bytes  # noqa: PLW0603 - one source for the whole process, as it is meant
    before, _random_bytes = _random_bytes, source
    try:
        yield
    finally:
        _random_bytes = before


def public(kind: str, value: UUID) -> str:
    """Write a UUID as a public id: ``public("subscription", u)`` → ``sub_`` + 26 characters."""
    text = base64.b32encode(value.bytes).decode("ascii").rstrip("=").lower()
    return f"{PREFIXES[kind]}_{text}"


def parse(kind: str, text: str, *, field: str | None = None) -> UUID:
    """Read a public id of ``kind``.

    Raises:
        InvalidRequest: ``invalid_id``, when it is not an id of that kind.
    """
    prefix, _, body = text.partition("_")
    if prefix == PREFIXES[kind] and len(body) == 26:
        try:
            value = UUID(bytes=base64.b32decode(body.upper() + "======"))
        except ValueError:
            value = None
        if value is not None and public(kind, value) == text:
            return value
    raise InvalidRequest(
        "invalid_id", f"{text[:60]!r} is not an id of a {kind} ({PREFIXES[kind]}_…)", field=field
    )
