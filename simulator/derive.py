"""Names and numbers made by hashing: same seed and same calls, same answers."""

from __future__ import annotations

import hashlib
import uuid

_ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def digest(seed: str, *parts: object) -> bytes:
    """32 bytes that depend on the seed and on every part, in order."""
    text = "\x1f".join((seed, *map(str, parts)))
    return hashlib.blake2b(text.encode(), digest_size=32).digest()


def uuid_of(seed: str, *parts: object) -> str:
    """A UUID of version 4 in form, derived in fact."""
    return str(uuid.UUID(bytes=digest(seed, *parts)[:16], version=4))


def digits_of(seed: str, count: int, *parts: object) -> str:
    """`count` decimal digits, at most 60."""
    return str(int.from_bytes(digest(seed, *parts), "big")).zfill(78)[-count:]


def alnum_of(seed: str, count: int, *parts: object) -> str:
    """`count` letters and digits, at most 32."""
    return "".join(_ALNUM[byte % len(_ALNUM)] for byte in digest(seed, *parts)[:count])


def fraction_of(seed: str, *parts: object) -> float:
    """A number in [0, 1)."""
    return int.from_bytes(digest(seed, *parts)[:6], "big") / float(1 << 48)
