"""Which saved method is charged next, when waiting with the one before would be of no use."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from payments.declines import Decline, DeclineClass

# Our own code for what a fraud desk denied, the gateway's or a person at the merchant.
FRAUD: Final = "fraud"


@dataclass(frozen=True, slots=True)
class Saved:
    """A customer's method.

    ``token`` is the hash of its token: what has the same is the same card saved twice. ``usable``
    says that it may be charged now without its holder.
    """

    id: UUID
    token: bytes | None
    usable: bool


def moves_on(decline: Decline) -> bool:
    """Whether only the holder can mend this refusal, so that the next method is tried at once.

    A soft one waits for money on the method that the customer put first; a bank that is down and
    a merchant's wrong setting say nothing about the method. What was denied as fraud speaks of who
    pays, not of one card: the next is not charged without anybody looking.

    >>> from payments.declines import decline, decline_of_status
    >>> moves_on(decline("54")), moves_on(decline("51")), moves_on(decline_of_status("fraud"))
    (True, False, False)
    """
    if decline.code == FRAUD:
        return False
    mended_by_holder = (DeclineClass.HARD, DeclineClass.CUSTOMER_ACTION)
    return decline.cancel_mandate or decline.klass in mended_by_holder


def next_method(
    in_order: Iterable[Saved], tried: Collection[UUID], tokens: Collection[bytes]
) -> UUID | None:
    """The first usable one that was not tried yet, under whatever name it was saved.

    Args:
        in_order: the customer's methods in his order.
        tried: methods that were charged for the same invoice and refused.
        tokens: hashes of their tokens.
    """
    for one in in_order:
        is_same_card = one.token is not None and one.token in tokens
        if one.usable and one.id not in tried and not is_same_card:
            return one.id
    return None
