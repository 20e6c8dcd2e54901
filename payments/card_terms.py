"""On which terms a fresh card may pay: which cards at all, and in how many months."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core.errors import InvalidRequest

# The banks that take cards for a merchant. Source: Midtrans, Credit Card Object (2026).
BANKS: Final = frozenset(["mandiri", "bni", "cimb", "bca", "maybank", "bri", "mega", "danamon"])
MONTHS: Final = range(2, 61)
BINS_MAX: Final = 100
_BIN: Final = re.compile(r"[0-9]{1,8}")
# A one-time token begins with the card's first digits; older ones with six of them.
_HEAD: Final = re.compile(r"([0-9]{6}|[0-9]{8})-")


@dataclass(frozen=True, slots=True)
class CardTerms:
    """Terms of one charge.

    Attributes:
        bins: first digits (1 to 8) or names of banks: no other card may pay. Empty: any card.
        months: in how many instalments the card's bank lets its holder pay; what the merchant
            gets, and the invoice, are the same.
        bank: which bank's instalments; without it ``bins`` must say whose cards may pay.

    Raises:
        InvalidRequest: ``invalid_bins``, ``invalid_installment``.
    """

    bins: tuple[str, ...] = ()
    months: int | None = None
    bank: str | None = None

    def __post_init__(self) -> None:
        for one in self.bins:
            if not _BIN.fullmatch(one) and one not in BANKS:
                raise InvalidRequest(
                    "invalid_bins", f"{one!r} is no first digits of a card and no bank",
                    field="payment.allowed_bins",
                )  # fmt: skip
        if self.months is None and self.bank is None:
            return
        if self.months is None or self.months not in MONTHS:
            raise _invalid(f"instalments are {MONTHS.start} to {MONTHS.stop - 1} months")
        if self.bank is not None and self.bank not in BANKS:
            raise _invalid(f"{self.bank!r} is no bank that takes cards")
        if self.bank is None and not self.bins:
            raise _invalid("say whose instalments: a bank, or allowed_bins")

    def __bool__(self) -> bool:
        return bool(self.bins or self.months)


def _invalid(why: str) -> InvalidRequest:
    return InvalidRequest("invalid_installment", why, field="payment.installment")


def require_allowed(token: str, bins: Sequence[str]) -> None:
    """Refuse a card that is not in the list, where its token tells: the gateway is not asked.

    A token that tells less than an entry asks for, and entries that name a bank, are left to the
    gateway.

    Raises:
        InvalidRequest: ``card_not_allowed``.

    >>> require_allowed("48111111-1114-5e0a", ("4811",))
    >>> require_allowed("48111111-1114-5e0a", ("bni",))
    """
    told = _HEAD.match(token)
    if not bins or told is None or any(one in BANKS for one in bins):
        return
    head = told.group(1)
    if not any(head.startswith(one) or one.startswith(head) for one in bins):
        raise InvalidRequest(
            "card_not_allowed", "this card is not one of those that may pay",
            field="payment.card_token",
        )  # fmt: skip
