"""Telephone numbers as wallets want them: digits with the country code."""

from __future__ import annotations

import re

_SHAPE = re.compile(r"62[2-9][0-9]{7,12}")


def gopay_phone(text: str | None) -> str | None:
    """The same for linking GoPay, which takes 9 to 12 digits behind the country code.

    >>> gopay_phone("0812-3456-7890"), gopay_phone("0812 3456 7890 123")
    ('6281234567890', None)
    """
    digits = wallet_phone(text)
    return digits if digits is not None and 9 <= len(digits) - 2 <= 12 else None


def wallet_phone(text: str | None) -> str | None:
    """Read an Indonesian number as people write it; None where it can not be one.

    >>> wallet_phone("0812-3456-7890")
    '6281234567890'
    >>> wallet_phone("+62 812 3456 7890")
    '6281234567890'
    """
    digits = re.sub(r"[^0-9+]", "", text or "")
    if digits.startswith("+"):
        digits = digits[1:]
    elif digits.startswith("0") and not digits.startswith("00"):
        digits = "62" + digits[1:]
    elif digits.startswith("8"):
        digits = "62" + digits
    return digits if _SHAPE.fullmatch(digits) else None
