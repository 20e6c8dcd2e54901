"""When a call that certainly had no effect is made again: later and later, not all at once."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

_LONGEST: Final = 900
# What a gateway asks for is obeyed up to here: one wrong header must not stop a merchant's billing.
LONGEST_REST: Final = timedelta(minutes=15)


def send_again_after(sends: int, order_id: str, told: int | None = None) -> timedelta:
    """How long to wait before the next send.

    Doubles with every send up to a quarter of an hour; between half and all of that, by a share
    that the order id decides, so that what failed together does not come back together.

    Args:
        told: seconds the gateway asked for (``Retry-After``); never less than these, bounded.

    >>> send_again_after(1, "a") <= timedelta(seconds=2), send_again_after(1, "a", 60).seconds
    (True, 60)
    """
    most = min(_LONGEST, 2 ** min(max(sends, 0), 10))
    digest = hashlib.sha256(f"{order_id}/{sends}".encode()).digest()
    share = int.from_bytes(digest[:4], "big")
    milliseconds = most * 500 + most * 500 * share // 2**32
    return max(timedelta(milliseconds=milliseconds), rest(told))


def rest(told: int | None) -> timedelta:
    """What a gateway asked for, bounded; nothing where it said nothing."""
    return min(timedelta(seconds=max(0, told or 0)), LONGEST_REST)
