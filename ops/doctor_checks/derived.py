"""Whether ids are the derived ones: the same answer as deriving them, without writing them out."""

from __future__ import annotations

import hashlib
from typing import Final

from payments.order_ids import ORDER_ID, STEM_LENGTH, digest_of

# The digits of an order id as those that Python reads numbers of base 32 by.
_DIGITS: Final = str.maketrans(
    "abcdefghijklmnopqrstuvwxyz234567", "0123456789abcdefghijklmnopqrstuv"
)
_BITS: Final = 5 * STEM_LENGTH
_BYTES: Final = -(-_BITS // 8)
_VARIANT: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


class Derived:
    """The ids of one merchant; millions are looked at a night."""

    def __init__(self, namespace: bytes) -> None:
        self._namespace = namespace

    def fits(self, name: str, owner: str, period: str, kind: str, n: str) -> bool:
        """Whether ``name`` is `payments.order_ids.order_id` of the rest."""
        if ORDER_ID.fullmatch(name) is None or name[STEM_LENGTH + 1 :] != n:
            return False
        digest = digest_of(self._namespace, owner, period, kind)
        wanted = int.from_bytes(digest[:_BYTES], "big") >> (8 * _BYTES - _BITS)
        return int(name[:STEM_LENGTH].translate(_DIGITS), 32) == wanted

    def is_row_of(self, name: str, row_id: str) -> bool:
        """Whether ``row_id`` is the UUID that `core.ids.derive` gives the order ``name``."""
        made = hashlib.sha1(self._namespace + f"payment_order:{name}".encode()).hexdigest()  # noqa: S324 - UUID 5
        told = f"{made[:12]}5{made[13:16]}{_VARIANT[made[16]]}{made[17:32]}"
        return row_id.replace("-", "") == told
